//! Random schedules of the lock, the queue and the channel, against models that say who must be served when.
//!
//! Futures are polled, dropped and left alone in any order by one thread; what the real one does must be what the model does,
//! step by step, and in the end nothing may be lost and no record left.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/lock_model.rs"]
mod lock_model;
#[path = "support/records.rs"]
mod records;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use lock_model::LockModel;
use loopscope::sync::{Mutex, MutexGuard, Queue, channel, remote};
use proptest::prelude::*;
use records::{resources, run, waits};

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

enum Locking<'a> {
    Waits(Pin<Box<dyn Future<Output = MutexGuard<'a, ()>> + 'a>>),
    Holds(#[expect(dead_code, reason = "held for its drop")] MutexGuard<'a, ()>),
}

/// What a queue does with its waiters: whoever is notified has something reserved.
#[derive(Default)]
struct QueueModel {
    limit: usize,
    items: VecDeque<u32>,
    getters: VecDeque<usize>,
    putters: VecDeque<usize>,
    /// Futures that were notified and did not come yet.
    notified_getters: Vec<usize>,
    notified_putters: Vec<usize>,
}

impl QueueModel {
    fn settle(&mut self) {
        while self.items.len() > self.notified_getters.len() && !self.getters.is_empty() {
            self.notified_getters.extend(self.getters.pop_front());
        }
        while self.items.len() + self.notified_putters.len() < self.limit && !self.putters.is_empty() {
            self.notified_putters.extend(self.putters.pop_front());
        }
    }

    fn try_get(&mut self) -> Option<u32> {
        let item = if self.items.len() > self.notified_getters.len() { self.items.pop_front() } else { None };
        self.settle();
        item
    }

    fn try_put(&mut self, item: u32) -> bool {
        let free = self.items.len() + self.notified_putters.len() < self.limit;
        if free {
            self.items.push_back(item);
        }
        self.settle();
        free
    }

    fn get(&mut self, who: usize) -> Option<u32> {
        if let Some(at) = self.notified_getters.iter().position(|getter| *getter == who) {
            self.notified_getters.swap_remove(at);
            let item = self.items.pop_front();
            self.settle();
            return item;
        }
        if self.getters.contains(&who) {
            return None;
        }
        let item = self.try_get();
        if item.is_none() {
            self.getters.push_back(who);
        }
        item
    }

    fn put(&mut self, who: usize, item: u32) -> bool {
        if let Some(at) = self.notified_putters.iter().position(|putter| *putter == who) {
            self.notified_putters.swap_remove(at);
            self.items.push_back(item);
            self.settle();
            return true;
        }
        if self.putters.contains(&who) {
            return false;
        }
        let put = self.try_put(item);
        if !put {
            self.putters.push_back(who);
        }
        put
    }

    fn drop(&mut self, who: usize) {
        for line in [&mut self.getters, &mut self.putters] {
            line.retain(|waiter| *waiter != who);
        }
        for notified in [&mut self.notified_getters, &mut self.notified_putters] {
            notified.retain(|waiter| *waiter != who);
        }
        self.settle();
    }
}

/// One step of a schedule.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Makes the future in this place if there is none, and polls it: one that gets, or one that puts.
    Get(usize),
    Put(usize),
    /// Drops what is in this place.
    Drop(usize),
    TryGet,
    TryPut,
}

const PLACES: usize = 6;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..PLACES).prop_map(Step::Get),
        4 => (0..PLACES).prop_map(Step::Put),
        3 => (0..PLACES).prop_map(Step::Drop),
        1 => Just(Step::TryGet),
        1 => Just(Step::TryPut),
    ];
    prop::collection::vec(step, 1..120)
}

type Getting<'a> = Pin<Box<dyn Future<Output = Option<u32>> + 'a>>;
type Putting<'a> = Pin<Box<dyn Future<Output = bool> + 'a>>;

/// What stands in a place of the schedule.
enum Op<'a> {
    Get(Getting<'a>),
    Put(u32, Putting<'a>),
}

/// A bounded container under test.
trait Bounded {
    fn get(&self) -> Getting<'_>;
    fn put(&self, item: u32) -> Putting<'_>;
    fn try_get(&self) -> Option<u32>;
    fn try_put(&self, item: u32) -> bool;
    fn len(&self) -> usize;
    /// Whether several may get at a time.
    const MANY_GETTERS: bool;
}

impl Bounded for Queue<u32> {
    const MANY_GETTERS: bool = true;
    fn get(&self) -> Getting<'_> {
        Box::pin(async { self.get().await.ok() })
    }
    fn put(&self, item: u32) -> Putting<'_> {
        Box::pin(async move { self.put(item).await.is_ok() })
    }
    fn try_get(&self) -> Option<u32> {
        self.try_get().ok()
    }
    fn try_put(&self, item: u32) -> bool {
        self.try_put(item).is_ok()
    }
    fn len(&self) -> usize {
        self.len()
    }
}

/// A channel whose receiver is borrowed by at most one future.
struct Channel {
    sender: channel::Sender<u32>,
    receiver: std::cell::RefCell<channel::Receiver<u32>>,
}

impl Bounded for Channel {
    const MANY_GETTERS: bool = false;
    #[expect(clippy::await_holding_refcell_ref, reason = "the schedule has one getter at a time")]
    fn get(&self) -> Getting<'_> {
        Box::pin(async { self.receiver.borrow_mut().recv().await })
    }
    fn put(&self, item: u32) -> Putting<'_> {
        Box::pin(async move { self.sender.send(item).await.is_ok() })
    }
    fn try_get(&self) -> Option<u32> {
        self.receiver.try_borrow_mut().ok()?.try_recv().ok()
    }
    fn try_put(&self, item: u32) -> bool {
        self.sender.try_send(item).is_ok()
    }
    fn len(&self) -> usize {
        self.sender.len()
    }
}

/// The same between threads.
struct RemoteChannel {
    sender: remote::channel::Sender<u32>,
    receiver: std::cell::RefCell<remote::channel::Receiver<u32>>,
}

impl Bounded for RemoteChannel {
    const MANY_GETTERS: bool = false;
    #[expect(clippy::await_holding_refcell_ref, reason = "the schedule has one getter at a time")]
    fn get(&self) -> Getting<'_> {
        Box::pin(async { self.receiver.borrow_mut().recv().await })
    }
    fn put(&self, item: u32) -> Putting<'_> {
        Box::pin(async move { self.sender.send(item).await.is_ok() })
    }
    fn try_get(&self) -> Option<u32> {
        self.receiver.try_borrow_mut().ok()?.try_recv().ok()
    }
    fn try_put(&self, item: u32) -> bool {
        self.sender.try_send(item).is_ok()
    }
    fn len(&self) -> usize {
        self.sender.len()
    }
}

/// Plays a schedule on the real thing and on the model, which must agree at every step.
fn play<B: Bounded>(real: &B, limit: usize, steps: &[Step]) {
    let mut model = QueueModel { limit, ..QueueModel::default() };
    let mut places: [Option<Op<'_>>; PLACES] = Default::default();
    let (mut next, mut got) = (0, Vec::new());
    let mut put = Vec::new();
    for step in steps {
        let receiving = places.iter().any(|op| matches!(op, Some(Op::Get(_))));
        match *step {
            Step::Get(at) if places[at].is_none() && (B::MANY_GETTERS || !receiving) => {
                places[at] = Some(Op::Get(real.get()));
            }
            Step::Put(at) if places[at].is_none() => {
                next += 1;
                places[at] = Some(Op::Put(next, real.put(next)));
            }
            Step::Drop(at) if places[at].take().is_some() => model.drop(at),
            Step::TryGet if B::MANY_GETTERS || !receiving => {
                let item = real.try_get();
                assert_eq!(item, model.try_get());
                got.extend(item);
            }
            Step::TryPut => {
                next += 1;
                let done = real.try_put(next);
                assert_eq!(done, model.try_put(next));
                put.extend(done.then_some(next));
            }
            _ => {}
        }
        if let Step::Get(at) | Step::Put(at) = *step {
            let done = match &mut places[at] {
                None => false,
                Some(Op::Get(future)) => {
                    let expected = model.get(at);
                    let item = match poll(future) {
                        Poll::Ready(item) => item,
                        Poll::Pending => None,
                    };
                    assert_eq!(item, expected);
                    got.extend(item);
                    item.is_some()
                }
                Some(Op::Put(item, future)) => {
                    let done = poll(future).is_ready();
                    assert_eq!(done, model.put(at, *item));
                    put.extend(done.then_some(*item));
                    done
                }
            };
            if done {
                places[at] = None;
            }
        }
        assert_eq!(real.len(), model.items.len());
        let waiting = model.getters.len()
            + model.putters.len()
            + model.notified_getters.len()
            + model.notified_putters.len();
        assert_eq!(waits().len(), waiting, "every wait is shown, and nothing else");
    }
    places.fill_with(|| None);
    while let Some(item) = real.try_get() {
        got.push(item);
    }
    assert_eq!(got, put, "nothing lost, nothing twice, and in order");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_queue_serves_whom_the_model_serves(limit in 1_usize..4, steps in steps()) {
        run(async {
            play(&Queue::new(limit), limit, &steps);
            assert_eq!(resources(), []);
        });
    }

    #[test]
    fn a_queue_without_limit_never_makes_a_putter_wait(steps in steps()) {
        run(async { play(&Queue::unbounded(), usize::MAX, &steps) });
    }

    #[test]
    fn a_channel_serves_whom_the_model_serves(limit in 1_usize..4, steps in steps()) {
        run(async {
            let (sender, receiver) = channel::bounded(limit);
            play(&Channel { sender, receiver: receiver.into() }, limit, &steps);
        });
    }

    #[test]
    fn a_remote_channel_serves_whom_the_model_serves(limit in 1_usize..4, steps in steps()) {
        run(async {
            let (sender, receiver) = remote::channel::bounded(limit);
            play(&RemoteChannel { sender, receiver: receiver.into() }, limit, &steps);
        });
    }

    #[test]
    fn a_remote_channel_without_limit_keeps_every_message_in_order(steps in steps()) {
        run(async {
            let (sender, receiver) = remote::channel::unbounded();
            play(&RemoteChannel { sender, receiver: receiver.into() }, usize::MAX, &steps);
        });
    }

    #[test]
    fn a_lock_serves_whom_the_model_serves(steps in steps()) {
        run(async {
            let lock = Mutex::new(());
            let mut model = LockModel::default();
            let mut places: [Option<Locking<'_>>; PLACES] = Default::default();
            for step in &steps {
                match *step {
                    Step::Get(at) | Step::Put(at) => {
                        let place = places[at].get_or_insert_with(|| Locking::Waits(Box::pin(lock.lock())));
                        if let Locking::Waits(future) = place {
                            let polled = poll(future);
                            assert_eq!(polled.is_ready(), model.poll(at));
                            if let Poll::Ready(guard) = polled {
                                *place = Locking::Holds(guard);
                            }
                        }
                    }
                    Step::Drop(at) => {
                        if places[at].take().is_some() {
                            model.drop(at);
                        }
                    }
                    Step::TryGet | Step::TryPut => {
                        assert_eq!(lock.try_lock().is_some(), model.owner.is_none());
                    }
                }
                assert_eq!(lock.is_locked(), model.owner.is_some());
                let waiting = model.waiting();
                assert_eq!((waits().len(), resources().len()), (waiting, usize::from(waiting > 0)));
            }
            places.fill_with(|| None);
            assert!(lock.try_lock().is_some());
        });
    }
}
