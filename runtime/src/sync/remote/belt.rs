//! The messages of a channel between threads, and the wakers of both sides, under one lock.
//!
//! ```text
//!   poll_put ──free slot──► [ messages ] ──take──► the receiver's own batch ──► one message
//!      └──full──► waiting ──notified: slot reserved──► poll_put
//! ```
//!
//! # Invariants
//!
//! - A sender that is notified has a slot reserved until it comes or leaves; while senders wait every free slot is reserved, so
//!   that nobody overtakes.
//! - The receiver's waker is kept only while there is nothing to take: whoever puts the first message takes it out. So a
//!   receiver that sleeps is woken once, however many messages come.
//! - Without a limit the receiver takes all messages at once into a batch of its own, and the senders' lock is left alone until
//!   that is used up. With a limit it takes one at a time, since each makes room for a sender.
//! - Nothing that can panic or come back here runs under the lock, except for the clone of a waker; what is woken or dropped
//!   is so afterwards.

use std::collections::{BTreeMap, VecDeque};
use std::sync::PoisonError;
use std::task::{Poll, Waker};

use crate::telemetry::atomic::{AtomicU64, Mutex, MutexGuard, Relaxed};

/// "No limit".
pub(crate) const UNLIMITED: usize = usize::MAX;

/// What the senders and the receiver share.
pub(crate) struct Belt<T> {
    limit: usize,
    state: Mutex<State<T>>,
    /// Messages in the receiver's batch; it alone writes this.
    batched: AtomicU64,
}

struct State<T> {
    messages: VecDeque<T>,
    senders: usize,
    /// The receiver is gone, or takes nothing more.
    closed: bool,
    receiver: Option<Waker>,
    /// Senders that wait for a slot, by the order they came in.
    waiting: BTreeMap<u64, Waker>,
    next_place: u64,
    /// Notified senders that did not come yet.
    reserved: usize,
}

/// Why a message was not put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Full,
    Closed,
}

/// A sender's place among those that wait, or none.
#[derive(Debug, Default)]
pub(crate) struct Place(Option<u64>);

impl Place {
    pub(crate) fn is_taken(&self) -> bool {
        self.0.is_some()
    }
}

/// The messages that the receiver has taken out and not yet handed on.
#[derive(Debug)]
pub(crate) struct Batch<T>(VecDeque<T>);

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> State<T> {
    fn has_free_slot(&self, limit: usize) -> bool {
        limit == UNLIMITED || self.messages.len() + self.reserved < limit
    }

    fn has_ended(&self) -> bool {
        self.closed || self.senders == 0
    }

    /// Keeps a free slot for the first in line, who is to be woken.
    fn offer_slot(&mut self, limit: usize) -> Option<Waker> {
        if self.waiting.is_empty() || !self.has_free_slot(limit) {
            return None;
        }
        let (_, waker) = self.waiting.pop_first()?;
        self.reserved += 1;
        Some(waker)
    }
}

impl<T> Belt<T> {
    /// A belt with one sender.
    pub(crate) fn new(limit: usize) -> Self {
        let state = State {
            messages: VecDeque::new(),
            senders: 1,
            closed: false,
            receiver: None,
            waiting: BTreeMap::new(),
            next_place: 0,
            reserved: 0,
        };
        Self { limit, state: Mutex::new(state), batched: AtomicU64::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn limit(&self) -> Option<usize> {
        (self.limit != UNLIMITED).then_some(self.limit)
    }

    /// Messages that were put and not received.
    pub(crate) fn len(&self) -> usize {
        let state = self.lock();
        state.messages.len() + usize::try_from(self.batched.load(Relaxed)).unwrap_or(0)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Whether nothing more will come than what is there.
    pub(crate) fn has_ended(&self) -> bool {
        self.lock().has_ended()
    }

    /// Puts a message if there is a free slot that nobody waits for.
    #[inline]
    pub(crate) fn try_put(&self, message: T) -> Result<(), (T, Refusal)> {
        let receiver = {
            let mut state = self.lock();
            if state.closed {
                return Err((message, Refusal::Closed));
            }
            if !state.has_free_slot(self.limit) {
                return Err((message, Refusal::Full));
            }
            state.messages.push_back(message);
            state.receiver.take()
        };
        if let Some(waker) = receiver {
            waker.wake();
        }
        Ok(())
    }

    /// Puts the message, or takes a place in line, or goes on standing there. `Err` when nobody will receive it; the message is
    /// still the caller's then.
    pub(crate) fn poll_put(
        &self,
        message: &mut Option<T>,
        place: &mut Place,
        waker: &Waker,
    ) -> Poll<Result<(), Refusal>> {
        let mut guard = self.lock();
        let state = &mut *guard;
        if let Some(number) = place.0 {
            if let Some(kept) = state.waiting.get_mut(&number) {
                if !kept.will_wake(waker) {
                    let old = std::mem::replace(kept, waker.clone());
                    drop(guard);
                    drop(old);
                }
                return Poll::Pending;
            }
            place.0 = None;
            state.reserved -= 1;
        } else if !state.closed && !state.has_free_slot(self.limit) {
            let waker = waker.clone(); // may panic, so before anything is changed
            place.0 = Some(state.next_place);
            state.waiting.insert(state.next_place, waker);
            state.next_place += 1;
            return Poll::Pending;
        }
        if state.closed {
            return Poll::Ready(Err(Refusal::Closed));
        }
        state.messages.extend(message.take());
        let receiver = state.receiver.take();
        drop(guard);
        if let Some(waker) = receiver {
            waker.wake();
        }
        Poll::Ready(Ok(()))
    }

    /// A sender leaves the line without having put its message. A slot that was kept for it goes to the next.
    pub(crate) fn leave(&self, place: &mut Place) {
        let Some(number) = place.0.take() else { return };
        let (own, next) = {
            let mut state = self.lock();
            let own = state.waiting.remove(&number);
            if own.is_none() {
                state.reserved -= 1;
            }
            (own, state.offer_slot(self.limit))
        };
        drop(own);
        if let Some(waker) = next {
            waker.wake();
        }
    }

    /// Takes a message; `None` with whether one may still come. The other number is how many are left behind it.
    pub(crate) fn take(&self, batch: &mut Batch<T>) -> Result<(T, usize), bool> {
        match self.next(batch, None) {
            Poll::Ready(Some(taken)) => Ok(taken),
            Poll::Ready(None) => Err(false),
            Poll::Pending => Err(true),
        }
    }

    /// Takes a message, and how many are left behind it; `None` when nothing more will come.
    #[inline]
    pub(crate) fn poll_take(&self, batch: &mut Batch<T>, waker: &Waker) -> Poll<Option<(T, usize)>> {
        self.next(batch, Some(waker))
    }

    #[inline]
    fn next(&self, batch: &mut Batch<T>, waker: Option<&Waker>) -> Poll<Option<(T, usize)>> {
        if let Some(message) = batch.0.pop_front() {
            self.batched.store(batch.0.len() as u64, Relaxed);
            return Poll::Ready(Some((message, batch.0.len())));
        }
        self.next_batch(batch, waker)
    }

    fn next_batch(&self, batch: &mut Batch<T>, waker: Option<&Waker>) -> Poll<Option<(T, usize)>> {
        let mut state = self.lock();
        let (message, left) = if self.limit == UNLIMITED {
            std::mem::swap(&mut batch.0, &mut state.messages);
            let message = batch.0.pop_front();
            self.batched.store(batch.0.len() as u64, Relaxed);
            (message, batch.0.len())
        } else {
            (state.messages.pop_front(), state.messages.len())
        };
        if let Some(message) = message {
            let sender = state.offer_slot(self.limit);
            drop(state);
            if let Some(waker) = sender {
                waker.wake();
            }
            return Poll::Ready(Some((message, left)));
        }
        if state.has_ended() {
            return Poll::Ready(None);
        }
        let old = match (&state.receiver, waker) {
            (_, None) => None,
            (Some(kept), Some(waker)) if kept.will_wake(waker) => None,
            (_, Some(waker)) => state.receiver.replace(waker.clone()),
        };
        drop(state);
        drop(old);
        Poll::Pending
    }

    /// The receiver waits no longer.
    pub(crate) fn forget_receiver(&self) {
        let waker = self.lock().receiver.take();
        drop(waker);
    }

    /// Takes nothing more: whoever waits to send is told. Returns what is not received yet, if it is `gone` for good.
    pub(crate) fn close(&self, gone: bool) -> VecDeque<T> {
        let (left, waiting, receiver) = {
            let mut state = self.lock();
            state.closed = true;
            let waiting = std::mem::take(&mut state.waiting);
            state.reserved += waiting.len();
            let left = if gone { std::mem::take(&mut state.messages) } else { VecDeque::new() };
            if gone {
                self.batched.store(0, Relaxed); // its batch goes with it
            }
            (left, waiting, state.receiver.take())
        };
        drop(receiver); // whoever closes is the receiver
        for waker in waiting.into_values() {
            waker.wake();
        }
        left
    }

    /// One more sender.
    pub(crate) fn add_sender(&self) {
        self.lock().senders += 1;
    }

    /// One sender less; the receiver is told of the last one.
    pub(crate) fn remove_sender(&self) {
        let receiver = {
            let mut state = self.lock();
            state.senders -= 1;
            if state.senders == 0 { state.receiver.take() } else { None }
        };
        if let Some(waker) = receiver {
            waker.wake();
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::{Arc, Notify};
    use loom::thread;
    use std::task::Wake;

    /// A thread that sleeps until it is woken.
    struct Bell(Notify);

    impl Wake for Bell {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.notify();
        }
    }

    fn until<T>(mut poll: impl FnMut(&Waker) -> Poll<T>) -> T {
        let bell = std::sync::Arc::new(Bell(Notify::new()));
        let waker = Waker::from(std::sync::Arc::clone(&bell));
        loop {
            match poll(&waker) {
                Poll::Ready(output) => return output,
                Poll::Pending => bell.0.wait(),
            }
        }
    }

    /// Sends, and goes.
    fn send(belt: &Belt<u32>, message: u32) -> Option<u32> {
        let (mut message, mut place) = (Some(message), Place::default());
        let _ = until(|waker| belt.poll_put(&mut message, &mut place, waker));
        belt.remove_sender();
        message
    }

    fn receive_all(belt: &Belt<u32>) -> Vec<u32> {
        let mut batch = Batch::default();
        let mut all = Vec::new();
        while let Some((message, _)) = until(|waker| belt.poll_take(&mut batch, waker)) {
            all.push(message);
        }
        all
    }

    fn two_senders_and_a_receiver(limit: usize) {
        loom::model(move || {
            let belt = Arc::new(Belt::new(limit));
            belt.add_sender();
            let senders = [1, 2].map(|message| {
                let belt = Arc::clone(&belt);
                thread::spawn(move || send(&belt, message))
            });
            let mut all = receive_all(&belt);
            all.sort_unstable();
            assert_eq!(all, [1, 2]);
            for sender in senders {
                assert_eq!(sender.join().unwrap(), None);
            }
        });
    }

    #[test]
    fn loom_every_message_arrives_and_the_receiver_learns_of_the_end() {
        two_senders_and_a_receiver(UNLIMITED);
    }

    #[test]
    fn loom_senders_that_wait_for_the_only_slot_all_get_it() {
        two_senders_and_a_receiver(1);
    }

    #[test]
    fn loom_a_message_is_received_or_comes_back_when_the_receiver_goes() {
        loom::model(|| {
            let belt = Arc::new(Belt::new(1));
            belt.add_sender();
            let senders = [1, 2].map(|message| {
                let belt = Arc::clone(&belt);
                thread::spawn(move || send(&belt, message))
            });
            let mut batch = Batch::default();
            let mut all: Vec<u32> = belt.take(&mut batch).into_iter().map(|(message, _)| message).collect();
            all.extend(belt.close(true));
            for sender in senders {
                all.extend(sender.join().unwrap());
            }
            all.sort_unstable();
            assert_eq!(all, [1, 2]);
        });
    }

    #[test]
    fn loom_a_sender_that_gives_up_passes_its_slot_on() {
        loom::model(|| {
            let belt = Arc::new(Belt::new(1));
            belt.add_sender();
            assert!(belt.try_put(0).is_ok());
            let (mut message, mut place) = (Some(1), Place::default());
            assert!(belt.poll_put(&mut message, &mut place, Waker::noop()).is_pending());
            let next = Arc::clone(&belt);
            let sender = thread::spawn(move || send(&next, 2));
            let giving_up = Arc::clone(&belt);
            let loser = thread::spawn(move || {
                giving_up.leave(&mut place);
                giving_up.remove_sender();
            });
            assert_eq!(receive_all(&belt), [0, 2]);
            loser.join().unwrap();
            assert_eq!(sender.join().unwrap(), None);
        });
    }
}
