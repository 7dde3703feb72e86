#![allow(unsafe_code, reason = "a signal handler")]
//! What ends the process, told to one thread that may look around before all is over.
//!
//! ```text
//!   main panics ──► words ──┐                           ┌── at most PATIENCE ──► the panic goes on
//!                           ├─ ring ─► wait … look … done
//!   fatal signal ─► atomics ┘   (the watch's thread)    └── at most PATIENCE ──► what stood there before, and the signal again
//! ```
//!
//! # In the handler
//!
//! Only atomics, `write` and `poll` on descriptors that were made beforehand, `sigaction`, `raise`, `getpid` and `gettid`: all of it
//! is async-signal-safe. It runs on the thread's alternate stack where there is one, so that an overflow of the stack is told too.
//! When the other thread is done, or PATIENCE has passed (it may need a lock that the thread which failed holds, as that of the
//! allocator), the disposition from before is put back and the signal comes again: by itself where an instruction failed, by
//! `raise` where it was sent. So the handler of the standard library, and that of the application if it was there before, run
//! as if nothing had been between, and the process ends as it would have ended.
//!
//! # Who is not told
//!
//! The child of a fork, whose parent has the thread; a signal that was ignored; whoever replaces the handler later.

use std::any::Any;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use libc::c_int;

use crate::signal::disposition;
use crate::task::cell::payload_text;

/// How long the end waits for who looks around.
const PATIENCE: Duration = Duration::from_secs(3);

/// The signals that say that the program is broken.
const SIGNALS: [(c_int, &str); 5] = [
    (libc::SIGSEGV, "SIGSEGV"),
    (libc::SIGBUS, "SIGBUS"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGFPE, "SIGFPE"),
    (libc::SIGABRT, "SIGABRT"),
];

/// The process that has a watch; 0 before there is one.
static PID: AtomicU32 = AtomicU32::new(0);
/// The thread that looks around, which the handler must not wait for.
static WATCHER: AtomicI32 = AtomicI32::new(0);
/// An eventfd that wakes that thread, and one that is readable once it is done with a signal.
static RING: AtomicI32 = AtomicI32::new(-1);
static DONE: AtomicI32 = AtomicI32::new(-1);

/// The first signal that came.
static CAME: AtomicBool = AtomicBool::new(false);
static NUMBER: AtomicI32 = AtomicI32::new(0);
static CODE: AtomicI32 = AtomicI32::new(0);
static ADDRESS: AtomicUsize = AtomicUsize::new(0);
static TID: AtomicI32 = AtomicI32::new(0);

/// What each signal did before.
static BEFORE: OnceLock<Vec<(c_int, libc::sigaction)>> = OnceLock::new();

/// Panics of main tasks that were not looked at yet, how many there ever were, and how many of them are looked at.
static PANICS: Mutex<Panics> = Mutex::new(Panics { waiting: Vec::new(), told: 0, done: 0 });
static PANIC_DONE: Condvar = Condvar::new();

#[derive(Debug)]
struct Panics {
    waiting: Vec<End>,
    told: u64,
    done: u64,
}

/// What ends the process, or a loop's main task.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The main task of a loop panicked. Its future is gone, everything else of the loop is still there.
    Panic {
        /// What it said.
        message: String,
        /// The loop.
        loop_id: u64,
        /// The loop's thread.
        thread: ThreadId,
    },
    /// A fatal signal came.
    Signal {
        /// Its number.
        number: i32,
        /// The address that it is about, where an instruction failed.
        address: Option<usize>,
        /// The thread that got it, as the OS numbers it.
        tid: i32,
    },
}

/// As in `SIGSEGV at 0x10 in thread 4711`.
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panic { message, .. } => write!(f, "the main task panicked: {message}"),
            Self::Signal { number, address, tid } => {
                match SIGNALS.iter().find(|(known, _)| known == number) {
                    Some((_, name)) => f.write_str(name)?,
                    None => write!(f, "signal {number}")?,
                }
                if let Some(address) = address {
                    write!(f, " at {address:#x}")?;
                }
                write!(f, " in thread {tid}")
            }
        }
    }
}

/// The right to be told. There is one in a process, for good.
#[derive(Debug)]
pub struct Watch {
    // Never closed: a handler may be about to write to one.
    ring: ManuallyDrop<File>,
    done: ManuallyDrop<File>,
    /// Of a signal one is told once.
    told: bool,
}

/// Asks to be told when a main task panics, and with `signals` when a fatal signal comes: SIGSEGV, SIGBUS, SIGILL, SIGFPE and
/// SIGABRT.
///
/// # Errors
///
/// When somebody else in this process is told already, and when the OS refuses a descriptor or a handler.
#[doc(hidden)]
pub fn watch(signals: bool) -> io::Result<Watch> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, SeqCst) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "somebody in this process is told already"));
    }
    let (ring, done) = (ManuallyDrop::new(eventfd()?), ManuallyDrop::new(eventfd()?));
    let watch = Watch { ring, done, told: false };
    RING.store(watch.ring.as_raw_fd(), SeqCst);
    DONE.store(watch.done.as_raw_fd(), SeqCst);
    PID.store(std::process::id(), SeqCst);
    if signals {
        install()?;
    }
    Ok(watch)
}

fn eventfd() -> io::Result<File> {
    // SAFETY: always sound.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was made just now and has no other owner.
    Ok(unsafe { File::from_raw_fd(fd) })
}

impl Drop for Watch {
    /// Nobody looks around any more, so nobody waits for that.
    fn drop(&mut self) {
        PID.store(0, SeqCst);
    }
}

impl Watch {
    /// Blocks this thread until something ends the process. Then [`done`](Self::done) is to be called soon.
    ///
    /// # Errors
    ///
    /// When the OS takes the descriptor away.
    pub fn wait(&mut self) -> io::Result<End> {
        // SAFETY: always sound.
        WATCHER.store(unsafe { libc::gettid() }, SeqCst);
        loop {
            let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
            if NUMBER.load(SeqCst) != 0 && !self.told {
                self.told = true;
                return Ok(signalled());
            }
            if !panics.waiting.is_empty() {
                return Ok(panics.waiting.remove(0));
            }
            drop(panics);
            match self.ring.read(&mut [0; 8]) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
    }

    /// Lets the end go on.
    pub fn done(&mut self, end: &End) {
        match end {
            End::Panic { .. } => {
                PANICS.lock().unwrap_or_else(PoisonError::into_inner).done += 1;
                PANIC_DONE.notify_all();
            }
            // Nobody is there who could do anything about an error.
            End::Signal { .. } => drop(self.done.write(&1_u64.to_ne_bytes())),
        }
    }
}

fn signalled() -> End {
    // Positive where an instruction failed, as `si_code` has it.
    let failed = CODE.load(SeqCst) > 0;
    End::Signal {
        number: NUMBER.load(SeqCst),
        address: failed.then(|| ADDRESS.load(SeqCst)),
        tid: TID.load(SeqCst),
    }
}

/// A main task has panicked: waits until who is told of it has looked around.
pub(crate) fn main_panicked(loop_id: u64, payload: &(dyn Any + Send)) {
    if PID.load(SeqCst) != std::process::id() {
        return;
    }
    let end = End::Panic { message: payload_text(payload), loop_id, thread: thread::current().id() };
    let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    panics.waiting.push(end);
    panics.told += 1;
    let due = panics.told;
    ring();
    let is_due = |panics: &mut Panics| panics.done < due;
    // Whether in time or not, the panic goes on.
    drop(PANIC_DONE.wait_timeout_while(panics, PATIENCE, is_due));
}

/// Async-signal-safe.
fn ring() {
    let one = 1_u64.to_ne_bytes();
    // SAFETY: eight bytes that live as long as the call; a descriptor that is never closed.
    unsafe { libc::write(RING.load(SeqCst), one.as_ptr().cast(), one.len()) };
}

/// Puts the handler in the place of every disposition that is not "ignore".
fn install() -> io::Result<()> {
    let mut before = Vec::new();
    for (signal, _) in SIGNALS {
        before.push((signal, disposition::get(signal)?));
    }
    let before = BEFORE.get_or_init(|| before);
    for (signal, _) in before.iter().filter(|(_, before)| before.sa_sigaction != libc::SIG_IGN) {
        // SAFETY: all-zero is valid: no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_fatal;
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: the handler is async-signal-safe, as said above.
        if unsafe { libc::sigaction(*signal, &raw const action, std::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

extern "C" fn on_fatal(signal: c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: always sound: the address of this thread's own.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let errno_before = unsafe { *errno };
    // SAFETY: the kernel hands a handler with SA_SIGINFO a valid one.
    let info = unsafe { &*info };
    // SAFETY: always sound.
    let pid = unsafe { libc::getpid() };
    // SAFETY: always sound.
    let tid = unsafe { libc::gettid() };
    if u32::try_from(pid) == Ok(PID.load(SeqCst)) && tid != WATCHER.load(SeqCst) {
        if !CAME.swap(true, SeqCst) {
            // SAFETY: without an address it reads other bytes of the same structure.
            ADDRESS.store(unsafe { info.si_addr() } as usize, SeqCst);
            CODE.store(info.si_code, SeqCst);
            TID.store(tid, SeqCst);
            // Last: who sees it sees the others.
            NUMBER.store(signal, SeqCst);
            ring();
        }
        wait_until_done();
    }
    put_back(signal);
    if info.si_code <= 0 {
        // It was sent, and does not come again by itself. Blocked until this returns.
        // SAFETY: always sound.
        unsafe { libc::raise(signal) };
    }
    // SAFETY: as above.
    unsafe { *errno = errno_before };
}

/// Async-signal-safe. A signal that comes meanwhile makes the wait begin anew, a few times.
fn wait_until_done() {
    let mut done = libc::pollfd { fd: DONE.load(SeqCst), events: libc::POLLIN, revents: 0 };
    for _ in 0..4 {
        let patience = c_int::try_from(PATIENCE.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: one descriptor, which lives as long as the call.
        if unsafe { libc::poll(&raw mut done, 1, patience) } >= 0 {
            return;
        }
    }
}

/// Async-signal-safe.
fn put_back(signal: c_int) {
    let before = BEFORE.get().and_then(|all| all.iter().find(|(of, _)| *of == signal));
    match before {
        // SAFETY: it stood there before.
        Some((_, before)) => drop(unsafe { libc::sigaction(signal, before, std::ptr::null_mut()) }),
        None => disposition::set_default(signal),
    }
}
