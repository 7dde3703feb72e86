//! Waiting for some of many tasks, and for all of them in the order in which they end.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/joins.rs"]
mod joins;
#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;
#[path = "support/trace.rs"]
mod trace;

use std::cell::RefCell;
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt};
use joins::{Join, joins};
use loopscope::task::{When, as_completed, spawn_eager, wait};
use loopscope::telemetry::WaitKind;
use loopscope::time::Instant;
use loopscope::{Task, TaskId, all_tasks, current, sleep, spawn, spawn_fallible, timeout, yield_now};
use proptest::prelude::*;
use steps::Step;
use trace::{Trace, panic_of, paused};

/// Tasks that return their number after so many milliseconds.
fn naps(ms: &[u64]) -> Vec<Task<usize>> {
    let nap = |(number, ms): (usize, &u64)| {
        let span = Duration::from_millis(*ms);
        spawn(async move {
            sleep(span).await;
            number
        })
    };
    ms.iter().enumerate().map(nap).collect()
}

async fn results(tasks: Vec<Task<usize>>) -> Vec<usize> {
    let mut results = Vec::new();
    for task in tasks {
        assert!(task.is_finished());
        results.push(task.await.unwrap());
    }
    results
}

async fn cancel<T>(tasks: Vec<Task<T>>) {
    for task in tasks {
        task.cancel().await;
    }
}

fn ms(start: Instant) -> u128 {
    start.elapsed().as_millis()
}

#[test]
fn waiting_for_all_gives_them_in_the_order_in_which_they_ended() {
    records::run(async {
        let start = Instant::now();
        let waited = wait(naps(&[20, 5, 10]), When::All).await.unwrap();
        assert_eq!(ms(start), 20);
        assert!(waited.pending.is_empty());
        assert_eq!(results(waited.done).await, [1, 2, 0]);
    });
}

#[test]
fn waiting_for_the_first_leaves_the_others_alone() {
    records::run(async {
        let start = Instant::now();
        let tasks = naps(&[20, 5, 5, 30]);
        let ids: Vec<_> = tasks.iter().map(Task::id).collect();
        let waited = wait(tasks, When::FirstCompleted).await.unwrap();
        // Two ended at the same time.
        assert_eq!(ms(start), 5);
        assert_eq!(results(waited.done).await, [1, 2]);
        assert_eq!(waited.pending.iter().map(Task::id).collect::<Vec<_>>(), [ids[0], ids[3]]);
        let waited = wait(waited.pending, When::All).await.unwrap();
        assert_eq!((ms(start), results(waited.done).await), (30, vec![0, 3]));
    });
}

#[test]
fn tasks_that_are_over_already_count() {
    records::run(async {
        let start = Instant::now();
        let over = spawn_eager(async { 7 });
        let waited = wait([naps(&[10]).remove(0), over], When::FirstCompleted).await.unwrap();
        assert_eq!((ms(start), results(waited.done).await), (0, vec![7]));
        assert_eq!(joins(), []);
        cancel(waited.pending).await;
        let over = [spawn_eager(async { 1 }), spawn_eager(async { 2 })];
        let mut all = Box::pin(wait(over, When::All));
        let done = steps::done(&mut all).unwrap().done;
        assert_eq!(results(done).await, [1, 2]);
    });
}

#[test]
fn waiting_for_nothing_is_an_error() {
    records::run(async {
        let nothing = wait(Vec::<Task<()>>::new(), When::FirstCompleted).await;
        assert_eq!(nothing.unwrap_err().to_string(), "waiting for tasks: there is none to wait for");
    });
}

#[test]
fn the_first_error_is_a_panic_or_an_error_that_was_announced_but_no_cancellation() {
    type Answer = Result<u8, String>;
    records::run(async {
        let start = Instant::now();
        let later = |after: u64, answer: Answer| async move {
            sleep(Duration::from_millis(after)).await;
            answer
        };
        let cancelled: Task<Answer> = spawn(pending());
        cancelled.request_cancel();
        let tasks = [
            cancelled,
            spawn_fallible(later(1, Ok(1))),
            // Of this one nobody said that its result is one.
            spawn(later(2, Err("not announced".to_owned()))),
            spawn_fallible(later(3, Err("announced".to_owned()))),
            spawn_fallible(later(4, Ok(4))),
        ];
        let waited = wait(tasks, When::FirstError).await.unwrap();
        assert_eq!(ms(start), 3);
        let mut done = waited.done.into_iter();
        assert!(done.next().unwrap().await.unwrap_err().is_cancelled());
        assert_eq!(done.next().unwrap().await.unwrap(), Ok(1));
        assert_eq!(done.next().unwrap().await.unwrap(), Err("not announced".to_owned()));
        assert_eq!(done.next().unwrap().await.unwrap(), Err("announced".to_owned()));
        assert!(done.next().is_none());

        let mut tasks = waited.pending;
        tasks.push(spawn(async {
            yield_now().await;
            panic!("oh no")
        }));
        let waited = wait(tasks, When::FirstError).await.unwrap();
        assert_eq!((ms(start), waited.pending.len()), (3, 1));
        assert!(waited.done.into_iter().next().unwrap().await.unwrap_err().is_panic());
        // Nobody fails: then all.
        let waited = wait(waited.pending, When::FirstError).await.unwrap();
        assert_eq!((ms(start), waited.done.len(), waited.pending.len()), (4, 1, 0));
        drop(waited.done.into_iter().next().unwrap().await);
    });
}

#[test]
fn a_time_limit_is_no_error_and_cancels_nobody() {
    records::run(async {
        let start = Instant::now();
        let limit = Duration::from_millis(8);
        let waited = wait(naps(&[10, 5, 20]), When::All).timeout(limit).await.unwrap();
        assert_eq!((ms(start), results(waited.done).await), (8, vec![1]));
        // A limit of zero looks, and no more.
        let waited = wait(waited.pending, When::All).timeout(Duration::ZERO).await.unwrap();
        assert_eq!((ms(start), waited.done.len()), (8, 0));
        let waited = wait(waited.pending, When::All).timeout(Duration::from_secs(9)).await.unwrap();
        assert_eq!((ms(start), results(waited.done).await), (20, vec![0, 2]));
        assert_eq!(records::waits(), []);
    });
}

#[test]
fn a_wait_for_references_keeps_the_handles_whatever_becomes_of_it() {
    for step in [Step::NeverPolled, Step::Pending, Step::Notified, Step::Done] {
        records::run(async {
            let mut tasks = naps(&[1, 2]);
            let mut all = Box::pin(wait(&mut tasks, When::All));
            if step != Step::NeverPolled {
                assert!(steps::poll(&mut all).is_pending());
                assert_eq!(joins().len(), 2);
            }
            if matches!(step, Step::Notified | Step::Done) {
                sleep(Duration::from_millis(5)).await;
            }
            if step == Step::Done {
                assert_eq!(steps::done(&mut all).unwrap().done.len(), 2);
            }
            drop(all);
            assert_eq!(joins(), []);
            // Whatever the step, nothing is lost.
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            assert_eq!(sum, 1);
        });
    }
}

#[test]
fn a_wait_that_is_dropped_detaches_the_tasks_it_was_given() {
    records::run(async {
        let trace = Trace::new();
        let inside = trace.clone();
        let task = spawn(async move {
            sleep(Duration::from_millis(2)).await;
            inside.push("came to its end");
        });
        let late = timeout(Duration::from_millis(1), wait([task], When::All)).await;
        assert!(late.is_err());
        sleep(Duration::from_millis(2)).await;
        trace.expect(&["came to its end"]);
    });
}

#[test]
fn a_wait_is_shown_where_it_is_awaited_with_its_limit() {
    records::run(async {
        let tasks = naps(&[10, 20]);
        let targets: Vec<_> = tasks.iter().map(|task| task.id().as_u64()).collect();
        let (here, made_at) = (current().unwrap().as_u64(), records::here() + 1);
        let all = wait(tasks, When::All).timeout(Duration::from_secs(1));
        let watcher = spawn(async move {
            let waits = records::waits();
            (joins(), waits.into_iter().filter(|wait| wait.task == here).collect::<Vec<_>>())
        });
        let at = records::here() + 1;
        drop(all.await.unwrap());
        let (joins, waits) = watcher.await.unwrap();
        let join = |target| Join { task: here, target, at, made_at, perhaps: false };
        assert_eq!(joins, targets.into_iter().map(join).collect::<Vec<_>>());
        assert_eq!(waits.len(), 1);
        assert_eq!((waits[0].kind, waits[0].at, waits[0].made_at), (WaitKind::Sleep, at, made_at));
    });
}

#[test]
fn a_wait_may_outlive_the_loop_of_its_tasks() {
    let kept = Rc::new(RefCell::new(None));
    let mut runner = paused(&Trace::new()).build().unwrap();
    let keep = Rc::clone(&kept);
    let endless = || [spawn(pending::<u8>()), spawn(pending())];
    runner
        .block_on(async move {
            let mut all = Box::pin(wait(endless(), When::All));
            assert!(steps::poll(&mut all).is_pending());
            *keep.borrow_mut() = Some((all, as_completed(endless())));
        })
        .unwrap();
    drop(runner);
    let (all, mut completed) = kept.take().unwrap();
    records::run(async {
        let waited = all.await.unwrap();
        assert_eq!((waited.done.len(), waited.pending.len()), (2, 0));
        assert!(waited.done.into_iter().next().unwrap().await.unwrap_err().is_cancelled());
        assert!(completed.next().await.unwrap().await.unwrap_err().is_cancelled());
        assert!(completed.next().await.unwrap().is_finished());
        assert!(completed.next().await.is_none());
    });
}

#[test]
fn tasks_of_another_loop_are_refused() {
    let mut runner = paused(&Trace::new()).build().unwrap();
    let endless = || spawn(pending::<()>());
    let task = runner.block_on(std::future::poll_fn(|_| Poll::Ready(endless()))).unwrap();
    let id = task.id();
    let text = records::run(async { panic_of(|| wait([task], When::All)) });
    assert_eq!(text, format!("waiting for tasks: task {id} belongs to another event loop"));
    let task = runner.block_on(std::future::poll_fn(|_| Poll::Ready(endless()))).unwrap();
    let text = panic_of(|| as_completed([task]));
    assert!(text.starts_with("waiting for tasks outside of an event loop"), "{text}");
}

#[test]
fn tasks_come_in_the_order_in_which_they_end() {
    records::run(async {
        let start = Instant::now();
        let tasks = naps(&[10, 5, 15, 5]);
        let mut given: Vec<_> = tasks.iter().map(Task::id).collect();
        let mut completed = as_completed(tasks);
        let (mut order, mut ids) = (Vec::new(), Vec::<TaskId>::new());
        while let Some(task) = completed.next().await {
            ids.push(task.id());
            order.push((ms(start), task.await.unwrap()));
        }
        assert_eq!(order, [(5, 1), (5, 3), (10, 0), (15, 2)]);
        assert!(completed.is_empty());
        // The very same tasks.
        given.sort_unstable();
        ids.sort_unstable();
        assert_eq!(ids, given);
    });
}

#[test]
fn those_that_ended_while_nobody_asked_come_in_that_order_too() {
    records::run(async {
        let mut completed = as_completed(naps(&[3, 1, 2]));
        assert_eq!(completed.next().await.unwrap().await.unwrap(), 1);
        sleep(Duration::from_millis(10)).await;
        assert_eq!(completed.len(), 2);
        assert_eq!(steps::done(&mut Box::pin(completed.next())).unwrap().await.unwrap(), 2);
        assert_eq!(steps::done(&mut Box::pin(completed.next())).unwrap().await.unwrap(), 0);
        assert!(steps::done(&mut Box::pin(completed.next())).is_none());
        assert!(as_completed(Vec::<Task<()>>::new()).next().await.is_none());
    });
}

#[test]
fn the_time_limit_comes_out_once_and_the_rest_is_given_back() {
    records::run(async {
        let start = Instant::now();
        let mut completed = as_completed(naps(&[1, 50, 3, 40])).timeout(Duration::from_millis(20));
        let mut order = Vec::new();
        let error = loop {
            match completed.next().await.unwrap() {
                Ok(task) => order.push(task.await.unwrap()),
                Err(error) => break error,
            }
        };
        assert_eq!((ms(start), order), (20, vec![0, 2]));
        assert_eq!(error.to_string(), "the time limit of 20ms is over");
        assert!(completed.next().await.is_none());
        assert_eq!(
            records::waits().iter().filter(|wait| Some(wait.task) == current().map(TaskId::as_u64)).count(),
            0
        );
        // Nobody was cancelled.
        let rest = completed.into_rest();
        let waited = wait(rest, When::All).await.unwrap();
        assert_eq!((ms(start), results(waited.done).await), (50, vec![3, 1]));
        // What is over goes before the limit, and a limit that is not reached does nothing.
        let mut completed = as_completed([spawn_eager(async { 1 })]).timeout(Duration::ZERO);
        assert_eq!(completed.next().await.unwrap().unwrap().await.unwrap(), 1);
        assert!(completed.next().await.is_none());
    });
}

#[test]
fn next_may_be_dropped_at_each_step() {
    for step in [Step::NeverPolled, Step::Pending, Step::Notified, Step::Done] {
        for limited in [false, true] {
            records::run(async {
                let mut completed = as_completed(naps(&[1, 2]));
                let mut within = as_completed(naps(&[1, 2])).timeout(Duration::from_secs(1));
                let mut got = None;
                {
                    let mut next: Pin<Box<dyn Future<Output = Task<usize>>>> = if limited {
                        Box::pin(within.next().map(|next| next.unwrap().unwrap()))
                    } else {
                        Box::pin(completed.next().map(Option::unwrap))
                    };
                    if step != Step::NeverPolled {
                        assert!(steps::poll(&mut next).is_pending());
                        assert_eq!(joins().len(), 2);
                    }
                    if matches!(step, Step::Notified | Step::Done) {
                        sleep(Duration::from_millis(1)).await;
                        yield_now().await;
                    }
                    if step == Step::Done {
                        got = Some(steps::done(&mut next));
                    }
                }
                // Nobody waits any more, neither for the tasks nor for the limit.
                assert_eq!(joins(), []);
                let own = current().unwrap().as_u64();
                assert!(records::waits().iter().all(|wait| wait.task != own));
                let mut all: Vec<Task<usize>> = got.into_iter().collect();
                if limited {
                    while let Some(task) = within.next().await {
                        all.push(task.unwrap());
                    }
                    while completed.next().await.is_some() {}
                } else {
                    while let Some(task) = completed.next().await {
                        all.push(task);
                    }
                    while within.next().await.is_some() {}
                }
                assert_eq!(results(all).await, [0, 1]);
            });
        }
    }
}

#[test]
fn it_is_a_stream_and_whoever_polls_it_is_shown_as_perhaps_waiting_once_it_goes_on() {
    records::run(async {
        let mut tasks = naps(&[2, 1, 9]);
        let order: Vec<_> =
            as_completed(tasks.drain(..2)).then(|task| async { task.await.unwrap() }).collect().await;
        assert_eq!(order, [1, 0]);
        let mut stream = as_completed(tasks);
        assert_eq!(futures_util::Stream::size_hint(&stream), (1, Some(1)));
        let polls = spawn(async move {
            drop(timeout(Duration::from_millis(1), StreamExt::next(&mut stream)).await);
            sleep(Duration::from_millis(1)).await;
            sleep(Duration::from_millis(3)).await;
            let task = StreamExt::next(&mut stream).await.unwrap();
            task.await.unwrap()
        });
        yield_now().await;
        assert!(!joins().iter().find(|join| join.task == polls.id().as_u64()).unwrap().perhaps);
        sleep(Duration::from_millis(3)).await;
        assert!(joins().iter().find(|join| join.task == polls.id().as_u64()).unwrap().perhaps);
        assert_eq!(polls.await.unwrap(), 2);
    });
}

#[test]
fn what_is_left_of_a_stream_that_is_dropped_runs_on() {
    records::run(async {
        let trace = Trace::new();
        let say = |name: &'static str, ms: u64| {
            let trace = trace.clone();
            spawn(async move {
                sleep(Duration::from_millis(ms)).await;
                trace.push(name);
            })
        };
        let mut completed = as_completed([say("one", 1), say("two", 2)]);
        completed.next().await.unwrap().await.unwrap();
        drop(completed);
        sleep(Duration::from_millis(5)).await;
        trace.expect(&["one", "two"]);
    });
}

#[test]
fn of_ten_thousand_tasks_each_comes_out_when_it_ends() {
    records::run(async {
        let spans: Vec<_> = (0..10_000).map(|n| n * 7919 % 10_007).collect();
        let mut completed = as_completed(naps(&spans));
        let mut last = 0;
        let mut count = 0;
        while let Some(task) = completed.next().await {
            let number = task.await.unwrap();
            assert!(spans[number] >= last);
            last = spans[number];
            count += 1;
        }
        assert_eq!(count, 10_000);
    });
}

#[test]
fn a_task_in_two_sets_is_told_to_the_one_that_came_last() {
    records::run(async {
        let mut task = naps(&[5]).remove(0);
        {
            let mut first = Box::pin(wait([&mut task], When::All));
            assert!(steps::poll(&mut first).is_pending());
        }
        assert_eq!(as_completed([&mut task]).next().await.map(|task| task.is_finished()), Some(true));
        assert_eq!(task.await.unwrap(), 0);
        assert_eq!(all_tasks(), [current().unwrap()]);
    });
}

/// What is done to a set of tasks.
#[derive(Clone, Debug)]
enum Act {
    /// So much time passes.
    Pass(u64),
    /// The next is taken if it is there.
    Take,
    /// One asks for the next and is dropped before it comes.
    GiveUp,
    /// Some task is cancelled.
    Cancel(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        (0_u64..6).prop_map(Act::Pass),
        Just(Act::Take),
        Just(Act::GiveUp),
        (0_usize..8).prop_map(Act::Cancel),
    ];
    proptest::collection::vec(act, 0..30)
}

proptest! {
    /// Against a list of who ends when: what comes out is what is over, in that order, each once.
    #[test]
    fn a_set_behaves_like_a_list(spans in proptest::collection::vec(1_u64..40, 1..8), acts in acts()) {
        records::run(async move {
            let mut tasks = naps(&spans);
            let ids: Vec<_> = tasks.iter().map(Task::id).collect();
            // A second handle to cancel by: the end of a scope that owns the sleep.
            let (mut now, mut over) = (0, Vec::<usize>::new());
            let mut taken = Vec::new();
            let mut ended = vec![false; spans.len()];
            // Cancelled ones are so before the set is made: the set owns the handles.
            for act in &acts {
                if let Act::Cancel(number) = act
                    && let Some(task) = tasks.get(*number)
                {
                    task.request_cancel();
                }
            }
            let cancelled: Vec<_> = (0..spans.len())
                .filter(|number| acts.iter().any(|act| matches!(act, Act::Cancel(n) if n == number)))
                .collect();
            yield_now().await;
            let mut due = Vec::new();
            for number in &cancelled {
                ended[*number] = true;
                over.push(*number);
            }
            for (number, span) in spans.iter().enumerate() {
                if !ended[number] {
                    due.push((*span, number));
                }
            }
            due.sort_unstable();
            let mut due = due.into_iter().peekable();
            let mut completed = as_completed(&mut tasks);
            let mut seen = 0;
            for act in acts {
                match act {
                    Act::Pass(ms) => {
                        sleep(Duration::from_millis(ms)).await;
                        yield_now().await;
                        now += ms;
                        while let Some((_, number)) = due.next_if(|(span, _)| *span <= now) {
                            over.push(number);
                        }
                    }
                    Act::Take => {
                        let next = std::pin::pin!(completed.next());
                        let next = next.now_or_never();
                        let next = next.flatten().map(|task| ids.iter().position(|id| *id == task.id()).unwrap());
                        let expected = over.get(seen).copied();
                        assert_eq!(next, expected);
                        if let Some(number) = next {
                            taken.push(number);
                            seen += 1;
                        }
                    }
                    Act::GiveUp if seen == over.len() && seen < spans.len() => {
                        assert!(steps::poll(&mut Box::pin(completed.next())).is_pending());
                    }
                    Act::GiveUp | Act::Cancel(_) => {}
                }
                assert_eq!(completed.len(), spans.len() - taken.len());
            }
            drop(completed);
            let waited = wait(&mut tasks, When::All).await.unwrap();
            assert_eq!(waited.done.len(), spans.len());
        });
    }
}
