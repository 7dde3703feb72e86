//! The three rights, and how each is granted.

use std::fmt;

/// What a client may be allowed to do. Each call of the protocol needs one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Right {
    /// Read all tables.
    See,
    /// Dump, stack, watchdog, debug mode, thresholds.
    Diagnose,
    /// Cancel tasks.
    Control,
}

impl Right {
    /// Its name, as `ps` and JSON have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::See => "see",
            Self::Diagnose => "diagnose",
            Self::Control => "control",
        }
    }

    /// Who has it, and how it is granted to others.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::See => "the user of the process and root have it: ask as one of them (try sudo)",
            Self::Diagnose => {
                "the user of the process and root have it, unless the process was started with LOOPSCOPE_DIAGNOSE=0: ask as one of \
                 them (try sudo), or start it without that"
            }
            Self::Control => {
                "nobody has it unless the process was started with LOOPSCOPE_CONTROL=1, or its code grants it (Agent::builder().control(true)): start it so"
            }
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
