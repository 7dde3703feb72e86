//! Deadlines that are moved at random, against a model.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;

use std::time::Duration;

use loopscope::time::{Instant, timeout_scope};
use loopscope::{sleep, spawn};
use proptest::prelude::*;
use records::run;

const S: Duration = Duration::from_secs(1);

/// When a body of `length` ends, and whether by its deadline: first `limit`, then moved by each of `moves`, which come so long
/// after the one before and give it so long from then.
fn model(
    length: Duration,
    limit: Option<Duration>,
    moves: &[(Duration, Option<Duration>)],
) -> (Duration, bool) {
    let (mut deadline, mut now) = (limit, Duration::ZERO);
    for (after, then) in moves {
        now += *after;
        if length <= now || deadline.is_some_and(|deadline| deadline <= now) {
            break;
        }
        deadline = then.map(|then| now + then);
    }
    match deadline {
        Some(deadline) if deadline < length => (deadline, true),
        _ => (length, false),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_deadline_that_is_moved_at_random_ends_the_body_when_the_model_says(
        length in 0..20_u32,
        limit in prop::option::of(0..20_u32),
        moves in prop::collection::vec((0..6_u32, prop::option::of(0..12_u32)), 0..8),
    ) {
        run(async {
            // Nothing comes at the same moment as something else: whole seconds, quarters and halves.
            let length = S * length + S / 2;
            let limit = limit.map(|limit| S * limit + S / 4);
            let moves: Vec<_> =
                moves.into_iter().map(|(after, then)| (S * after, then.map(|then| S * then + S / 4))).collect();
            let begun = Instant::now();
            let scope = timeout_scope(limit, async |_| sleep(length).await);
            let deadline = scope.deadline();
            let expected = model(length, limit, &moves);
            let mover = spawn(async move {
                for (after, then) in moves {
                    if after > Duration::ZERO {
                        sleep(after).await;
                    }
                    let when = then.map(|then| Instant::now() + then);
                    if deadline.reschedule(when).is_err() {
                        return deadline.expired();
                    }
                    assert_eq!(deadline.when(), when);
                }
                deadline.expired()
            });
            let expired = scope.await.is_err();
            let took = Duration::from_millis(u64::try_from(begun.elapsed().as_millis()).unwrap());
            assert_eq!((took, expired), expected);
            mover.cancel().await;
        });
    }
}
