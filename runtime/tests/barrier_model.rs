//! Random schedules of the barrier, against a model that says who goes on when, and with what.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::task::Poll;

use loopscope::sync::{Arrival, Barrier, BrokenBarrier, WaitBarrier};
use proptest::prelude::*;
use records::{resources, run, waits};
use steps::poll;

/// What it got, short.
fn short(outcome: &Result<Arrival, BrokenBarrier>) -> String {
    match outcome {
        Ok(arrival) => arrival.index().to_string(),
        Err(error) if error.is_reset() => "reset".into(),
        Err(_) => "aborted".into(),
    }
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Poll(usize),
    Drop(usize),
    Reset,
    Abort,
}

const PLACES: usize = 6;

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        20 => (0..PLACES).prop_map(Move::Poll),
        6 => (0..PLACES).prop_map(Move::Drop),
        1 => Just(Move::Reset),
        1 => Just(Move::Abort),
    ];
    prop::collection::vec(one, 1..120)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Filling,
    Draining,
    Resetting,
    Broken,
}

#[derive(Default)]
struct Model {
    parties: usize,
    phase: Phase,
    line: VecDeque<usize>,
    /// Those on the way out, and what they got.
    leaving: BTreeMap<usize, String>,
}

impl Model {
    fn release(&mut self, count: usize) {
        for index in 0..count {
            self.leaving.insert(self.line.pop_front().unwrap(), index.to_string());
            self.phase = Phase::Draining;
        }
    }

    fn send_away(&mut self, why: &str) {
        self.leaving.extend(self.line.drain(..).map(|who| (who, why.to_owned())));
    }

    /// What a future gets that is polled.
    fn poll(&mut self, who: usize) -> Option<String> {
        if let Some(got) = self.leaving.remove(&who) {
            self.left();
            return Some(got);
        }
        if self.line.contains(&who) {
            return None;
        }
        match self.phase {
            Phase::Broken => Some("aborted".into()),
            Phase::Filling if self.line.len() + 1 == self.parties => {
                self.release(self.parties - 1);
                Some((self.parties - 1).to_string())
            }
            _ => {
                self.line.push_back(who);
                None
            }
        }
    }

    fn left(&mut self) {
        if self.leaving.is_empty() && self.phase != Phase::Broken {
            self.phase = Phase::Filling;
            if self.line.len() >= self.parties {
                self.release(self.parties);
            }
        }
    }

    fn drop(&mut self, who: usize) {
        self.line.retain(|one| *one != who);
        if self.leaving.remove(&who).is_some() {
            self.left();
        }
    }

    fn reset(&mut self) {
        if self.phase == Phase::Filling {
            self.send_away("reset");
        }
        if matches!(self.phase, Phase::Filling | Phase::Broken) {
            self.phase = if self.leaving.is_empty() { Phase::Filling } else { Phase::Resetting };
        }
    }

    fn abort(&mut self) {
        self.send_away("aborted");
        self.phase = Phase::Broken;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_barrier_lets_go_whom_the_model_lets_go(parties in 1_usize..5, moves in moves()) {
        run(async {
            let barrier = Barrier::new(parties);
            let mut model = Model { parties, ..Model::default() };
            let mut places: [Option<Pin<Box<WaitBarrier<'_>>>>; PLACES] = Default::default();
            for one in moves {
                match one {
                    Move::Poll(at) => {
                        let future = places[at].get_or_insert_with(|| Box::pin(barrier.wait()));
                        let got = match poll(future) {
                            Poll::Ready(outcome) => Some(short(&outcome)),
                            Poll::Pending => None,
                        };
                        assert_eq!(got, model.poll(at));
                        if got.is_some() {
                            places[at] = None;
                        }
                    }
                    Move::Drop(at) => {
                        if places[at].take().is_some() {
                            model.drop(at);
                        }
                    }
                    Move::Reset => {
                        barrier.reset();
                        model.reset();
                    }
                    Move::Abort => {
                        barrier.abort();
                        model.abort();
                    }
                }
                let arrived = if model.phase == Phase::Filling { model.line.len() } else { 0 };
                let expected =
                    format!("Barrier {{ state: {:?}, waiting: {arrived}, parties: {parties}, .. }}", model.phase);
                assert_eq!(format!("{barrier:?}"), expected);
                let waiting = model.line.len() + model.leaving.len();
                assert_eq!(waits().len(), waiting);
                let shown: Vec<_> = resources().iter().map(|one| (one.len, one.limit)).collect();
                let expected = (Some(arrived as u64), Some(parties as u64));
                assert_eq!(shown, if waiting > 0 { vec![expected] } else { vec![] });
            }
            drop(places);
        });
    }
}
