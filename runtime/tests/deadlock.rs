//! Deadlocks, told as they close, and circles that are none.

#![allow(clippy::unwrap_used, reason = "test crate")]
#![allow(
    clippy::async_yields_async,
    reason = "a test hands out the tasks that it has set up, so that they stay"
)]

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use loopscope::debug::{Lint, Warning};
use loopscope::sync::{Barrier, Condition, Event, Mutex, Queue, Semaphore};
use loopscope::task::Builder;
use loopscope::time::timeout;
use loopscope::{Runner, Task, TaskGroup, select, sleep, yield_now};

const TURNS: u64 = 20;

/// Runs `test` in debug mode on a paused clock, and then for some turns. Returns what was told of deadlocks until then.
fn told<F: Future>(test: F) -> Vec<Warning> {
    let heard = Arc::new(StdMutex::new(Vec::new()));
    let hook = heard.clone();
    let on_warning = move |warning: &Warning, _| hook.lock().unwrap().push(warning.clone());
    let mut runner = Runner::builder().debug(true).paused(true).on_warning(on_warning).build().unwrap();
    let heard = runner
        .block_on(async move {
            let kept = test.await;
            for _ in 0..TURNS {
                sleep(Duration::from_millis(1)).await;
            }
            drop(kept);
            let heard = heard.lock().unwrap();
            heard.iter().filter(|warning| warning.lint == Lint::Deadlock).cloned().collect()
        })
        .unwrap();
    drop(runner);
    heard
}

/// The words with task numbers counted from the smallest, and lines from `line`.
fn words(warning: &Warning, line: u32) -> Vec<String> {
    let all = std::iter::once(&warning.message).chain(&warning.notes);
    let numbers = |text: &str| -> Vec<u64> {
        text.split('#')
            .skip(1)
            .filter_map(|part| part.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
            .collect()
    };
    let mut ids: Vec<u64> = all.clone().flat_map(|text| numbers(text)).collect();
    ids.sort_unstable();
    ids.dedup();
    all.map(|text| {
        let mut text = text.clone();
        for (at, id) in ids.iter().enumerate() {
            text = text.replace(&format!("#{id} "), &format!("#{} ", at + 1));
        }
        for back in 0..80 {
            text = text.replace(&format!("tests/deadlock.rs:{}", line + back), &format!("+{back}"));
        }
        text.replace("runtime/+", "+")
    })
    .collect()
}

fn named<F: Future + 'static>(name: &str, future: F) -> Task<F::Output> {
    Builder::new().name(name).spawn(future)
}

#[test]
fn two_tasks_with_each_others_lock_are_told_with_where_each_was_taken() {
    let line = line!();
    let warnings = told(async move {
        let (a, b) = (Rc::new(Mutex::new(())), Rc::new(Mutex::new(()).named("b")));
        let (a2, b2) = (a.clone(), b.clone());
        let first = named("first", async move {
            let _a = a.lock().await;
            yield_now().await;
            let _b = b.lock().await;
        });
        let second = named("second", async move {
            let _b = b2.lock().await;
            yield_now().await;
            let _a = a2.lock().await;
        });
        (first, second)
    });
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert_eq!(
        words(&warnings[0], line),
        [
            "#1 first and #2 second wait for each other and nothing can wake them",
            "#1 first waits for lock \"b\" held by #2 second at +7, taken at +10",
            "#2 second waits for the lock made at +2 held by #1 first at +12, taken at +5",
        ]
    );
    assert!(warnings[0].at.as_ref().unwrap().file.ends_with("tests/deadlock.rs"));
    assert_eq!(warnings[0].task_name.as_deref(), Some("first"));
}

#[test]
fn three_tasks_in_a_ring_of_locks_are_one_deadlock_and_who_waits_behind_is_none() {
    let warnings = told(async {
        let locks: Vec<Rc<Mutex<()>>> = (0..3).map(|_| Rc::new(Mutex::new(()))).collect();
        let mut tasks = Vec::new();
        for at in 0..3 {
            let (own, next) = (locks[at].clone(), locks[(at + 1) % 3].clone());
            tasks.push(named("ring", async move {
                let _own = own.lock().await;
                sleep(Duration::from_millis(1)).await;
                let _next = next.lock().await;
            }));
        }
        sleep(Duration::from_millis(5)).await;
        let behind = locks[0].clone();
        tasks.push(named("behind", async move { drop(behind.lock().await) }));
        tasks
    });
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert_eq!(warnings[0].notes.len(), 3);
}

/// A task that waits for the end of the task that is put into the place.
fn joiner(name: &str, other: &Rc<RefCell<Option<Task<()>>>>) -> Task<()> {
    let other = other.clone();
    named(name, async move {
        yield_now().await;
        let task = other.borrow_mut().take().unwrap();
        let _ = task.await;
    })
}

#[test]
fn tasks_that_wait_for_each_others_end_are_told() {
    let warnings = told(async {
        let (first, second) = (Rc::default(), Rc::default());
        let one = joiner("one", &second);
        let two = joiner("two", &first);
        *first.borrow_mut() = Some(one);
        *second.borrow_mut() = Some(two);
    });
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert_eq!(words(&warnings[0], 0)[0], "#1 one and #2 two wait for each other and nothing can wake them");
}

#[test]
fn a_semaphore_of_one_permit_is_a_lock() {
    let warnings = told(async {
        let (permit, lock) = (Rc::new(Semaphore::new(1)), Rc::new(Mutex::new(())));
        let (permit2, lock2) = (permit.clone(), lock.clone());
        let one = named("one", async move {
            let _permit = permit.acquire().await;
            yield_now().await;
            drop(lock.lock().await);
        });
        let two = named("two", async move {
            let _lock = lock2.lock().await;
            yield_now().await;
            drop(permit2.acquire().await);
        });
        (one, two)
    });
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
}

#[test]
fn a_group_is_waited_for_with_the_lock_that_its_child_needs() {
    let warnings = told(async {
        named("parent", async {
            let lock = Rc::new(Mutex::new(()));
            let _held = lock.lock().await;
            let group = TaskGroup::new();
            let wanted = lock.clone();
            group.spawn_named("child", async move { drop(wanted.lock().await) });
            let _ = group.close().await;
        })
    });
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert_eq!(
        words(&warnings[0], 0)[0],
        "#1 parent and #2 child wait for each other and nothing can wake them"
    );
}

#[test]
fn whoever_locks_twice_waits_for_itself() {
    let warnings = told(async {
        named("twice", async {
            let lock = Mutex::new(());
            let _first = lock.lock().await;
            let _second = lock.lock().await;
        })
    });
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert_eq!(words(&warnings[0], 0)[0], "#1 twice waits for itself and nothing can wake it");
}

/// Two tasks in a circle, of which the second waits for its lock by `how`.
fn circle_with<F: Future + 'static>(how: impl Fn(Rc<Mutex<()>>) -> F + 'static) -> Vec<Warning> {
    told(async move {
        let (a, b) = (Rc::new(Mutex::new(())), Rc::new(Mutex::new(())));
        let (a2, b2) = (a.clone(), b.clone());
        let first = named("first", async move {
            let _a = a.lock().await;
            yield_now().await;
            drop(b.lock().await);
        });
        let second = named("second", async move {
            let _b = b2.lock().await;
            yield_now().await;
            how(a2).await;
        });
        (first, second)
    })
}

#[test]
fn a_circle_that_a_timeout_a_select_arm_or_foreign_code_can_break_is_none() {
    let long = Duration::from_secs(3_600);
    assert_eq!(circle_with(move |a| async move { drop(timeout(long, a.lock()).await) }), []);
    assert_eq!(
        circle_with(|a| async move {
            let event = Event::new();
            select! { _ = a.lock() => {} () = event.wait() => {} }
        }),
        []
    );
    assert_eq!(
        circle_with(|a| async move {
            let (_sender, receiver) = futures_channel::oneshot::channel::<()>();
            select! { _ = a.lock() => {} _ = receiver => {} }
        }),
        []
    );
    assert_eq!(circle_with(|a| async move { drop(a.lock().await) }).len(), 1, "without it, it is one");
}

#[test]
fn tasks_that_wait_in_a_row_are_none() {
    let warnings = told(async {
        let lock = Rc::new(Mutex::new(()));
        let tasks: Vec<Task<()>> = (0..5)
            .map(|_| {
                let lock = lock.clone();
                named("worker", async move {
                    let _held = lock.lock().await;
                    sleep(Duration::from_millis(2)).await;
                })
            })
            .collect();
        tasks
    });
    assert_eq!(warnings, []);
}

/// Runs `test`, which never ends, in debug mode on a thread of its own until a deadlock is told.
fn told_of_what_never_ends<F: Future + 'static>(
    test: impl FnOnce() -> F + Send + 'static,
) -> Option<Warning> {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let on_warning = move |warning: &Warning, _| {
            let _ = tell.send(warning.clone());
        };
        let runner = Runner::builder().debug(true).on_warning(on_warning).build();
        let _ = runner.unwrap().block_on(async { test().await });
    });
    let until = std::time::Duration::from_secs(600);
    std::iter::from_fn(|| told.recv_timeout(until).ok()).find(|warning| warning.lint == Lint::Deadlock)
}

#[test]
fn a_queue_that_nobody_reads_stalls_its_loop() {
    let warning = told_of_what_never_ends(|| async {
        let queue = Rc::new(Queue::new(1).named("jobs"));
        let producer = named("producer", async move {
            for job in 0..3 {
                queue.put(job).await.unwrap();
            }
        });
        producer.await
    })
    .unwrap();
    let words = words(&warning, 0);
    assert!(words[0].starts_with("none of the 2 tasks of loop "), "{words:?}");
    assert!(words[1].starts_with("#1 main waits for the end of #2 producer at "), "{words:?}");
    assert!(words[2].starts_with("#2 producer waits for room in queue \"jobs\" at "), "{words:?}");
    assert_eq!(warning.task_name.as_deref(), Some("producer"));
}

#[test]
fn a_barrier_that_is_never_full_and_a_condition_that_nobody_notifies_stall_their_loops() {
    let barrier = told_of_what_never_ends(|| async {
        let barrier = Rc::new(Barrier::new(3));
        let other = barrier.clone();
        let task = named("other", async move {
            let _ = other.wait().await;
        });
        let _ = barrier.wait().await;
        drop(task);
    });
    assert!(barrier.unwrap().notes.iter().all(|note| note.contains(" waits for barrier at ")));
    let condition = told_of_what_never_ends(|| async {
        let (lock, changed) = (Mutex::new(0), Condition::new().named("changed"));
        let guard = lock.lock().await;
        drop(changed.wait_for(guard, |value| *value > 0).await);
    });
    assert!(condition.unwrap().message.starts_with("the only task of loop "));
}

#[test]
fn readers_and_writers_that_want_each_others_permits_stall_their_loop() {
    // As of a lock for readers and a writer: each of two readers wants to be the writer.
    let warning = told_of_what_never_ends(|| async {
        let (permits, done) = (Rc::new(Semaphore::new(2)), Rc::new(Queue::<()>::new(1)));
        for _ in 0..2 {
            let permits = permits.clone();
            named("upgrade", async move {
                let _reader = permits.acquire().await;
                yield_now().await;
                drop(permits.acquire_many(2).await);
            })
            .detach();
        }
        let _ = done.get().await;
    });
    assert!(warning.unwrap().message.starts_with("none of the 3 tasks of loop "));
}

#[test]
fn a_loop_into_which_another_thread_has_a_way_is_not_stalled() {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread_local! {
        static QUEUE: Rc<Queue<u32>> = Rc::new(Queue::new(1));
    }
    let thread = std::thread::spawn(move || {
        let heard = Arc::new(StdMutex::new(Vec::new()));
        let hook = heard.clone();
        let on_warning = move |warning: &Warning, _| hook.lock().unwrap().push(warning.clone());
        let mut runner = Runner::builder().debug(true).on_warning(on_warning).build().unwrap();
        let got = runner.block_on(async move {
            tell.send(loopscope::Handle::current()).unwrap();
            // Asleep at least once, as everything else is done.
            QUEUE.with(Rc::clone).get().await
        });
        let heard: Vec<Warning> = heard.lock().unwrap().clone();
        (got.unwrap(), heard.into_iter().filter(|warning| warning.lint == Lint::Deadlock).collect::<Vec<_>>())
    });
    let handle = told.recv().unwrap();
    while handle.reader().view().is_none_or(|view| view.parked_since.is_none()) {
        std::thread::yield_now();
    }
    assert_eq!(handle.reader().stalled(), None);
    handle.post(|| QUEUE.with(|queue| queue.try_put(7).unwrap())).unwrap();
    assert_eq!(thread.join().unwrap(), (Ok(7), vec![]));
}
