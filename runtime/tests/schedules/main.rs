//! Random programs over all primitives together, with limits that cancel their waits at any moment, against a simple model:
//! the same steps must come to the same end in the same order, nothing may be lost, and nothing may be left in the records.

#![allow(clippy::unwrap_used, reason = "test crate")]

mod model;
mod program;
#[path = "../support/records.rs"]
mod records;

use std::collections::BTreeSet;

use program::{Op, Outcome, Program};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

#[track_caller]
fn check(program: &Program) -> Option<program::Result> {
    let expected = model::run(program)?;
    let found = records::run(async { program::run(program).await });
    assert_eq!(found, expected, "{program:#?}");
    Some(found)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_program_goes_as_the_model_says(program in program::program()) {
        prop_assume!(check(&program).is_some());
    }
}

/// The kind of a step, without its numbers.
fn kind(op: Op) -> Op {
    match op {
        Op::Lock(_) => Op::Lock(0),
        Op::AwaitCondition(_) => Op::AwaitCondition(0),
        Op::Notify(..) => Op::Notify(0, 0),
        Op::Sleep(_) => Op::Sleep(0),
        other => other,
    }
}

/// That the programs above are worth running: every primitive is waited for in vain and with success, and some block for ever.
#[test]
fn the_programs_come_to_every_end_there_is() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    let (mut stuck, mut done) = (0, 0);
    for _ in 0..500 {
        let program = program::program().new_tree(&mut runner).unwrap().current();
        let Some(result) = check(&program) else { continue };
        for (_, task, at, outcome) in &result.happened {
            seen.insert((kind(program[*task][*at].op), matches!(outcome, Outcome::Late)));
        }
        if result.stuck.is_empty() { done += 1 } else { stuck += 1 }
    }
    assert!(stuck > 10 && done > 10, "{stuck} got stuck, {done} came to their end");
    let waits = [
        Op::Lock(0),
        Op::Acquire,
        Op::Put,
        Op::Get,
        Op::AwaitEvent,
        Op::AwaitCondition(0),
        Op::Meet,
        Op::Sleep(0),
    ];
    for op in waits {
        assert!(seen.contains(&(op, false)) && seen.contains(&(op, true)), "{op:?}: {seen:?}");
    }
}
