//! One spawned future in memory, then its output, and the functions that know its type.
//!
//! ```text
//!   Header │ future ──poll: Ready──► output ──take──► nothing
//!                   ──panic────────► nothing (the payload is the output)
//!                   ──cancel───────► nothing
//! ```
//!
//! # State
//!
//! The cell does not know what it holds; the flags of the task's [`Control`](super::control::Control) do: a future while not
//! `DONE`, an output while `OUTPUT`.

#![allow(unsafe_code, reason = "type-erased futures")]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "one access to a union behind a pointer counts as several"
)]
#![allow(clippy::cast_ptr_alignment, reason = "a cell is allocated with its own layout")]

use std::alloc::Layout;
use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::memory::Class;
use crate::group::GroupCore;

/// This file, which is the caller's place of a leaf that is spawned directly.
pub(crate) const FILE: &str = file!();

/// A panic's payload.
pub(crate) type Payload = Box<dyn Any + Send>;

/// What a poll came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Polled {
    /// Not yet.
    Pending,
    /// The cell holds the output.
    Ready,
    /// The cell holds the panic's payload as its output; the future was dropped.
    Panicked,
}

/// The functions of one future type.
pub(crate) struct VTable {
    /// Polls the future and, when it is over, puts the output in its place.
    pub(crate) poll: unsafe fn(*mut u8, &mut Context<'_>) -> Polled,
    /// Drops the future; returns the payload when that panics.
    pub(crate) drop_future: unsafe fn(*mut u8) -> Result<(), Payload>,
    /// Where in the cell the output lies, a `Result<T, Payload>`.
    pub(crate) output_offset: usize,
    /// Drops the output; returns the payload when that panics.
    pub(crate) drop_output: unsafe fn(*mut u8) -> Result<(), Payload>,
    /// Describes an unread error or panic in the output, as text.
    pub(crate) describe: unsafe fn(*const u8) -> Option<String>,
    pub(crate) layout: Layout,
    pub(crate) class: Class,
    pub(crate) future_bytes: usize,
    pub(crate) output_needs_drop: bool,
}

/// What every cell begins with.
pub(crate) struct Header {
    pub(crate) id: u64,
    /// The wait entry of whoever awaits the handle, or `NIL`; the handle's alone.
    pub(crate) joiner: Cell<u32>,
    pub(crate) group: Cell<Option<Rc<GroupCore>>>,
}

#[repr(C)]
struct TaskCell<F: Future> {
    header: Header,
    stage: UnsafeCell<Stage<F>>,
}

#[repr(C)]
union Stage<F: Future> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<Result<F::Output, Payload>>,
}

/// How an unread output is described; `()` knows only panics, [`Fallible`] also errors.
pub(crate) trait Describe<T> {
    /// The text of an error in `output`, if it is one.
    fn describe(output: &T) -> Option<String>;
}

/// Describes no output.
pub(crate) struct Opaque;

impl<T> Describe<T> for Opaque {
    fn describe(_: &T) -> Option<String> {
        None
    }
}

/// Describes `Err`s.
pub(crate) struct Fallible;

impl<T, E: std::fmt::Debug> Describe<Result<T, E>> for Fallible {
    fn describe(output: &Result<T, E>) -> Option<String> {
        output.as_ref().err().map(|error| format!("{error:?}"))
    }
}

/// Drops a value whose destructor may panic, where that has nobody to go to.
pub(crate) fn drop_quietly<T>(value: T) {
    let mut panicked = catch_unwind(AssertUnwindSafe(|| drop(value)));
    // The payload's destructor may panic too, and that one's payload's; whoever goes on like that is leaked.
    for _ in 0..8 {
        let Err(payload) = panicked else { return };
        panicked = catch_unwind(AssertUnwindSafe(|| drop(payload)));
    }
    std::mem::forget(panicked);
}

/// The text of a panic's payload.
pub(crate) fn payload_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is not text".to_owned())
}

struct Functions<F, D>(std::marker::PhantomData<(F, D)>);

impl<F: Future, D: Describe<F::Output>> Functions<F, D> {
    const VTABLE: VTable = VTable {
        poll: poll::<F>,
        drop_future: drop_future::<F>,
        output_offset: std::mem::offset_of!(TaskCell<F>, stage),
        drop_output: drop_output::<F>,
        describe: describe::<F, D>,
        layout: Layout::new::<TaskCell<F>>(),
        class: Class::of(Layout::new::<TaskCell<F>>()),
        future_bytes: size_of::<F>(),
        output_needs_drop: std::mem::needs_drop::<F::Output>(),
    };
    const VTABLE_REF: &'static VTable = &Self::VTABLE;
}

/// The functions for futures of type `F` whose output is described by `D`.
pub(crate) const fn vtable<F: Future, D: Describe<F::Output>>() -> &'static VTable {
    Functions::<F, D>::VTABLE_REF
}

/// Puts a header and a future into fresh memory.
///
/// # Safety
///
/// `cell` is memory of the layout in `vtable::<F, _>()`, and nobody else uses it.
pub(crate) unsafe fn write<F: Future>(cell: *mut u8, header: Header, future: F) {
    let stage = UnsafeCell::new(Stage { future: ManuallyDrop::new(future) });
    // SAFETY: the caller's promise.
    unsafe { cell.cast::<TaskCell<F>>().write(TaskCell { header, stage }) };
}

/// # Safety
///
/// `cell` holds a live future of type `F` that is not being polled.
unsafe fn poll<F: Future>(cell: *mut u8, cx: &mut Context<'_>) -> Polled {
    // SAFETY: the caller's promise; only the stage is borrowed, so the header stays free for wakes during the poll.
    let stage = unsafe { (*cell.cast::<TaskCell<F>>()).stage.get() };
    // SAFETY: the stage holds a future, which never moves until it is dropped in place.
    let future = unsafe { Pin::new_unchecked(&mut *(*stage).future) };
    match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
        Ok(Poll::Pending) => Polled::Pending,
        Ok(Poll::Ready(output)) => {
            // SAFETY: the future is over; `drop_in_place` of it may panic, then its panic is the task's.
            match unsafe { drop_future::<F>(cell) } {
                Ok(()) => {
                    // SAFETY: the future is gone, so the stage is free for the output.
                    unsafe { (&raw mut (*stage).output).write(ManuallyDrop::new(Ok(output))) };
                    Polled::Ready
                }
                Err(payload) => {
                    // SAFETY: as above.
                    unsafe { (&raw mut (*stage).output).write(ManuallyDrop::new(Err(payload))) };
                    Polled::Panicked
                }
            }
        }
        Err(payload) => {
            // SAFETY: a future that panicked is dropped and never polled again.
            let dropped = unsafe { drop_future::<F>(cell) };
            // A second panic goes the way of its payload: the first is the one to report.
            drop_quietly(dropped);
            // SAFETY: the future is gone, so the stage is free for the payload.
            unsafe { (&raw mut (*stage).output).write(ManuallyDrop::new(Err(payload))) };
            Polled::Panicked
        }
    }
}

/// # Safety
///
/// `cell` holds a live future of type `F` that is not being polled; afterwards it holds nothing.
unsafe fn drop_future<F: Future>(cell: *mut u8) -> Result<(), Payload> {
    // SAFETY: the caller's promise.
    let stage = unsafe { (*cell.cast::<TaskCell<F>>()).stage.get() };
    catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the stage holds a future and nobody uses it any more.
        unsafe { ManuallyDrop::drop(&mut (*stage).future) };
    }))
}

/// # Safety
///
/// `cell` holds an output of type `F::Output`; afterwards it holds nothing.
unsafe fn drop_output<F: Future>(cell: *mut u8) -> Result<(), Payload> {
    // SAFETY: the caller's promise.
    let stage = unsafe { (*cell.cast::<TaskCell<F>>()).stage.get() };
    catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the stage holds an output and nobody uses it any more.
        unsafe { ManuallyDrop::drop(&mut (*stage).output) };
    }))
}

/// # Safety
///
/// `cell` holds an output of type `F::Output`.
unsafe fn describe<F: Future, D: Describe<F::Output>>(cell: *const u8) -> Option<String> {
    // SAFETY: the caller's promise.
    let stage = unsafe { (*cell.cast::<TaskCell<F>>()).stage.get() };
    // SAFETY: the stage holds an output.
    let output = unsafe { &*(*stage).output };
    catch_unwind(AssertUnwindSafe(|| match output {
        Ok(output) => D::describe(output),
        Err(payload) => Some(payload_text(&**payload)),
    }))
    .unwrap_or_else(|_| Some("an error whose Debug panics".to_owned()))
}

/// The header of a cell.
///
/// # Safety
///
/// `cell` was written by [`write`] and not freed.
pub(crate) unsafe fn header<'a>(cell: *mut u8) -> &'a Header {
    // SAFETY: every cell begins with its header.
    unsafe { &*cell.cast::<Header>() }
}

/// Drops the header before the memory is freed.
///
/// # Safety
///
/// `cell` was written by [`write`]; afterwards it may only be freed.
pub(crate) unsafe fn drop_header(cell: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { std::ptr::drop_in_place(cell.cast::<Header>()) };
}
