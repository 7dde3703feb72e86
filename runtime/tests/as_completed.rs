//! Tasks in the order in which they end.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/joins.rs"]
mod joins;
#[path = "support/naps.rs"]
mod naps;
#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;
#[path = "support/trace.rs"]
mod trace;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt};
use joins::joins;
use loopscope::task::{When, as_completed, spawn_eager, wait};
use loopscope::time::Instant;
use loopscope::{Task, TaskId, all_tasks, current, sleep, spawn, timeout, yield_now};
use naps::{ms, naps, results};
use proptest::prelude::*;
use steps::Step;
use trace::Trace;

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
