//! What does it cost to spawn a task that has nothing to do, run it, and join it?
//!
//! Batches of 1,000 handles, so that a free list or an allocator has to hold more than the last block. It does not show a
//! task's first touch of its own data, nor a spawn from another thread.

use anyhow::Result;

use crate::measure::Stopwatch;
use crate::runtime::{Runtime, failed};
use crate::sample::Sample;
use crate::workload::{check_sum, sum_below, warm_up_size};

const BATCH: u32 = 1000;

pub(crate) fn run<R: Runtime>(size: u64) -> Result<Sample> {
    let (sum, elapsed) = R::block_on(async move {
        spawn_and_join::<R>(warm_up_size(size)).await?;
        let watch = Stopwatch::start();
        let sum = spawn_and_join::<R>(size).await?;
        anyhow::Ok((sum, watch.stop()))
    })??;
    check_sum(sum, sum_below(size))?;
    Ok(Sample::new(&[("spawn", elapsed.cpu_ns_per(size))], size, sum, elapsed))
}

async fn spawn_and_join<R: Runtime>(count: u64) -> Result<u64> {
    let mut tasks = Vec::with_capacity(BATCH as usize);
    let mut sum = 0;
    let mut first = 0;
    while first < count {
        let end = count.min(first + u64::from(BATCH));
        for number in first..end {
            tasks.push(R::spawn(async move { number }));
        }
        for task in tasks.drain(..) {
            sum += task.await.map_err(failed)?;
        }
        first = end;
    }
    Ok(sum)
}
