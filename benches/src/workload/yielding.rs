//! What does a turn of the run queue cost: a task wakes itself from within its poll, returns, and is polled again after all
//! others that were ready?
//!
//! The future is the same few hand-written lines for every peer, not the peer's own `yield_now`, which may defer. 1,000 tasks
//! are few enough to stay in the first-level caches; it does not show a queue of tasks that are not.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::Result;

use crate::measure::Stopwatch;
use crate::runtime::{Runtime, failed};
use crate::sample::Sample;
use crate::workload::{check_sum, warm_up_size};

const TASKS: u32 = 1000;

/// Pending once, having woken its own task.
#[derive(Debug, Default)]
pub(crate) struct WakeSelf {
    woken: bool,
}

impl Future for WakeSelf {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.woken {
            return Poll::Ready(());
        }
        self.woken = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

pub(crate) fn run<R: Runtime>(size: u64) -> Result<Sample> {
    let rounds = size.div_ceil(u64::from(TASKS));
    let (sum, elapsed) = R::block_on(async move {
        yield_in_turn::<R>(warm_up_size(rounds)).await?;
        let watch = Stopwatch::start();
        let sum = yield_in_turn::<R>(rounds).await?;
        anyhow::Ok((sum, watch.stop()))
    })??;
    let yields = rounds * u64::from(TASKS);
    check_sum(sum, yields)?;
    Ok(Sample::new(&[("yield", elapsed.cpu_ns_per(yields))], yields, sum, elapsed))
}

/// How often all tasks together came back from a yield.
async fn yield_in_turn<R: Runtime>(rounds: u64) -> Result<u64> {
    let mut tasks = Vec::with_capacity(TASKS as usize);
    for _ in 0..TASKS {
        tasks.push(R::spawn(async move {
            let mut resumed = 0_u64;
            for _ in 0..rounds {
                WakeSelf::default().await;
                resumed += 1;
            }
            resumed
        }));
    }
    let mut sum = 0;
    for task in tasks {
        sum += task.await.map_err(failed)?;
    }
    Ok(sum)
}
