//! What does a timeout cost that does not happen: a sleep is armed by its first poll and dropped before it is due, while
//! 10,000 others are outstanding?
//!
//! The sleeps lie pinned in their places and each is replaced in turn, so no allocation is measured. It does not show the
//! task around a timeout.

use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::measure::{Stopwatch, now};
use crate::random::Random;
use crate::runtime::{Runtime, failed};
use crate::sample::Sample;
use crate::workload::yielding::WakeSelf;
use crate::workload::{check_sum, warm_up_size};

const OUTSTANDING: usize = 10_000;
/// Polls between two yields. Tokio lets a task poll 128 of its leaves a turn, then they answer `Pending` without arming.
const POLLS_A_TURN: u64 = 64;
/// Far enough to be cancelled first, spread as timeouts are.
const SHORTEST_MS: u64 = 10_000;
const LONGEST_MS: u64 = 60_000;

pub(crate) fn run<R: Runtime>(size: u64) -> Result<Sample> {
    let (sum, elapsed) = R::block_on(async move {
        let mut timeouts = Timeouts::<R>::new();
        // Fills all places and goes once around, so that each measured arming cancels another.
        timeouts.arm(warm_up_size(size).max(2 * OUTSTANDING as u64)).await?;
        let watch = Stopwatch::start();
        let sum = timeouts.arm(size).await?;
        let elapsed = watch.stop();
        timeouts.check_that_one_fires().await?;
        anyhow::Ok((sum, elapsed))
    })??;
    check_sum(sum, size)?;
    Ok(Sample::new(&[("timer_cancel", elapsed.cpu_ns_per(size))], size, sum, elapsed))
}

struct Timeouts<R: Runtime> {
    places: Vec<Pin<Box<R::Sleep>>>,
    next: usize,
    random: Random,
}

impl<R: Runtime> Timeouts<R> {
    fn new() -> Self {
        Self { places: Vec::with_capacity(OUTSTANDING), next: 0, random: Random::seeded(0) }
    }

    /// Arms that many, each in the place of the oldest. Returns how many were pending, which is all of them.
    async fn arm(&mut self, count: u64) -> Result<u64> {
        let mut left = count;
        let mut pending = 0;
        while left > 0 {
            let turn = left.min(POLLS_A_TURN);
            pending +=
                poll_fn(|cx| Poll::Ready((0..turn).map(|_| u64::from(self.arm_one(cx))).sum::<u64>())).await;
            left -= turn;
            WakeSelf::default().await;
        }
        Ok(pending)
    }

    #[inline]
    fn arm_one(&mut self, cx: &mut std::task::Context<'_>) -> bool {
        let sleep =
            R::sleep(Duration::from_millis(SHORTEST_MS + self.random.below(LONGEST_MS - SHORTEST_MS)));
        if self.places.len() < OUTSTANDING {
            self.places.push(Box::pin(sleep));
        } else {
            self.places[self.next].set(sleep);
        }
        let armed = self.places[self.next].as_mut().poll(cx).is_pending();
        self.next = (self.next + 1) % OUTSTANDING;
        armed
    }

    /// Among all those, a short one still fires, and not early.
    async fn check_that_one_fires(&self) -> Result<()> {
        ensure!(self.places.len() == OUTSTANDING, "{} timers are outstanding", self.places.len());
        let duration = Duration::from_millis(1);
        let lateness = R::spawn_sleeper(duration).await.map_err(failed)?;
        ensure!(lateness.is_some(), "a timer fired before its deadline, {:?}", now());
        Ok(())
    }
}
