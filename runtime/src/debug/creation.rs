#![allow(unsafe_code, reason = "walks the stack without the lock that others may hold for long")]
//! The stacks by which tasks were made, in the mode `stacks`.
//!
//! ```text
//!   spawn, the first 8 of its site or one in 1,024 ──► return addresses, by the task's number ──► frames, when somebody asks
//!                                                       (2^14 of them at most)
//! ```
//!
//! A stack costs microseconds, so not every task has one. Its addresses are named when they are read, since reading a program's line
//! tables may take a second. Those of tasks that are gone stay until there is no room for others.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Frame, Mode};
use crate::event_loop::slot::Loop;
use crate::task::control::TaskWord;

/// Tasks of one spawn site that all have a stack.
const FIRST: u32 = 8;
/// Of the others one in so many has.
const ONE_IN: u32 = 1_024;
/// Stacks that a loop keeps, of half a kilobyte at most.
const STACKS_MAX: usize = 1 << 14;
/// Return addresses that are kept of a stack.
const DEPTH_MAX: usize = 64;

/// The stack by which a task was made. Its frames are named when they are asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct CreationStack(Arc<[usize]>);

impl CreationStack {
    /// Its frames, from the caller of the `spawn` outwards, to where the loop polled the task that spawned it. The first time this
    /// reads the program's line tables, which may take a second.
    pub fn frames(&self) -> Vec<Frame> {
        #[cfg(feature = "stacks")]
        {
            let named = self.0.iter().flat_map(|address| super::symbols::frames_of(*address));
            of_the_application(named.collect())
        }
        #[cfg(not(feature = "stacks"))]
        Vec::new()
    }
}

impl fmt::Debug for CreationStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CreationStack").field(&self.0.len()).finish()
    }
}

/// What of a stack is the application's: neither the way from `spawn` down into the loop, nor what is below the poll.
///
/// A function that was inlined has a name without its crate, so files count too.
#[cfg(any(feature = "stacks", test))]
fn of_the_application(mut frames: Vec<Frame>) -> Vec<Frame> {
    let begin = frames.iter().position(|frame| !is_ours(frame)).unwrap_or(frames.len());
    frames.drain(..begin);
    if let Some(poll) = frames.iter().position(is_root) {
        frames.truncate(poll);
        while frames.last().is_some_and(|frame| is_ours(frame) || is_of_std(frame)) {
            frames.pop();
        }
    }
    frames
}

/// Whether a frame is where the loop polls a task, or where a thread begins.
#[cfg(any(feature = "stacks", test))]
fn is_root(frame: &Frame) -> bool {
    let is_in_cell = frame.at.as_ref().is_some_and(|at| at.file.ends_with("/task/cell.rs"));
    is_ours(frame) && (is_in_cell || frame.function.starts_with("loopscope::task::cell::poll"))
        || frame.function.contains("__rust_begin_short_backtrace")
}

/// Whether a frame is this crate's.
#[cfg(any(feature = "stacks", test))]
fn is_ours(frame: &Frame) -> bool {
    let sources = file!().trim_end_matches("debug/creation.rs");
    is_one_of(
        frame,
        &["loopscope::", "<loopscope::", "backtrace::", "<backtrace::"],
        &[sources, "/backtrace-"],
    )
}

#[cfg(any(feature = "stacks", test))]
fn is_of_std(frame: &Frame) -> bool {
    let names = ["std::", "<std::", "core::", "<core::", "alloc::", "<alloc::", "__rust_try"];
    is_one_of(frame, &names, &["/library/std/", "/library/core/", "/library/alloc/"])
}

/// Whether its name begins with one of these, or its file has one of these in its path.
#[cfg(any(feature = "stacks", test))]
fn is_one_of(frame: &Frame, names: &[&str], files: &[&str]) -> bool {
    names.iter().any(|name| frame.function.starts_with(name))
        || frame.at.as_ref().is_some_and(|at| files.iter().any(|file| at.file.contains(file)))
}

/// The stacks of one loop's tasks.
#[derive(Debug, Default)]
pub(crate) struct CreationStacks {
    kept: Mutex<HashMap<u64, Kept>>,
    // The loop's thread alone.
    /// By spawn site, how many tasks were spawned there since the mode was switched on.
    spawned: RefCell<Vec<u32>>,
    is_counting: Cell<bool>,
}

#[derive(Debug)]
struct Kept {
    word: TaskWord,
    stack: CreationStack,
}

impl CreationStacks {
    fn kept(&self) -> MutexGuard<'_, HashMap<u64, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stack of a task, if one was kept.
    pub(crate) fn of(&self, task: u64) -> Option<CreationStack> {
        self.kept().get(&task).map(|kept| kept.stack.clone())
    }

    /// Begins to count anew, where the mode is no longer that with stacks.
    #[inline]
    pub(crate) fn heed(&self, mode: Mode) {
        if self.is_counting.get() && mode != Mode::Stacks {
            self.is_counting.set(false);
            self.spawned.take();
        }
    }

    /// The loop has ended.
    pub(crate) fn clear(&self) {
        self.heed(Mode::Off);
        self.kept().clear();
    }

    /// Whether the next task of a site gets a stack.
    fn is_chosen(&self, site: u32) -> bool {
        self.is_counting.set(true);
        let mut spawned = self.spawned.borrow_mut();
        let site = site as usize;
        if spawned.len() <= site {
            spawned.resize(site + 1, 0);
        }
        let before = spawned[site];
        spawned[site] = before.wrapping_add(1);
        before < FIRST || before.is_multiple_of(ONE_IN)
    }
}

impl Loop {
    /// A task begins; keeps the stack by which it is made, if it is its turn.
    #[cold]
    pub(crate) fn keep_creation_stack(&self, word: TaskWord, site: u32) {
        if !self.creation.is_chosen(site) {
            return;
        }
        let (Some(id), Some(stack)) = (self.task_id(word), capture()) else { return };
        let mut kept = self.creation.kept();
        if kept.len() >= STACKS_MAX {
            kept.retain(|_, kept| self.control_of(kept.word).is_some());
        }
        // With so many of tasks that live, those that come later go without.
        if kept.len() < STACKS_MAX {
            kept.insert(id, Kept { word, stack });
        }
    }
}

#[cfg(feature = "stacks")]
fn capture() -> Option<CreationStack> {
    let mut addresses = Vec::with_capacity(DEPTH_MAX);
    // Not under the lock of `trace`: who names addresses holds it for as long as that takes, and this is a loop's thread.
    // SAFETY: the lock is for platforms whose unwinder is not made for several threads; those of Unix are.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            // Some threads begin at a return address of zero.
            addresses.extend(Some(frame.ip().addr()).filter(|address| *address != 0));
            addresses.len() < DEPTH_MAX
        });
    }
    (!addresses.is_empty()).then(|| CreationStack(addresses.into()))
}

#[cfg(not(feature = "stacks"))]
fn capture() -> Option<CreationStack> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::view::Place;

    #[test]
    fn the_first_eight_of_a_site_are_chosen_and_then_one_in_1024() {
        let stacks = CreationStacks::default();
        let chosen =
            |site: u32, count: u32| -> Vec<u32> { (0..count).filter(|_| stacks.is_chosen(site)).collect() };
        assert_eq!(chosen(3, 2_100), [0, 1, 2, 3, 4, 5, 6, 7, 1_024, 2_048]);
        assert_eq!(chosen(0, 9), [0, 1, 2, 3, 4, 5, 6, 7], "each site counts for itself");
        stacks.heed(Mode::Stacks);
        assert!(!stacks.is_chosen(3));
        stacks.heed(Mode::On);
        assert!(stacks.is_chosen(3), "and anew when it is switched on again");
    }

    #[test]
    fn a_stack_begins_at_the_caller_of_spawn_and_ends_where_the_loop_polls() {
        let named = |names: &[&str]| -> Vec<Frame> {
            let frames = names.iter().map(|name| match name.split_once(" of ") {
                Some((name, file)) => Frame {
                    function: name.to_owned(),
                    at: Some(Place { file: file.to_owned(), line: 1, column: 1 }),
                },
                None => Frame { function: (*name).to_owned(), at: None },
            });
            frames.collect()
        };
        let cell = file!().replace("debug/creation.rs", "task/cell.rs");
        let frames = named(&[
            "backtrace::backtrace::trace_unsynchronized",
            "<loopscope::event_loop::slot::Loop>::spawn",
            "loopscope::task::builder::spawn",
            "shop::serve",
            "core::future::poll_fn",
            "shop::main::{closure#0}",
            "loopscope::time::timeout::poll",
            "shop::outer::{closure#0}",
            "loopscope::task::cell::poll::{closure#0}",
            "std::panic::catch_unwind",
            "do_call of /rustc/1/library/std/src/panicking.rs",
            "__rust_try",
            &format!("poll of {cell}"),
            "loopscope::event_loop::tick::run_batch",
            "shop::main",
        ]);
        let kept = named(&[
            "shop::serve",
            "core::future::poll_fn",
            "shop::main::{closure#0}",
            "loopscope::time::timeout::poll",
            "shop::outer::{closure#0}",
        ]);
        assert_eq!(of_the_application(frames), kept);
        let outside = named(&[
            "loopscope::task::builder::spawn",
            "shop::start",
            "core::ops::function::FnOnce::call_once",
            "std::sys::backtrace::__rust_begin_short_backtrace",
            "std::rt::lang_start",
            "main",
        ]);
        assert_eq!(of_the_application(outside), named(&["shop::start"]));
        let of_c = named(&["loopscope::task::builder::spawn", "shop::start", "main"]);
        assert_eq!(of_the_application(of_c), named(&["shop::start", "main"]));
    }
}
