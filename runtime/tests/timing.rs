//! Sleeps, intervals and time limits: on a paused clock, whole traces; on the real one, never early.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/trace.rs"]
mod trace;

use std::future::{pending, ready};
use std::time::Duration;

use loopscope::time::{Instant, MissedTick, interval, interval_at};
use loopscope::{sleep, sleep_until, spawn, timeout, timeout_at, yield_now};
use trace::spec;

const SECOND: Duration = Duration::from_secs(1);

/// Ticks of a second; the third is asked for 3.5 s late.
fn late_interval(missed: MissedTick, expected: &[&str]) {
    spec(
        |trace| async move {
            let start = Instant::now();
            let mut ticks = interval(SECOND).on_missed(missed);
            for tick in 0..7 {
                if tick == 2 {
                    sleep(Duration::from_millis(4500)).await;
                }
                let due = ticks.tick().await;
                trace.push(format!("{:?} at {:?}", due - start, start.elapsed()));
            }
        },
        expected,
    );
}

#[test]
fn an_interval_in_burst_makes_up_for_missed_ticks() {
    late_interval(
        MissedTick::Burst,
        &["0ns at 0ns", "1s at 1s", "2s at 5.5s", "3s at 5.5s", "4s at 5.5s", "5s at 5.5s", "6s at 6s"],
    );
}

#[test]
fn an_interval_with_delay_counts_from_the_late_tick() {
    late_interval(
        MissedTick::Delay,
        &[
            "0ns at 0ns",
            "1s at 1s",
            "2s at 5.5s",
            "6.5s at 6.5s",
            "7.5s at 7.5s",
            "8.5s at 8.5s",
            "9.5s at 9.5s",
        ],
    );
}

#[test]
fn an_interval_that_skips_stays_on_its_multiples() {
    late_interval(
        MissedTick::Skip,
        &["0ns at 0ns", "1s at 1s", "2s at 5.5s", "6s at 6s", "7s at 7s", "8s at 8s", "9s at 9s"],
    );
}

#[test]
fn an_interval_may_begin_later_and_a_tick_given_up_is_not_used_up() {
    spec(
        |trace| async move {
            let start = Instant::now();
            let mut ticks = interval_at(start + 2 * SECOND, SECOND);
            assert!(timeout(SECOND, ticks.tick()).await.is_err());
            for _ in 0..2 {
                let due = ticks.tick().await;
                trace.push(format!("{:?}", due - start));
            }
        },
        &["2s", "3s"],
    );
}

#[test]
fn sleeps_end_in_the_order_of_their_deadlines_then_of_their_beginnings() {
    spec(
        |trace| async move {
            let start = Instant::now();
            for (name, seconds) in [("a", 3), ("b", 1), ("c", 3), ("d", 2)] {
                let trace = trace.clone();
                spawn(async move {
                    sleep(seconds * SECOND).await;
                    trace.push(format!("{name} at {:?}", start.elapsed()));
                })
                .detach();
            }
            sleep(4 * SECOND).await;
        },
        &["b at 1s", "d at 2s", "a at 3s", "c at 3s"],
    );
}

#[test]
fn a_sleep_of_zero_is_one_turn_and_a_deadline_gone_by_the_next_look() {
    spec(
        |trace| async move {
            let inside = trace.clone();
            spawn(async move { inside.push("other") }).detach();
            sleep(Duration::ZERO).await;
            trace.push("after one turn");
            let start = Instant::now();
            sleep_until(start).await;
            sleep_until(Instant::from_nanos(1)).await;
            assert!(start.elapsed() < Duration::from_micros(1));
        },
        &["other", "after one turn"],
    );
}

#[test]
fn a_sleep_can_be_moved() {
    spec(
        |trace| async move {
            let start = Instant::now();
            let mut sleeper = std::pin::pin!(sleep(SECOND));
            assert!(timeout(SECOND / 2, sleeper.as_mut()).await.is_err());
            sleeper.as_mut().get_mut().reset(start + 3 * SECOND);
            sleeper.as_mut().await;
            trace.push(format!("{:?}", start.elapsed()));
            sleeper.as_mut().get_mut().reset(start + 4 * SECOND);
            sleeper.await;
            trace.push(format!("{:?}", start.elapsed()));
        },
        &["3s", "4s"],
    );
}

#[test]
fn a_future_that_is_ready_at_its_first_poll_wins_over_a_limit_of_zero() {
    spec(
        |_| async move {
            assert_eq!(timeout(Duration::ZERO, ready(7)).await, Ok(7));
            assert_eq!(timeout_at(Instant::from_nanos(0), ready(7)).await, Ok(7));
            let late = timeout(Duration::ZERO, pending::<()>()).await.unwrap_err();
            assert_eq!(late.to_string(), "the time limit of 0ns is over");
            assert!(timeout_at(Instant::from_nanos(0), pending::<()>()).await.is_err());
        },
        &[],
    );
}

#[test]
fn a_future_that_is_ready_at_the_deadline_itself_wins() {
    spec(
        |_| async move {
            assert_eq!(timeout(SECOND, sleep(SECOND)).await, Ok(()));
            assert!(timeout(SECOND, sleep(SECOND + Duration::from_nanos(1))).await.is_err());
        },
        &[],
    );
}

#[test]
fn of_nested_limits_the_first_that_is_over_counts() {
    spec(
        |trace| async move {
            let inner_first = timeout(2 * SECOND, timeout(SECOND, pending::<()>())).await;
            trace.push(format!("{:?}", inner_first.map(|inner| inner.map_err(|error| error.to_string()))));
            let guard = trace.on_drop("dropped");
            let outer_first = timeout(SECOND, async move {
                let _guard = guard;
                timeout(2 * SECOND, pending::<()>()).await
            });
            let late = outer_first.await.unwrap_err();
            trace.push(late.to_string());
        },
        &["Ok(Err(\"the time limit of 1s is over\"))", "dropped", "the time limit of 1s is over"],
    );
}

#[test]
fn a_limit_longer_than_time_itself_is_none() {
    spec(
        |_| async move {
            assert_eq!(timeout(Duration::MAX, sleep(SECOND)).await, Ok(()));
            yield_now().await;
        },
        &[],
    );
}

#[test]
fn a_thousand_real_sleeps_are_never_early() {
    loopscope::run(async {
        let tasks: Vec<_> = (0..1000_u64)
            .map(|number| {
                spawn(async move {
                    let duration = Duration::from_nanos(number * 7919 % 20_000_003 + 1);
                    #[expect(clippy::disallowed_methods, reason = "the clock that users compare with")]
                    let start = std::time::Instant::now();
                    sleep(duration).await;
                    let slept = start.elapsed();
                    assert!(slept >= duration, "{slept:?} instead of {duration:?}");
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}
