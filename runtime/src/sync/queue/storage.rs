//! What a queue keeps its items in, which decides what comes out first.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;

/// What a [`QueueOf`](super::QueueOf) keeps its items in.
///
/// The queue holds a borrow while it calls these: they must not come back to the queue.
pub trait Storage<T>: Default {
    /// What such a queue is called by `Debug`.
    const QUEUE: &'static str;

    /// Puts an item in.
    fn push(&mut self, item: T);

    /// Takes the item out that comes first.
    fn pop(&mut self) -> Option<T>;

    /// Items in it.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// First in, first out.
#[derive(Debug)]
pub struct Fifo<T>(VecDeque<T>);

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Storage<T> for Fifo<T> {
    const QUEUE: &'static str = "Queue";

    #[inline]
    fn push(&mut self, item: T) {
        self.0.push_back(item);
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        self.0.pop_front()
    }

    #[inline]
    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Last in, first out.
#[derive(Debug)]
pub struct Lifo<T>(Vec<T>);

impl<T> Default for Lifo<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Storage<T> for Lifo<T> {
    const QUEUE: &'static str = "LifoQueue";

    fn push(&mut self, item: T) {
        self.0.push(item);
    }

    fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Lowest first; among equals, first in, first out.
pub struct Priority<T> {
    heap: BinaryHeap<Ranked<T>>,
    pushed: u64,
}

/// An item and its number, by which equals keep their order.
struct Ranked<T> {
    item: T,
    number: u64,
}

impl<T: Ord> Ord for Ranked<T> {
    /// The heap hands out its greatest, so the other way round.
    fn cmp(&self, other: &Self) -> Ordering {
        other.item.cmp(&self.item).then(other.number.cmp(&self.number))
    }
}

impl<T: Ord> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Ranked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T: Ord> Eq for Ranked<T> {}

impl<T: Ord> Default for Priority<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), pushed: 0 }
    }
}

impl<T: Ord> Storage<T> for Priority<T> {
    const QUEUE: &'static str = "PriorityQueue";

    fn push(&mut self, item: T) {
        self.pushed += 1;
        self.heap.push(Ranked { item, number: self.pushed });
    }

    fn pop(&mut self) -> Option<T> {
        self.heap.pop().map(|ranked| ranked.item)
    }

    fn len(&self) -> usize {
        self.heap.len()
    }
}

impl<T> fmt::Debug for Priority<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Priority").field("len", &self.heap.len()).finish_non_exhaustive()
    }
}
