//! What happens to the program, and what the program wants done.
//!
//! Input, data and ticks are all [`Event`]s and arrive through one [`Inbox`]. An event changes the state and nothing else;
//! what has to happen outside is returned as [`Effect`]s, which one place carries out.
//!
//! [`Inbox`]: super::inbox::Inbox

use super::order::{Order, Outcome};
use super::question::{Answer, Question};
use loopscope_inspector::model::{Place, Process};
use ratatui::crossterm::event::{KeyEvent, MouseEvent};
use std::time::Duration;

/// Time since the program was started. A plain number, so that a test can say what time it is.
pub(crate) type Now = Duration;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// A button or the wheel of the mouse.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has this size now.
    Resize(u16, u16),
    /// Time passed.
    Tick(Now),
    /// News of the observed process.
    Data(Data),
    /// The editor has ended, and the terminal shows anything.
    Returned,
    /// The process was stopped and goes on, and the terminal shows anything.
    Continued,
    /// This signal asks the program to end.
    Terminate(i32),
    /// A signal asks the program to stop for a while.
    Stop,
    /// The program could not do what was asked, in words.
    Failed(String),
}

/// Which process; a number alone is used again by another process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Its number.
    pub(crate) pid: u32,
    /// When it was started, as the OS counts; `None` where there is no process to ask (a remote address).
    pub(crate) started: Option<u64>,
}

/// News of the observed process, or of those that could be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    /// What is being waited for, in words that follow "waiting for".
    Waiting(String),
    /// Attached.
    Attached(Identity, Box<Process>),
    /// An answer. One of another process than the attached one is thrown away.
    Answer(Identity, Box<(Question, Answer)>),
    /// It cannot be attached to, in words; it is not tried again.
    Refused(String),
    /// It does not answer, but is there; it is tried again.
    Silent(String),
    /// It has ended, and how, where that can be known.
    Ended(Option<String>),
    /// The program that was attached to has ended, and another process of that name answers.
    Restarted(Identity, Box<Process>),
    /// What came of an order.
    Done(Identity, Box<(Order, Result<Outcome, String>)>),
    /// Lines of a source file.
    Source(Place, Excerpt),
}

/// The lines around a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Excerpt {
    /// The number of the first line; 0 with no lines if the file cannot be read.
    pub(crate) first: u32,
    /// The lines.
    pub(crate) lines: Vec<String>,
}

/// Something to be done outside.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// End the program: the user wants it, or this signal.
    Quit(Option<i32>),
    /// Copy to the clipboard.
    Copy(String),
    /// Open the editor.
    Edit(Place),
    /// Back to the shell until it says otherwise.
    Suspend,
    /// Forget what the terminal shows and draw everything.
    Redraw,
    /// Attach to this process instead.
    Attach(Box<Process>),
    /// Leave the process.
    Detach,
    /// Listen to the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Read the lines around this place.
    Read(Place),
    /// Have the process do this.
    Do(Order),
}

/// What an event led to.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub(crate) struct Step {
    /// Whether anything that is seen may have changed.
    pub(crate) changed: bool,
    /// What is to be done.
    pub(crate) effects: Vec<Effect>,
}

impl Step {
    /// Nothing happened.
    pub(crate) fn nothing() -> Self {
        Self::default()
    }

    /// The state changed.
    pub(crate) fn changed() -> Self {
        Self { changed: true, effects: Vec::new() }
    }

    /// The state changed, and this is to be done.
    pub(crate) fn with(effect: Effect) -> Self {
        Self { changed: true, effects: vec![effect] }
    }
}
