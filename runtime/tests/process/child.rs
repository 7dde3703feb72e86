#![allow(unsafe_code, reason = "signals and forks are what these tests are about")]
#![allow(dead_code, reason = "each test crate uses a part")]
#![allow(clippy::unwrap_used, reason = "tests")]
//! Scenarios that need a process of their own: the test binary starts itself with one test and a variable that says so.
//!
//! The two talk in lines over pipes, so that nothing depends on time.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

const VARIABLE: &str = "LOOPSCOPE_TEST_CHILD";

/// Which side of the scenario this is.
pub(crate) enum Side {
    /// The process under test.
    Child,
    /// The test.
    Parent(Child),
}

/// Starts this test, called `name`, as a child process; in that process says so.
pub(crate) fn side(name: &str) -> Side {
    if std::env::var_os(VARIABLE).is_some() {
        // A shell's background jobs, and so whatever they run, begin with SIGINT ignored.
        set_sigint(libc::SIG_DFL);
        return Side::Child;
    }
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(VARIABLE, name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (stdin, stdout) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
    Side::Parent(Child { process, stdin, stdout })
}

/// Runs `in_child` in this test, called `name`, as a child process with these variables. Returns to the test what that wrote to
/// standard error, and to the child `None`.
pub(crate) fn errors_of(name: &str, variables: &[(&str, &str)], in_child: impl FnOnce()) -> Option<String> {
    if std::env::var_os(VARIABLE).is_some() {
        in_child();
        return None;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env_remove("LOOPSCOPE_DEBUG")
        .env_remove("LOOPSCOPE_SLOW_CALLBACK")
        .env(VARIABLE, name)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{}{errors}", String::from_utf8_lossy(&output.stdout));
    Some(errors)
}

/// The process under test, seen from the test.
pub(crate) struct Child {
    process: std::process::Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Child {
    /// Reads what the child says next.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.stdout.read_line(&mut line).unwrap() > 0 {
            if let Some(said) = line.strip_prefix('@') {
                return Some(said.trim_end().to_owned());
            }
            line.clear(); // the test harness's own words
        }
        None
    }

    /// Waits for the child to say these words, and nothing else before.
    pub(crate) fn expect(&mut self, words: &[&str]) {
        for word in words {
            assert_eq!(self.hear().as_deref(), Some(*word));
        }
    }

    /// Lets the child's `wait_for_go` return.
    pub(crate) fn go(&mut self) {
        self.stdin.write_all(b"!").unwrap();
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&self) {
        self.send(rustix::process::Signal::INT);
    }

    /// Sends it a signal.
    pub(crate) fn send(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.process), signal).unwrap();
    }

    /// What the child still says, and how it ends: the signal, or the exit code.
    pub(crate) fn end(mut self) -> (Vec<String>, Result<i32, i32>) {
        let said = std::iter::from_fn(|| self.hear()).collect();
        let status = self.process.wait().unwrap();
        (said, status.signal().map_or_else(|| Ok(status.code().unwrap()), Err))
    }
}

/// Makes standard error a pipe that nobody reads, as a daemon has it whose starter is gone.
pub(crate) fn deafen_stderr() {
    let (_, nobody_reads) = std::io::pipe().unwrap();
    // SAFETY: both are open descriptors.
    assert_eq!(unsafe { libc::dup2(nobody_reads.as_raw_fd(), libc::STDERR_FILENO) }, libc::STDERR_FILENO);
}

/// Says a word to the test.
pub(crate) fn say(word: &str) {
    let mut stdout = std::io::stdout().lock();
    write!(stdout, "\n@{word}\n").unwrap();
    stdout.flush().unwrap();
}

/// Blocks this thread until the test says "go".
pub(crate) fn wait_for_go() {
    let mut byte = [0];
    std::io::stdin().read_exact(&mut byte).unwrap();
}

/// Says a word when it is dropped.
pub(crate) struct Says(pub(crate) &'static str);

impl Drop for Says {
    fn drop(&mut self) {
        say(self.0);
    }
}

/// Says "heard" for every SIGINT, after those who registered before have handled it.
pub(crate) fn say_heard_for_each_sigint() {
    // SAFETY: the action only writes to a pipe.
    let registered = unsafe {
        signal_hook_registry::register(libc::SIGINT, || {
            let _ = rustix::io::write(std::io::stdout(), b"\n@heard\n");
        })
    };
    registered.unwrap();
}

/// What SIGINT does now.
pub(crate) fn sigint_is(disposition: libc::sighandler_t) -> bool {
    let mut now = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: only asks.
    assert_eq!(unsafe { libc::sigaction(libc::SIGINT, std::ptr::null(), now.as_mut_ptr()) }, 0);
    // SAFETY: written by the call above.
    unsafe { now.assume_init() }.sa_sigaction == disposition
}

/// Ignores SIGINT, as `nohup` does with SIGHUP.
pub(crate) fn ignore_sigint() {
    set_sigint(libc::SIG_IGN);
}

fn set_sigint(disposition: libc::sighandler_t) {
    // SAFETY: no handler is involved.
    unsafe { libc::signal(libc::SIGINT, disposition) };
}

/// Sends this thread a signal, whose handlers have run when this returns.
pub(crate) fn raise(signal: i32) {
    // SAFETY: always sound.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

/// Ignores a signal, as `nohup` does with SIGHUP.
pub(crate) fn ignore(signal: i32) {
    // SAFETY: no handler is involved.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// Forks, and lets both processes go on. Returns the child's number to the parent.
pub(crate) fn fork_both() -> Option<i32> {
    // SAFETY: the child only does what the test is about, and ends with `exit_now`.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        0 => None,
        pid => Some(pid),
    }
}

/// Ends a forked child without running the parent's destructors.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: always sound.
    unsafe { libc::_exit(code) }
}

/// The exit code of a forked child, or its signal, negative.
pub(crate) fn wait_for(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: waits for our own child.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -libc::WTERMSIG(status) }
}

/// Forks; `in_child` runs in the child, which then exits with what it returns. Returns the exit code.
pub(crate) fn fork(in_child: impl FnOnce() -> i32) -> i32 {
    match fork_both() {
        None => exit_now(std::panic::catch_unwind(std::panic::AssertUnwindSafe(in_child)).unwrap_or(101)),
        Some(pid) => wait_for(pid),
    }
}

/// Puts processes that are forked from here on into a pid namespace of their own. Returns whether the OS allows it.
pub(crate) fn unshare_pids() -> bool {
    // SAFETY: always sound.
    unsafe { libc::unshare(libc::CLONE_NEWPID) == 0 }
}
