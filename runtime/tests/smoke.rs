//! The loop from the outside, in the small.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use loopscope::{sleep, spawn, yield_now};

#[test]
fn a_task_runs_and_gives_its_output() {
    let answer = loopscope::run(async { spawn(async { 6 * 7 }).await.unwrap() });
    assert_eq!(answer, 42);
}

#[test]
fn tasks_take_turns_in_the_order_they_became_ready() {
    let trace = Rc::new(RefCell::new(Vec::new()));
    loopscope::run(async {
        let tasks: Vec<_> = ["a", "b"]
            .into_iter()
            .map(|name| {
                let trace = Rc::clone(&trace);
                spawn(async move {
                    for turn in 0..3 {
                        trace.borrow_mut().push(format!("{name}{turn}"));
                        yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(*trace.borrow(), ["a0", "b0", "a1", "b1", "a2", "b2"]);
}

#[test]
fn a_sleep_ends_after_its_deadline_and_a_main_may_borrow() {
    let ended = Cell::new(false);
    loopscope::run(async {
        let start = loopscope::time::Instant::now();
        sleep(Duration::from_millis(3)).await;
        assert!(start.elapsed() >= Duration::from_millis(3));
        ended.set(true);
    });
    assert!(ended.get());
}

#[test]
fn a_panic_reaches_whoever_awaits() {
    loopscope::run(async {
        let error = spawn(async { panic!("oh no") }).await.map(|(): ()| ()).unwrap_err();
        assert!(error.is_panic());
        assert!(error.to_string().ends_with("panicked: oh no"), "{error}");
    });
}

#[test]
fn cancelling_drops_the_future_before_it_returns() {
    struct Dropped(Rc<Cell<bool>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let dropped = Rc::new(Cell::new(false));
    loopscope::run(async {
        let inside = Dropped(Rc::clone(&dropped));
        let task = spawn(async move {
            let _inside = inside;
            std::future::pending::<()>().await;
        });
        yield_now().await;
        assert_eq!(task.cancel().await, None);
        assert!(dropped.get());
    });
}

#[test]
fn another_thread_wakes_and_posts() {
    loopscope::run(async {
        let handle = loopscope::Handle::current();
        let (sender, receiver) = futures_channel::oneshot::channel();
        let thread = std::thread::spawn(move || handle.post(move || sender.send(5).unwrap()));
        assert_eq!(receiver.await, Ok(5));
        thread.join().unwrap().unwrap();
    });
}

#[test]
fn a_paused_clock_jumps() {
    let mut runner = loopscope::Runner::builder().paused(true).build().unwrap();
    let elapsed = runner.block_on(async {
        let start = loopscope::time::Instant::now();
        sleep(Duration::from_secs(86_400)).await;
        start.elapsed()
    });
    assert_eq!(elapsed, Ok(Duration::from_secs(86_400)));
}

#[test]
fn a_hundred_thousand_timers_fire() {
    let mut runner = loopscope::Runner::builder().paused(true).build().unwrap();
    let sum = runner.block_on(async {
        let tasks: Vec<_> = (0..100_000_u64)
            .map(|n| {
                spawn(async move {
                    sleep(Duration::from_micros(n * 7919 % 1_000_000 + 1)).await;
                    n
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, Ok(99_999 * 100_000 / 2));
}
