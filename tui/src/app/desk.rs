//! What is open: the process to be attached to and the question to be asked, between the program and its feed.
//!
//! The program writes after every event, the feed reads when it is free. There is no queue: a question that was replaced
//! before it was asked is never asked.

use super::order::Order;
use super::question::Question;
use loopscope_inspector::client::Target;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// Orders that wait: a key that is held gives no more.
const ORDERS_MAX: usize = 16;

#[derive(Debug, Default)]
struct Open {
    target: Option<Target>,
    question: Option<Question>,
    /// Time from one picture to the next.
    interval: Duration,
    /// What the process is to do, each once.
    orders: VecDeque<Order>,
    /// Counts the changes of the target.
    targets: u64,
    /// Counts the changes of either.
    changes: u64,
    /// Who waits for a change: the feed and its session.
    wakers: Vec<Waker>,
}

/// What is open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Desk(Rc<RefCell<Open>>);

impl Desk {
    /// Opens another question, or none.
    pub(crate) fn ask(&self, question: Option<Question>) {
        let mut open = self.0.borrow_mut();
        if open.question != question {
            open.question = question;
            open.changes += 1;
            wake(open);
        }
    }

    /// Has the process do something, once.
    pub(crate) fn order(&self, order: Order) {
        let mut open = self.0.borrow_mut();
        if open.orders.len() < ORDERS_MAX {
            open.orders.push_back(order);
            open.changes += 1;
            wake(open);
        }
    }

    /// The next thing that the process is to do.
    pub(crate) fn take_order(&self) -> Option<Order> {
        self.0.borrow_mut().orders.pop_front()
    }

    /// Lets so much time be from one picture to the next.
    pub(crate) fn pace(&self, interval: Duration) {
        let mut open = self.0.borrow_mut();
        if open.interval != interval {
            open.interval = interval;
            open.changes += 1;
            wake(open);
        }
    }

    /// Time from one picture to the next.
    pub(crate) fn interval(&self) -> Duration {
        self.0.borrow().interval
    }

    /// Names the process to be attached to from now on, or none.
    pub(crate) fn attach(&self, target: Option<Target>) {
        let mut open = self.0.borrow_mut();
        open.target = target;
        // They were meant for the process before.
        open.orders.clear();
        open.targets += 1;
        open.changes += 1;
        wake(open);
    }

    /// The open question.
    pub(crate) fn question(&self) -> Option<Question> {
        self.0.borrow().question.clone()
    }

    /// The process to be attached to, and the number of this wish.
    pub(crate) fn target(&self) -> (Option<Target>, u64) {
        let open = self.0.borrow();
        (open.target.clone(), open.targets)
    }

    /// The number of the last change.
    pub(crate) fn changes(&self) -> u64 {
        self.0.borrow().changes
    }

    /// Returns when something is open that was not when there had been so many changes.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a change is a number that stays.
    pub(crate) async fn changed_since(&self, changes: u64) {
        poll_fn(|context| {
            let mut open = self.0.borrow_mut();
            if open.changes != changes {
                return Poll::Ready(());
            }
            if !open.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
                open.wakers.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

/// Wakes the feed, with nothing borrowed.
fn wake(mut open: std::cell::RefMut<'_, Open>) {
    let wakers = std::mem::take(&mut open.wakers);
    drop(open);
    wakers.into_iter().for_each(Waker::wake);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[loopscope::test]
    async fn a_change_is_noticed_and_the_same_question_is_none() {
        let desk = Desk::default();
        let waiting = desk.clone();
        let before = desk.changes();
        let task = loopscope::spawn(async move { waiting.changed_since(before).await });
        desk.ask(None);
        loopscope::yield_now().await;
        assert!(!task.is_finished());
        desk.ask(Some(Question::Overview));
        task.await.unwrap();
        let after = desk.changes();
        desk.ask(Some(Question::Overview));
        assert_eq!(desk.changes(), after);
        assert_eq!(desk.question(), Some(Question::Overview));
    }

    #[loopscope::test]
    async fn the_same_target_again_is_a_new_wish() {
        let desk = Desk::default();
        desk.attach(Some(Target::Pid(7)));
        let first = desk.target();
        desk.attach(Some(Target::Pid(7)));
        assert_ne!(desk.target(), first);
    }
}
