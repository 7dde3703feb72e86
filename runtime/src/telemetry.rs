//! What every loop keeps about itself, and how anybody reads it.
//!
//! The loop writes state, not events: fixed-size records in address space that is never unmapped, one writer each, every
//! reader-visible word an atomic. [`loops`] gives a [`LoopReader`] a loop, which copies plain values out, from any thread and at
//! any time.
//!
//! ```text
//!   loop thread (only writer)                         any thread
//!   control  32 B  generation, flags, link, future
//!   record   96 B  id, state, counters  ◄──────────── LoopReader::tasks
//!   waiter   64 B  waker, kind, places  ◄──────────── LoopReader::waits
//!   resource 192 B holder, fd, bytes    ◄──────────── LoopReader::resources
//!   site           counts, histograms   ◄──────────── LoopReader::sites, histogram
//!   I/O total      bytes by place       ◄──────────── LoopReader::io_totals, readiness_delay
//!
//!   under the lock of a pool of blocking threads:
//!   job       96 B state, thread, times ◄──────────── PoolReader::jobs
//! ```

pub(crate) mod atomic;
pub(crate) mod clock;
pub(crate) mod histogram;
pub(crate) mod identity;
pub(crate) mod intern;
pub(crate) mod io_total;
pub(crate) mod job;
pub(crate) mod loop_record;
pub(crate) mod pages;
mod pool_reader;
pub(crate) mod pool_record;
mod reader;
pub(crate) mod record;
pub(crate) mod resource;
pub(crate) mod site;
pub(crate) mod slots;
pub(crate) mod view;
pub(crate) mod waiter;

pub use pool_reader::{PoolReader, pools};
pub use reader::{LoopReader, loops};
pub use view::{
    Address, Bucket, Histogram, HistogramKind, IoTotalIndex, IoTotalView, IoView, JobView, LoopView,
    NameIndex, Place, PlaceIndex, PoolHistogramKind, PoolView, ResourceId, ResourceKind, ResourceView,
    RunningView, SiteIndex, SiteView, Taker, TaskKind, TaskState, TaskView, TimerKind, WaitKind, WaitView,
};
