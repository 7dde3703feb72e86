#![allow(unsafe_code, reason = "libraries are loaded and unloaded while stacks are taken")]
//! Stacks of a loop that allocates, locks, unwinds, loads libraries, sleeps and computes, one after the other without a pause:
//! nothing crashes or hangs, and every one is accounted for.
//!
//! `LOOPSCOPE_STRESS_SAMPLES=10000` takes as many; `--nocapture` shows what became of them.

#![allow(clippy::unwrap_used, reason = "test crate")]
#![allow(clippy::disallowed_methods, reason = "the loop is blocked on purpose")]
#![cfg(feature = "stacks")]

#[path = "support/stuck.rs"]
mod stuck;

use std::collections::{BTreeMap, HashSet};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use loopscope::debug::{Cut, StackError, native_stack};
use stuck::Stuck;

/// Small parts of the C library that nobody else here loads.
const LIBRARIES: [&std::ffi::CStr; 3] = [c"libBrokenLocale.so.1", c"libutil.so.1", c"libresolv.so.2"];

#[inline(never)]
fn allocates(round: u64) -> usize {
    let sizes = (0..50).map(|n| 16 << (n % 12));
    let all: Vec<Vec<u8>> = sizes.map(|size| vec![1; black_box(size)]).collect();
    let text = format!("{round} {:?}", all.iter().map(Vec::len).sum::<usize>());
    black_box(text).len()
}

#[inline(never)]
fn locks(lock: &Mutex<u64>) {
    for _ in 0..50 {
        *lock.lock().unwrap() += 1;
    }
}

#[inline(never)]
fn unwinds(deep: u32) {
    let _guard = Box::new(deep);
    if deep == 0 {
        resume_unwind(Box::new("caught"));
    }
    unwinds(black_box(deep) - 1);
}

#[inline(never)]
fn loads_libraries() {
    for name in LIBRARIES {
        // SAFETY: libraries of the C library's own, whose initialisers do nothing to us.
        let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW) };
        if !library.is_null() {
            // SAFETY: loaded just now, and nothing of it was kept.
            unsafe { libc::dlclose(library) };
        }
    }
}

#[inline(never)]
fn computes() {
    (0..20_000_u64).for_each(|n| _ = black_box(n));
}

/// All of it in turn, until told to stop. Returns how often.
fn works(stop: &AtomicBool, rounds: &AtomicU64, lock: &Mutex<u64>) {
    while !stop.load(Ordering::Relaxed) {
        let round = rounds.fetch_add(1, Ordering::Relaxed);
        assert!(allocates(round) > 0);
        locks(lock);
        assert!(catch_unwind(AssertUnwindSafe(|| unwinds(20))).is_err());
        loads_libraries();
        let slept = Instant::now();
        thread::sleep(Duration::from_micros(200));
        assert!(slept.elapsed() >= Duration::from_micros(200), "a stack cut a sleep short");
        computes();
    }
}

#[test]
fn stacks_of_a_loop_that_does_everything_are_all_accounted_for_and_it_goes_on_undisturbed() {
    let samples: u64 = std::env::var("LOOPSCOPE_STRESS_SAMPLES").map_or(200, |count| count.parse().unwrap());
    let (stop, rounds, lock) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default(), Arc::default());
    let (stopping, counted, contended) = (stop.clone(), rounds.clone(), Arc::<Mutex<u64>>::clone(&lock));
    // Somebody who has the lock as often as the loop.
    let other = thread::spawn({
        let stop = stop.clone();
        move || {
            while !stop.load(Ordering::Relaxed) {
                locks(&contended);
                thread::sleep(Duration::from_micros(50));
            }
        }
    });
    let lp = Stuck::in_task(move || works(&stop, &rounds, &lock));
    let (mut became, mut seen_in, began) = (BTreeMap::<String, u64>::new(), HashSet::new(), Instant::now());
    let kinds = ["allocates", "locks", "unwinds", "loads_libraries", "computes", "sleep"];
    for _ in 0..samples {
        let what = match native_stack(lp.reader()) {
            Ok(stack) => {
                assert!(!stack.frames.is_empty());
                let is_in = |kind: &str| stack.frames.iter().any(|frame| frame.function.contains(kind));
                seen_in.extend(kinds.into_iter().filter(|kind| is_in(kind)));
                stack.cut.map_or("whole".to_owned(), |cut: Cut| cut.to_string())
            }
            Err(StackError::NoAnswer(_)) => "no answer, the machine being busy".to_owned(),
            Err(error) => panic!("{error}"),
        };
        *became.entry(what).or_default() += 1;
    }
    let took = began.elapsed();
    stopping.store(true, Ordering::Relaxed);
    other.join().unwrap();
    drop(lp); // joins the loop's thread, in which nothing panicked
    eprintln!(
        "{samples} stacks in {took:.1?}, {} rounds: {became:?}; seen in {seen_in:?}",
        counted.load(Ordering::Relaxed)
    );
    assert_eq!(became.values().sum::<u64>(), samples);
    assert!(became.get("whole").is_some_and(|whole| *whole * 10 >= samples * 9), "{became:?}");
    assert!(counted.load(Ordering::Relaxed) > 0);
}
