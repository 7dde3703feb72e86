//! The rows of the comparison: what each figure is called, its unit, and what Loopscope commits to.

/// A line of the table, one figure of a workload.
#[derive(Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Digits that mean something follow from it: see [`Row::decimals`].
    pub(crate) unit: &'static str,
    /// What the peer `loopscope` may cost.
    pub(crate) limit: Option<Limit>,
    /// What one figure of Loopscope may be against another.
    pub(crate) pairs: &'static [Pair],
}

/// A promise about a median.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Limit {
    /// As a ratio to the reference.
    Ratio(f64),
    /// In the row's own unit.
    Value(f64),
}

/// A promise about two peers of the same round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pair {
    /// What observing may cost: the peer `loopscope` less the peer `loopscope-bare`, in the row's unit.
    Observing(f64),
    /// What a client may cost that is attached: the peer `loopscope-attached` by the peer `loopscope`.
    Attached(f64),
    /// What debug mode may cost: the peer `loopscope-debug` by the peer `loopscope`.
    Debug(f64),
    /// What it may cost with creation stacks: the peer `loopscope-stacks` by the peer `loopscope`.
    Stacks(f64),
    /// Against what tokio's programs are observed with: the peer `loopscope` by the peer `tokio-console`.
    Console(f64),
}

impl Row {
    pub(crate) fn decimals(&self) -> usize {
        match self.unit {
            "ms" => 3,
            "calls" => 2,
            _ => 1,
        }
    }
}

/// Debug mode may double what a micro-benchmark takes, and is not to be felt on a server.
const DEBUG: Pair = Pair::Debug(2.0);
const STACKS: Pair = Pair::Stacks(2.0);
const DEBUG_SERVER: Pair = Pair::Debug(1.05);
const STACKS_SERVER: Pair = Pair::Stacks(1.05);

/// In the order of the table. A poll may cost 15 ns more for being observed, a spawn 20.
pub(crate) const ROWS: [Row; 18] = [
    row(
        "spawn",
        "ns",
        Some(Limit::Ratio(0.25)),
        &[Pair::Observing(20.0), DEBUG, STACKS, Pair::Console(0.01)],
    ),
    row(
        "yield",
        "ns",
        Some(Limit::Ratio(0.72)),
        &[Pair::Observing(15.0), DEBUG, STACKS, Pair::Console(0.05)],
    ),
    row("pingpong", "ns", Some(Limit::Ratio(0.90)), &[Pair::Observing(15.0), DEBUG, STACKS]),
    row("pingpong_local", "ns", Some(Limit::Ratio(0.80)), &[Pair::Observing(15.0), DEBUG, STACKS]),
    row("rpc_local", "ns", Some(Limit::Ratio(0.70)), &[DEBUG, STACKS]),
    row("timers", "ns", Some(Limit::Ratio(0.75)), &[DEBUG, STACKS]),
    row("timers_lateness_p50", "ms", Some(Limit::Value(0.25)), &[]),
    row("timers_lateness_p99", "ms", Some(Limit::Ratio(1.0)), &[]),
    row("timer_cancel", "ns", Some(Limit::Ratio(0.50)), &[DEBUG, STACKS]),
    row("remote_wake", "ns", Some(Limit::Ratio(1.05)), &[DEBUG, STACKS]),
    row("remote_burst", "ns", Some(Limit::Ratio(0.95)), &[DEBUG, STACKS]),
    row("echo64", "ns", Some(Limit::Ratio(1.05)), &[DEBUG_SERVER, STACKS_SERVER]),
    row("echo64_loop", "ns", None, &[Pair::Attached(1.02)]),
    row("echo64_streams", "ns", Some(Limit::Ratio(1.05)), &[]),
    row("echo64_calls", "calls", Some(Limit::Value(2.1)), &[]),
    row("echo64_instructions", "instr", Some(Limit::Ratio(1.0)), &[]),
    row("idle_task_bytes", "bytes", Some(Limit::Ratio(0.62)), &[Pair::Console(0.01)]),
    row("idle_task_bytes_own", "bytes", Some(Limit::Ratio(0.75)), &[]),
];

const fn row(name: &'static str, unit: &'static str, limit: Option<Limit>, pairs: &'static [Pair]) -> Row {
    Row { name, unit, limit, pairs }
}
