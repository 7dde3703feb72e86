#![allow(unsafe_code, reason = "a signal handler copies registers and stack of its thread")]
//! A copy of a thread's registers and stack, made by the thread itself in a signal handler.
//!
//! ```text
//!   who asks                                   the word                         the thread, in the handler
//!   IDLE ──1 tid, bounds, sequence──► ASKED ──2 exchange──► COPYING ──3──► DONE
//!     ▲                                 │ 5 nobody came: exchange back      │
//!     └─────────────────────────────────┴────────4 read, in peace───────────┘
//! ```
//!
//! 1. under [`SAMPLER`], so that there is one request at a time; 2. only the thread that is meant; 3. release: what it copied
//!    is to be seen; 4. acquire; 5. whoever is late finds another sequence or another phase, and touches nothing.
//!
//! # Invariants
//!
//! The handler allocates nothing, locks nothing, calls nothing but `gettid` and `memcpy`, leaves `errno` as it was, and reads no
//! memory but between the stack pointer and the end of the stack that the loop recorded at its start. A request is never freed,
//! so a handler that is late by years still finds one. After a fork the child begins with none.

use std::alloc::{self, Layout};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use libc::{c_int, c_void};

use super::target::Bounds;
use crate::debug::leaked::leaked;
use crate::telemetry::atomic::{AcqRel, Acquire, AtomicU64, Relaxed, Release};
use crate::telemetry::clock;

/// The longest copy. Loops rarely use a tenth of it, but a future of some size lies on the stack several times in a debug build.
/// Memory is only taken for what was ever copied.
pub(super) const STACK_MAX: usize = 256 << 10;
/// How long a handler that has begun may take, on a machine however busy, before its request is left to it.
const COPY_MAX: Duration = Duration::from_secs(2);

const IDLE: u64 = 0;
const ASKED: u64 = 1;
const COPYING: u64 = 2;
const DONE: u64 = 3;
const PHASE: u64 = 3;

/// The registers that an unwinder begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Registers {
    pub(super) ip: u64,
    pub(super) sp: u64,
    /// `rbp`, `x29`.
    pub(super) fp: u64,
    /// `x30`.
    pub(super) lr: u64,
}

/// What a thread copied.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) registers: Registers,
    /// From the stack pointer up; empty when that lay outside of the thread's own stack.
    pub(super) stack: Vec<u8>,
    /// Whether the stack goes on above the copy.
    pub(super) is_cut: bool,
}

/// Where the handler writes.
struct Copied {
    registers: Registers,
    length: usize,
    is_cut: bool,
    stack: [u8; STACK_MAX],
}

struct Request {
    /// The sequence above the phase.
    word: AtomicU64,
    tid: AtomicI32,
    low: AtomicUsize,
    high: AtomicUsize,
    copied: UnsafeCell<Copied>,
}

// SAFETY: `copied` is written by who made ASKED into COPYING, and read by who asked when it is DONE.
unsafe impl Sync for Request {}

/// The request of today; null before the first, and after a fork.
static REQUEST: AtomicPtr<Request> = AtomicPtr::new(ptr::null_mut());
/// Held by who asks. A fork leaves it behind, with the thread that may hold it.
static SAMPLER: AtomicPtr<Mutex<()>> = AtomicPtr::new(ptr::null_mut());

/// Runs on the thread whose stack is asked for.
pub(super) extern "C" fn on_signal(_signal: c_int, _info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the address of this thread's own errno.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let before = unsafe { *errno };
    // SAFETY: requests are never freed.
    if let Some(request) = unsafe { REQUEST.load(Acquire).as_ref() } {
        request.answer(context.cast());
    }
    // SAFETY: as above.
    unsafe { *errno = before };
}

impl Request {
    /// One of zeroes, of which the OS gives only the pages that are written.
    fn new() -> &'static Self {
        let layout = Layout::new::<Self>();
        // SAFETY: it has a size.
        let at: *mut c_void = unsafe { alloc::alloc_zeroed(layout) }.cast();
        if at.is_null() {
            alloc::handle_alloc_error(layout);
        }
        // SAFETY: of this layout, and zero is valid for all of it: an idle request.
        unsafe { &*at.cast() }
    }

    /// In the handler.
    fn answer(&self, context: *const libc::ucontext_t) {
        // Pairs with the Release of `ask`: whom it is for and where his stack ends.
        let word = self.word.load(Acquire);
        // SAFETY: asks the kernel for a number.
        let tid = unsafe { libc::syscall(libc::SYS_gettid) };
        if word & PHASE != ASKED || i64::from(self.tid.load(Relaxed)) != tid {
            return; // late, or not for us
        }
        if self.word.compare_exchange(word, word & !PHASE | COPYING, AcqRel, Relaxed).is_err() {
            return;
        }
        let bounds = Bounds { low: self.low.load(Relaxed), high: self.high.load(Relaxed) };
        // SAFETY: the kernel's context lives as long as the handler runs.
        let context = unsafe { &*context };
        // SAFETY: this thread made it COPYING.
        let copied = unsafe { &mut *self.copied.get() };
        // SAFETY: the bounds are of the thread that was meant, which is this one.
        unsafe { copy(copied, context, bounds) };
        self.word.store(word & !PHASE | DONE, Release);
    }

    /// Asks the thread, once it has been signalled. Returns the sequence.
    fn ask(&self, tid: i32, bounds: Bounds) -> u64 {
        self.tid.store(tid, Relaxed);
        self.low.store(bounds.low, Relaxed);
        self.high.store(bounds.high, Relaxed);
        let word = ((self.word.load(Relaxed) >> 2) + 1) << 2 | ASKED;
        self.word.store(word, Release);
        word
    }

    /// Takes the request back. Fails when the thread has begun to answer.
    fn withdraw(&self, asked: u64) -> bool {
        self.word.compare_exchange(asked, asked & !PHASE | IDLE, Acquire, Relaxed).is_ok()
    }

    fn is_done(&self) -> bool {
        // Pairs with the Release of `answer`.
        self.word.load(Acquire) & PHASE == DONE
    }

    fn take(&self) -> Sample {
        // SAFETY: DONE, and only the next request, which `SAMPLER` keeps away, makes it anything else.
        let copied = unsafe { &*self.copied.get() };
        let stack = copied.stack.get(..copied.length).unwrap_or_default().to_vec();
        let sample = Sample { registers: copied.registers, stack, is_cut: copied.is_cut };
        self.word.store(self.word.load(Relaxed) & !PHASE | IDLE, Relaxed);
        sample
    }
}

/// Copies what `context` says of the interrupted code, and its stack if it runs on the one within `bounds`.
///
/// # Safety
///
/// `bounds` is the stack of this very thread, or nothing at all.
unsafe fn copy(to: &mut Copied, context: &libc::ucontext_t, bounds: Bounds) {
    to.registers = registers(context);
    let Ok(sp) = usize::try_from(to.registers.sp) else { return };
    to.length = 0;
    to.is_cut = false;
    if sp < bounds.low || sp >= bounds.high {
        return; // a stack that we know nothing about
    }
    let whole = bounds.high - sp;
    to.length = whole.min(STACK_MAX);
    to.is_cut = whole > STACK_MAX;
    // SAFETY: everything between the stack pointer and the stack's end is mapped and this thread's own; the copy lies
    // elsewhere.
    unsafe { ptr::copy_nonoverlapping(sp as *const u8, to.stack.as_mut_ptr(), to.length) };
}

#[cfg(target_arch = "x86_64")]
fn registers(context: &libc::ucontext_t) -> Registers {
    let at = |register: c_int| {
        let value =
            usize::try_from(register).ok().and_then(|register| context.uc_mcontext.gregs.get(register));
        value.copied().unwrap_or(0).cast_unsigned()
    };
    Registers { ip: at(libc::REG_RIP), sp: at(libc::REG_RSP), fp: at(libc::REG_RBP), lr: 0 }
}

#[cfg(target_arch = "aarch64")]
fn registers(context: &libc::ucontext_t) -> Registers {
    let machine = &context.uc_mcontext;
    Registers { ip: machine.pc, sp: machine.sp, fp: machine.regs[29], lr: machine.regs[30] }
}

/// One request at a time.
pub(super) struct Sampler {
    request: &'static Request,
    _alone: MutexGuard<'static, ()>,
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum Answer {
    Copied(Sample),
    /// Nothing within the time given; the request is withdrawn.
    None,
}

impl Sampler {
    /// Waits until nobody else samples.
    pub(super) fn alone() -> Self {
        let sampler = leaked(&SAMPLER, || Box::leak(Box::default()));
        let alone = sampler.lock().unwrap_or_else(PoisonError::into_inner);
        Self { request: leaked(&REQUEST, Request::new), _alone: alone }
    }

    /// Asks a thread, which `signal` signals, for its stack. While it has not answered after `wait`, and then each time as
    /// much has passed again, `go_on` is asked whether to wait longer.
    ///
    /// # Errors
    ///
    /// Those of `signal`.
    pub(super) fn sample<E>(
        &self,
        (tid, bounds): (i32, Bounds),
        wait: Duration,
        signal: impl FnOnce() -> Result<(), E>,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<Answer, E> {
        let asked = self.request.ask(tid, bounds);
        if let Err(error) = signal() {
            // A signal of an earlier request, which had been given up, may have come just now and found this one.
            if !self.request.withdraw(asked) && !self.is_done_within(COPY_MAX) {
                REQUEST.store(ptr::null_mut(), Release); // left to it
            }
            return Err(error);
        }
        while !self.is_done_within(wait) {
            if go_on() {
                continue;
            }
            if self.request.withdraw(asked) {
                return Ok(Answer::None);
            }
            // It has begun to copy, which takes microseconds once it has a processor.
            if !self.is_done_within(COPY_MAX) {
                REQUEST.store(ptr::null_mut(), Release); // left to it
                return Ok(Answer::None);
            }
        }
        Ok(Answer::Copied(self.request.take()))
    }

    fn is_done_within(&self, wait: Duration) -> bool {
        let until = clock::os_now_ns().saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX));
        let mut pause = Duration::from_micros(20);
        loop {
            if self.request.is_done() {
                return true;
            }
            if clock::os_now_ns() >= until {
                return false;
            }
            pause_for(pause);
            pause = (pause * 2).min(Duration::from_millis(1));
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is no loop's thread, and what it waits for cannot wake it"
)]
fn pause_for(pause: Duration) {
    std::thread::sleep(pause);
}

/// In the child of a fork, where whoever asked is not.
pub(crate) fn forget_after_fork() {
    REQUEST.store(ptr::null_mut(), Release);
    SAMPLER.store(ptr::null_mut(), Release);
}
