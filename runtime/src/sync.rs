//! Locks, queues and channels between the tasks of one loop; [`remote`] has those that cross loops and threads.
//!
//! None of the others is `Send`: whoever shares one shares it on one thread, so that taking a free lock is two plain stores and
//! passing a message no atomic at all. Waiters are served in the order they came, and a place that was given to a waiter is
//! kept for it: nobody overtakes. A waiter that is dropped passes on what it was given.
//!
//! Each of them works outside of a loop as long as it need not wait. Whoever waits must do so on the loop the others wait on.
//!
//! A lock, queue or the like is shown by [`telemetry`](crate::telemetry) while somebody waits for it, a channel from the first wait
//! for it on.

mod barrier;
mod bounded_semaphore;
pub mod broadcast;
pub mod channel;
mod condition;
mod event;
mod holder;
mod last_taker;
pub(crate) mod line;
mod mutex;
pub mod oneshot;
mod permits;
mod queue;
pub mod remote;
mod semaphore;
pub mod watch;

pub use barrier::{Arrival, Barrier, BrokenBarrier, WaitBarrier};
pub use bounded_semaphore::{BoundedSemaphore, TooManyPermits};
pub use condition::{Condition, WaitCondition, WaitConditionFor};
pub use event::{Event, WaitEvent};
pub use mutex::{Lock, Mutex, MutexGuard};
pub use permits::{Acquire, AcquireOwned, OwnedPermit, Permit};
pub(crate) use queue::may_go_on;
pub use queue::{
    Closed, Fifo, Get, Join, Lifo, LifoQueue, Priority, PriorityQueue, Put, PutError, Queue, QueueOf,
    Storage, TryGetError, TryPutError,
};
pub use semaphore::Semaphore;
