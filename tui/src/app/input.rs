//! The input thread: keys, the mouse, the size of the terminal and the signals of the OS, as events.
//!
//! A thread, because a terminal shared with others must not be made non-blocking, and because it must go on when the loop
//! does not: the second signal to end that finds the program still there ends it from here, with the terminal restored.
//!
//! # State
//!
//! ```text
//!   reading ──1──► away ──2──► reading
//!      └────────────┴──3──► ended
//! ```
//!
//! 1. [`Input::pause`]: somebody else reads the terminal (an editor, the shell). Signals are still listened to. The call
//!    returns when nothing more is read.
//! 2. [`Input::resume`].
//! 3. The terminal is gone, or the [`Input`] is dropped.

mod parse;

use super::event::Event;
use super::inbox::Sender;
use crate::terminal;
use parse::Parser;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::low_level::pipe;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;

/// The signals that end the program.
const TERMINATE: [i32; 4] = [SIGTERM, SIGHUP, SIGINT, SIGQUIT];
/// What the thread needs: it only parses.
const STACK_BYTES: usize = 256 << 10;
/// How long an Esc may be the beginning of a sequence: a slow connection cuts one in two.
const ESC_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 30_000_000 };

const PAUSE: u8 = b'p';
const RESUME: u8 = b'r';

/// The thread's other end.
#[derive(Debug)]
pub(crate) struct Input {
    control: UnixStream,
    paused: mpsc::Receiver<()>,
}

impl Input {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// The OS gives no descriptors, or no thread.
    pub(crate) fn start(sender: Sender) -> io::Result<Self> {
        let (control, commands) = UnixStream::pair()?;
        let (acknowledge, paused) = mpsc::channel();
        let signals = Signals::register()?;
        // As for the raw mode, the terminal is standard input, or else the controlling one.
        let terminal = if io::stdin().is_terminal() { None } else { Some(File::open("/dev/tty")?) };
        let parser = Parser::default();
        let reader = Reader {
            sender,
            commands,
            acknowledge,
            signals,
            terminal,
            parser,
            away: false,
            asked_to_end: false,
        };
        std::thread::Builder::new()
            .name("input".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || reader.run())?;
        Ok(Self { control, paused })
    }

    /// Stops reading the terminal; returns when nothing more is read.
    pub(crate) fn pause(&mut self) {
        // If the thread is gone, nothing is read either.
        if self.control.write_all(&[PAUSE]).is_ok() {
            let _ = self.paused.recv();
        }
    }

    /// Reads the terminal again.
    pub(crate) fn resume(&mut self) {
        drop(self.control.write_all(&[RESUME]));
    }
}

/// One descriptor for each kind of signal; a handler writes a byte to it.
#[derive(Debug)]
struct Signals {
    terminate: Vec<(i32, UnixStream)>,
    resized: UnixStream,
    stop: UnixStream,
    continued: UnixStream,
}

impl Signals {
    fn register() -> io::Result<Self> {
        let listen = |signal: i32| -> io::Result<UnixStream> {
            let (read, write) = UnixStream::pair()?;
            read.set_nonblocking(true)?;
            pipe::register(signal, write)?;
            Ok(read)
        };
        let terminate: io::Result<Vec<_>> =
            TERMINATE.into_iter().map(|signal| Ok((signal, listen(signal)?))).collect();
        Ok(Self {
            terminate: terminate?,
            resized: listen(SIGWINCH)?,
            stop: listen(SIGTSTP)?,
            continued: listen(SIGCONT)?,
        })
    }
}

#[derive(Debug)]
struct Reader {
    sender: Sender,
    commands: UnixStream,
    acknowledge: mpsc::Sender<()>,
    signals: Signals,
    /// The terminal, where standard input is none.
    terminal: Option<File>,
    parser: Parser,
    away: bool,
    asked_to_end: bool,
}

/// What is ready.
#[derive(Clone, Copy, Debug, Default)]
struct Ready {
    commands: bool,
    /// There is input, or there will never be any more.
    input: bool,
    /// Nothing followed an Esc.
    nothing: bool,
}

impl Reader {
    fn run(mut self) {
        while let Ok(ready) = self.wait() {
            let terminate = &mut self.signals.terminate;
            let came = terminate.iter_mut().filter_map(|(signal, pipe)| (count(pipe) > 0).then_some(*signal));
            if let Some(signal) = came.fold(None, |first, signal| first.or(Some(signal))) {
                self.terminate(signal);
            }
            if count(&mut self.signals.stop) > 0 {
                self.sender.post(Event::Stop);
            }
            if count(&mut self.signals.continued) > 0 {
                self.sender.post(Event::Continued);
            }
            if count(&mut self.signals.resized) > 0 {
                self.resized();
            }
            if ready.commands && !self.command() {
                return;
            }
            if ready.nothing {
                self.parser.give_up().into_iter().for_each(|event| self.sender.post(event));
            }
            if ready.input && !self.away && !matches!(self.read(), Ok(1..)) {
                break;
            }
        }
        // The terminal is gone, and with it whoever could end the program; the signal that says so may come late.
        self.sender.post(Event::Terminate(SIGHUP));
    }

    /// Sleeps until something is there.
    fn wait(&self) -> io::Result<Ready> {
        let stdin = io::stdin();
        let Signals { terminate, resized, stop, continued } = &self.signals;
        let signals = terminate.iter().map(|(_, pipe)| pipe).chain([resized, stop, continued]);
        let mut fds: Vec<PollFd<'_>> =
            [&self.commands].into_iter().chain(signals).map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        let input = fds.len();
        if !self.away {
            let terminal = self.terminal.as_ref().map_or_else(|| stdin.as_fd(), File::as_fd);
            fds.push(PollFd::from_borrowed_fd(terminal, PollFlags::IN));
        }
        let limit = if self.parser.is_waiting() { Some(&ESC_WAIT) } else { None };
        match poll(&mut fds, limit) {
            Ok(0) => return Ok(Ready { nothing: true, ..Ready::default() }),
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Ready::default()),
            Err(error) => return Err(error.into()),
        }
        let input = fds.get(input).is_some_and(|fd| !fd.revents().is_empty());
        Ok(Ready { commands: !fds[0].revents().is_empty(), input, nothing: false })
    }

    fn terminate(&mut self, signal: i32) {
        if self.asked_to_end {
            terminal::restore();
            std::process::exit(128 + signal);
        }
        self.asked_to_end = true;
        self.sender.post(Event::Terminate(signal));
    }

    fn resized(&self) {
        if let Ok((width, height)) = ratatui::crossterm::terminal::size() {
            self.sender.post(Event::Resize(width, height));
        }
    }

    /// Does what the program asks for; `false` if the program is gone.
    fn command(&mut self) -> bool {
        let mut byte = [0];
        match self.commands.read(&mut byte) {
            Ok(1) if byte[0] == PAUSE => {
                self.away = true;
                self.acknowledge.send(()).is_ok()
            }
            Ok(1) => {
                self.away = false;
                true
            }
            _ => false,
        }
    }

    /// Posts the input that is there; how many bytes it was, 0 if the terminal is gone.
    fn read(&mut self) -> rustix::io::Result<usize> {
        let mut bytes = [0; 1_024];
        let stdin = io::stdin();
        let read = match &self.terminal {
            Some(terminal) => rustix::io::read(terminal, &mut bytes),
            None => rustix::io::read(stdin.as_fd(), &mut bytes),
        };
        let read = match read {
            // It was not worth waking for, but the terminal is there.
            Err(Errno::INTR | Errno::AGAIN) => return Ok(1),
            other => other?,
        };
        self.parser.take(&bytes[..read]).into_iter().for_each(|event| self.sender.post(event));
        Ok(read)
    }
}

/// Empties a descriptor that signals write to; how many bytes there were.
fn count(stream: &mut UnixStream) -> usize {
    let mut bytes = [0; 64];
    let mut total = 0;
    while let Ok(read @ 1..) = stream.read(&mut bytes) {
        total += read;
    }
    total
}
