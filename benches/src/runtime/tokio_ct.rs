//! Tokio's `current_thread` runtime, as `#[tokio::main(flavor = "current_thread")]` builds it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::measure::Lateness;
use crate::runtime::Runtime;
use crate::workload::{idle, timers};

#[derive(Debug)]
pub(crate) struct TokioCt;

impl Runtime for TokioCt {
    type JoinError = tokio::task::JoinError;
    type Task<T: Send + 'static> = tokio::task::JoinHandle<T>;
    type Sleep = tokio::time::Sleep;

    fn block_on<F: Future<Output: 'static> + 'static>(root: F) -> Result<F::Output> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("building tokio's runtime")?;
        Ok(runtime.block_on(root))
    }

    #[inline]
    fn spawn<F>(future: F) -> Self::Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(future)
    }

    #[inline]
    fn detach<T: Send + 'static>(task: Self::Task<T>) {
        drop(task);
    }

    #[inline]
    fn sleep(duration: Duration) -> Self::Sleep {
        tokio::time::sleep(duration)
    }

    #[inline]
    fn spawn_sleeper(duration: Duration) -> Self::Task<Lateness> {
        tokio::spawn(timers::sleep_and_report(tokio::time::sleep, duration))
    }

    #[inline]
    fn spawn_idle_sleeper(population: Arc<idle::Population>, duration: Duration) {
        drop(tokio::spawn(idle::idle_task(population, move || tokio::time::sleep(duration))));
    }
}
