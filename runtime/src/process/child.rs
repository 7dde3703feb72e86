//! A child process and what can be done with it.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::communicate::{Communicate, Talk};
use super::error::{SignalError, StopError, WaitError};
use super::orphans;
use super::status::ExitStatus;
use super::system::Whom;
use super::watch::Process;
use crate::debug::log::log_here;
use crate::event_loop::current;
use crate::event_loop::wait::Wait;
use crate::io::{PipeReader, PipeWriter};
use crate::time::sleep::Sleep;

/// What a child reads, to be written by us: [`PipeWriter`].
pub type ChildStdin = PipeWriter;
/// What a child writes, to be read by us: [`PipeReader`].
pub type ChildStdout = PipeReader;
/// What a child writes as errors, to be read by us: [`PipeReader`].
pub type ChildStderr = PipeReader;

/// A child process.
///
/// # Dropping
///
/// A child that is dropped goes on by itself, unless [`kill_on_drop`](super::Command::kill_on_drop) was asked for. Either way
/// the loop reaps it when it ends: a task called "reaper of" the program waits for that. A child that outlives its loop is
/// reaped when the next one is started; until then it is a zombie once it has ended, as it is with asyncio.
///
/// # Examples
///
/// ```
/// use loopscope::process::Command;
///
/// loopscope::run(async {
///     let child = Command::new("sleep").arg("1000").spawn().unwrap();
///     child.terminate().unwrap();
///     assert_eq!(child.wait().await.unwrap().to_string(), "killed by SIGTERM");
///     assert!(!child.kill().unwrap(), "nobody is left to get it");
/// });
/// ```
#[doc(alias = "asyncio.subprocess.Process")]
pub struct Child {
    /// What it reads, if that is a pipe to us. Dropping it is how the child learns that nothing more comes.
    #[doc(alias = "asyncio.subprocess.Process.stdin")]
    pub stdin: Option<ChildStdin>,
    /// What it writes, if that is a pipe to us.
    #[doc(alias = "asyncio.subprocess.Process.stdout")]
    pub stdout: Option<ChildStdout>,
    /// What it writes as errors, if that is a pipe to us.
    #[doc(alias = "asyncio.subprocess.Process.stderr")]
    pub stderr: Option<ChildStderr>,
    pub(super) talk: Option<Box<Talk>>,
    pub(super) process: Rc<Process>,
    kill_on_drop: bool,
    made_at: &'static Location<'static>,
}

impl Child {
    pub(super) fn new(process: Rc<Process>, kill_on_drop: bool, made_at: &'static Location<'static>) -> Self {
        Self { stdin: None, stdout: None, stderr: None, talk: None, process, kill_on_drop, made_at }
    }

    pub(super) fn set_kill_on_drop(&mut self, kill: bool) {
        self.kill_on_drop = kill;
    }

    /// The number of the process. Once it was reaped, another one may get it.
    #[doc(alias = "pid")]
    #[doc(alias = "asyncio.subprocess.Process.pid")]
    pub fn id(&self) -> u32 {
        self.process.pid()
    }

    /// What it is called wherever it is shown.
    pub fn name(&self) -> &str {
        self.process.name()
    }

    /// Waits until the process has ended, whoever else still has its pipes. Any number of tasks may wait, any number of times.
    ///
    /// A child that waits for us, because it reads its input to the end or writes more than a pipe holds, never ends: drop
    /// [`stdin`](Self::stdin) and read what it writes, or let [`communicate`](Self::communicate) do all that.
    ///
    /// # Errors
    ///
    /// [`WaitError`] when somebody else collected how it ended.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    ///
    /// # Panics
    ///
    /// On another loop than the one it was started on.
    #[doc(alias = "asyncio.subprocess.Process.wait")]
    pub fn wait(&self) -> WaitExit {
        WaitExit::new(&self.process)
    }

    /// How the process ended, if it has.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub fn try_wait(&self) -> Result<Option<ExitStatus>, WaitError> {
        self.process.try_end().transpose()
    }

    /// Writes `input` to the process and closes its [`stdin`](Self::stdin), while reading its output and errors to their end,
    /// and waits until it has ended. A process that does not read its input to the end is none the worse for it.
    ///
    /// The future can be told a [`limit`](Communicate::limit), and a [`grace`](Communicate::grace) for pipes that somebody
    /// else still has when the process has ended. Without that it waits for their end, as asyncio does.
    ///
    /// # Errors
    ///
    /// [`CommunicateError`](super::CommunicateError): more output than the limit, what the OS says of a pipe, and as
    /// [`wait`](Self::wait).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: the child keeps what was read and what is left to be written, and another `communicate` goes on from
    /// there; its own input then comes after what is left.
    ///
    /// # Panics
    ///
    /// On another loop than the one it was started on.
    ///
    /// # Examples
    ///
    /// ```
    /// use loopscope::process::{Command, Stdio};
    ///
    /// loopscope::run(async {
    ///     let mut sort = Command::new("sort").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    ///     let sorted = sort.communicate(b"b\na\n").limit(1 << 20).await.unwrap();
    ///     assert_eq!(sorted.stdout, b"a\nb\n");
    /// });
    /// ```
    #[doc(alias = "asyncio.subprocess.Process.communicate")]
    #[track_caller]
    pub fn communicate(&mut self, input: impl AsRef<[u8]>) -> Communicate<&mut Self> {
        Communicate::new(self, input.as_ref(), Location::caller())
    }

    /// [`communicate`](Self::communicate) without input, for those who need nothing of the child afterwards.
    ///
    /// # Errors
    ///
    /// As [`communicate`](Self::communicate).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future is dropping the child; what was read is lost.
    ///
    /// # Panics
    ///
    /// On another loop than the one it was started on.
    #[track_caller]
    pub fn wait_with_output(self) -> Communicate<Self> {
        Communicate::new(self, &[], Location::caller())
    }

    /// Sends a signal, a [`Kind`](crate::signal::Kind) or a number. Returns whether there was still a process to get it: as in asyncio it is no error when it
    /// has ended meanwhile. It goes to exactly this process, never to another one that has got its number since.
    ///
    /// # Errors
    ///
    /// [`SignalError`] when there is no such signal, or the process became somebody else's.
    #[doc(alias = "send_signal")]
    #[doc(alias = "asyncio.subprocess.Process.send_signal")]
    pub fn signal(&self, signal: impl Into<i32>) -> Result<bool, SignalError> {
        self.process.signal(signal.into(), Whom::Process)
    }

    /// Sends a signal to all processes of the group that the child leads, and to those also that outlived it (on a kernel
    /// older than 6.9 only while the child was not reaped). See [`signal`](Self::signal).
    ///
    /// # Errors
    ///
    /// [`SignalError`] also when it was started without a group of its own, see
    /// [`process_group`](super::Command::process_group).
    pub fn signal_group(&self, signal: impl Into<i32>) -> Result<bool, SignalError> {
        self.process.signal(signal.into(), Whom::Group)
    }

    /// Asks the process to end, with `SIGTERM`. See [`signal`](Self::signal).
    ///
    /// # Errors
    ///
    /// As [`signal`](Self::signal).
    #[doc(alias = "asyncio.subprocess.Process.terminate")]
    pub fn terminate(&self) -> Result<bool, SignalError> {
        self.signal(libc::SIGTERM)
    }

    /// Ends the process with `SIGKILL`; [`wait`](Self::wait) tells when it is gone. See [`signal`](Self::signal).
    ///
    /// # Errors
    ///
    /// As [`signal`](Self::signal).
    #[doc(alias = "asyncio.subprocess.Process.kill")]
    pub fn kill(&self) -> Result<bool, SignalError> {
        self.signal(libc::SIGKILL)
    }

    /// Ends the process: [`terminate`](Self::terminate), up to `grace` for it to end by itself, then [`kill`](Self::kill);
    /// over when it is gone. Without any grace it is killed at once.
    ///
    /// # Errors
    ///
    /// [`StopError`]: as [`signal`](Self::signal) and [`wait`](Self::wait).
    ///
    /// # Cancel safety
    ///
    /// The signals sent so far are sent; stopping it again begins anew.
    ///
    /// # Panics
    ///
    /// On another loop than the one it was started on.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use loopscope::process::Command;
    ///
    /// loopscope::run(async {
    ///     let child = Command::new("sleep").arg("1000").spawn().unwrap();
    ///     let status = child.stop(Duration::from_secs(5)).await.unwrap();
    ///     assert_eq!(status.signal(), Some(15));
    /// });
    /// ```
    #[track_caller]
    pub fn stop(&self, grace: Duration) -> Stop {
        let made_at = Location::caller();
        Stop { process: Rc::clone(&self.process), stage: Stage::Asked(grace), wait: Wait::new(), made_at }
    }
}

impl Child {
    /// What is wrong with dropping it now, if anything.
    fn unclosed(&self) -> Option<String> {
        if self.process.try_end().is_some() {
            return None;
        }
        let (name, pid, at) = (self.process.name(), self.process.pid(), self.made_at);
        Some(format!(
            "child {name} (pid {pid}), started at {}:{}, was dropped while it runs, and runs on: `wait` for it, `stop` it, or ask \
             for `kill_on_drop`",
            at.file(),
            at.line()
        ))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.process.is_of_another_process() {
            return;
        }
        if self.kill_on_drop {
            if self.process.known_end().is_none() {
                log_here!(Warn, "{} is dropped while it runs, and killed", self.process.label());
            }
            // It fails where it became somebody else's, and then it goes on as any other.
            drop(self.process.signal(libc::SIGKILL, Whom::Process));
        }
        if let Some(lp) = self.process.current_loop().filter(|_| !self.kill_on_drop) {
            lp.warn_unclosed(self.made_at, || self.unclosed());
        }
        orphans::adopt(&self.process);
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("process", &self.process)
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .field("made_at", &format_args!("{}", self.made_at))
            .finish_non_exhaustive()
    }
}

/// The future of [`Child::wait`]. It borrows nothing, so that other tasks may wait too.
#[must_use = "futures do nothing unless awaited"]
pub struct WaitExit {
    process: Rc<Process>,
    wait: Wait,
}

impl WaitExit {
    pub(super) fn new(process: &Rc<Process>) -> Self {
        Self { process: Rc::clone(process), wait: Wait::new() }
    }

    pub(super) fn poll_at(
        &mut self,
        cx: &Context<'_>,
        at: &'static Location<'static>,
    ) -> Poll<Result<ExitStatus, WaitError>> {
        self.process.poll_end(cx, &mut self.wait, at)
    }
}

impl Future for WaitExit {
    type Output = Result<ExitStatus, WaitError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_at(cx, Location::caller())
    }
}

impl Drop for WaitExit {
    fn drop(&mut self) {
        self.process.leave(&mut self.wait);
    }
}

impl fmt::Debug for WaitExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitExit").field("process", &self.process).finish_non_exhaustive()
    }
}

/// The future of [`Child::stop`].
#[must_use = "futures do nothing unless awaited"]
pub struct Stop {
    process: Rc<Process>,
    stage: Stage,
    wait: Wait,
    made_at: &'static Location<'static>,
}

#[derive(Debug)]
enum Stage {
    /// Nothing was sent yet; how long it gets.
    Asked(Duration),
    Terminated(Sleep),
    Killed,
}

impl Stop {
    fn send(&self, signal: i32) -> Result<(), StopError> {
        self.process.signal(signal, Whom::Process).map(drop).map_err(StopError::Signal)
    }
}

impl Future for Stop {
    type Output = Result<ExitStatus, StopError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        if let Stage::Asked(grace) = this.stage {
            if grace.is_zero() {
                this.send(libc::SIGKILL)?;
                this.stage = Stage::Killed;
            } else {
                this.send(libc::SIGTERM)?;
                let deadline = current::expect("stopping a process").deadline_after(grace);
                this.stage = Stage::Terminated(Sleep::new(deadline, this.made_at));
            }
        }
        if let Poll::Ready(ended) = this.process.poll_end(cx, &mut this.wait, at) {
            return Poll::Ready(ended.map_err(StopError::Wait));
        }
        if let Stage::Terminated(grace) = &mut this.stage {
            ready!(grace.poll_at(cx, at));
            this.send(libc::SIGKILL)?;
            this.stage = Stage::Killed;
        }
        Poll::Pending
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.process.leave(&mut self.wait);
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop")
            .field("process", &self.process)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
