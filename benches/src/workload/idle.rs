//! How much memory does a task hold that waits and does nothing?
//!
//! Resident bytes of the whole process, after less before, by the number of tasks. A task keeps 64 bytes of state and an
//! `Arc`, and waits: on a foreign leaf that stores a clone of its waker, or on the runtime's own sleep. The run queue that the
//! tasks pass through is part of the figure. When the runtime ends it must have dropped every one of them.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::measure::{Elapsed, Stopwatch, resident_bytes};
use crate::runtime::{Runtime, failed};
use crate::sample::Sample;
use crate::workload::check_sum;
use crate::workload::yielding::WakeSelf;

/// Nobody waits for it to end.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// What all tasks of a run share.
#[derive(Debug, Default)]
pub(crate) struct Population {
    polled: AtomicU64,
}

/// Never ready: keeps a waker as a future of some other library would.
#[derive(Debug, Default)]
struct ForeignLeaf {
    waker: Option<Waker>,
}

impl Future for ForeignLeaf {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// What each task does: 64 bytes of state and the `Arc` live across the wait.
#[expect(clippy::manual_async_fn, reason = "an async fn keeps its parameters twice, here 8 bytes of 104")]
pub(crate) fn idle_task<W, M>(population: Arc<Population>, make_wait: M) -> impl Future<Output = ()>
where
    W: Future<Output = ()>,
    M: FnOnce() -> W,
{
    async move {
        let state = [population.polled.fetch_add(1, Relaxed); 8];
        make_wait().await;
        black_box((&state, &population));
    }
}

pub(crate) fn run_foreign_leaf<R: Runtime>(size: u64) -> Result<Sample> {
    run::<R>("idle_task_bytes", size, |population| {
        R::detach(R::spawn(idle_task(population, ForeignLeaf::default)));
    })
}

pub(crate) fn run_own_leaf<R: Runtime>(size: u64) -> Result<Sample> {
    run::<R>("idle_task_bytes_own", size, |population| R::spawn_idle_sleeper(population, AN_HOUR))
}

fn run<R: Runtime>(row: &str, size: u64, spawn_one: fn(Arc<Population>)) -> Result<Sample> {
    let population = Arc::<Population>::default();
    let shared = Arc::clone(&population);
    let (bytes, elapsed) = R::block_on(fill::<R>(shared, size, spawn_one))??;
    let polled = population.polled.load(Relaxed);
    check_sum(polled, size)?;
    let kept = Arc::strong_count(&population) - 1;
    ensure!(kept == 0, "{kept} tasks outlived their runtime");
    Ok(Sample::new(&[(row, bytes as f64 / size as f64)], size, polled, elapsed))
}

async fn fill<R: Runtime>(
    population: Arc<Population>,
    size: u64,
    spawn_one: fn(Arc<Population>),
) -> Result<(u64, Elapsed)> {
    // The runtime's first pages, of tasks and of timers, are not the tasks'.
    R::spawn(async {}).await.map_err(failed)?;
    R::sleep(Duration::from_millis(1)).await;
    let before = resident_bytes()?;
    let watch = Stopwatch::start();
    for _ in 0..size {
        spawn_one(Arc::clone(&population));
    }
    while population.polled.load(Relaxed) < size {
        WakeSelf::default().await;
    }
    let elapsed = watch.stop();
    // This function and its caller hold one each.
    let live = Arc::strong_count(&population) as u64 - 2;
    ensure!(live == size, "{live} of {size} tasks are alive");
    Ok((resident_bytes()?.saturating_sub(before), elapsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_idle_future_holds_its_state_once() {
        let future = idle_task(Arc::default(), ForeignLeaf::default);
        let parts = 64 + size_of::<Arc<Population>>() + size_of::<ForeignLeaf>();
        assert!(size_of_val(&future) <= parts + 8, "{}", size_of_val(&future));
    }
}
