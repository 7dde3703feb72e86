//! Tests that fail on what debug mode finds: the attribute, and the function for those who go without.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use loopscope::Runner;
use loopscope::debug::{Lint, Mode, deny_warnings};
use loopscope::runner::Builder;

/// A loop that calls nothing slow, however slow the machine is.
fn patient() -> Builder {
    Runner::builder().slow_callback(Duration::from_secs(3_600))
}

fn block() {
    #[expect(clippy::disallowed_methods, reason = "a loop that is blocked is what the test is about")]
    std::thread::sleep(Duration::from_millis(5));
}

/// The list with which a test fails; the numbers of tasks as `#`.
fn list_of<F: Future>(builder: Builder, allow: &[Lint], test: F) -> String {
    let failed = catch_unwind(AssertUnwindSafe(|| deny_warnings(builder, allow, test)));
    let payload = failed.err().expect("the test passed");
    let list = payload.downcast_ref::<String>().unwrap();
    let mut words = Vec::new();
    for word in list.split(' ') {
        let digits = word.strip_prefix('#').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
        words.push(digits.map_or_else(|| word.to_owned(), |rest| format!("#{rest}")));
    }
    words.join(" ")
}

#[loopscope::test(deny_warnings, slow_callback = "60m")]
async fn a_clean_test_passes() {
    let task = loopscope::spawn(async { 7 });
    loopscope::yield_now().await;
    assert_eq!(task.await.unwrap(), 7);
    assert_eq!(loopscope::Handle::current().debug(), Mode::On);
}

#[loopscope::test(deny_warnings, paused, slow_callback = "60m")]
async fn a_clean_test_may_have_a_virtual_clock_and_a_result() -> Result<(), std::num::ParseIntError> {
    loopscope::sleep(Duration::from_secs(3_600)).await;
    assert_eq!("7".parse::<u8>()?, 7);
    Ok(())
}

#[loopscope::test(deny_warnings, slow_callback = "60m")]
#[should_panic(expected = "[destroyed-pending]")]
async fn a_task_that_is_left_behind_fails_the_test() {
    loopscope::spawn(std::future::pending::<()>()).detach();
    loopscope::yield_now().await;
}

#[loopscope::test(deny_warnings, slow_callback = "60m")]
#[should_panic(expected = "[never-retrieved]")]
async fn an_error_that_nobody_asked_for_fails_the_test() {
    loopscope::task::spawn_fallible(async { Err::<(), _>("no luck") }).detach();
    loopscope::yield_now().await;
}

/// As the attribute makes it, without being a test of its own.
fn ok_but_careless() -> Result<(), String> {
    loopscope::__private::run_test_denying(patient(), &[], async {
        loopscope::spawn(std::future::pending::<()>()).detach();
        loopscope::yield_now().await;
        Ok(())
    })
}

#[test]
#[should_panic(expected = "[destroyed-pending]")]
fn a_test_that_returned_ok_fails_all_the_same() {
    ok_but_careless().unwrap();
}

#[loopscope::test(deny_warnings, slow_callback = "1ms")]
#[should_panic(expected = "[slow-poll]")]
async fn a_loop_that_is_blocked_fails_the_test() {
    block();
    loopscope::yield_now().await;
}

#[loopscope::test(
    deny_warnings(allow = "slow-poll, blocked, destroyed-pending, slow-io"),
    slow_callback = "1ms"
)]
async fn what_is_allowed_is_no_reason_to_fail() {
    loopscope::spawn(std::future::pending::<()>()).detach();
    block();
    loopscope::yield_now().await;
}

#[loopscope::test(deny_warnings(allow = "slow-poll, blocked, slow-io"), slow_callback = "1ns")]
async fn a_note_is_no_reason_to_fail() {
    // It takes longer than a nanosecond, and so there is a note on it.
    loopscope::net::lookup_host("localhost:80").await.unwrap();
}

#[loopscope::test(deny_warnings, slow_callback = "60m")]
#[should_panic(expected = "the test's own")]
async fn a_panic_of_the_test_is_its_own() {
    loopscope::spawn(std::future::pending::<()>()).detach();
    loopscope::yield_now().await;
    panic!("the test's own");
}

#[loopscope::test(deny_warnings = false, slow_callback = "60m")]
async fn without_it_nothing_is_denied() {
    loopscope::spawn(std::future::pending::<()>()).detach();
    loopscope::yield_now().await;
}

#[test]
fn the_list_names_what_was_found_where_and_what_to_do() {
    let line = line!() + 2;
    let list = list_of(patient().name("list"), &[], async {
        loopscope::task::Builder::new().name("forgotten").spawn(std::future::pending::<()>()).detach();
        loopscope::yield_now().await;
        drop(loopscope::spawn_fallible(async { Err::<(), _>("no luck") }));
        loopscope::yield_now().await;
        loopscope::yield_now().await;
    });
    let lines: Vec<&str> = list.lines().collect();
    let file = file!();
    assert_eq!(lines.len(), 4, "{list}");
    assert_eq!(lines[0], "the test's event loop had warnings, which it denies:");
    let error = format!(
        "- task # (spawned at {file}:{}:14) failed and nobody awaits it: \"no luck\" [never-retrieved]",
        line + 2
    );
    assert_eq!(lines[1], error);
    assert!(lines[2].starts_with("- ") && lines[2].ends_with("[destroyed-pending]"), "{list}");
    assert!(lines[2].contains("forgotten") && lines[2].contains(&format!("{file}:{line}")), "{list}");
    assert_eq!(
        lines[3],
        "`loopscope explain never-retrieved` says what to do; \
         `deny_warnings(allow = \"never-retrieved, destroyed-pending\")` lets it pass"
    );
}

#[test]
fn what_is_found_often_is_one_line_and_what_is_too_much_is_counted() {
    let list = list_of(Runner::builder().slow_callback(Duration::from_nanos(1)), &[], async {
        for _ in 0..64 {
            loopscope::yield_now().await;
        }
    });
    let slow: Vec<&str> = list.lines().filter(|line| line.contains("a poll of")).collect();
    assert_eq!(slow.len(), 1, "{list}");
    assert!(slow[0].ends_with("(found 64 times)"), "{list}");
    let list = list_of(patient(), &[], async {
        for _ in 0..60 {
            loopscope::spawn_fallible(async { Err::<(), _>("no luck") }).detach();
        }
        loopscope::yield_now().await;
        loopscope::yield_now().await;
    });
    assert!(list.contains("(found 32 times)"), "one spawn site is one thing: {list}");
}

#[test]
fn debug_mode_is_switched_on_and_not_down_and_hooks_hear_too() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hear = Arc::clone(&heard);
    let builder =
        patient().debug(false).on_warning(move |warning, _| hear.lock().unwrap().push(warning.lint));
    let list = list_of(builder, &[], async {
        assert_eq!(loopscope::Handle::current().debug(), Mode::On);
        loopscope::spawn(std::future::pending::<()>()).detach();
        loopscope::yield_now().await;
    });
    assert!(list.contains("[destroyed-pending]"), "{list}");
    assert_eq!(*heard.lock().unwrap(), [Lint::DestroyedPending]);
    let mode = deny_warnings(patient().debug_mode(Mode::Stacks), &[], async {
        loopscope::Handle::current().debug()
    });
    assert_eq!(mode, Mode::Stacks);
}

#[test]
fn the_attribute_finds_a_lint_by_its_name() {
    for lint in Lint::ALL {
        let words = lint.as_str().split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
        assert_eq!(
            words.collect::<String>(),
            format!("{lint:?}"),
            "the attribute makes the one of the other"
        );
    }
}
