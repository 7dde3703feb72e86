#![allow(unsafe_code, reason = "signals, their masks and filters of system calls")]
//! Stacks where something is in the way: signals that are masked, taken or forbidden, programs without symbols, loops that end
//! meanwhile, forks.

#![allow(clippy::unwrap_used, reason = "test crate")]
#![allow(clippy::disallowed_methods, reason = "loops are blocked on purpose")]
#![cfg(feature = "stacks")]

#[path = "process/child.rs"]
mod child;
#[path = "support/stuck.rs"]
mod stuck;

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use child::{Side, fork, side};
use loopscope::debug::{NativeStack, StackError, native_stack};
use loopscope::{Handle, Runner};
use stuck::Stuck;

/// The scenario runs in a process of its own, because what it does to signals is for good.
fn in_a_process_of_its_own(name: &str, scenario: impl FnOnce()) {
    match side(name) {
        Side::Child => scenario(),
        Side::Parent(child) => assert_eq!(child.end(), (vec![], Ok(0))),
    }
}

/// A loop that waits in a receiver, and what lets it go.
fn waiting(first: impl FnOnce() + Send + 'static) -> (Stuck, mpsc::Sender<()>) {
    let (go, gone) = mpsc::channel();
    let (ready, is_ready) = mpsc::channel();
    let lp = Stuck::in_task(move || {
        first();
        ready.send(()).unwrap();
        gone.recv().unwrap();
    });
    is_ready.recv().unwrap();
    (lp, go)
}

fn waits(stack: &NativeStack) -> bool {
    stack.frames.iter().any(|frame| frame.function.contains("recv"))
}

#[test]
fn a_thread_that_masks_the_signal_is_not_signalled_and_what_the_os_says_of_it_is_shown() {
    in_a_process_of_its_own(
        "a_thread_that_masks_the_signal_is_not_signalled_and_what_the_os_says_of_it_is_shown",
        || {
            let (lp, go) = waiting(|| {
                let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
                // SAFETY: fills the set.
                unsafe { libc::sigfillset(all.as_mut_ptr()) };
                // SAFETY: filled above.
                unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), std::ptr::null_mut()) };
            });
            let error = loop {
                let error = native_stack(lp.reader()).unwrap_err();
                // It sends word before it waits.
                if error.to_string().contains(" is in system call futex") {
                    break error;
                }
            };
            assert!(matches!(&error, StackError::Masked(_)), "{error}");
            let words =
                "cannot take the stack of the loop's thread: it does not take the signal for that; thread ";
            assert!(error.to_string().starts_with(words), "{error}");
            assert!(
                error.to_string().contains(" is in system call futex, waiting for a lock or another thread"),
                "{error}"
            );
            go.send(()).unwrap();
        },
    );
}

static DELIVERED: AtomicI32 = AtomicI32::new(0);

extern "C" fn counts(_signal: i32) {
    DELIVERED.fetch_add(1, Ordering::Relaxed);
}

fn handle(signal: i32) -> bool {
    let handler = counts as extern "C" fn(i32) as libc::sighandler_t;
    // SAFETY: the handler is async-signal-safe.
    unsafe { libc::signal(signal, handler) != libc::SIG_ERR }
}

fn real_time() -> std::ops::RangeInclusive<i32> {
    libc::SIGRTMIN()..=libc::SIGRTMAX()
}

#[test]
fn signals_that_the_application_handles_are_left_to_it_and_with_none_left_it_is_said() {
    in_a_process_of_its_own(
        "signals_that_the_application_handles_are_left_to_it_and_with_none_left_it_is_said",
        || {
            let free = libc::SIGRTMIN() + 3;
            real_time().filter(|signal| *signal != free).for_each(|signal| _ = handle(signal));
            let (lp, go) = waiting(|| {});
            lp.stack_when(waits);
            assert_eq!(DELIVERED.load(Ordering::Relaxed), 0);
            // The application takes it after all: it is not sent, and no other one is taken silently.
            assert!(handle(free));
            let error = native_stack(lp.reader()).unwrap_err();
            assert_eq!(error, StackError::HandlerReplaced { signal: free });
            assert_eq!(DELIVERED.load(Ordering::Relaxed), 0);
            go.send(()).unwrap();
        },
    );
}

#[test]
fn with_all_real_time_signals_taken_there_is_no_stack() {
    in_a_process_of_its_own("with_all_real_time_signals_taken_there_is_no_stack", || {
        real_time().for_each(|signal| _ = handle(signal));
        let (lp, go) = waiting(|| {});
        assert_eq!(native_stack(lp.reader()).unwrap_err(), StackError::SignalsTaken);
        go.send(()).unwrap();
    });
}

/// Makes `tgkill` fail with EPERM, as a seccomp profile does.
#[cfg(target_arch = "x86_64")]
fn forbid_tgkill() -> bool {
    const ALLOW: u32 = 0x7fff_0000;
    const EPERM: u32 = 0x0005_0001;
    let step = |code, k, jt, jf| libc::sock_filter { code, jt, jf, k };
    let number = u32::try_from(libc::SYS_tgkill).unwrap();
    let mut filter =
        [step(0x20, 0, 0, 0), step(0x15, number, 0, 1), step(0x06, EPERM, 0, 0), step(0x06, ALLOW, 0, 0)];
    let program = libc::sock_fprog { len: 4, filter: filter.as_mut_ptr() };
    // SAFETY: no memory is involved.
    let promised = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } == 0;
    // SAFETY: the program lives until the call returns.
    promised && unsafe { libc::prctl(libc::PR_SET_SECCOMP, 2, &raw const program) } == 0
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_filter_that_forbids_the_signal_is_said() {
    in_a_process_of_its_own("a_filter_that_forbids_the_signal_is_said", || {
        let (lp, go) = waiting(|| {});
        // Of this thread, which is the one that sends.
        if forbid_tgkill() {
            let error = native_stack(lp.reader()).unwrap_err().to_string();
            assert_eq!(
                error,
                "cannot take the stack of the loop's thread: tgkill is refused: permission denied"
            );
        }
        go.send(()).unwrap();
    });
}

#[test]
fn loops_that_begin_and_end_while_their_stacks_are_taken_give_one_or_say_that_they_ended() {
    let over = Arc::new(AtomicBool::new(false));
    let (tell, told) = mpsc::channel();
    let ends = over.clone();
    let loops = thread::spawn(move || {
        for _ in 0..200 {
            let mut runner = Runner::builder().build().unwrap();
            tell.send(runner.block_on(async { Handle::current().reader() }).unwrap()).unwrap();
        }
        // Runners that are leaked leave threads behind that are gone.
        for _ in 0..3 {
            let tell = tell.clone();
            let leaks = move || {
                let mut runner = Runner::builder().build().unwrap();
                tell.send(runner.block_on(async { Handle::current().reader() }).unwrap()).unwrap();
                std::mem::forget(runner);
            };
            thread::spawn(leaks).join().unwrap();
        }
        ends.store(true, Ordering::Relaxed);
    });
    let mut last = None;
    while let Ok(reader) = told.recv() {
        match native_stack(&reader) {
            Ok(stack) => assert!(!stack.frames.is_empty()),
            Err(StackError::Ended | StackError::NoAnswer(_)) => {}
            Err(error) => panic!("{error}"),
        }
        last = Some(reader);
    }
    loops.join().unwrap();
    assert!(over.load(Ordering::Relaxed));
    assert_eq!(native_stack(&last.unwrap()).unwrap_err(), StackError::Ended);
}

#[test]
fn the_child_of_a_fork_takes_the_stacks_of_its_own_loops() {
    in_a_process_of_its_own("the_child_of_a_fork_takes_the_stacks_of_its_own_loops", || {
        let (lp, go) = waiting(|| {});
        lp.stack_when(waits);
        let code = fork(|| {
            assert_eq!(native_stack(lp.reader()).unwrap_err(), StackError::Ended);
            let (own, go) = waiting(|| {});
            own.stack_when(waits);
            go.send(()).unwrap();
            0
        });
        assert_eq!(code, 0);
        lp.stack_when(waits);
        go.send(()).unwrap();
    });
}

#[test]
fn a_stripped_program_has_modules_and_addresses_in_place_of_its_functions() {
    const NAME: &str = "a_stripped_program_has_modules_and_addresses_in_place_of_its_functions";
    const VARIABLE: &str = "LOOPSCOPE_TEST_STRIPPED";
    if std::env::var_os(VARIABLE).is_some() {
        let (lp, go) = waiting(|| {});
        let stack = lp.stack_when(|stack| stack.thread.to_string().contains(" is in system call futex"));
        let own = std::env::current_exe().unwrap();
        let own = format!("{}+0x", own.file_name().unwrap().to_str().unwrap());
        let nameless =
            stack.frames.iter().filter(|frame| frame.function.starts_with(&own) && frame.at.is_none());
        assert!(nameless.count() > 5, "{:#?}", stack.frames);
        assert!(stack.unnamed > 5 && stack.cut.is_none(), "{stack:#?}");
        go.send(()).unwrap();
        return;
    }
    let stripped = std::env::temp_dir().join(format!("loopscope-stripped-{}", std::process::id()));
    let strip = Command::new("strip").arg("-o").arg(&stripped).arg(std::env::current_exe().unwrap()).status();
    if !strip.is_ok_and(|status| status.success()) {
        return; // no binutils here
    }
    let mut test = Command::new(&stripped);
    let ended = test.args(["--exact", NAME]).env(VARIABLE, "1").output();
    std::fs::remove_file(&stripped).unwrap();
    let ended = ended.unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
}
