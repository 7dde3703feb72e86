//! The low level: a task that calls a protocol, and the handle by which it is commanded.
//!
//! ```text
//!   Transport ──commands──► Shared ◄── Driver (a task) ──callbacks──► Protocol ──commands──► Shared
//!                                       │ stdin, stdout, stderr, the process's end, commands: five waits
//!                                       └─ process over, pipes over ──► connection_lost, the protocol comes back
//! ```
//!
//! # Invariants
//!
//! A callback is called while nothing of `Shared` is borrowed, so it may give any command.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::child::{Child, WaitExit};
use super::error::{SignalError, WaitError};
use super::protocol::{Pipe, Protocol};
use super::status::ExitStatus;
use super::system::Whom;
use super::watch::Process;
use crate::debug::log::log_here;
use crate::event_loop::current;
use crate::event_loop::wait::{Ticket, Wait};
use crate::io::PipeReader;
use crate::io::source::Direction;
use crate::task::{self, Task};
use crate::telemetry::view::WaitKind;

/// Bytes that may wait to be written before the protocol is told to pause: asyncio's default.
const HIGH_WATER: usize = 1 << 16;
/// Bytes that may still wait when it is told to go on.
const LOW_WATER: usize = HIGH_WATER / 4;
/// Bytes there is room for at each read: what a pipe holds.
const READ_BYTES: usize = 1 << 16;

/// A handle of a process that was started with a [`Protocol`]. Dropping it changes nothing.
///
/// # Examples
///
/// ```
/// use loopscope::process::{Command, Pipe, Protocol, Transport};
///
/// #[derive(Default)]
/// struct Collect(Vec<u8>);
///
/// impl Protocol for Collect {
///     fn connection_made(&mut self, transport: &Transport) {
///         transport.write(b"hello").unwrap();
///         transport.write_eof();
///     }
///     fn pipe_data_received(&mut self, pipe: Pipe, bytes: &[u8]) {
///         assert_eq!(pipe, Pipe::Stdout);
///         self.0.extend_from_slice(bytes);
///     }
/// }
///
/// loopscope::run(async {
///     let (transport, collected) = Command::new("cat").spawn_with_protocol(Collect::default()).unwrap();
///     assert_eq!(collected.await.unwrap().0, b"hello");
///     assert_eq!(transport.status().unwrap().unwrap().code(), Some(0));
/// });
/// ```
#[derive(Clone)]
#[doc(alias = "asyncio.SubprocessTransport")]
pub struct Transport {
    shared: Rc<Shared>,
}

/// What the handle and the task have in common.
struct Shared {
    process: Rc<Process>,
    /// What waits to be written.
    outgoing: RefCell<VecDeque<u8>>,
    /// Whether its stdin takes no more bytes.
    input_ended: Cell<bool>,
    stdout_paused: Cell<bool>,
    stderr_paused: Cell<bool>,
    closing: Cell<bool>,
    /// A command was given since the task last looked.
    commanded: Cell<bool>,
    /// The task's entry while it waits for commands.
    driver: Cell<Ticket>,
}

/// What was to be written is not: the process's stdin is closed, or is no pipe to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StdinClosed {
    process: Box<str>,
}

impl fmt::Display for StdinClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stdin of {} is closed", self.process)
    }
}

impl Error for StdinClosed {}

impl Transport {
    /// The number of the process.
    #[doc(alias = "asyncio.SubprocessTransport.get_pid")]
    pub fn id(&self) -> u32 {
        self.shared.process.pid()
    }

    /// How the process ended, if that was noticed; the protocol hears of it at its task's next turn.
    #[doc(alias = "asyncio.SubprocessTransport.get_returncode")]
    pub fn status(&self) -> Option<Result<ExitStatus, WaitError>> {
        self.shared.process.known_end()
    }

    /// Waits until the process has ended.
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
    pub fn wait(&self) -> WaitExit {
        WaitExit::new(&self.shared.process)
    }

    /// Writes to the process: keeps the bytes until it takes them.
    ///
    /// # Errors
    ///
    /// [`StdinClosed`]: nothing was taken.
    #[doc(alias = "asyncio.WriteTransport.write")]
    pub fn write(&self, bytes: &[u8]) -> Result<(), StdinClosed> {
        if self.shared.input_ended.get() {
            return Err(StdinClosed { process: self.shared.process.label() });
        }
        self.shared.outgoing.borrow_mut().extend(bytes);
        self.shared.command();
        Ok(())
    }

    /// Closes its stdin when what waits is written.
    #[doc(alias = "asyncio.WriteTransport.write_eof")]
    pub fn write_eof(&self) {
        self.shared.input_ended.set(true);
        self.shared.command();
    }

    /// Bytes that wait to be written.
    #[doc(alias = "asyncio.WriteTransport.get_write_buffer_size")]
    pub fn write_buffer_size(&self) -> usize {
        self.shared.outgoing.borrow().len()
    }

    /// Leaves what the process writes where it is, so that it has to wait when the pipe is full. That the pipe is over is not
    /// heard either.
    #[doc(alias = "asyncio.SubprocessTransport.get_pipe_transport")]
    #[doc(alias = "asyncio.ReadTransport.pause_reading")]
    pub fn pause_reading(&self, pipe: Pipe) {
        self.shared.pause(pipe, true);
    }

    /// Reads again.
    #[doc(alias = "asyncio.ReadTransport.resume_reading")]
    pub fn resume_reading(&self, pipe: Pipe) {
        self.shared.pause(pipe, false);
    }

    /// Sends a signal, as [`Child::signal`] does.
    ///
    /// # Errors
    ///
    /// [`SignalError`] when there is no such signal, or the process became somebody else's.
    #[doc(alias = "asyncio.SubprocessTransport.send_signal")]
    pub fn signal(&self, signal: impl Into<i32>) -> Result<bool, SignalError> {
        self.shared.process.signal(signal.into(), Whom::Process)
    }

    /// Asks the process to end, with `SIGTERM`.
    ///
    /// # Errors
    ///
    /// As [`signal`](Self::signal).
    #[doc(alias = "asyncio.SubprocessTransport.terminate")]
    pub fn terminate(&self) -> Result<bool, SignalError> {
        self.signal(libc::SIGTERM)
    }

    /// Ends the process with `SIGKILL`.
    ///
    /// # Errors
    ///
    /// As [`signal`](Self::signal).
    #[doc(alias = "asyncio.SubprocessTransport.kill")]
    pub fn kill(&self) -> Result<bool, SignalError> {
        self.signal(libc::SIGKILL)
    }

    /// Kills the process if it has not ended, and closes all pipes; what waits to be written, or to be read, is lost. Closing
    /// again does nothing.
    #[doc(alias = "asyncio.SubprocessTransport.close")]
    pub fn close(&self) {
        if self.shared.closing.replace(true) {
            return;
        }
        self.shared.input_ended.set(true);
        // It fails where the process became somebody else's, which is then left alone.
        drop(self.kill());
        self.shared.command();
    }

    /// Whether it was closed.
    #[doc(alias = "asyncio.BaseTransport.is_closing")]
    pub fn is_closing(&self) -> bool {
        self.shared.closing.get()
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closed = if self.is_closing() { ", closed" } else { "" };
        write!(f, "Transport({:?}{closed})", self.shared.process)
    }
}

impl Shared {
    /// Lets the task look at what was commanded.
    fn command(&self) {
        self.commanded.set(true);
        self.driver.replace(Ticket::none()).notify();
    }

    fn pause(&self, pipe: Pipe, pause: bool) {
        let paused = match pipe {
            Pipe::Stdin => return,
            Pipe::Stdout => &self.stdout_paused,
            Pipe::Stderr => &self.stderr_paused,
        };
        if paused.replace(pause) != pause {
            let verb = if pause { "pauses" } else { "resumes" };
            log_here!(Debug, "{verb} reading {pipe} of a process");
        }
        self.command();
    }
}

/// Starts the task for a process that was just started.
pub(super) fn start<P: Protocol>(
    child: Child,
    protocol: P,
    made_at: &'static Location<'static>,
) -> (Transport, Task<P>) {
    let shared = Rc::new(Shared {
        process: Rc::clone(&child.process),
        outgoing: RefCell::default(),
        input_ended: Cell::new(child.stdin.is_none()),
        stdout_paused: Cell::new(false),
        stderr_paused: Cell::new(false),
        closing: Cell::new(false),
        commanded: Cell::new(false),
        driver: Cell::new(Ticket::none()),
    });
    let transport = Transport { shared };
    let name = format!("transport of {}", child.name());
    let driver = Driver {
        transport: transport.clone(),
        protocol: Some(protocol),
        waits: Waits::default(),
        child,
        begun: false,
        pressed: false,
        ended: false,
        bytes: Vec::new(),
        made_at,
    };
    (transport, task::Builder::new().name(&name).at(made_at).spawn(driver))
}

/// Calls the protocol.
struct Driver<P> {
    transport: Transport,
    protocol: Option<P>,
    waits: Waits,
    child: Child,
    begun: bool,
    /// Whether the protocol was told to pause writing.
    pressed: bool,
    /// Whether the protocol was told of the process's end.
    ended: bool,
    /// What was read last, empty between two reads.
    bytes: Vec<u8>,
    made_at: &'static Location<'static>,
}

struct Waits {
    write: Wait,
    broken: Wait,
    stdout: Wait,
    stderr: Wait,
    end: Wait,
    commands: Wait,
}

impl Default for Waits {
    fn default() -> Self {
        let [write, broken, stdout, stderr, end, commands] = [const { Wait::new() }; 6];
        Self { write, broken, stdout, stderr, end, commands }
    }
}

/// Whether something happened, so that it is worth looking again.
type Happened = bool;

impl<P: Protocol> Driver<P> {
    fn poll_round(&mut self, protocol: &mut P, cx: &Context<'_>, at: &'static Location<'static>) -> Happened {
        let shared = Rc::clone(&self.transport.shared);
        if shared.closing.get() {
            self.close_pipes(protocol);
        }
        let mut happened = self.write(protocol, &shared, cx, at);
        for pipe in [Pipe::Stdout, Pipe::Stderr] {
            happened |= self.read(pipe, protocol, &shared, cx, at);
        }
        if !self.ended
            && let Poll::Ready(ended) = self.child.process.poll_end(cx, &mut self.waits.end, at)
        {
            self.ended = true;
            protocol.process_exited(&ended);
            happened = true;
        }
        shared.commanded.replace(false) || happened
    }

    /// Moves bytes to its stdin, and notices when nobody reads them any more.
    fn write(
        &mut self,
        protocol: &mut P,
        shared: &Shared,
        cx: &Context<'_>,
        at: &'static Location<'static>,
    ) -> Happened {
        let Some(pipe) = &self.child.stdin else { return false };
        let waiting = shared.outgoing.borrow().len();
        if waiting == 0 {
            if !shared.input_ended.get() && pipe.poll_broken(cx, &mut self.waits.broken, at).is_pending() {
                return false;
            }
            self.lose_stdin(protocol, None);
            return true;
        }
        pipe.leave(Direction::Read, &mut self.waits.broken);
        if waiting > HIGH_WATER && !self.pressed {
            self.pressed = true;
            log_here!(Debug, "{}: pauses writing, {waiting} bytes are queued", self.child.process.label());
            protocol.pause_writing();
            return true;
        }
        let written = {
            let outgoing = shared.outgoing.borrow();
            pipe.poll_write_with(cx, &mut self.waits.write, at, outgoing.as_slices().0)
        };
        match written {
            Poll::Pending => false,
            Poll::Ready(Err(error)) => {
                self.lose_stdin(protocol, Some(error));
                true
            }
            Poll::Ready(Ok(count)) => {
                let left = {
                    let mut outgoing = shared.outgoing.borrow_mut();
                    drop(outgoing.drain(..count));
                    outgoing.len()
                };
                if self.pressed && left <= LOW_WATER {
                    self.pressed = false;
                    log_here!(
                        Debug,
                        "{}: resumes writing, {left} bytes are queued",
                        self.child.process.label()
                    );
                    protocol.resume_writing();
                }
                true
            }
        }
    }

    fn lose_stdin(&mut self, protocol: &mut P, error: Option<io::Error>) {
        let shared = &self.transport.shared;
        shared.input_ended.set(true);
        shared.outgoing.borrow_mut().clear();
        let Some(pipe) = self.child.stdin.take() else { return };
        log_lost(&self.child, Pipe::Stdin, error.as_ref());
        pipe.leave(Direction::Write, &mut self.waits.write);
        pipe.leave(Direction::Read, &mut self.waits.broken);
        drop(pipe);
        protocol.pipe_connection_lost(Pipe::Stdin, error);
    }

    /// Reads once from a pipe.
    fn read(
        &mut self,
        which: Pipe,
        protocol: &mut P,
        shared: &Shared,
        cx: &Context<'_>,
        at: &'static Location<'static>,
    ) -> Happened {
        let Self { child, waits, bytes, .. } = self;
        let (slot, wait) = slot(child, waits, which);
        let Some(pipe) = slot else { return false };
        let paused = if which == Pipe::Stdout { &shared.stdout_paused } else { &shared.stderr_paused };
        if paused.get() {
            pipe.leave(wait);
            return false;
        }
        let read = pipe.poll_append(cx, wait, at, bytes, READ_BYTES);
        match read {
            Poll::Pending => return false,
            Poll::Ready(Ok(1..)) => protocol.pipe_data_received(which, bytes),
            Poll::Ready(Ok(0)) => self.lose(which, protocol, None),
            Poll::Ready(Err(error)) => self.lose(which, protocol, Some(error)),
        }
        self.bytes.clear();
        true
    }

    fn lose(&mut self, which: Pipe, protocol: &mut P, error: Option<io::Error>) {
        let (slot, wait) = slot(&mut self.child, &mut self.waits, which);
        let Some(pipe) = slot.take() else { return };
        pipe.leave(wait);
        drop(pipe);
        log_lost(&self.child, which, error.as_ref());
        protocol.pipe_connection_lost(which, error);
    }

    fn close_pipes(&mut self, protocol: &mut P) {
        self.lose_stdin(protocol, None);
        self.lose(Pipe::Stdout, protocol, None);
        self.lose(Pipe::Stderr, protocol, None);
    }

    fn is_over(&self) -> bool {
        self.ended && self.child.stdin.is_none() && self.child.stdout.is_none() && self.child.stderr.is_none()
    }

    /// Waits for commands.
    fn wait_for_commands(&mut self, cx: &Context<'_>, at: &'static Location<'static>) {
        let lp = current::expect("a process's transport");
        let commands = &mut self.waits.commands;
        if commands.is_notified() {
            commands.clear();
        }
        if commands.park(lp, cx.waker(), &lp.parking(WaitKind::Event, 0, at, self.made_at)) {
            self.transport.shared.driver.set(commands.ticket());
        }
    }
}

fn log_lost(child: &Child, pipe: Pipe, error: Option<&io::Error>) {
    match error {
        Some(error) => log_here!(Debug, "{}: {pipe} failed for good: {error}", child.process.label()),
        None => log_here!(Info, "{}: {pipe} is closed", child.process.label()),
    }
}

fn slot<'a>(
    child: &'a mut Child,
    waits: &'a mut Waits,
    which: Pipe,
) -> (&'a mut Option<PipeReader>, &'a mut Wait) {
    match which {
        Pipe::Stderr => (&mut child.stderr, &mut waits.stderr),
        Pipe::Stdout | Pipe::Stdin => (&mut child.stdout, &mut waits.stdout),
    }
}

impl<P> Unpin for Driver<P> {}

impl<P: Protocol> Future for Driver<P> {
    type Output = P;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<P> {
        let at = Location::caller();
        let this = &mut *self;
        let Some(mut protocol) = this.protocol.take() else {
            panic!("a process's transport was polled after it was over")
        };
        if !this.begun {
            this.begun = true;
            protocol.connection_made(&this.transport);
        }
        while this.poll_round(&mut protocol, cx, at) {}
        if this.is_over() {
            protocol.connection_lost();
            return Poll::Ready(protocol);
        }
        this.wait_for_commands(cx, at);
        this.protocol = Some(protocol);
        Poll::Pending
    }
}

impl<P> Drop for Driver<P> {
    fn drop(&mut self) {
        let Self { child, waits, .. } = self;
        if let Some(pipe) = &child.stdin {
            pipe.leave(Direction::Write, &mut waits.write);
            pipe.leave(Direction::Read, &mut waits.broken);
        }
        for (pipe, wait) in [(&child.stdout, &mut waits.stdout), (&child.stderr, &mut waits.stderr)] {
            if let Some(pipe) = pipe {
                pipe.leave(wait);
            }
        }
        child.process.leave(&mut waits.end);
        // Nobody writes any more, whatever the handle is told.
        self.transport.shared.input_ended.set(true);
    }
}
