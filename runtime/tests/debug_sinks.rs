//! Where warnings go: to the loop's hooks, to `tracing`, to standard error; each thing once.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "process/child.rs"]
mod child;
#[path = "support/events.rs"]
mod events;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use child::{Side, errors_of, side};
use events::Events;
use loopscope::debug::{self, Lint, Warning};
use loopscope::task::Builder;
use loopscope::{Handle, Runner, spawn, yield_now};

fn panics(text: &'static str) -> impl Future<Output = ()> {
    std::future::poll_fn(move |_| panic!("{text}"))
}

/// A task that fails where nobody can receive it.
async fn fail(name: &'static str) {
    Builder::new().name(name).spawn_fallible(async { Err::<(), _>("no luck") }).detach();
    yield_now().await;
    yield_now().await;
}

/// The entries of one loop's: other tests share the ledger.
fn entries_of(loop_id: u64) -> Vec<(Lint, u64, String)> {
    let entries = debug::entries().into_iter().filter(|entry| entry.warning.loop_id == Some(loop_id));
    entries.map(|entry| (entry.warning.lint, entry.count, entry.warning.message)).collect()
}

#[test]
fn a_subscriber_hears_of_a_warning_with_its_fields() {
    let events = Events::default();
    let line = line!() + 4;
    tracing::subscriber::with_default(events.subscriber(), || {
        let mut runner = Runner::builder().build().unwrap();
        let number = runner.handle().reader().id();
        runner.block_on(async { Builder::new().name("bad").spawn(panics("oh no")).detach() }).unwrap();
        runner.block_on(yield_now()).unwrap();
        let heard = events.take();
        assert_eq!(heard.len(), 1, "{heard:?}");
        let event = &heard[0];
        assert_eq!((event.level, event.target), ("ERROR", "loopscope"));
        assert_eq!(event.field("lint"), "never-retrieved");
        assert_eq!(event.field("count"), "1");
        assert_eq!(event.field("loop_id"), number.to_string());
        assert_eq!(event.field("task_name"), "bad");
        assert_eq!(event.field("at"), format!("{}:{line}", file!()));
        assert!(event.field("message").ends_with("panicked and nobody awaits it: oh no"), "{event:?}");
        assert_eq!(entries_of(number).len(), 1);
    });
}

#[test]
fn a_hook_for_errors_hears_each_and_the_hook_for_warnings_when_the_count_has_doubled() {
    let events = Events::default();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let unhandled = Rc::new(RefCell::new(0));
    tracing::subscriber::with_default(events.subscriber(), || {
        let (warned, errors) = (heard.clone(), unhandled.clone());
        let mut runner = Runner::builder()
            .on_unhandled(move |_| *errors.borrow_mut() += 1)
            .on_warning(move |warning, count| warned.lock().unwrap().push((warning.lint, count)))
            .build()
            .unwrap();
        let number = runner.handle().reader().id();
        runner
            .block_on(async {
                for _ in 0..5 {
                    fail("bad").await;
                }
            })
            .unwrap();
        assert_eq!(*unhandled.borrow(), 5);
        let lint = Lint::NeverRetrieved;
        assert_eq!(*heard.lock().unwrap(), [(lint, 1), (lint, 2), (lint, 4)]);
        assert_eq!(events.take(), [], "told twice");
        let entries = entries_of(number);
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].0, entries[0].1), (lint, 5));
    });
}

#[test]
fn a_hook_for_errors_alone_keeps_them_from_the_subscriber() {
    let events = Events::default();
    let unhandled = Rc::new(RefCell::new(0));
    tracing::subscriber::with_default(events.subscriber(), || {
        let errors = unhandled.clone();
        let mut runner = Runner::builder().on_unhandled(move |_| *errors.borrow_mut() += 1).build().unwrap();
        runner.block_on(fail("bad")).unwrap();
    });
    assert_eq!((*unhandled.borrow(), events.take()), (1, vec![]));
}

#[test]
fn the_hook_for_warnings_takes_errors_too_where_there_is_no_other() {
    let events = Events::default();
    let heard = Arc::new(Mutex::new(Vec::new()));
    tracing::subscriber::with_default(events.subscriber(), || {
        let warned = heard.clone();
        let mut runner = Runner::builder()
            .on_warning(move |warning: &Warning, _| warned.lock().unwrap().push(warning.task_name.clone()))
            .build()
            .unwrap();
        runner.block_on(fail("bad")).unwrap();
    });
    assert_eq!(*heard.lock().unwrap(), [Some("bad".to_owned())]);
    assert_eq!(events.take(), []);
}

#[test]
fn each_kind_of_error_that_nobody_receives_is_one_of_the_lints() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    let mut runner = Runner::builder().on_unhandled(|_| {}).build().unwrap();
    let number = runner.handle().reader().id();
    runner
        .block_on(async {
            spawn(panics("a task")).detach();
            spawn(async { Bad }).detach();
            loopscope::call_soon(|| panic!("a callback"));
            Handle::current().post(|| panic!("posted")).unwrap();
            let (promise, promised) = loopscope::future::promise::<(), &str>();
            promise.fail("a promise").unwrap();
            drop(promised);
            loopscope::sleep(std::time::Duration::from_millis(1)).await;
        })
        .unwrap();
    let mut found: Vec<(Lint, String)> = entries_of(number)
        .into_iter()
        .map(|(lint, _, words)| (lint, words.rsplit(": ").next().unwrap().to_owned()))
        .collect();
    // When what was posted has its turn is the loop's affair.
    found.sort();
    let expected = [
        (Lint::NeverRetrieved, "\"a promise\""),
        (Lint::NeverRetrieved, "a task"),
        (Lint::Unhandled, "a callback"),
        (Lint::Unhandled, "in a destructor"),
        (Lint::Unhandled, "posted"),
    ];
    assert_eq!(found, expected.map(|(lint, words)| (lint, words.to_owned())));
}

#[test]
fn a_hook_that_finds_something_itself_is_not_told_of_it_for_ever() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let warned = heard.clone();
    let number = Arc::new(Mutex::new(None));
    let of_loop = number.clone();
    let mut runner = Runner::builder()
        .on_warning(move |warning, _| {
            warned.lock().unwrap().push(warning.message.clone());
            let found = debug::entries().len();
            assert!(found >= 1, "the ledger is not locked, and the warning is in it");
            debug::report(&Warning {
                loop_id: *of_loop.lock().unwrap(),
                ..Warning::new(Lint::Unclosed, format!("found by the hook {}", warning.lint))
            });
        })
        .build()
        .unwrap();
    *number.lock().unwrap() = Some(runner.handle().reader().id());
    runner.block_on(fail("bad")).unwrap();
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 1, "{heard:?}");
    let number = number.lock().unwrap().unwrap();
    let lints: Vec<_> = entries_of(number).into_iter().map(|(lint, count, _)| (lint, count)).collect();
    assert_eq!(
        lints,
        [(Lint::NeverRetrieved, 1), (Lint::Unclosed, 1)],
        "what the hook found is in the ledger"
    );
}

#[test]
fn what_is_left_without_hook_and_subscriber_goes_to_standard_error_each_once() {
    let name = "what_is_left_without_hook_and_subscriber_goes_to_standard_error_each_once";
    let errors = errors_of(name, &[], || {
        let mut runner = Runner::builder().build().unwrap();
        runner
            .block_on(async {
                for _ in 0..3 {
                    fail("bad").await;
                }
            })
            .unwrap();
    });
    let Some(errors) = errors else { return };
    let said: Vec<&str> = errors.lines().filter(|line| line.starts_with("loopscope: ")).collect();
    assert_eq!(said.len(), 3, "{errors}");
    assert!(said.iter().all(|line| line.ends_with("failed and nobody awaits it: \"no luck\"")), "{errors}");
}

#[test]
fn hooks_and_subscribers_that_panic_leave_the_words_on_standard_error() {
    let name = "hooks_and_subscribers_that_panic_leave_the_words_on_standard_error";
    let errors = errors_of(name, &[], || {
        let mut runner = Runner::builder().on_warning(|_, _| panic!("a hook")).build().unwrap();
        runner.block_on(fail("first")).unwrap();
        drop(runner);
        let mut runner = Runner::builder().build().unwrap();
        let events = Events::default();
        events.panic_at_each();
        tracing::subscriber::with_default(events.subscriber(), || runner.block_on(fail("second")).unwrap());
    });
    let Some(errors) = errors else { return };
    let said: Vec<&str> = errors.lines().filter(|line| line.starts_with("loopscope: ")).collect();
    assert_eq!(said.len(), 2, "{errors}");
    assert!(
        said[0].contains("\"first\"") && said[0].ends_with("(and the hook for this panicked)"),
        "{errors}"
    );
    assert!(
        said[1].contains("\"second\"") && said[1].ends_with("(and the subscriber for this panicked)"),
        "{errors}"
    );
}

#[test]
fn a_child_of_a_fork_finds_the_ledger_whole() {
    match side("a_child_of_a_fork_finds_the_ledger_whole") {
        Side::Child => {
            let mut runner = Runner::builder().on_unhandled(|_| {}).build().unwrap();
            runner.block_on(fail("bad")).unwrap();
            // Somebody has the lock nearly always.
            let busy = std::thread::spawn(|| {
                loop {
                    drop(debug::entries());
                }
            });
            for _ in 0..50 {
                let code = child::fork(|| i32::try_from(debug::entries().len()).unwrap());
                assert_eq!(code, 1);
            }
            child::say("done");
            drop(busy);
        }
        Side::Parent(child) => assert_eq!(child.end(), (vec!["done".to_owned()], Ok(0))),
    }
}
