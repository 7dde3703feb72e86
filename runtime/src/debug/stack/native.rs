//! Taking a stack, from the question to the names.

pub(crate) mod gate;
mod modules;
mod sample;
mod signal;
mod target;
mod unwind;

use std::ptr;
use std::sync::atomic::AtomicPtr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sample::{Answer, Sample, Sampler};
pub(crate) use target::Target;
use target::own_tid;
use unwind::Unwinder;

use super::{Activity, NativeStack, StackError, ThreadState};
use crate::debug::leaked::leaked;
use crate::debug::symbols;
use crate::event_loop::slot::Loop;
use crate::telemetry::LoopReader;
use crate::telemetry::atomic::{Acquire, Release};
use crate::time::Instant;

/// A thread that takes the signal answers within microseconds once it has a processor.
const ANSWER_MAX: Duration = Duration::from_millis(50);
/// How many times as long a thread may take that could run, but on a machine that has no processor for it.
const PATIENCE: u32 = 40;

/// What is known of the modules of this process; made when the first stack is taken. A fork leaves it behind, with the thread
/// that may be at it.
static UNWINDER: AtomicPtr<Mutex<Unwinder>> = AtomicPtr::new(ptr::null_mut());

/// The unwinder, with what was loaded and unloaded up to now.
fn unwinder() -> MutexGuard<'static, Unwinder> {
    let unwinder = leaked(&UNWINDER, || Box::leak(Box::new(Mutex::new(Unwinder::new()))));
    let mut unwinder = unwinder.lock().unwrap_or_else(PoisonError::into_inner);
    if unwinder.refresh() {
        symbols::forget_addresses();
    }
    unwinder
}

/// In the child of a fork.
pub(crate) fn forget_after_fork() {
    UNWINDER.store(ptr::null_mut(), Release);
    sample::forget_after_fork();
}

/// See [`native_stack`](super::native_stack).
pub(super) fn native_stack(reader: &LoopReader) -> Result<NativeStack, StackError> {
    let (lp, life) = reader.of();
    let (thread, sample) = sample(lp, life)?;
    let at = Instant::now();
    let (addresses, cut) = unwinder().unwind(&sample);
    let (mut frames, mut unnamed) = (Vec::new(), 0);
    for address in addresses {
        // Named is what is before a return address.
        let named = symbols::frames_of(address.0.wrapping_add(1));
        unnamed += usize::from(named.iter().all(symbols::is_address));
        frames.extend(named);
    }
    Ok(NativeStack { loop_id: reader.id(), at, thread, frames, cut, unnamed })
}

/// Reads what the first stack would otherwise wait for: what is loaded, and the debug information of the program itself.
pub(crate) fn warm_up() {
    drop(unwinder());
    symbols::symbols_at(warm_up as fn() as usize + 1);
}

fn sample(lp: &'static Loop, life: u64) -> Result<(ThreadState, Sample), StackError> {
    // In the child of a fork the gates of the parent's loops stand as they stood.
    if lp.life.load(Acquire) != life {
        return Err(StackError::Ended);
    }
    let sampler = Sampler::alone();
    let chosen = signal::chosen(&sampler)?;
    let (tid, thread) = {
        let _held = lp.target.hold(life).ok_or(StackError::Ended)?;
        (lp.target.tid(), ThreadState::of(lp.target.tid()))
    };
    if tid == own_tid() {
        return Err(StackError::OwnThread);
    }
    if thread.blocks(chosen) {
        return Err(StackError::Masked(Box::new(thread))); // and would be interrupted, for nothing, when it unmasks it
    }
    let send = || {
        let _held = lp.target.hold(life).ok_or(StackError::Ended)?;
        signal::send(tid, chosen)
    };
    let mut patience = PATIENCE;
    let go_on = || {
        patience -= 1;
        patience > 0 && ThreadState::of(tid).activity == Activity::Computing
    };
    match sampler.sample((tid, lp.target.bounds()), ANSWER_MAX, send, go_on)? {
        Answer::Copied(sample) => Ok((thread, sample)),
        Answer::None => Err(StackError::NoAnswer(Box::new(ThreadState::of(tid)))),
    }
}
