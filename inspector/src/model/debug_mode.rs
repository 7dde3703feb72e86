//! Debug mode, as an agent tells of it.

use super::name::named;

named! {
    /// How much debug mode does.
    #[derive(Default)]
    "debug mode" DebugMode {
        /// Nothing but what the records show anyway.
        #[default]
        Off = "off",
        /// Warnings, the watchdog, checks, counts of wakers.
        On = "on",
        /// And the stacks by which tasks were made.
        Stacks = "stacks",
    }
}

impl DebugMode {
    /// Whether anything is looked for.
    pub fn is_on(self) -> bool {
        self != Self::Off
    }
}

/// What became of a wish that debug mode be switched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DebugState {
    /// How much it does now in the loop where it does most.
    pub mode: DebugMode,
    /// From when on a poll is slow: the least threshold of all loops.
    pub slow_callback_ns: Option<u64>,
    /// Loops that were switched.
    pub loops: u64,
    /// Whether it is undone when this client leaves.
    pub undone_at_leave: bool,
}
