//! One observed process.

use super::{Capabilities, DebugMode, Rights, RuntimeKind, WallTime};

/// A process that can be attached to.
///
/// What only the agent knows (`runtime` and below) is `None` where the process was found but not asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Process {
    /// The OS's number of it, as the client sees it.
    pub pid: u32,
    /// The path of the program.
    pub exe: Option<String>,
    /// The name of the program.
    pub name: Option<String>,
    /// The user it runs as, by name where that is known, else by number.
    pub user: Option<String>,
    /// The path of the agent's socket, or the address attached to.
    pub socket: Option<String>,
    /// When it was started.
    pub started_at: Option<WallTime>,
    /// How long it has been running.
    pub uptime_ns: Option<u64>,
    /// Processor time over wall time since the previous picture; 1.0 is one core.
    pub cpu: Option<f64>,
    /// Memory in use, in bytes.
    pub rss_bytes: Option<u64>,
    /// Its runtime.
    pub runtime: Option<RuntimeKind>,
    /// The version of its runtime.
    pub version: Option<String>,
    /// Whether debug mode is on in any of its loops.
    pub debug: Option<bool>,
    /// How much debug mode does in the loop where it does most.
    pub debug_mode: Option<DebugMode>,
    /// From when on debug mode calls a poll slow; the least of all loops that are in it.
    pub slow_callback_ns: Option<u64>,
    /// When the debug mode that a client asked for is undone by itself.
    pub debug_left_ns: Option<u64>,
    /// How it came to its end, in words, if this is what it left.
    pub ended: Option<String>,
    /// Loops, the inspector's own not counted.
    pub loops: Option<u64>,
    /// Live tasks.
    pub tasks: Option<u64>,
    /// Warnings that hold now.
    pub warnings: Option<u64>,
    /// Loops of which one poll has been under way for longer than the threshold.
    pub blocked: Option<u64>,
    /// What this client may do.
    pub rights: Option<Rights>,
    /// What its agent can do.
    pub capabilities: Option<Capabilities>,
}
