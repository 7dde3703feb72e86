//! The rows of the comparison: what each figure is called, its unit, and what Loopscope commits to.

/// A line of the table, one figure of a workload.
#[derive(Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Digits that mean something follow from it: see [`Row::decimals`].
    pub(crate) unit: &'static str,
    /// What the peer `loopscope` may cost.
    pub(crate) limit: Limit,
    /// What observing may cost: the peer `loopscope` less the peer `loopscope-bare`, in the row's unit.
    pub(crate) observing: Option<f64>,
}

/// A promise about a median.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Limit {
    /// As a ratio to the reference.
    Ratio(f64),
    /// In the row's own unit.
    Value(f64),
}

impl Row {
    pub(crate) fn decimals(&self) -> usize {
        if self.unit == "ms" { 3 } else { 1 }
    }
}

/// In the order of the table. A poll may cost 15 ns more for being observed, a spawn 20.
pub(crate) const ROWS: [Row; 9] = [
    row("spawn", "ns", Limit::Ratio(0.25), Some(20.0)),
    row("yield", "ns", Limit::Ratio(0.72), Some(15.0)),
    row("pingpong", "ns", Limit::Ratio(0.90), Some(15.0)),
    row("timers", "ns", Limit::Ratio(0.75), None),
    row("timers_lateness_p50", "ms", Limit::Value(0.25), None),
    row("timers_lateness_p99", "ms", Limit::Ratio(1.0), None),
    row("timer_cancel", "ns", Limit::Ratio(0.50), None),
    row("idle_task_bytes", "bytes", Limit::Ratio(0.62), None),
    row("idle_task_bytes_own", "bytes", Limit::Ratio(0.75), None),
];

const fn row(name: &'static str, unit: &'static str, limit: Limit, observing: Option<f64>) -> Row {
    Row { name, unit, limit, observing }
}
