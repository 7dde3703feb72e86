//! The plan of a comparison: rounds of workloads, the peers of each in random order within seconds of each other.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::ValueEnum as _;

use crate::CompareArgs;
use crate::machine::Circumstances;
use crate::measure::now;
use crate::process::Binaries;
use crate::random::Random;
use crate::report::{Report, to_json, to_table};
use crate::runtime::Peer;
use crate::sample::Sample;
use crate::workload::Workload;

const ROUNDS: u32 = 7;
const ROUNDS_QUICK: u32 = 3;
/// With `--quick` no round begins that would, going by the longest so far, end later than this.
const QUICK_TIME_MAX: Duration = Duration::from_secs(36);

/// The values of every figure: one of each peer and round. A round that stopped half-way has no value for the rest.
#[derive(Debug, Default)]
pub(crate) struct Measurements {
    pub(crate) rounds: usize,
    by_row_and_peer: BTreeMap<(String, Peer), Vec<Option<f64>>>,
    /// Of one run; the same in every round.
    operations: BTreeMap<(String, Peer), u64>,
}

impl Measurements {
    fn begin_round(&mut self) {
        self.rounds += 1;
    }

    pub(crate) fn add(&mut self, peer: Peer, sample: &Sample) {
        for figure in &sample.figures {
            self.operations.insert((figure.row.clone(), peer), sample.operations);
            let values = self.by_row_and_peer.entry((figure.row.clone(), peer)).or_default();
            values.resize(self.rounds, None);
            if let Some(last) = values.last_mut() {
                *last = Some(figure.value);
            }
        }
    }

    /// One entry a round, or fewer if the last rounds have none.
    pub(crate) fn values(&self, row: &str, peer: Peer) -> &[Option<f64>] {
        self.by_row_and_peer.get(&(row.to_owned(), peer)).map_or(&[], Vec::as_slice)
    }

    /// 0 of what was not measured.
    pub(crate) fn operations(&self, row: &str, peer: Peer) -> u64 {
        self.operations.get(&(row.to_owned(), peer)).copied().unwrap_or(0)
    }

    #[cfg(test)]
    pub(crate) fn with_rounds(rounds: &[&[(Peer, Sample)]]) -> Self {
        let mut measurements = Self::default();
        for round in rounds {
            measurements.begin_round();
            round.iter().for_each(|(peer, sample)| measurements.add(*peer, sample));
        }
        measurements
    }
}

/// The subcommand `compare`.
pub(crate) fn run(args: &CompareArgs) -> Result<()> {
    let all: Vec<Workload> =
        Workload::all().iter().copied().filter(|w| !args.quick || w.is_quick()).collect();
    let workloads = if args.only.is_empty() { &all } else { &args.only };
    let rounds = args.rounds.unwrap_or(if args.quick { ROUNDS_QUICK } else { ROUNDS });
    let peers = peers(args);
    let binaries = Binaries::prepare(&peers)?;
    let circumstances = Circumstances::find_out();
    let time_max = if args.quick { QUICK_TIME_MAX } else { Duration::MAX };
    let mut run_one = |peer: Peer, workload: Workload| {
        show_progress(&format!("{} {}", workload.name(), peer.name()));
        binaries.run(peer, workload, workload.size(peer, args.quick))
    };
    let measured = measure(workloads, &peers, rounds, time_max, &mut Random::from_entropy(), &mut run_one);
    show_progress("");
    let report = Report::new(&measured?);
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(to_table(&report, &circumstances).as_bytes()).context("writing the table")?;
    if let Some(path) = &args.json {
        let json = to_json(&report, &circumstances)?;
        std::fs::write(path, json).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Those asked for, with the reference.
fn peers(args: &CompareArgs) -> Vec<Peer> {
    let is_in = |peer: &Peer| match args.peers.as_slice() {
        [] => !args.quick || peer.is_quick(),
        chosen => chosen.contains(peer) || *peer == Peer::REFERENCE,
    };
    Peer::value_variants().iter().copied().filter(is_in).collect()
}

/// One line that replaces itself, for whoever watches.
fn show_progress(text: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{text}");
    }
}

fn measure(
    workloads: &[Workload],
    peers: &[Peer],
    rounds: u32,
    time_max: Duration,
    random: &mut Random,
    run_one: &mut dyn FnMut(Peer, Workload) -> Result<Sample>,
) -> Result<Measurements> {
    let mut measurements = Measurements::default();
    let start = now();
    let mut longest_round = Duration::ZERO;
    let mut workloads = workloads.to_vec();
    let mut peers = peers.to_vec();
    for _ in 0..rounds {
        let round_start = now();
        if measurements.rounds > 0 && round_start - start + longest_round > time_max {
            break;
        }
        measurements.begin_round();
        random.shuffle(&mut workloads);
        for &workload in &workloads {
            random.shuffle(&mut peers);
            for &peer in &peers {
                measurements.add(peer, &run_one(peer, workload)?);
            }
        }
        longest_round = longest_round.max(now() - round_start);
    }
    Ok(measurements)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Elapsed;

    fn sample(row: &str, value: f64) -> Sample {
        Sample::new(&[(row, value)], 1, 0, Elapsed { cpu: Duration::ZERO, wall: Duration::ZERO })
    }

    #[test]
    fn each_round_runs_every_workload_on_every_peer_side_by_side() {
        let mut runs = Vec::new();
        let mut run_one = |peer: Peer, workload: Workload| {
            runs.push((workload, peer));
            Ok(sample(workload.name(), 1.0))
        };
        let workloads = [Workload::Spawn, Workload::Yield];
        let measured = measure(
            &workloads,
            Peer::value_variants(),
            5,
            Duration::MAX,
            &mut Random::seeded(0),
            &mut run_one,
        )
        .unwrap();
        assert_eq!(measured.rounds, 5);
        let peers = Peer::value_variants();
        for (workload, peer) in workloads.iter().flat_map(|w| peers.iter().map(move |p| (w, *p))) {
            assert_eq!(measured.values(workload.name(), peer), [Some(1.0); 5]);
        }
        assert_eq!(runs.len(), 5 * workloads.len() * peers.len());
        for together in runs.chunks(peers.len()) {
            let mut seen: Vec<Peer> = together.iter().map(|&(_, peer)| peer).collect();
            seen.sort_unstable();
            assert_eq!(seen, peers);
            assert!(together.iter().all(|&(workload, _)| workload == together[0].0), "{together:?}");
        }
    }

    #[test]
    fn a_comparison_out_of_time_begins_no_further_round() {
        let mut run_one = |_, workload: Workload| {
            // Some time passes on any clock.
            let begin = now();
            while now() == begin {}
            Ok(sample(workload.name(), 1.0))
        };
        let measured = measure(
            &[Workload::Spawn],
            &[Peer::TokioCt],
            1000,
            Duration::ZERO,
            &mut Random::seeded(0),
            &mut run_one,
        );
        assert_eq!(measured.unwrap().rounds, 1);
    }

    #[test]
    fn a_peer_that_fails_ends_the_comparison() {
        let mut run_one = |_, _| anyhow::bail!("wrong sum");
        let failed = measure(
            &[Workload::Spawn],
            &[Peer::TokioCt],
            3,
            Duration::MAX,
            &mut Random::seeded(0),
            &mut run_one,
        );
        assert_eq!(failed.unwrap_err().to_string(), "wrong sum");
    }
}
