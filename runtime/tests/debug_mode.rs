//! Debug mode: how it is switched, and what it tells.

#![allow(clippy::unwrap_used, reason = "test crate")]
#![allow(clippy::disallowed_methods, reason = "a loop is blocked on purpose")]

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use loopscope::debug::{Lint, Mode, Warning};
use loopscope::telemetry::TaskState;
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
fn a_slow_callback_is_told_with_the_place_it_was_handed_over_at() {
    let (mut runner, heard) = listening(Duration::from_millis(5));
    let line = runner
        .block_on(async {
            loopscope::call_soon(|| thread::sleep(Duration::from_millis(5)));
            yield_now().await;
            yield_now().await;
            line!() - 3
        })
        .unwrap();
    let heard = heard.lock().unwrap();
    let of_callback = |warning: &Warning| warning.message.starts_with("a callback took ");
    let (warning, _) = heard.iter().find(|(warning, _)| of_callback(warning)).unwrap();
    assert_eq!(warning.lint, Lint::SlowPoll);
    assert_eq!(warning.at.as_ref().map(|place| place.line), Some(line));
    assert!(warning.duration.unwrap() >= Duration::from_millis(5));
}

#[test]
fn the_time_that_telling_takes_is_not_charged_to_the_next_task() {
    let heard = Heard::default();
    let hook = heard.clone();
    let mut runner = Runner::builder()
        .debug(true)
        .slow_callback(Duration::from_nanos(1))
        .on_warning(move |warning, count| {
            if warning.task_name.as_deref() == Some("slow") {
                hook.lock().unwrap().push((warning.clone(), count));
                thread::sleep(Duration::from_millis(500));
            }
        })
        .build()
        .unwrap();
    let next = runner
        .block_on(async {
            let slow = loopscope::task::Builder::new().name("slow").spawn(async {});
            let next = loopscope::spawn(async {});
            let id = next.id();
            slow.await.unwrap();
            next.await.unwrap();
            Handle::current().reader().task(id.as_u64()).unwrap()
        })
        .unwrap();
    assert!(!heard.lock().unwrap().is_empty());
    assert!(next.busy_ns < 500_000_000, "{} ns", next.busy_ns);
}

#[test]
fn a_cancelled_task_is_still_known_by_name_and_place() {
    let (mut runner, _heard) = listening(Duration::from_secs(3600));
    runner
        .block_on(async {
            let builder = loopscope::task::Builder::new().name("gone");
            let (task, line) = (builder.spawn(std::future::pending::<()>()), line!());
            let id = task.id().as_u64();
            yield_now().await;
            assert_eq!(task.cancel().await, None);
            let reader = Handle::current().reader();
            let view = reader.task(id).unwrap();
            assert_eq!(view.state, TaskState::Cancelled);
            assert_eq!(view.name.and_then(|name| reader.name(name)).as_deref(), Some("gone"));
            let place = reader.site(view.site).and_then(|site| reader.place(site.place));
            assert_eq!(place.map(|place| place.line), Some(line));
        })
        .unwrap();
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
