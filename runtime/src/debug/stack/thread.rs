//! What the OS says a thread of this process is doing, without disturbing it: `/proc/self/task/TID`.

use std::fmt;
use std::fs;
use std::time::Duration;

/// What a thread was doing at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadState {
    /// The OS's number of the thread.
    pub tid: i32,
    /// What the thread is called.
    pub name: String,
    /// Running or waiting, and where.
    pub activity: Activity,
    /// The kernel function it sleeps in, where the kernel says.
    pub wchan: Option<String>,
    /// Processor time it has had since it began; absent where the OS does not say.
    pub cpu: Option<Duration>,
    /// Time it could have run but got no processor, since it began; likewise.
    pub waited_for_cpu: Option<Duration>,
    /// Signals that it does not take, one bit each, signal 1 the lowest.
    pub(crate) blocked_signals: u64,
}

/// Running or waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activity {
    /// It has a processor, or waits for one.
    Computing,
    /// It waits in this system call, by name where we know it.
    InSystemCall {
        /// Its number.
        number: i64,
        /// Its name.
        name: Option<&'static str>,
        /// Not even a signal wakes it: it waits for a disk or a device.
        uninterruptible: bool,
    },
    /// It waits in the kernel, but in no system call, as for memory that is read from disk.
    InKernel,
    /// It is stopped, by a debugger or a signal.
    Stopped,
    /// The OS does not say.
    Unknown,
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Computing => f.write_str("computing"),
            Self::InSystemCall { number, name, uninterruptible } => {
                match name {
                    Some(name) => write!(f, "in system call {name}")?,
                    None => write!(f, "in system call {number}")?,
                }
                if *name == Some("futex") {
                    f.write_str(", waiting for a lock or another thread")?;
                }
                if *uninterruptible {
                    f.write_str(", where no signal reaches it")?;
                }
                Ok(())
            }
            Self::InKernel => f.write_str("waiting in the kernel"),
            Self::Stopped => f.write_str("stopped"),
            Self::Unknown => f.write_str("doing something that the OS does not tell"),
        }
    }
}

impl fmt::Display for ThreadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thread {}", self.tid)?;
        if !self.name.is_empty() {
            write!(f, " {:?}", self.name)?;
        }
        write!(f, " is {}", self.activity)?;
        match &self.wchan {
            Some(wchan) => write!(f, " ({wchan})"),
            None => Ok(()),
        }
    }
}

impl ThreadState {
    /// What the thread of this number does now; a thread that is not there any more does something unknown.
    pub(crate) fn of(tid: i32) -> Self {
        let read =
            |file: &str| fs::read_to_string(format!("/proc/self/task/{tid}/{file}")).unwrap_or_default();
        let (name, state, ticks) = parse_stat(&read("stat"));
        let wchan = read("wchan").trim().to_owned();
        let (cpu, waited_for_cpu) = parse_schedstat(&read("schedstat"));
        Self {
            tid,
            name,
            activity: activity(state, &read("syscall")),
            wchan: (!wchan.is_empty() && wchan != "0").then_some(wchan),
            cpu: cpu.or_else(|| ticks.map(of_ticks)),
            waited_for_cpu,
            blocked_signals: blocked_signals(&read("status")),
        }
    }

    /// Whether the thread takes this signal at no time soon.
    pub(crate) fn blocks(&self, signal: i32) -> bool {
        let bit = u32::try_from(signal - 1).ok().and_then(|shift| 1_u64.checked_shl(shift));
        bit.is_some_and(|bit| self.blocked_signals & bit != 0)
    }
}

fn activity(state: Option<char>, syscall: &str) -> Activity {
    let number = syscall.split_whitespace().next().and_then(|number| number.parse::<i64>().ok());
    match (state, number) {
        (Some('T' | 't'), _) => Activity::Stopped,
        (Some('R'), _) => Activity::Computing,
        (Some('S' | 'D'), None | Some(-1)) => Activity::InKernel,
        (Some(state @ ('S' | 'D')), Some(number)) => {
            Activity::InSystemCall { number, name: name_of(number), uninterruptible: state == 'D' }
        }
        _ => Activity::Unknown,
    }
}

/// The name, the state and the ticks of processor time. The name may hold anything, parentheses too.
fn parse_stat(stat: &str) -> (String, Option<char>, Option<u64>) {
    let (Some(open), Some(close)) = (stat.find('('), stat.rfind(')')) else {
        return (String::new(), None, None);
    };
    let name = stat.get(open + 1..close).unwrap_or_default().to_owned();
    let mut fields = stat.get(close + 1..).unwrap_or_default().split_whitespace();
    let state = fields.next().and_then(|state| state.chars().next());
    let mut times = fields.skip(10).map(str::parse::<u64>);
    let ticks = times.next().zip(times.next()).and_then(|(user, system)| Some(user.ok()? + system.ok()?));
    (name, state, ticks)
}

fn of_ticks(ticks: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / per_second))
}

/// Time on a processor, and time waiting for one.
fn parse_schedstat(text: &str) -> (Option<Duration>, Option<Duration>) {
    let mut spans = text.split_whitespace().map(|ns| ns.parse().ok().map(Duration::from_nanos));
    (spans.next().flatten(), spans.next().flatten())
}

fn blocked_signals(status: &str) -> u64 {
    let hex = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    hex.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
}

macro_rules! names {
    ($($name:ident = $number:ident,)+) => {
        fn name_of(number: i64) -> Option<&'static str> {
            $(if number == libc::$number { return Some(stringify!($name)); })+
            name_on_old(number)
        }
    };
}

// What a thread may stay in; others are shown by number.
names! {
    read = SYS_read, write = SYS_write, readv = SYS_readv, writev = SYS_writev, pread64 = SYS_pread64,
    pwrite64 = SYS_pwrite64, preadv = SYS_preadv, pwritev = SYS_pwritev, fsync = SYS_fsync, fdatasync = SYS_fdatasync,
    sync_file_range = SYS_sync_file_range, syncfs = SYS_syncfs, fallocate = SYS_fallocate, ftruncate = SYS_ftruncate,
    openat = SYS_openat, close = SYS_close, unlinkat = SYS_unlinkat, mkdirat = SYS_mkdirat, getdents64 = SYS_getdents64,
    sendfile = SYS_sendfile, splice = SYS_splice, copy_file_range = SYS_copy_file_range, flock = SYS_flock,
    fcntl = SYS_fcntl, ioctl = SYS_ioctl, statx = SYS_statx, fstat = SYS_fstat,
    connect = SYS_connect, accept = SYS_accept, accept4 = SYS_accept4, recvfrom = SYS_recvfrom, recvmsg = SYS_recvmsg,
    recvmmsg = SYS_recvmmsg, sendto = SYS_sendto, sendmsg = SYS_sendmsg, sendmmsg = SYS_sendmmsg,
    futex = SYS_futex, nanosleep = SYS_nanosleep, clock_nanosleep = SYS_clock_nanosleep,
    ppoll = SYS_ppoll, pselect6 = SYS_pselect6, epoll_pwait = SYS_epoll_pwait, sched_yield = SYS_sched_yield,
    wait4 = SYS_wait4, waitid = SYS_waitid, rt_sigtimedwait = SYS_rt_sigtimedwait, rt_sigsuspend = SYS_rt_sigsuspend,
    semop = SYS_semop, semtimedop = SYS_semtimedop, msgrcv = SYS_msgrcv, msgsnd = SYS_msgsnd,
    mq_timedreceive = SYS_mq_timedreceive, mq_timedsend = SYS_mq_timedsend, io_uring_enter = SYS_io_uring_enter,
    mmap = SYS_mmap, munmap = SYS_munmap, madvise = SYS_madvise, mprotect = SYS_mprotect, brk = SYS_brk,
    execve = SYS_execve, clone = SYS_clone, clone3 = SYS_clone3, exit_group = SYS_exit_group, getrandom = SYS_getrandom,
    restart_syscall = SYS_restart_syscall,
}

/// System calls that newer architectures do without.
#[cfg(target_arch = "x86_64")]
fn name_on_old(number: i64) -> Option<&'static str> {
    Some(match number {
        libc::SYS_poll => "poll",
        libc::SYS_select => "select",
        libc::SYS_epoll_wait => "epoll_wait",
        libc::SYS_pause => "pause",
        libc::SYS_open => "open",
        libc::SYS_stat => "stat",
        libc::SYS_unlink => "unlink",
        libc::SYS_rename => "rename",
        libc::SYS_mkdir => "mkdir",
        libc::SYS_fork => "fork",
        libc::SYS_vfork => "vfork",
        _ => return None,
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn name_on_old(_number: i64) -> Option<&'static str> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "71 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 300 45 0 0 20 0";
        assert_eq!(parse_stat(stat), ("a (b) c".to_owned(), Some('S'), Some(345)));
        assert_eq!(parse_stat(""), (String::new(), None, None));
        assert_eq!(parse_stat("71 (a) S 1"), ("a".to_owned(), Some('S'), None));
    }

    #[test]
    fn a_thread_is_said_to_compute_to_wait_or_to_be_stopped() {
        let said = |state, syscall: &str| activity(Some(state), syscall).to_string();
        let futex = format!("{} 0x7f 0x80 0x2 0x0", libc::SYS_futex);
        assert_eq!(said('R', "running"), "computing");
        assert_eq!(said('S', &futex), "in system call futex, waiting for a lock or another thread");
        assert_eq!(said('S', &format!("{} 0x1", libc::SYS_read)), "in system call read");
        assert_eq!(
            said('D', &format!("{} 0x1", libc::SYS_fsync)),
            "in system call fsync, where no signal reaches it"
        );
        assert_eq!(said('S', "99999 0x1"), "in system call 99999");
        assert_eq!(said('S', "-1 0x7ffd 0x7f34"), "waiting in the kernel");
        assert_eq!(said('T', &futex), "stopped");
        assert_eq!(activity(None, "").to_string(), "doing something that the OS does not tell");
    }

    #[test]
    fn the_mask_of_signals_is_read_bit_by_bit() {
        let mut state = ThreadState::of(0);
        state.blocked_signals = blocked_signals("Name:\tx\nSigBlk:\t8000000000000001\nSigIgn:\t0\n");
        assert_eq!([1, 2, 63, 64].map(|signal| state.blocks(signal)), [true, false, false, true]);
        assert_eq!(blocked_signals("SigBlk:\tnonsense"), 0);
    }

    #[test]
    fn the_thread_that_asks_computes() {
        let tid = rustix::thread::gettid().as_raw_nonzero().get();
        let state = ThreadState::of(tid);
        assert_eq!((state.tid, state.activity), (tid, Activity::Computing));
    }
}
