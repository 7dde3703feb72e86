//! Random schedules of the semaphore, against a model that says who gets permits when.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::task::Poll;

use loopscope::sync::{Acquire, Permit, Semaphore};
use proptest::prelude::*;
use records::{resources, run, waits};
use steps::poll;

#[derive(Clone, Copy, Debug)]
enum Move {
    /// Makes a future for so many if there is none, and polls it.
    Poll(usize, u32),
    Drop(usize),
    Forget(usize),
    Try(u32),
    Add(usize),
}

const PLACES: usize = 6;

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        10 => (0..PLACES, 0..4_u32).prop_map(|(at, count)| Move::Poll(at, count)),
        6 => (0..PLACES).prop_map(Move::Drop),
        1 => (0..PLACES).prop_map(Move::Forget),
        1 => (0..3_u32).prop_map(Move::Try),
        1 => (0..3_usize).prop_map(Move::Add),
    ];
    prop::collection::vec(one, 1..120)
}

enum Op<'a> {
    Waits(Pin<Box<Acquire<'a>>>),
    Has(Permit<'a>),
}

#[derive(Default)]
struct Model {
    free: usize,
    total: usize,
    line: VecDeque<(usize, usize)>,
    /// Those for whom permits are kept, and those who have them.
    kept: BTreeMap<usize, usize>,
    had: BTreeMap<usize, usize>,
}

impl Model {
    fn settle(&mut self) {
        while self.line.front().is_some_and(|(_, count)| *count <= self.free) {
            let (who, count) = self.line.pop_front().unwrap();
            self.free -= count;
            self.kept.insert(who, count);
        }
    }

    fn try_take(&self, count: usize) -> bool {
        self.line.is_empty() && count <= self.free
    }

    /// A future is polled: has it got its permits?
    fn poll(&mut self, who: usize, count: usize) -> bool {
        if let Some(count) = self.kept.remove(&who) {
            self.had.insert(who, count);
        } else if !self.line.iter().any(|(one, _)| *one == who) {
            if self.try_take(count) {
                self.free -= count;
                self.had.insert(who, count);
            } else {
                self.line.push_back((who, count));
            }
        }
        self.had.contains_key(&who)
    }

    fn drop(&mut self, who: usize) {
        self.line.retain(|(one, _)| *one != who);
        self.free += self.kept.remove(&who).unwrap_or(0) + self.had.remove(&who).unwrap_or(0);
        self.settle();
    }

    fn check(&self, semaphore: &Semaphore) {
        let somewhere: usize = self.kept.values().chain(self.had.values()).sum();
        assert_eq!(self.free + somewhere, self.total, "the model itself loses none");
        let waiting = self.line.len() + self.kept.len();
        let (free, total) = (self.free, self.total);
        let expected = format!("Semaphore {{ free: {free}, total: {total}, waiters: {waiting}, .. }}");
        assert_eq!(format!("{semaphore:?}"), expected);
        assert_eq!(semaphore.is_locked(), !self.try_take(1));
        assert_eq!(waits().len(), waiting);
        let shown: Vec<_> = resources().iter().map(|one| (one.len, one.limit)).collect();
        let expected = (Some(free as u64), Some(total as u64));
        assert_eq!(shown, if waiting > 0 { vec![expected] } else { vec![] });
    }
}

fn play(permits: usize, moves: Vec<Move>) {
    let semaphore = Semaphore::new(permits);
    let mut model = Model { free: permits, total: permits, ..Model::default() };
    let mut places: [Option<Op<'_>>; PLACES] = Default::default();
    for one in moves {
        match one {
            Move::Poll(at, count) => {
                let place =
                    places[at].get_or_insert_with(|| Op::Waits(Box::pin(semaphore.acquire_many(count))));
                if let Op::Waits(future) = place {
                    let polled = poll(future);
                    assert_eq!(polled.is_ready(), model.poll(at, count as usize));
                    if let Poll::Ready(permit) = polled {
                        assert_eq!(permit.count() as usize, model.had[&at]);
                        *place = Op::Has(permit);
                    }
                }
            }
            Move::Drop(at) => {
                if places[at].take().is_some() {
                    model.drop(at);
                }
            }
            Move::Forget(at) => {
                if let Some(Op::Has(permit)) = places[at].take_if(|op| matches!(op, Op::Has(_))) {
                    permit.forget();
                    model.total -= model.had.remove(&at).unwrap();
                }
            }
            Move::Try(count) => {
                let permit = semaphore.try_acquire_many(count);
                assert_eq!(permit.is_some(), model.try_take(count as usize));
            }
            Move::Add(count) => {
                semaphore.add_permits(count);
                model.free += count;
                model.total += count;
                model.settle();
            }
        }
        model.check(&semaphore);
    }
    drop(places);
    assert_eq!(semaphore.available(), model.total, "no permit disappears");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_semaphore_serves_whom_the_model_serves(permits in 0_usize..5, moves in moves()) {
        run(async { play(permits, moves) });
    }
}
