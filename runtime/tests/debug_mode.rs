//! Debug mode: how it is switched, and what it tells.

#![allow(clippy::unwrap_used, reason = "test crate")]
#![allow(clippy::disallowed_methods, reason = "a loop is blocked on purpose")]

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use loopscope::debug::{Lint, Mode, Warning};
use loopscope::{Handle, Runner, yield_now};

type Heard = Arc<Mutex<Vec<(Warning, u64)>>>;

/// A loop whose warnings are kept.
fn listening(slow: Duration) -> (Runner, Heard) {
    let heard = Heard::default();
    let hook = heard.clone();
    let runner = Runner::builder()
        .debug(true)
        .slow_callback(slow)
        .on_warning(move |warning, count| hook.lock().unwrap().push((warning.clone(), count)))
        .build()
        .unwrap();
    (runner, heard)
}

#[test]
fn a_slow_poll_is_told_with_its_task_and_its_spawn_site() {
    let (mut runner, heard) = listening(Duration::from_millis(5));
    let line = line!() + 3;
    runner
        .block_on(async {
            let task = loopscope::task::Builder::new().name("slowpoke").spawn(async {
                thread::sleep(Duration::from_millis(5));
            });
            task.await.unwrap();
        })
        .unwrap();
    let heard = heard.lock().unwrap();
    let (warning, count) =
        heard.iter().find(|(warning, _)| warning.task_name.as_deref() == Some("slowpoke")).unwrap();
    assert_eq!((warning.lint, *count), (Lint::SlowPoll, 1));
    assert!(warning.duration.unwrap() >= Duration::from_millis(5));
    assert_eq!(warning.at.as_ref().map(|place| place.line), Some(line));
    assert!(warning.message.starts_with("a poll of #"), "{}", warning.message);
}

#[test]
fn out_of_debug_mode_nothing_is_told_and_it_can_be_switched_while_the_loop_runs() {
    let (mut runner, heard) = listening(Duration::from_nanos(1));
    runner
        .block_on(async {
            let handle = Handle::current();
            assert_eq!(handle.debug(), Mode::On);
            handle.set_debug(Mode::Off).unwrap();
            loopscope::sleep(Duration::from_millis(1)).await;
            heard.lock().unwrap().clear();
            yield_now().await;
            loopscope::spawn(async {}).await.unwrap();
            assert_eq!(*heard.lock().unwrap(), []);
            handle.set_debug(Mode::Stacks).unwrap();
            loopscope::sleep(Duration::from_millis(1)).await;
            yield_now().await;
            assert!(!heard.lock().unwrap().is_empty());
        })
        .unwrap();
}
