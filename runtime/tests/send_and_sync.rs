//! Which types may cross threads: proved by compiling.
//!
//! What asyncio checks at run time ("Non-thread-safe operation invoked on an event loop other than the current one") does
//! not compile here, because whatever belongs to a loop is neither `Send` nor `Sync`.

use std::fmt::Debug;
use std::os::fd::OwnedFd;

use loopscope::future::{Cancelled, Promise, Promised, Shared};
use loopscope::io::AsyncFd;
use loopscope::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use loopscope::sync::{
    Acquire, Barrier, BoundedSemaphore, BrokenBarrier, Condition, Event, Get, LifoQueue, Lock, Mutex,
    MutexGuard, OwnedPermit, Permit, PriorityQueue, Put, Queue, Semaphore, TooManyPermits, WaitBarrier,
    WaitCondition, channel, oneshot,
};
use loopscope::telemetry::{LoopReader, LoopView, ResourceView, TaskView, WaitView};
use loopscope::time::{Elapsed, Instant, Interval, Sleep, Timeout};
use loopscope::{Handle, JoinError, Runner, Task, TaskId};

/// Fails to compile where `$type` implements `$trait`: then two impls fit and neither can be chosen.
macro_rules! assert_not {
    ($trait:ident: $($type:ty),+ $(,)?) => {
        $(const _: fn() = || {
            trait Choice<Which> {
                fn choose() {}
            }
            struct Implements;
            impl<T: ?Sized> Choice<()> for T {}
            impl<T: ?Sized + $trait> Choice<Implements> for T {}
            <$type as Choice<_>>::choose();
        };)+
    };
}

const fn is_send<T: Send>() {}
const fn is_sync<T: Sync>() {}
const fn is_static_error<T: std::error::Error + Send + Sync + 'static>() {}
const fn is_plain<T: Copy + Debug + Send + Sync + 'static>() {}

// A task never moves to another thread, nor does anything that reaches into its loop.
assert_not!(Send: Runner, Task<u8>, Sleep, Interval, Timeout<Sleep>);
assert_not!(Sync: Runner, Task<u8>, Sleep, Interval, Timeout<Sleep>);
assert_not!(Send: TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, AsyncFd<OwnedFd>);
assert_not!(Sync: TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, AsyncFd<OwnedFd>);
assert_not!(Send: Mutex<u8>, MutexGuard<'static, u8>, Lock<'static, u8>, Queue<u8>, Get<'static, u8>, Put<'static, u8>);
assert_not!(Sync: Mutex<u8>, MutexGuard<'static, u8>, Lock<'static, u8>, Queue<u8>, Get<'static, u8>, Put<'static, u8>);
assert_not!(Send: Event, Condition, WaitCondition<'static, 'static, u8>, Barrier, WaitBarrier<'static>);
assert_not!(Sync: Event, Condition, WaitCondition<'static, 'static, u8>, Barrier, WaitBarrier<'static>);
assert_not!(Send: Semaphore, BoundedSemaphore, Acquire<'static>, Permit<'static>, OwnedPermit);
assert_not!(Sync: Semaphore, BoundedSemaphore, Acquire<'static>, Permit<'static>, OwnedPermit);
assert_not!(Send: channel::Sender<u8>, channel::Receiver<u8>, oneshot::Sender<u8>, oneshot::Receiver<u8>);
assert_not!(Sync: channel::Sender<u8>, channel::Receiver<u8>, oneshot::Sender<u8>, oneshot::Receiver<u8>);
assert_not!(Send: Promise<u8, u8>, Promised<u8, u8>, Shared<u8, u8>, PriorityQueue<u8>, LifoQueue<u8>);
assert_not!(Sync: Promise<u8, u8>, Promised<u8, u8>, Shared<u8, u8>, PriorityQueue<u8>, LifoQueue<u8>);

// The remote handle is the one way in, and readers may be anywhere.
const _: () = is_send::<Handle>();
const _: () = is_sync::<Handle>();
const _: () = is_send::<LoopReader>();
const _: () = is_sync::<LoopReader>();

// What is only said about a loop goes where it likes.
const _: () = is_plain::<TaskId>();
const _: () = is_plain::<Instant>();
const _: () = is_send::<LoopView>();
const _: () = is_send::<TaskView>();
const _: () = is_send::<WaitView>();
const _: () = is_send::<ResourceView>();
const _: () = is_static_error::<JoinError>();
const _: () = is_static_error::<Elapsed>();
const _: () = is_static_error::<Cancelled>();
const _: () = is_static_error::<BrokenBarrier>();
const _: () = is_static_error::<TooManyPermits>();

#[test]
fn the_proof_is_that_this_file_compiles() {
    // The macro itself must be able to tell: a type that is `Send` and one that is not.
    assert_not!(Send: std::rc::Rc<u8>, *const u8);
    is_send::<u8>();
}
