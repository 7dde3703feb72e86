//! The connection to the observed process, as the screens see it.
//!
//! # State
//!
//! ```text
//!   Choosing ──1──► Connecting ──2──► Live ──3──► Silent
//!      ▲                │  │           ▲ │           │ │
//!      │                │  └─5─► Refused │◄────4─────┘ │
//!      │                └───6──┐         6             6
//!      │                       ▼         ▼             │
//!      └──────────7─────────── Ended ◄─────────────────┘
//! ```
//!
//! 1. A process is chosen, or was named on the command line.
//! 2. It answered, and says who it is.
//! 3. It did not answer in time. The last picture stays and is marked with its age; the feed goes on asking.
//! 4. It answers again, and is the same process.
//! 5. It will never answer: not ours, no agent, another protocol. The reason is shown.
//! 6. It has ended. The last picture stays.
//! 7. The user goes back to the list of processes. If it was attached to by name and that program runs again, the pictures are
//!    thrown away and it is `Live` with another identity; while the picture is frozen, that waits.
//!
//! # Invariants
//!
//! A picture is of the process in [`Link::identity`], and of no other: an answer that bears another identity is thrown
//! away, and attaching to another process throws the pictures away.

use super::event::{Identity, Now};

/// How the connection stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Link {
    /// The user chooses a process.
    #[default]
    Choosing,
    /// Nothing has been seen yet.
    Connecting {
        /// What is attached to, in words.
        target: String,
        /// What is being waited for, in words that follow "waiting for".
        waiting: String,
        /// Since when.
        since: Now,
    },
    /// It answers.
    Live {
        /// Which process.
        identity: Identity,
        /// When it answered last.
        last: Now,
    },
    /// It does not answer.
    Silent {
        /// Which process.
        identity: Identity,
        /// Why, as far as is known.
        why: String,
        /// When it answered last.
        last: Now,
    },
    /// It is over.
    Ended {
        /// Which process.
        identity: Identity,
        /// How it ended, where that is known.
        how: Option<String>,
        /// When it answered last.
        last: Now,
    },
    /// It cannot be attached to.
    Refused {
        /// What was attached to, in words.
        target: String,
        /// Why not, and what to do.
        why: String,
    },
}

impl Link {
    /// The process that the pictures are of.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Live { identity, .. } | Self::Silent { identity, .. } | Self::Ended { identity, .. } => {
                Some(identity)
            }
            Self::Choosing | Self::Connecting { .. } | Self::Refused { .. } => None,
        }
    }

    /// When it answered last, if there are pictures.
    pub(crate) fn last(&self) -> Option<Now> {
        match self {
            Self::Live { last, .. } | Self::Silent { last, .. } | Self::Ended { last, .. } => Some(*last),
            Self::Choosing | Self::Connecting { .. } | Self::Refused { .. } => None,
        }
    }

    /// Transition 2, and 4 if it is the same process. `false` if another one is there already: the pictures are of that.
    #[must_use]
    pub(crate) fn attached(&mut self, new: Identity, now: Now) -> bool {
        match self.identity() {
            Some(old) if *old != new => false,
            _ => {
                *self = Self::Live { identity: new, last: now };
                true
            }
        }
    }

    /// An answer came; `false` if it is not of the attached process.
    #[must_use]
    pub(crate) fn answered(&mut self, from: &Identity, now: Now) -> bool {
        match self {
            Self::Live { identity, .. } | Self::Silent { identity, .. } if identity == from => {
                *self = Self::Live { identity: from.clone(), last: now };
                true
            }
            // It was under way when the process ended.
            Self::Ended { identity, .. } => identity == from,
            _ => false,
        }
    }

    /// Transition 3.
    pub(crate) fn silent(&mut self, why: String) {
        match self {
            Self::Connecting { waiting, .. } => *waiting = why,
            Self::Live { identity, last } | Self::Silent { identity, last, .. } => {
                *self = Self::Silent { identity: identity.clone(), why, last: *last };
            }
            Self::Choosing | Self::Ended { .. } | Self::Refused { .. } => {}
        }
    }

    /// Transition 6.
    pub(crate) fn ended(&mut self, how: Option<String>) {
        match self {
            Self::Connecting { target, .. } => {
                let why = match how {
                    Some(how) => format!("The process ended before it answered: {how}."),
                    None => "The process ended before it answered.".to_owned(),
                };
                *self = Self::Refused { target: std::mem::take(target), why };
            }
            Self::Live { identity, last } | Self::Silent { identity, last, .. } => {
                *self = Self::Ended { identity: identity.clone(), how, last: *last };
            }
            Self::Choosing | Self::Ended { .. } | Self::Refused { .. } => {}
        }
    }

    /// Transition 5, and from anywhere else where the feed gave up.
    pub(crate) fn refused(&mut self, why: String) {
        match self {
            Self::Connecting { target, .. } => *self = Self::Refused { target: std::mem::take(target), why },
            Self::Live { .. } | Self::Silent { .. } => self.silent(why),
            Self::Choosing | Self::Ended { .. } | Self::Refused { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const AT_1: Now = Duration::from_secs(1);
    const AT_5: Now = Duration::from_secs(5);

    fn who(started: u64) -> Identity {
        Identity { pid: 7, started: Some(started) }
    }

    fn live() -> Link {
        Link::Live { identity: who(100), last: AT_1 }
    }

    #[test]
    fn an_answer_of_another_process_is_not_taken() {
        let mut link = live();
        assert!(!link.answered(&who(200), AT_5));
        assert_eq!(link, live());
        assert!(link.answered(&who(100), AT_5));
        assert_eq!(link.last(), Some(AT_5));
    }

    #[test]
    fn a_new_process_with_the_same_number_does_not_take_the_place_of_the_old_one() {
        let mut link = live();
        link.silent("no answer for 3 s".to_owned());
        assert!(!link.attached(who(200), AT_5));
        assert!(link.attached(who(100), AT_5));
        assert_eq!(link, Link::Live { identity: who(100), last: AT_5 });
    }

    #[test]
    fn silence_keeps_the_time_of_the_last_answer() {
        let mut link = live();
        link.silent("stopped".to_owned());
        link.silent("still stopped".to_owned());
        assert_eq!(link, Link::Silent { identity: who(100), why: "still stopped".to_owned(), last: AT_1 });
    }

    #[test]
    fn the_end_is_final() {
        let mut link = live();
        link.ended(Some("killed by signal 9".to_owned()));
        let ended = link.clone();
        link.silent("x".to_owned());
        link.refused("x".to_owned());
        assert_eq!(link, ended);
        // An answer that was under way still counts, but does not bring the process back.
        assert!(link.answered(&who(100), AT_5));
        assert_eq!(link, ended);
    }

    #[test]
    fn a_process_that_ends_before_it_answers_was_never_attached_to() {
        let mut link = Link::Connecting { target: "pid 7".to_owned(), waiting: String::new(), since: AT_1 };
        link.ended(None);
        let why = "The process ended before it answered.".to_owned();
        assert_eq!(link, Link::Refused { target: "pid 7".to_owned(), why });
    }
}
