//! The ways to switch debug mode: the environment, the attributes, the builder, a handle.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "process/child.rs"]
mod child;

use std::thread;
use std::time::Duration;

use child::errors_of;
use loopscope::debug::Mode;
use loopscope::{Handle, Runner};

fn mode_here() -> Mode {
    Handle::current().debug()
}

#[loopscope::main]
async fn main_as_it_is() -> Mode {
    mode_here()
}

#[loopscope::main(debug)]
async fn main_on() -> Mode {
    mode_here()
}

#[loopscope::main(debug = false)]
async fn main_off() -> Mode {
    mode_here()
}

#[loopscope::main(debug = "stacks")]
async fn main_stacks() -> Mode {
    mode_here()
}

/// What each way gives.
fn modes() -> [Mode; 7] {
    let of = |builder: loopscope::runner::Builder| builder.build().unwrap().handle().debug();
    [
        main_as_it_is(),
        main_on(),
        main_off(),
        main_stacks(),
        of(Runner::builder()),
        of(Runner::builder().debug(false)),
        of(Runner::builder().hidden(true)),
    ]
}

/// What is said on standard error by a process with these variables in which each way gives these modes.
fn said(name: &str, variables: &[(&str, &str)], expected: [Mode; 7]) -> Option<Vec<String>> {
    let errors = errors_of(name, variables, || assert_eq!(modes(), expected))?;
    let said = errors.lines().filter(|line| line.starts_with("loopscope: "));
    Some(said.map(str::to_owned).collect())
}

use Mode::{Off, On, Stacks};

#[test]
fn without_the_environment_code_decides() {
    let name = "without_the_environment_code_decides";
    let Some(said) = said(name, &[], [Off, On, Off, Stacks, Off, Off, Off]) else { return };
    assert_eq!(said, Vec::<String>::new());
}

#[test]
fn the_environment_decides_where_code_does_not_and_never_for_hidden_loops() {
    let name = "the_environment_decides_where_code_does_not_and_never_for_hidden_loops";
    let Some(said) = said(name, &[("LOOPSCOPE_DEBUG", "1")], [On, On, Off, Stacks, On, Off, Off]) else {
        return;
    };
    assert_eq!(said, Vec::<String>::new());
}

#[test]
fn the_environment_can_ask_for_stacks() {
    let name = "the_environment_can_ask_for_stacks";
    let expected = [Stacks, On, Off, Stacks, Stacks, Off, Off];
    let Some(said) = said(name, &[("LOOPSCOPE_DEBUG", "stacks")], expected) else { return };
    assert_eq!(said, Vec::<String>::new());
}

#[test]
fn what_the_environment_says_wrongly_is_said_once_and_the_defaults_hold() {
    let name = "what_the_environment_says_wrongly_is_said_once_and_the_defaults_hold";
    let variables = [("LOOPSCOPE_DEBUG", "perhaps"), ("LOOPSCOPE_SLOW_CALLBACK", "banana")];
    let Some(said) = said(name, &variables, [Off, On, Off, Stacks, Off, Off, Off]) else { return };
    assert_eq!(
        said,
        [
            "loopscope: LOOPSCOPE_DEBUG is ignored: \"perhaps\" is none of 1, 0, on, off and stacks",
            "loopscope: LOOPSCOPE_SLOW_CALLBACK is ignored and 100 ms hold: \"banana\" is no duration such as 50ms, 2s or 500us",
        ]
    );
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a loop is blocked on purpose")]
fn the_threshold_of_the_environment_holds_where_the_builder_says_none() {
    let name = "the_threshold_of_the_environment_holds_where_the_builder_says_none";
    let errors = errors_of(name, &[("LOOPSCOPE_DEBUG", "1"), ("LOOPSCOPE_SLOW_CALLBACK", "3ms")], || {
        let block = async || thread::sleep(Duration::from_millis(3));
        Runner::builder().build().unwrap().block_on(block()).unwrap();
        Runner::builder()
            .slow_callback(Duration::from_secs(3600))
            .build()
            .unwrap()
            .block_on(block())
            .unwrap();
    });
    let Some(errors) = errors else { return };
    let slow: Vec<&str> = errors.lines().filter(|line| line.contains("[slow-poll]")).collect();
    assert_eq!(slow.len(), 1, "{errors}");
    assert!(slow[0].starts_with("loopscope: a poll of #") && slow[0].contains(" main took "), "{errors}");
}

#[test]
fn a_handle_switches_a_loop_that_sleeps_from_another_thread_and_says_when_it_has_ended() {
    let mut runner = Runner::builder().debug(false).build().unwrap();
    let handle = runner.handle();
    let other = handle.clone();
    let switcher = thread::spawn(move || other.set_debug(Mode::Stacks));
    runner
        .block_on(async {
            switcher.join().unwrap().unwrap();
            assert_eq!(mode_here(), Mode::Stacks);
        })
        .unwrap();
    drop(runner);
    assert_eq!(handle.debug(), Mode::Off);
    let error = handle.set_debug(Mode::On).unwrap_err();
    assert_eq!(error.to_string(), "the event loop has ended");
    assert!(handle.set_slow_callback(Duration::from_secs(1)).is_err());
}
