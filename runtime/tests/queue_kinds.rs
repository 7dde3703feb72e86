//! What the three queues have in common and what sets them apart: order, closing, joining, and waits given up at each step.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/records.rs"]
mod records;

use std::cmp::{Ordering, Reverse};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;

use foreign::{done, poll, waiting};
use loopscope::sync::{LifoQueue, PriorityQueue, Queue, QueueOf, Storage};
use loopscope::telemetry::WaitKind;
use loopscope::{spawn, yield_now};
use proptest::prelude::*;
use records::{resource, resources, run, waits};

/// Everything that is in a queue, in the order it comes out.
fn drain<T, S: Storage<T>>(queue: &QueueOf<T, S>) -> Vec<T> {
    std::iter::from_fn(|| queue.try_get().ok()).collect()
}

#[test]
fn each_kind_hands_out_its_own_order() {
    fn order<S: Storage<u32>>(queue: &QueueOf<u32, S>) -> Vec<u32> {
        for item in [3, 1, 2] {
            queue.try_put(item).unwrap();
        }
        drain(queue)
    }
    run(async {
        assert_eq!(order(&Queue::new(3)), [3, 1, 2]);
        assert_eq!(order(&LifoQueue::new(3)), [2, 1, 3]);
        assert_eq!(order(&PriorityQueue::new(3)), [1, 2, 3]);
        let highest_first = PriorityQueue::unbounded();
        for item in [3, 1, 2].map(Reverse) {
            highest_first.try_put(item).unwrap();
        }
        assert_eq!(drain(&highest_first), [3, 2, 1].map(Reverse));
    });
}

/// Compared by its priority alone.
#[derive(Debug)]
struct Job(u32, &'static str);

impl PartialEq for Job {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Job {}
impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Job {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

#[test]
fn items_of_one_priority_come_out_in_the_order_they_were_put() {
    run(async {
        let queue = PriorityQueue::unbounded();
        for job in [Job(2, "d"), Job(1, "a"), Job(2, "e"), Job(1, "b"), Job(1, "c"), Job(2, "f")] {
            queue.put(job).await.unwrap();
        }
        let names: Vec<_> = drain(&queue).into_iter().map(|job| job.1).collect();
        assert_eq!(names, ["a", "b", "c", "d", "e", "f"]);
    });
}

#[test]
fn a_getter_that_was_given_its_turn_gets_what_is_lowest_when_it_comes() {
    run(async {
        let queue = PriorityQueue::new(3);
        let (mut first, mut second) = (waiting(queue.get()), waiting(queue.get()));
        queue.try_put(2).unwrap();
        queue.try_put(1).unwrap();
        assert!(queue.try_get().is_err(), "both are kept for those who wait");
        assert_eq!((done(&mut first), done(&mut second)), (Ok(1), Ok(2)));
    });
}

#[test]
fn each_kind_is_called_by_its_name() {
    let queue = PriorityQueue::<u8>::new(1).named("jobs");
    let text = "PriorityQueue { name: \"jobs\", len: 0, limit: Some(1), waiters: 0, unfinished: 0, closed: false, .. }";
    assert_eq!(format!("{queue:?}"), text);
    queue.try_put(1).unwrap();
    queue.close();
    let text = text.replace("len: 0", "len: 1").replace("unfinished: 0", "unfinished: 1");
    assert_eq!(format!("{queue:?}"), text.replace("closed: false", "closed: true"));
    assert!(format!("{:?}", LifoQueue::<u8>::unbounded()).starts_with("LifoQueue { len: 0, limit: None"));
    assert!(format!("{:?}", Queue::<u8>::unbounded()).starts_with("Queue { len: 0, limit: None"));
}

/// Runs a scenario on each kind.
macro_rules! on_each_kind {
    ($scenario:ident) => {
        run(async {
            $scenario(&Queue::new(1));
            $scenario(&LifoQueue::new(1));
            $scenario(&PriorityQueue::new(1));
            assert_eq!((waits(), resources()), (vec![], vec![]));
        });
    };
}

#[test]
fn a_put_given_up_at_any_step_puts_nothing_and_keeps_no_slot() {
    fn scenario<S: Storage<u32>>(queue: &QueueOf<u32, S>) {
        drop(queue.put(1));
        assert_eq!((queue.len(), queue.unfinished()), (0, 0), "never polled");
        queue.try_put(2).unwrap();
        let (pending, mut next) = (waiting(queue.put(3)), waiting(queue.put(4)));
        drop(pending);
        assert_eq!(queue.try_get(), Ok(2));
        assert_eq!(done(&mut next), Ok(()));
        let (notified, mut after) = (waiting(queue.put(5)), waiting(queue.put(6)));
        assert_eq!(queue.try_get(), Ok(4));
        drop(notified);
        assert_eq!(done(&mut after), Ok(()));
        drop(after);
        assert_eq!((queue.try_get(), queue.unfinished()), (Ok(6), 3));
    }
    on_each_kind!(scenario);
}

#[test]
fn a_get_given_up_at_any_step_takes_nothing() {
    fn scenario<S: Storage<u32>>(queue: &QueueOf<u32, S>) {
        queue.try_put(1).unwrap();
        drop(queue.get());
        assert_eq!(queue.try_get(), Ok(1));
        let (pending, mut next) = (waiting(queue.get()), waiting(queue.get()));
        drop(pending);
        queue.try_put(2).unwrap();
        assert_eq!(done(&mut next), Ok(2));
        let (notified, mut after) = (waiting(queue.get()), waiting(queue.get()));
        queue.try_put(3).unwrap();
        drop(notified);
        assert_eq!(done(&mut after), Ok(3));
        drop(after);
        queue.try_put(4).unwrap();
        assert_eq!(queue.try_get(), Ok(4));
    }
    on_each_kind!(scenario);
}

#[test]
fn a_join_given_up_at_any_step_leaves_the_others_joining() {
    fn scenario<S: Storage<u32>>(queue: &QueueOf<u32, S>) {
        assert!(poll(&mut Box::pin(queue.join())).is_ready(), "nothing was put");
        queue.try_put(1).unwrap();
        drop(queue.join());
        let (pending, notified, mut last) =
            (waiting(queue.join()), waiting(queue.join()), waiting(queue.join()));
        drop(pending);
        assert_eq!(queue.try_get(), Ok(1));
        assert!(poll(&mut last).is_pending(), "taken is not done");
        queue.task_done();
        drop(notified);
        done(&mut last);
    }
    on_each_kind!(scenario);
}

#[test]
fn closing_lets_what_is_there_be_taken_and_refuses_everything_else() {
    fn scenario<S: Storage<u32>>(queue: &QueueOf<u32, S>) {
        queue.try_put(1).unwrap();
        let (mut putter, mut joiner) = (waiting(queue.put(2)), waiting(queue.join()));
        queue.close();
        assert_eq!(done(&mut putter).unwrap_err().into_inner(), 2);
        assert!(queue.try_put(3).unwrap_err().is_closed());
        assert!(done(&mut Box::pin(queue.put(4))).is_err());
        assert!(poll(&mut joiner).is_pending(), "what is there is still to be done");
        assert_eq!(done(&mut Box::pin(queue.get())), Ok(1));
        assert!(done(&mut Box::pin(queue.get())).is_err());
        assert!(queue.try_get().unwrap_err().is_closed());
        queue.task_done();
        done(&mut joiner);
    }
    on_each_kind!(scenario);
}

#[test]
fn closing_an_empty_queue_ends_every_wait_to_get() {
    fn scenario<S: Storage<u32>>(queue: &QueueOf<u32, S>) {
        let (mut first, mut second) = (waiting(queue.get()), waiting(queue.get()));
        let given_up = waiting(queue.get());
        queue.close();
        drop(given_up);
        assert!(done(&mut first).is_err() && done(&mut second).is_err());
    }
    on_each_kind!(scenario);
}

#[test]
fn closing_at_once_drops_what_is_there_and_counts_it_as_done() {
    fn scenario<S: Storage<u32>>(queue: &QueueOf<u32, S>) {
        queue.try_put(1).unwrap();
        let (mut putter, mut joiner) = (waiting(queue.put(2)), waiting(queue.join()));
        assert_eq!(queue.close_now(), 1);
        assert!(queue.is_closed() && queue.is_empty());
        assert_eq!(queue.unfinished(), 0);
        done(&mut joiner);
        assert_eq!(done(&mut putter).unwrap_err().into_inner(), 2);
        assert!(done(&mut Box::pin(queue.get())).is_err());
        assert_eq!(queue.close_now(), 0);
    }
    on_each_kind!(scenario);
}

#[test]
fn closing_at_once_leaves_a_join_waiting_for_what_was_taken() {
    fn scenario<S: Storage<u32>>(queue: &QueueOf<u32, S>) {
        queue.try_put(1).unwrap();
        assert_eq!(queue.try_get(), Ok(1));
        queue.try_put(2).unwrap();
        let mut joiner = waiting(queue.join());
        assert_eq!((queue.close_now(), queue.unfinished()), (1, 1));
        assert!(poll(&mut joiner).is_pending(), "the first is being worked on");
        queue.task_done();
        done(&mut joiner);
    }
    on_each_kind!(scenario);
}

#[test]
fn a_getter_that_was_notified_before_closing_at_once_finds_nothing() {
    fn scenario<S: Storage<u32>>(queue: &QueueOf<u32, S>) {
        let mut getter = waiting(queue.get());
        queue.try_put(1).unwrap();
        assert_eq!(queue.close_now(), 1);
        assert!(done(&mut getter).is_err());
    }
    on_each_kind!(scenario);
}

#[test]
fn task_done_more_often_than_items_were_put_panics_on_every_kind() {
    fn scenario<S: Storage<u32>>(queue: &QueueOf<u32, S>) {
        queue.try_put(1).unwrap();
        queue.task_done();
        let once_more = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| queue.task_done()));
        let text = once_more.unwrap_err().downcast::<&str>().map(|text| *text);
        assert_eq!(text.ok(), Some("task_done() was called more often than items were put"));
        assert_eq!(queue.try_get(), Ok(1));
    }
    on_each_kind!(scenario);
}

/// An item that panics when it is compared with another one, if both say so.
#[derive(Debug, PartialEq, Eq)]
struct Touchy(bool);

impl Ord for Touchy {
    fn cmp(&self, other: &Self) -> Ordering {
        assert!(!(self.0 && other.0), "do not compare me");
        Ordering::Equal
    }
}

impl PartialOrd for Touchy {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[test]
fn a_comparison_that_panics_leaves_nobody_waiting_for_what_is_there() {
    let panics = |action: &dyn Fn()| catch_unwind(AssertUnwindSafe(action)).is_err();
    run(async {
        let queue = PriorityQueue::unbounded();
        let mut getters = [waiting(queue.get()), waiting(queue.get())];
        queue.try_put(Touchy(true)).unwrap();
        assert!(panics(&|| queue.try_put(Touchy(true)).unwrap()));
        assert!(getters.iter_mut().all(|getter| done(getter).is_ok()));

        // With the calm one at the top, each goes in without meeting the other; taking that one out makes them meet.
        let queue = PriorityQueue::new(3);
        for is_touchy in [false, true, true] {
            queue.try_put(Touchy(is_touchy)).unwrap();
        }
        let mut putter = waiting(queue.put(Touchy(false)));
        assert!(panics(&|| drop(queue.try_get())));
        assert_eq!(done(&mut putter), Ok(()));
    });
}

#[test]
fn several_workers_work_off_a_queue_and_joining_ends_when_they_are_done() {
    run(async {
        let queue = Rc::new(PriorityQueue::unbounded().named("work"));
        for item in 0..20 {
            queue.try_put(item).unwrap();
        }
        let workers = [(); 3].map(|()| {
            let queue = Rc::clone(&queue);
            spawn(async move {
                while let Ok(_item) = queue.get().await {
                    yield_now().await;
                    queue.task_done();
                }
            })
        });
        queue.join().await;
        yield_now().await;
        assert_eq!((queue.unfinished(), queue.len()), (0, 0));
        assert_eq!(waits().iter().map(|wait| wait.kind).collect::<Vec<_>>(), [WaitKind::Get; 3]);
        assert_eq!(resource().name.as_deref(), Some("work"));
        queue.close();
        for worker in workers {
            worker.await.unwrap();
        }
    });
}

/// What a queue does, done in the plainest way.
struct Model {
    limit: usize,
    /// Where the next item is taken from.
    next: fn(&[u32]) -> Option<usize>,
    items: Vec<u32>,
    unfinished: usize,
    closed: bool,
}

impl Model {
    fn put(&mut self, item: u32) -> bool {
        let fits = !self.closed && self.items.len() < self.limit;
        if fits {
            self.items.push(item);
            self.unfinished += 1;
        }
        fits
    }

    fn get(&mut self) -> Option<u32> {
        (self.next)(&self.items).map(|at| self.items.remove(at))
    }
}

/// One step, without anybody having to wait.
#[derive(Clone, Copy, Debug)]
enum Step {
    Put(u32),
    Get,
    Done,
    Close,
    CloseNow,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0_u32..5).prop_map(Step::Put),
        8 => Just(Step::Get),
        6 => Just(Step::Done),
        1 => Just(Step::Close),
        1 => Just(Step::CloseNow),
    ];
    prop::collection::vec(step, 1..60)
}

/// A future that is polled once and must be over, or is dropped while it waits.
fn at_once<T>(future: Pin<Box<dyn Future<Output = T> + '_>>) -> Option<T> {
    let mut future = future;
    match poll(&mut future) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

fn play<S: Storage<u32>>(real: &QueueOf<u32, S>, mut model: Model, steps: &[Step]) {
    for step in steps {
        match *step {
            Step::Put(item) => {
                let put = at_once(Box::pin(real.put(item)));
                assert_eq!(put.is_some_and(|put| put.is_ok()), model.put(item));
            }
            Step::Get => {
                let got = at_once(Box::pin(real.get()));
                assert_eq!(got.as_ref().is_some_and(Result::is_err), model.closed && model.items.is_empty());
                assert_eq!(got.and_then(Result::ok), model.get());
            }
            Step::Done if model.unfinished > 0 => {
                real.task_done();
                model.unfinished -= 1;
            }
            Step::Done => {}
            Step::Close => {
                real.close();
                model.closed = true;
            }
            Step::CloseNow => {
                assert_eq!(real.close_now(), model.items.len());
                model.closed = true;
                model.unfinished = model.unfinished.saturating_sub(model.items.len());
                model.items.clear();
            }
        }
        assert_eq!(real.len(), model.items.len());
        assert_eq!(real.unfinished(), model.unfinished);
        assert_eq!(at_once(Box::pin(real.join())).is_some(), model.unfinished == 0);
        assert_eq!(real.is_closed(), model.closed);
    }
}

fn lowest(items: &[u32]) -> Option<usize> {
    items.iter().enumerate().min_by_key(|(_, item)| **item).map(|(at, _)| at)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_kind_of_queue_does_what_the_model_does(limit in 1_usize..6, steps in steps()) {
        let model = |next: fn(&[u32]) -> Option<usize>| Model {
            limit,
            next,
            items: Vec::new(),
            unfinished: 0,
            closed: false,
        };
        run(async {
            play(&Queue::new(limit), model(|items| (!items.is_empty()).then_some(0)), &steps);
            play(&LifoQueue::new(limit), model(|items| items.len().checked_sub(1)), &steps);
            play(&PriorityQueue::new(limit), model(lowest), &steps);
            assert_eq!((waits(), resources()), (vec![], vec![]));
        });
    }
}
