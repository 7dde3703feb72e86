//! Which signal, by number and by name.

use std::error::Error;
use std::fmt;

use libc::c_int;

/// A signal's number.
///
/// The common ones have names here; any other one is made [`from_raw`](Self::from_raw). Shown as `SIGTERM`, `SIGRTMIN+3` or, if there is no
/// such signal, `signal 99`.
///
/// # Examples
///
/// ```
/// use loopscope::signal::Kind;
///
/// assert_eq!(Kind::TERMINATE.to_string(), "SIGTERM");
/// assert_eq!(Kind::from_raw(15), Kind::TERMINATE);
/// assert_eq!(Kind::from_raw(99).to_string(), "signal 99");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "signal.Signals")]
pub struct Kind(c_int);

impl Kind {
    /// `SIGALRM`: a timer of `alarm` or `setitimer` rang.
    pub const ALARM: Self = Self(libc::SIGALRM);
    /// `SIGCHLD`: a child process ended, stopped or went on.
    pub const CHILD: Self = Self(libc::SIGCHLD);
    /// `SIGCONT`: the process goes on after it was stopped.
    pub const CONTINUE: Self = Self(libc::SIGCONT);
    /// `SIGHUP`: the terminal is gone; daemons take it as "read your configuration again".
    pub const HANGUP: Self = Self(libc::SIGHUP);
    /// `SIGINT`: Ctrl-C.
    pub const INTERRUPT: Self = Self(libc::SIGINT);
    /// `SIGPIPE`: a write to a pipe that nobody reads. Rust's programs ignore it from their start.
    pub const PIPE: Self = Self(libc::SIGPIPE);
    /// `SIGQUIT`: Ctrl-\.
    pub const QUIT: Self = Self(libc::SIGQUIT);
    /// `SIGTERM`: the polite request to end.
    pub const TERMINATE: Self = Self(libc::SIGTERM);
    /// `SIGUSR1`.
    pub const USER_1: Self = Self(libc::SIGUSR1);
    /// `SIGUSR2`.
    pub const USER_2: Self = Self(libc::SIGUSR2);
    /// `SIGWINCH`: the terminal's size changed.
    pub const WINDOW_CHANGE: Self = Self(libc::SIGWINCH);

    /// The signal with this number, whether there is one or not.
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// What it is called, if it has a name.
    fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(number, _)| *number == self.0).map(|(_, name)| *name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name() {
            return f.write_str(name);
        }
        match self.0 - libc::SIGRTMIN() {
            0 => f.write_str("SIGRTMIN"),
            above @ 1.. if self.0 <= libc::SIGRTMAX() => write!(f, "SIGRTMIN+{above}"),
            _ => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Kind> for i32 {
    fn from(kind: Kind) -> Self {
        kind.0
    }
}

const NAMES: [(c_int, &str); 31] = [
    (libc::SIGABRT, "SIGABRT"),
    (libc::SIGALRM, "SIGALRM"),
    (libc::SIGBUS, "SIGBUS"),
    (libc::SIGCHLD, "SIGCHLD"),
    (libc::SIGCONT, "SIGCONT"),
    (libc::SIGFPE, "SIGFPE"),
    (libc::SIGHUP, "SIGHUP"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGINT, "SIGINT"),
    (libc::SIGIO, "SIGIO"),
    (libc::SIGKILL, "SIGKILL"),
    (libc::SIGPIPE, "SIGPIPE"),
    (libc::SIGPROF, "SIGPROF"),
    (libc::SIGPWR, "SIGPWR"),
    (libc::SIGQUIT, "SIGQUIT"),
    (libc::SIGSEGV, "SIGSEGV"),
    (libc::SIGSTKFLT, "SIGSTKFLT"),
    (libc::SIGSTOP, "SIGSTOP"),
    (libc::SIGSYS, "SIGSYS"),
    (libc::SIGTERM, "SIGTERM"),
    (libc::SIGTRAP, "SIGTRAP"),
    (libc::SIGTSTP, "SIGTSTP"),
    (libc::SIGTTIN, "SIGTTIN"),
    (libc::SIGTTOU, "SIGTTOU"),
    (libc::SIGURG, "SIGURG"),
    (libc::SIGUSR1, "SIGUSR1"),
    (libc::SIGUSR2, "SIGUSR2"),
    (libc::SIGVTALRM, "SIGVTALRM"),
    (libc::SIGWINCH, "SIGWINCH"),
    (libc::SIGXCPU, "SIGXCPU"),
    (libc::SIGXFSZ, "SIGXFSZ"),
];

/// Nobody can listen to this signal. It lies inside of the [`io::Error`](std::io::Error) of [`unix`](super::unix), whose kind is
/// [`InvalidInput`](std::io::ErrorKind::InvalidInput).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CannotListen {
    kind: Kind,
    why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Not between 1 and the last real-time signal, or kept by the C library for itself.
    NoSuchSignal,
    /// `SIGKILL`, `SIGSTOP`.
    NotCaught,
    /// `SIGSEGV`, `SIGFPE`, `SIGILL`.
    Fault,
}

impl CannotListen {
    /// Why nobody can listen to `kind`, if that is so.
    pub(super) fn check(kind: Kind) -> Result<(), Self> {
        let why = match kind.0 {
            libc::SIGKILL | libc::SIGSTOP => Why::NotCaught,
            libc::SIGSEGV | libc::SIGFPE | libc::SIGILL => Why::Fault,
            1..32 => return Ok(()),
            number if number >= libc::SIGRTMIN() && number <= libc::SIGRTMAX() => return Ok(()),
            _ => Why::NoSuchSignal,
        };
        Err(Self { kind, why })
    }

    /// The signal.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl fmt::Display for CannotListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen to {}: ", self.kind)?;
        f.write_str(match self.why {
            Why::NoSuchSignal => "there is no such signal",
            Why::NotCaught => "the OS lets nobody catch it",
            Why::Fault => "it tells a thread of its own fault, which cannot wait for an event loop",
        })
    }
}

impl Error for CannotListen {}
