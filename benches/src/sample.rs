//! What one run of one workload on one peer yields: the line of JSON between the two processes.

use serde::{Deserialize, Serialize};

use crate::measure::Elapsed;

/// The figures of a run, and what shows that the work was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) figures: Vec<Figure>,
    /// How many spawns, yields, messages, timers or tasks were measured.
    pub(crate) operations: u64,
    /// What the tasks computed together; equal for all peers, and already compared with what it must be.
    pub(crate) sum: u64,
    pub(crate) wall_ns: u64,
    pub(crate) cpu_ns: u64,
}

/// One measured value; its unit is in `report`'s table of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) row: String,
    pub(crate) value: f64,
}

impl Sample {
    pub(crate) fn new(figures: &[(&str, f64)], operations: u64, sum: u64, elapsed: Elapsed) -> Self {
        let nanos = |duration: std::time::Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self {
            figures: figures.iter().map(|&(row, value)| Figure { row: row.to_owned(), value }).collect(),
            operations,
            sum,
            wall_ns: nanos(elapsed.wall),
            cpu_ns: nanos(elapsed.cpu),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_sample_survives_the_line_between_the_processes() {
        let elapsed = Elapsed { cpu: Duration::from_nanos(800), wall: Duration::from_micros(1) };
        let sample = Sample::new(&[("timers", 2474.5), ("timers_lateness_p50", 1.13)], 4, 6, elapsed);
        let line = serde_json::to_string(&sample).unwrap();
        assert_eq!(
            line,
            r#"{"figures":[{"row":"timers","value":2474.5},{"row":"timers_lateness_p50","value":1.13}],"#
                .to_owned()
                + r#""operations":4,"sum":6,"wall_ns":1000,"cpu_ns":800}"#
        );
        assert_eq!(serde_json::from_str::<Sample>(&line).unwrap(), sample);
    }
}
