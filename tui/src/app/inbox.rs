//! The one channel on which everything that happens arrives.
//!
//! Keys come from the input thread, answers and ticks from tasks of the program's own loop; whoever has a [`Sender`] may
//! post from any thread. One receiver takes the events in order.
//!
//! # Invariants
//!
//! The queue is bounded. A sender never waits: input beyond [`INPUT_MAX`] is thrown away and counted (nobody types that
//! fast; a stuck terminal or a pasted book does), a tick takes the place of one that waits, and data is bounded by the
//! feed, which asks one question at a time.

use super::event::Event;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

/// Events that may wait before input is thrown away.
pub(crate) const INPUT_MAX: usize = 1 << 12;

#[derive(Debug, Default)]
struct Shared {
    events: VecDeque<Event>,
    waker: Option<Waker>,
    dropped: u64,
}

/// Posts events.
#[derive(Clone, Debug)]
pub(crate) struct Sender(Arc<Mutex<Shared>>);

/// Takes events.
#[derive(Debug)]
pub(crate) struct Inbox(Arc<Mutex<Shared>>);

/// A new channel.
pub(crate) fn inbox() -> (Sender, Inbox) {
    let shared = Arc::new(Mutex::new(Shared::default()));
    (Sender(Arc::clone(&shared)), Inbox(shared))
}

impl Sender {
    /// Posts an event.
    pub(crate) fn post(&self, event: Event) {
        let waker = {
            // Nothing in here panics half way through a change, so what a panic left behind is whole.
            let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let is_input = matches!(event, Event::Key(_) | Event::Mouse(_) | Event::Paste(_));
            if is_input && shared.events.len() >= INPUT_MAX {
                shared.dropped += 1;
                return;
            }
            match (&event, shared.events.back_mut()) {
                (Event::Tick(_), Some(last @ Event::Tick(_))) => *last = event,
                _ => shared.events.push_back(event),
            }
            shared.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Inbox {
    /// The next event.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no event.
    pub(crate) async fn next(&mut self) -> Event {
        poll_fn(|context| {
            let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(event) = shared.events.pop_front() {
                return Poll::Ready(event);
            }
            shared.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// The next event, if it is there.
    pub(crate) fn try_next(&mut self) -> Option<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).events.pop_front()
    }

    /// Throws away the news that has not been taken: it is of a process that is left.
    pub(crate) fn forget_data(&mut self) {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.events.retain(|event| !matches!(event, Event::Data(_)));
    }

    /// How much input was thrown away since the last call.
    pub(crate) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::event::Data;
    use ratatui::crossterm::event::{KeyCode, KeyEvent};
    use std::pin::pin;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Context, Wake};
    use std::time::Duration;

    fn key() -> Event {
        Event::Key(KeyEvent::from(KeyCode::Char('j')))
    }

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn an_event_wakes_the_receiver_once_and_arrives_in_order() {
        let (sender, mut inbox) = inbox();
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut context = Context::from_waker(&waker);
        {
            let mut next = pin!(inbox.next());
            assert!(next.as_mut().poll(&mut context).is_pending());
            sender.post(key());
            sender.post(Event::Resize(1, 2));
            assert_eq!(count.0.load(Ordering::Relaxed), 1);
            assert_eq!(next.as_mut().poll(&mut context), Poll::Ready(key()));
        }
        assert_eq!(inbox.try_next(), Some(Event::Resize(1, 2)));
        assert_eq!(inbox.try_next(), None);
    }

    #[test]
    fn news_of_a_process_that_is_left_is_thrown_away_and_nothing_else() {
        let (sender, mut inbox) = inbox();
        sender.post(Event::Data(Data::Silent(String::new())));
        sender.post(key());
        inbox.forget_data();
        assert_eq!(inbox.try_next(), Some(key()));
        assert_eq!(inbox.try_next(), None);
    }

    #[test]
    fn a_tick_takes_the_place_of_one_that_waits() {
        let (sender, mut inbox) = inbox();
        sender.post(Event::Tick(Duration::from_secs(1)));
        sender.post(Event::Tick(Duration::from_secs(2)));
        assert_eq!(inbox.try_next(), Some(Event::Tick(Duration::from_secs(2))));
        assert_eq!(inbox.try_next(), None);
    }

    #[test]
    fn too_much_input_is_thrown_away_and_counted_but_the_end_is_not() {
        let (sender, mut inbox) = inbox();
        for _ in 0..INPUT_MAX + 3 {
            sender.post(key());
        }
        sender.post(Event::Terminate(15));
        assert_eq!(inbox.take_dropped(), 3);
        assert_eq!(inbox.take_dropped(), 0);
        let last = std::iter::from_fn(|| inbox.try_next()).last();
        assert_eq!(last, Some(Event::Terminate(15)));
    }
}
