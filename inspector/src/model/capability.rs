//! What an agent can do, and what it lets this client do.

use super::name::named;

/// What the client may do; the agent decides by the client's uid and its environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rights {
    /// Read all tables.
    pub see: bool,
    /// Dump, stack, watchdog, debug mode, thresholds.
    pub diagnose: bool,
    /// Cancel tasks.
    pub control: bool,
}

impl Rights {
    /// The names of the rights that are granted, as JSON lists them.
    pub fn names(self) -> Vec<&'static str> {
        [(self.see, "see"), (self.diagnose, "diagnose"), (self.control, "control")]
            .into_iter()
            .filter_map(|(granted, name)| granted.then_some(name))
            .collect()
    }
}

named! {
    /// One thing that an agent may be able to do.
    "capability" Capability {
        /// The table of tasks, and the tree.
        Tasks = "tasks",
        /// What each task waits for, `blocks`, `why` and cycles.
        Waits = "waits",
        /// The table of spawn sites.
        Sites = "sites",
        /// The table of timers.
        Timers = "timers",
        /// The table of descriptors.
        Io = "io",
        /// The table of locks, queues and channels.
        Sync = "sync",
        /// The table of blocking jobs.
        Blocking = "blocking",
        /// The table of warnings.
        Warnings = "warnings",
        /// Histograms of sites and loops.
        Histograms = "histograms",
        /// The application's log lines.
        Logs = "logs",
        /// The async stacks of tasks.
        Dump = "dump",
        /// The native stacks of loops.
        Stack = "stack",
        /// Debug mode on and off.
        Debug = "debug",
        /// Cancelling tasks.
        Cancel = "cancel",
        /// Recording events.
        Record = "record",
    }
}

/// What an agent can do, whatever the rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Capabilities {
    bits: u32,
}

impl Capabilities {
    /// Whether it is among them.
    pub fn has(self, capability: Capability) -> bool {
        self.bits & Self::bit(capability) != 0
    }

    /// These and one more.
    #[must_use]
    pub fn with(self, capability: Capability) -> Self {
        Self { bits: self.bits | Self::bit(capability) }
    }

    /// All of them, in the order of the declaration.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.iter().copied().filter(move |&capability| self.has(capability))
    }

    fn bit(capability: Capability) -> u32 {
        1 << capability as u32
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(all: I) -> Self {
        all.into_iter().fold(Self::default(), Self::with)
    }
}
