//! Medians, ranges and ratios as a table and as JSON.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use clap::ValueEnum as _;
use serde::{Deserialize, Serialize};

use crate::compare::Measurements;
use crate::machine::Circumstances;
use crate::rows::{Limit, Pair, ROWS, Row};
use crate::runtime::Peer;
use crate::statistics::{Spread, differences, ratios};

/// All that a comparison found out.
#[derive(Debug)]
pub(crate) struct Report {
    lines: Vec<Line>,
    pairs: Vec<PairLine>,
}

/// One figure of one peer.
#[derive(Debug, PartialEq)]
struct Line {
    row: &'static Row,
    peer: Peer,
    spread: Spread,
    /// To the reference, over the rounds in which both were measured.
    ratio: Option<Spread>,
    operations: u64,
    samples: Vec<f64>,
}

/// One figure of two peers, compared round by round.
#[derive(Debug, PartialEq)]
struct PairLine {
    row: &'static Row,
    pair: Pair,
    spread: Spread,
}

/// One element of the JSON array. The first eight fields are what scripts rely on.
#[derive(Debug, Serialize, Deserialize)]
struct JsonLine {
    workload: String,
    peer: String,
    unit: String,
    median: f64,
    min: f64,
    max: f64,
    rounds: usize,
    /// Of each run.
    operations: u64,
    /// The median of the rounds' ratios to tokio-ct; less than 1 is cheaper.
    ratio: Option<f64>,
    ratio_min: Option<f64>,
    ratio_max: Option<f64>,
    /// What Loopscope commits to, and in which of the two.
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio_limit: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    median_limit: Option<f64>,
    samples: Vec<f64>,
    #[serde(flatten)]
    circumstances: Circumstances,
}

impl Report {
    pub(crate) fn new(measurements: &Measurements) -> Self {
        let lines = ROWS.iter().flat_map(|row| Peer::value_variants().iter().map(move |&peer| (row, peer)));
        Self {
            lines: lines.filter_map(|(row, peer)| Line::new(measurements, row, peer)).collect(),
            pairs: PairLine::all(measurements),
        }
    }
}

impl Line {
    fn new(measurements: &Measurements, row: &'static Row, peer: Peer) -> Option<Self> {
        let values = measurements.values(row.name, peer);
        let samples: Vec<f64> = values.iter().copied().flatten().collect();
        let ratio = Spread::of(&ratios(values, measurements.values(row.name, Peer::REFERENCE)));
        let operations = measurements.operations(row.name, peer);
        Some(Self { row, peer, spread: Spread::of(&samples)?, ratio, operations, samples })
    }

    /// The promise, for the one peer that has to keep it.
    fn limit(&self) -> Option<Limit> {
        self.row.limit.filter(|_| self.peer == Peer::Loopscope)
    }

    fn is_within(&self, limit: Limit) -> bool {
        match limit {
            Limit::Ratio(most) => self.ratio.is_some_and(|ratio| ratio.median <= most),
            Limit::Value(most) => self.spread.median <= most,
        }
    }

    fn to_json(&self, circumstances: &Circumstances) -> JsonLine {
        JsonLine {
            workload: self.row.name.to_owned(),
            peer: self.peer.name().to_owned(),
            unit: self.row.unit.to_owned(),
            median: self.spread.median,
            min: self.spread.min,
            max: self.spread.max,
            rounds: self.samples.len(),
            operations: self.operations,
            ratio: self.ratio.map(|ratio| ratio.median),
            ratio_min: self.ratio.map(|ratio| ratio.min),
            ratio_max: self.ratio.map(|ratio| ratio.max),
            ratio_limit: self
                .limit()
                .and_then(|limit| if let Limit::Ratio(most) = limit { Some(most) } else { None }),
            median_limit: self
                .limit()
                .and_then(|limit| if let Limit::Value(most) = limit { Some(most) } else { None }),
            samples: self.samples.clone(),
            circumstances: circumstances.clone(),
        }
    }
}

impl PairLine {
    /// One kind after the other, and the rows of each.
    fn all(measurements: &Measurements) -> Vec<Self> {
        let rows = ROWS.iter().flat_map(|row| row.pairs.iter().map(move |&pair| (row, pair)));
        let mut lines: Vec<Self> =
            rows.filter_map(|(row, pair)| Self::new(measurements, row, pair)).collect();
        lines.sort_by_key(|line| match line.pair {
            Pair::Observing(_) => 0,
            Pair::Attached(_) => 1,
            Pair::Debug(_) => 2,
            Pair::Stacks(_) => 3,
            Pair::Console(_) => 4,
        });
        lines
    }

    fn new(measurements: &Measurements, row: &'static Row, pair: Pair) -> Option<Self> {
        let values = |peer| measurements.values(row.name, peer);
        let rounds = match pair {
            Pair::Observing(_) => differences(values(Peer::Loopscope), values(Peer::LoopscopeBare)),
            Pair::Attached(_) => ratios(values(Peer::LoopscopeAttached), values(Peer::Loopscope)),
            Pair::Debug(_) => ratios(values(Peer::LoopscopeDebug), values(Peer::Loopscope)),
            Pair::Stacks(_) => ratios(values(Peer::LoopscopeStacks), values(Peer::Loopscope)),
            Pair::Console(_) => ratios(values(Peer::Loopscope), values(Peer::TokioConsole)),
        };
        Some(Self { row, pair, spread: Spread::of(&rounds)? })
    }

    fn heading(&self) -> &'static str {
        match self.pair {
            Pair::Observing(_) => "observing: loopscope less loopscope-bare, round by round",
            Pair::Attached(_) => "attached: loopscope-attached by loopscope, round by round",
            Pair::Debug(_) => "debug mode: loopscope-debug by loopscope, round by round",
            Pair::Stacks(_) => "with creation stacks: loopscope-stacks by loopscope, round by round",
            Pair::Console(_) => "observed both: loopscope by tokio-console, round by round",
        }
    }

    fn text(&self) -> String {
        let Spread { median, min, max } = self.spread;
        let (name, unit) = (self.row.name, self.row.unit);
        match self.pair {
            Pair::Observing(limit) => {
                let verdict = verdict(median <= limit);
                format!("{name:<20} {median:+.1} {unit} [{min:+.1}..{max:+.1}]  ≤ {limit} {verdict}")
            }
            Pair::Attached(limit) | Pair::Debug(limit) | Pair::Stacks(limit) | Pair::Console(limit) => {
                let verdict = verdict(median <= limit);
                format!("{name:<20} {median:.4} [{min:.4}..{max:.4}]  × ≤ {limit} {verdict}")
            }
        }
    }
}

/// An array of lines, each complete in itself.
pub(crate) fn to_json(report: &Report, circumstances: &Circumstances) -> Result<String> {
    let lines: Vec<JsonLine> = report.lines.iter().map(|line| line.to_json(circumstances)).collect();
    let mut json = serde_json::to_string_pretty(&lines).context("writing the figures as JSON")?;
    json.push('\n');
    Ok(json)
}

pub(crate) fn to_table(report: &Report, circumstances: &Circumstances) -> String {
    let mut table = header(circumstances);
    let mut row_before = "";
    for line in &report.lines {
        let name = if line.row.name == row_before { "" } else { line.row.name };
        row_before = line.row.name;
        push_line(&mut table, name, line);
    }
    let mut heading_before = "";
    for line in &report.pairs {
        if line.heading() != heading_before {
            heading_before = line.heading();
            push(&mut table, format_args!("\n{heading_before}"));
        }
        push(&mut table, format_args!("{}", line.text()));
    }
    if report.lines.iter().any(|line| line.peer == Peer::TokioConsole) {
        table.push_str(
            "\ntokio-console runs fewer operations than the others, of some workloads a fiftieth, because every task costs it 49 KB\n",
        );
    }
    table
}

fn header(circumstances: &Circumstances) -> String {
    let Circumstances { machine, commit, date } = circumstances;
    let load = machine.load.map_or_else(String::new, |load| format!(" (load {load})"));
    let mut table = String::new();
    push(
        &mut table,
        format_args!(
            "{}, {} cores{load}, Linux {}; commit {commit}, {date}",
            machine.cpu, machine.cores, machine.kernel
        ),
    );
    push(
        &mut table,
        format_args!(
            "ns are processor time an operation; × is the median ratio to tokio-ct of the same round\n"
        ),
    );
    push(
        &mut table,
        format_args!(
            "{:<20} {:<18} {:>10} {:>10} {:>10} {:<5} {:>6} {:>7} {:>15}  limit",
            "workload", "peer", "median", "min", "max", "unit", "rounds", "×", "[min..max]"
        ),
    );
    table
}

fn push_line(table: &mut String, name: &str, line: &Line) {
    let Spread { median, min, max } = line.spread;
    let (unit, decimals, rounds) = (line.row.unit, line.row.decimals(), line.samples.len());
    let (ratio, range) = line.ratio.map_or_else(Default::default, |ratio| {
        (format!("{:.3}", ratio.median), format!("[{:.3}..{:.3}]", ratio.min, ratio.max))
    });
    let limit = line.limit().map_or_else(String::new, |limit| {
        let verdict = verdict(line.is_within(limit));
        match limit {
            Limit::Ratio(most) => format!("  × ≤ {most} {verdict}"),
            Limit::Value(most) => format!("  ≤ {most} {unit} {verdict}"),
        }
    });
    let peer = line.peer.name();
    push(
        table,
        format_args!(
            "{name:<20} {peer:<18} {median:>10.decimals$} {min:>10.decimals$} {max:>10.decimals$} {unit:<5} {rounds:>6} \
             {ratio:>7} {range:>15}{limit}"
        ),
    );
}

fn verdict(kept: bool) -> &'static str {
    if kept { "kept" } else { "MISSED" }
}

fn push(table: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _infallible = writeln!(table, "{line}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::machine::Machine;
    use crate::measure::Elapsed;
    use crate::sample::Sample;

    fn circumstances() -> Circumstances {
        Circumstances {
            machine: Machine { cpu: "AMD EPYC".into(), kernel: "6.18".into(), cores: 2, load: Some(0.5) },
            commit: "0123456789ab".into(),
            date: "2026-11-22T17:00:00Z".into(),
        }
    }

    fn round(figures: [(Peer, &str, f64); 3]) -> Vec<(Peer, Sample)> {
        let elapsed = Elapsed { cpu: Duration::ZERO, wall: Duration::ZERO };
        figures.map(|(peer, row, value)| (peer, Sample::new(&[(row, value)], 1, 0, elapsed))).into()
    }

    fn yields() -> Report {
        let round = |ours, bare, tokio| {
            round([
                (Peer::TokioCt, "yield", tokio),
                (Peer::LoopscopeBare, "yield", bare),
                (Peer::Loopscope, "yield", ours),
            ])
        };
        let rounds = [round(15.0, 10.0, 30.0), round(60.0, 20.0, 60.0), round(18.0, 12.0, 24.0)];
        Report::new(&Measurements::with_rounds(&rounds.each_ref().map(Vec::as_slice)))
    }

    #[test]
    fn the_json_is_an_array_of_complete_lines() {
        let json: serde_json::Value =
            serde_json::from_str(&to_json(&yields(), &circumstances()).unwrap()).unwrap();
        assert_eq!(json.as_array().unwrap().len(), 3);
        assert_eq!(
            json[0],
            serde_json::json!({
                "workload": "yield", "peer": "loopscope", "unit": "ns",
                "median": 18.0, "min": 15.0, "max": 60.0, "rounds": 3, "operations": 1,
                "ratio": 0.75, "ratio_min": 0.5, "ratio_max": 1.0, "ratio_limit": 0.72,
                "samples": [15.0, 60.0, 18.0],
                "machine": {"cpu": "AMD EPYC", "kernel": "6.18", "cores": 2, "load": 0.5},
                "commit": "0123456789ab", "date": "2026-11-22T17:00:00Z"
            })
        );
        assert_eq!((&json[2]["peer"], &json[2]["ratio"]), (&"tokio-ct".into(), &1.0.into()));
        assert_eq!(json[2].get("ratio_limit"), None);
    }

    #[test]
    fn the_table_names_each_row_once_and_judges_only_what_was_promised() {
        let table = to_table(&yields(), &circumstances());
        assert_eq!(
            table,
            "AMD EPYC, 2 cores (load 0.5), Linux 6.18; commit 0123456789ab, 2026-11-22T17:00:00Z\n\
             ns are processor time an operation; × is the median ratio to tokio-ct of the same round\n\
             \n\
             workload             peer                   median        min        max unit  rounds       ×      [min..max]  limit\n\
             yield                loopscope                18.0       15.0       60.0 ns         3   0.750  [0.500..1.000]  × ≤ 0.72 MISSED\n                     \
             loopscope-bare           12.0       10.0       20.0 ns         3   0.333  [0.333..0.500]\n                     \
             tokio-ct                 30.0       24.0       60.0 ns         3   1.000  [1.000..1.000]\n\
             \n\
             observing: loopscope less loopscope-bare, round by round\n\
             yield                +6.0 ns [+5.0..+40.0]  ≤ 15 kept\n"
        );
    }

    #[test]
    fn what_a_client_costs_and_what_console_subscriber_costs_are_judged_by_round() {
        let elapsed = Elapsed { cpu: Duration::ZERO, wall: Duration::ZERO };
        let sample = |row, value| Sample::new(&[(row, value)], 1, 0, elapsed);
        let measured = [
            (Peer::Loopscope, sample("echo64_loop", 5000.0)),
            (Peer::LoopscopeAttached, sample("echo64_loop", 5200.0)),
            (Peer::Loopscope, sample("yield", 20.0)),
            (Peer::TokioConsole, sample("yield", 800.0)),
        ];
        let table = to_table(&Report::new(&Measurements::with_rounds(&[&measured])), &circumstances());
        let end = table.split_once("\n\nattached: ").unwrap().1;
        assert_eq!(
            end,
            "loopscope-attached by loopscope, round by round\n\
             echo64_loop          1.0400 [1.0400..1.0400]  × ≤ 1.02 MISSED\n\
             \n\
             observed both: loopscope by tokio-console, round by round\n\
             yield                0.0250 [0.0250..0.0250]  × ≤ 0.05 kept\n\
             \n\
             tokio-console runs fewer operations than the others, of some workloads a fiftieth, because every task costs it 49 KB\n"
        );
    }

    #[test]
    fn an_absolute_promise_is_held_against_the_median() {
        let measured = round([
            (Peer::TokioCt, "timers_lateness_p50", 1.13),
            (Peer::LoopscopeBare, "timers_lateness_p50", 0.2),
            (Peer::Loopscope, "timers_lateness_p50", 0.25),
        ]);
        let report = Report::new(&Measurements::with_rounds(&[&measured]));
        let table = to_table(&report, &circumstances());
        assert!(
            table.contains("0.250      0.250 ms         1   0.221  [0.221..0.221]  ≤ 0.25 ms kept\n"),
            "{table}"
        );
        assert!(!table.contains("observing"), "{table}");
        assert!(!table.contains("attached"), "{table}");
        let json = to_json(&report, &circumstances()).unwrap();
        assert!(json.contains("\"median_limit\": 0.25"), "{json}");
    }
}
