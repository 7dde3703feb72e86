//! The native stack of a loop's thread, taken from outside: what it does, function by function and line by line.

#![allow(clippy::unwrap_used, reason = "test crate")]
#![allow(clippy::disallowed_methods, reason = "loops are blocked on purpose")]
#![cfg(feature = "stacks")]

#[path = "support/stuck.rs"]
mod stuck;

use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use loopscope::debug::{Activity, NativeStack, StackError, native_stack};
use stuck::Stuck;

/// Shown when a test is run by hand with `--nocapture`.
fn show(what: &str, stack: &NativeStack) {
    eprintln!("{what}: {}", stack.thread);
    for frame in &stack.frames {
        eprintln!("    {frame}");
    }
}

fn has(stack: &NativeStack, function: &str) -> bool {
    stack.frames.iter().any(|frame| frame.function.ends_with(function))
}

/// The frame of a function of this file.
#[track_caller]
fn line_in(stack: &NativeStack, function: &str) -> u32 {
    let frame = stack.frames.iter().find(|frame| frame.function.ends_with(function));
    let at = frame.and_then(|frame| frame.at.as_ref());
    let at = at.unwrap_or_else(|| panic!("no {function} in {:#?}", stack.frames));
    assert!(at.file.ends_with("tests/native_stack.rs"), "{at:?}");
    at.line
}

/// Whether the thread is in `function`, and there in one of these system calls.
fn is_in(stack: &NativeStack, function: &str, names: &[&str]) -> bool {
    has(stack, function)
        && matches!(&stack.thread.activity, Activity::InSystemCall { name: Some(name), .. } if names.contains(name))
}

#[inline(never)]
fn computes(stop: &AtomicBool) -> u64 {
    let mut sum = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        sum = black_box(sum).wrapping_add(1);
    }
    sum
}

#[test]
fn a_loop_that_computes_is_seen_in_its_function_and_in_everything_that_called_it() {
    let stop = Arc::new(AtomicBool::new(false));
    let stopper = stop.clone();
    let first = line!() - 12;
    let lp = Stuck::in_task(move || _ = computes(&stop));
    let stack = lp.stack_when(|stack| has(stack, "::computes"));
    show("computes", &stack);
    assert!((first..first + 10).contains(&line_in(&stack, "::computes")));
    assert_eq!(stack.thread.activity, Activity::Computing);
    assert_eq!((stack.cut, stack.loop_id), (None, lp.reader().id()));
    // From the function through the task and the loop to where the thread began.
    let at = |function: &str| stack.frames.iter().position(|frame| frame.function.contains(function));
    let order = ["::computes", "run_until", "block_on_plain", "thread_start"];
    let order =
        order.map(|function| at(function).unwrap_or_else(|| panic!("no {function}: {:#?}", stack.frames)));
    assert!(order.is_sorted(), "{order:?}");
    stopper.store(true, Ordering::Relaxed);
}

fn sleeps(long: Duration) {
    thread::sleep(long);
}

#[test]
fn a_loop_that_sleeps_is_seen_down_to_the_system_call() {
    let line = line!() - 5;
    let lp = Stuck::in_task(|| sleeps(Duration::from_secs(2)));
    let stack = lp.stack_when(|stack| is_in(stack, "::sleeps", &["clock_nanosleep", "nanosleep"]));
    show("sleeps", &stack);
    assert_eq!(line_in(&stack, "::sleeps"), line);
    assert!(stack.frames[0].function.contains("nanosleep"), "{:#?}", stack.frames);
    assert_eq!(stack.cut, None);
}

fn locks(lock: &Mutex<u32>) -> u32 {
    *lock.lock().unwrap()
}

#[test]
fn a_loop_that_waits_for_a_lock_of_std_is_seen_at_the_lock() {
    let lock = Arc::new(Mutex::new(1));
    let line = line!() - 6;
    let (held, wanted) = (lock.clone(), lock);
    let guard = held.lock().unwrap();
    let lp = Stuck::in_task(move || assert_eq!(locks(&wanted), 1));
    let stack = lp.stack_when(|stack| is_in(stack, "::locks", &["futex"]));
    show("locks", &stack);
    assert_eq!(line_in(&stack, "::locks"), line);
    drop(guard);
}

fn reads(mut from: impl Read) -> [u8; 1] {
    let mut byte = [0];
    from.read_exact(&mut byte).unwrap();
    byte
}

#[test]
fn a_loop_that_reads_from_a_silent_pipe_is_seen_reading_and_goes_on_undisturbed() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let line = line!() - 7;
    let lp = Stuck::in_task(move || assert_eq!(reads(reader), [7]));
    let stack = lp.stack_when(|stack| is_in(stack, "::reads", &["read"]));
    show("reads", &stack);
    assert_eq!(line_in(&stack, "::reads"), line);
    writer.write_all(&[7]).unwrap();
}

#[test]
fn the_loops_own_thread_and_a_loop_that_has_ended_have_no_stack() {
    let mut runner = loopscope::Runner::builder().build().unwrap();
    let reader = runner.block_on(async { loopscope::Handle::current().reader() }).unwrap();
    assert_eq!(native_stack(&reader).unwrap_err(), StackError::OwnThread);
    drop(runner);
    assert_eq!(native_stack(&reader).unwrap_err(), StackError::Ended);
}
