//! A loop as other threads see it.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use super::current;
use super::slot::Loop;
use crate::debug::{Mode, watchdog};
use crate::task::cell::Opaque;
use crate::task::{Builder, Task};
use crate::telemetry::LoopReader;
use crate::telemetry::atomic::{OneWriter, Relaxed};
use crate::telemetry::loop_record::LoopRecord;

/// A loop as other threads see it: `Send`, `Sync`, cheap to clone, and harmless after the loop has ended.
///
/// Everything else of a loop is `!Send`, so that what asyncio checks at run time ("Non-thread-safe operation …") does not
/// compile here.
#[derive(Clone, Debug)]
#[doc(alias = "asyncio.run_coroutine_threadsafe")]
pub struct Handle {
    lp: &'static Loop,
    life: u64,
}

/// The loop has ended: what was handed to it comes to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopEnded(());

impl LoopEnded {
    #[cfg(feature = "stacks")]
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

impl fmt::Display for LoopEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event loop has ended")
    }
}

impl Error for LoopEnded {}

impl Handle {
    /// The handle of the loop that runs on this thread.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[doc(alias = "asyncio.get_running_loop")]
    #[track_caller]
    pub fn current() -> Self {
        Self::opening(current::expect("Handle::current"))
    }

    /// The handle of the loop that runs on this thread, if one does.
    pub fn try_current() -> Option<Self> {
        current::get().map(Self::opening)
    }

    /// The application has a way into the loop from now on.
    pub(crate) fn opening(lp: &'static Loop) -> Self {
        lp.record.entrances.put(1);
        Self::of(lp)
    }

    pub(crate) fn of(lp: &'static Loop) -> Self {
        Self { lp, life: lp.life.load(Relaxed) }
    }

    pub(crate) fn with_life(lp: &'static Loop, life: u64) -> Self {
        Self { lp, life }
    }

    /// The loop and its life.
    #[cfg(feature = "stacks")]
    pub(crate) fn target(&self) -> (&'static Loop, u64) {
        (self.lp, self.life)
    }

    /// Whether the loop still lives.
    pub fn is_alive(&self) -> bool {
        self.lp.life.load(Relaxed) == self.life
    }

    /// Runs `callback` on the loop's thread, soon and between two tasks.
    ///
    /// It sees no [task-locals](crate::task_local): neither those of this thread, which stay on it, nor those of a task there.
    ///
    /// A panic in it is reported through the loop's [`on_unhandled`](crate::runner::Builder::on_unhandled).
    ///
    /// # Errors
    ///
    /// When the loop has ended; a callback that was accepted runs, unless the loop ends first.
    #[doc(alias = "asyncio.loop.call_soon_threadsafe")]
    pub fn post(&self, callback: impl FnOnce() + Send + 'static) -> Result<(), LoopEnded> {
        self.lp.post(self.life, Box::new(callback)).map_err(|_| LoopEnded(()))
    }

    /// Spawns the future that `make` makes on the loop's thread; the future itself need not be `Send`.
    ///
    /// It begins without [task-locals](crate::task_local). The task is detached; to have its result, [`run`](Self::run) it.
    ///
    /// # Errors
    ///
    /// When the loop has ended.
    #[doc(alias = "asyncio.run_coroutine_threadsafe")]
    #[track_caller]
    pub fn spawn<M, F>(&self, make: M) -> Result<(), LoopEnded>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
    {
        let place = Location::caller();
        self.post(move || {
            let task: Task<F::Output> = Builder::new().spawn_described::<F, Opaque>(make(), place);
            task.detach();
        })
    }

    /// Whether, and how, the loop is in debug mode; [`Off`](Mode::Off) when it has ended.
    #[doc(alias = "asyncio.loop.get_debug")]
    pub fn debug(&self) -> Mode {
        if self.is_alive() { Mode::of_word(self.lp.record.debug.load(Relaxed)) } else { Mode::Off }
    }

    /// Switches debug mode, within a hundred microseconds of work. Tasks that are there already are watched from then on, but
    /// what is kept from the spawn on, as the count of wakers, is not known of them.
    ///
    /// # Errors
    ///
    /// When the loop has ended.
    #[doc(alias = "asyncio.loop.set_debug")]
    pub fn set_debug(&self, mode: Mode) -> Result<(), LoopEnded> {
        self.change(|record| record.debug.store(mode.word(), Relaxed))?;
        if mode.is_on() {
            watchdog::begin();
        }
        Ok(())
    }

    /// Sets from when on debug mode calls a poll or a callback slow.
    ///
    /// # Errors
    ///
    /// When the loop has ended.
    #[doc(alias = "asyncio.loop.slow_callback_duration")]
    pub fn set_slow_callback(&self, threshold: Duration) -> Result<(), LoopEnded> {
        let slow_ns = u64::try_from(threshold.as_nanos()).unwrap_or(u64::MAX);
        self.change(|record| record.slow_ns.store(slow_ns, Relaxed))
    }

    /// From when on debug mode calls a poll or a callback slow, on or not.
    #[doc(alias = "asyncio.loop.slow_callback_duration")]
    pub fn slow_callback(&self) -> Duration {
        Duration::from_nanos(self.lp.record.slow_ns.load(Relaxed))
    }

    /// Asks for the end of the task or callback of this loop with that number, whoever has its handle: its future is dropped at its turn, that of
    /// one that is being polled when the poll returns. Returns whether the loop has such a task, be it over; then `told` hears,
    /// on the loop's thread and when it gets to it, whether the task was still alive and will end.
    ///
    /// # Errors
    ///
    /// When the loop has ended.
    pub fn cancel(&self, task: u64, told: impl FnOnce(bool) + Send + 'static) -> Result<bool, LoopEnded> {
        if !self.is_alive() {
            return Err(LoopEnded(()));
        }
        let Some(index) = self.reader().index_of(task) else { return Ok(false) };
        self.post(move || {
            // By now the slot may be another task's.
            let found = current::get().and_then(|lp| {
                let (id, word) = lp.task_at(index)?;
                (id == task).then(|| lp.cancel(word))
            });
            told(found.unwrap_or(false));
        })?;
        Ok(true)
    }

    /// Changes a word of the loop's record, which it heeds when it looks next; a loop that sleeps is woken to look.
    fn change(&self, change: impl FnOnce(&LoopRecord)) -> Result<(), LoopEnded> {
        if !self.is_alive() {
            return Err(LoopEnded(()));
        }
        change(&self.lp.record);
        self.post(|| {
            if let Some(lp) = current::get() {
                lp.heed_debug();
            }
        })
    }

    /// The loop's records.
    pub fn reader(&self) -> LoopReader {
        LoopReader::new(self.lp, self.life)
    }
}
