//! The OS's side of a loop: epoll through mio, a bell for other threads, and a timerfd where whole milliseconds are too coarse.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};

/// Events taken from the OS at once.
const EVENTS: usize = 1024;
/// The bell's token.
const BELL: Token = Token(usize::MAX);
/// The timer's token.
const TIMER: Token = Token(usize::MAX - 1);

/// Waits for the OS.
#[derive(Debug)]
pub(crate) struct Driver {
    poll: Poll,
    events: Events,
    timer: OwnedFd,
    /// When the timer rings, 0 when it is not armed.
    armed_ns: u64,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// Not at all.
    Now,
    /// Until something happens.
    Woken,
    /// Until a moment of the monotonic clock, in nanoseconds, at the latest.
    Deadline(u64),
}

impl Driver {
    pub(crate) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
        poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
        Ok(Self { poll, events: Events::with_capacity(EVENTS), timer, armed_ns: 0 })
    }

    /// The bell by which other threads end a wait.
    pub(crate) fn new_bell(&self) -> io::Result<mio::Waker> {
        mio::Waker::new(self.poll.registry(), BELL)
    }

    /// Where descriptors are registered.
    pub(crate) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Asks the OS. Being interrupted by a signal counts as "nothing happened".
    ///
    /// # Errors
    ///
    /// None in practice: epoll only fails for reasons that are ours.
    pub(crate) fn wait(&mut self, until: Until) -> io::Result<()> {
        let timeout = match until {
            Until::Now => Some(Duration::ZERO),
            Until::Woken => None,
            Until::Deadline(at_ns) => {
                self.arm(at_ns)?;
                None
            }
        };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.events.clear();
                Ok(())
            }
            other => other,
        }
    }

    /// Sets the timer, unless it is set so already. An earlier setting is kept if it has passed: it rings once too often.
    fn arm(&mut self, at_ns: u64) -> io::Result<()> {
        if self.armed_ns == at_ns {
            return Ok(());
        }
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let at = Timespec {
            tv_sec: i64::try_from(at_ns / 1_000_000_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(at_ns % 1_000_000_000).unwrap_or(0),
        };
        // Zero would disarm it; a moment that has passed rings at once.
        let at = if at == zero { Timespec { tv_sec: 0, tv_nsec: 1 } } else { at };
        let spec = Itimerspec { it_interval: zero, it_value: at };
        rustix::time::timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &spec)?;
        self.armed_ns = at_ns;
        Ok(())
    }

    /// The events of the last wait that belong to sources.
    pub(crate) fn source_events(&mut self) -> impl Iterator<Item = &mio::event::Event> {
        if self.events.iter().any(|event| event.token() == TIMER) {
            // It rang: the same deadline may be armed again. The expiry count is never read, because the registration is
            // edge-triggered and setting the timer resets it.
            self.armed_ns = 0;
        }
        self.events.iter().filter(|event| event.token() != BELL && event.token() != TIMER)
    }
}
