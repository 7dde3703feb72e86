//! The ledger against a list that does the same in the plainest way.

use proptest::prelude::*;

use super::*;
use crate::debug::Lint;
use crate::telemetry::view::Place;
use std::time::Duration;

/// A warning by what tells it from others: one of a few lints, loops, resources, places and tasks.
fn warning(what: (u8, u8, u8, u8, u8), ms: Option<u64>) -> Warning {
    let (lint, loop_id, resource, place, task) = what;
    let some = |number: u8| (number > 0).then_some(u64::from(number));
    Warning {
        loop_id: some(loop_id),
        resource: some(resource),
        task: some(task).map(crate::task::TaskId::from_raw),
        at: some(place).map(|line| Place {
            file: "a.rs".to_owned(),
            line: u32::try_from(line).unwrap_or(0),
            column: 1,
        }),
        duration: ms.map(Duration::from_millis),
        ..Warning::new(Lint::ALL[usize::from(lint)], format!("took {ms:?}"))
    }
}

/// What an entry is known by; the task counts only where there is no place.
type Key = (u8, u8, u8, u8, u8);

/// One entry of the model: key, number, count, first, last, the duration it shows.
type Known = (Key, u64, u64, u64, u64, Option<u64>);

#[derive(Default)]
struct Model {
    known: Vec<Known>,
    found: u64,
    lost: u64,
}

impl Model {
    fn enter(&mut self, what: Key, ms: Option<u64>, now: u64) -> u64 {
        let key = if what.3 > 0 { (what.0, what.1, what.2, what.3, 0) } else { what };
        if let Some(known) = self.known.iter_mut().find(|known| known.0 == key) {
            (known.2, known.4, known.5) = (known.2 + 1, now, known.5.max(ms));
            return known.2;
        }
        if self.known.len() == ENTRIES_MAX {
            let oldest = self.known.iter().map(|known| (known.4, known.1)).min();
            self.known.retain(|known| Some((known.4, known.1)) != oldest);
            self.lost += 1;
        }
        self.found += 1;
        self.known.push((key, self.found, 1, now, now, ms));
        1
    }
}

fn read(ledger: &Ledger) -> Vec<(u64, u64, u64, u64, Option<u64>)> {
    let nanos = |at: Instant| at.as_nanos();
    let ms = |entry: &Entry| entry.warning.duration.and_then(|took| u64::try_from(took.as_millis()).ok());
    let entries = ledger.entries.iter();
    entries
        .map(|entry| (entry.number, entry.count, nanos(entry.first), nanos(entry.last), ms(entry)))
        .collect()
}

proptest! {
    #[test]
    fn the_ledger_counts_as_a_plain_list_does(
        found in proptest::collection::vec(
            ((0_u8..3, 0_u8..3, 0_u8..2, 0_u8..3, 0_u8..3), proptest::option::of(0_u64..9), 0_u64..3),
            0..300,
        )
    ) {
        let (mut ledger, mut model, mut now) = (Ledger::new(), Model::default(), 0);
        for (what, ms, later) in found {
            now += later;
            let count = ledger.enter(&warning(what, ms), Instant::from_nanos(now));
            prop_assert_eq!(count, model.enter(what, ms, now));
        }
        let expected: Vec<_> = model.known.iter().map(|known| (known.1, known.2, known.3, known.4, known.5)).collect();
        prop_assert_eq!(read(&ledger), expected);
        prop_assert_eq!(ledger.lost, model.lost);
    }
}

proptest! {
    // Each compares a thousand entries a thousand times.
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn of_more_than_it_holds_those_found_longest_ago_go(
        found in proptest::collection::vec((0_u8..5, 0_u8..4, 0_u8..2, 0_u8..=255, 0_u8..2), 1_300..1_600)
    ) {
        let (mut ledger, mut model) = (Ledger::new(), Model::default());
        for (now, what) in (0_u64..).zip(found) {
            // Several at one instant.
            let now = now / 3;
            let count = ledger.enter(&warning(what, None), Instant::from_nanos(now));
            prop_assert_eq!(count, model.enter(what, None, now));
            prop_assert!(ledger.entries.len() <= ENTRIES_MAX);
        }
        let expected: Vec<_> = model.known.iter().map(|known| (known.1, known.2, known.3, known.4, known.5)).collect();
        prop_assert_eq!(read(&ledger), expected);
        prop_assert_eq!(ledger.lost, model.lost);
        prop_assert!(ledger.lost > 0, "the test does not reach the bound");
    }
}

#[test]
fn what_is_kept_of_a_warning_has_an_end() {
    let mut ledger = Ledger::new();
    let frame = crate::debug::Frame { function: "f".to_owned(), at: None };
    let long = Warning {
        stack: vec![frame; 1_000],
        ..Warning::new(Lint::Unhandled, format!("a{}", "é".repeat(MESSAGE_MAX)))
    };
    ledger.enter(&long, Instant::from_nanos(0));
    let kept = &ledger.entries[0].warning;
    assert_eq!(kept.stack.len(), FRAMES_MAX);
    // An even number of bytes is in the middle of one of the letters.
    assert_eq!(kept.message, format!("a{}…", "é".repeat(MESSAGE_MAX / 2 - 1)));
}
