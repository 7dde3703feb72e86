//! `#[loopscope::main]` and `#[loopscope::test]` as their users see them.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::num::ParseIntError;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use loopscope::time::Instant;

#[loopscope::test]
async fn a_test_runs_as_a_task_of_a_loop() {
    let own = loopscope::current();
    let other = loopscope::spawn(async { loopscope::current() }).await.unwrap();
    assert!(own.is_some() && other.is_some());
    assert_ne!(own, other);
}

#[loopscope::test(paused)]
async fn an_hour_passes_at_once_on_a_paused_clock() {
    const HOUR: Duration = Duration::from_secs(3600);
    let started = Instant::now();
    loopscope::time::sleep(HOUR).await;
    assert!(started.elapsed() >= HOUR);
}

#[loopscope::test]
async fn a_test_may_return_a_result() -> Result<(), ParseIntError> {
    let seven: u8 = "7".parse()?;
    assert_eq!(seven, 7);
    Ok(())
}

#[loopscope::test]
#[should_panic(expected = "as it should")]
async fn a_panic_in_the_body_is_the_tests_panic() {
    loopscope::yield_now().await;
    panic!("as it should");
}

#[loopscope::test(debug)]
async fn debug_mode_runs_the_same_body() {
    loopscope::yield_now().await;
}

// An attributed function is an ordinary one: it can have another name than `main`, and be called.

#[loopscope::main(name = "parser")]
async fn parse_seven() -> Result<u8, ParseIntError> {
    let not_send = Rc::new("7");
    loopscope::yield_now().await;
    let seven = not_send.parse()?;
    Ok(seven)
}

#[loopscope::main]
async fn parse_nothing() -> Result<u8, Box<dyn std::error::Error>> {
    let nothing = "".parse::<u8>();
    if let Err(error) = nothing {
        return Err(Box::new(error)); // coerces, as in any function with this return type
    }
    Ok(nothing?)
}

#[loopscope::main(debug = false)]
async fn exit_code() -> ExitCode {
    ExitCode::from(3)
}

#[test]
fn main_returns_what_its_body_returns() {
    assert_eq!(parse_seven(), Ok(7));
    assert_eq!(parse_nothing().unwrap_err().to_string(), "cannot parse integer from empty string");
    assert_eq!(format!("{:?}", exit_code()), format!("{:?}", ExitCode::from(3)));
}
