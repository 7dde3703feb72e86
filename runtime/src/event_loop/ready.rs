//! The run queue: first in, first out, linked through the tasks' controls.

use std::cell::Cell;

use crate::task::control::Controls;

/// Head, tail and length; `next` of a control is the link.
#[derive(Debug, Default)]
pub(crate) struct ReadyQueue {
    /// First index plus one.
    head: Cell<u32>,
    /// Last index, if there is a head.
    tail: Cell<u32>,
    len: Cell<u32>,
}

impl ReadyQueue {
    /// How many wait for their turn.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        self.len.get()
    }

    /// Puts a task at the end.
    #[inline]
    pub(crate) fn push(&self, controls: &Controls, index: u32) {
        controls.get(index).next.set(0);
        if self.head.get() == 0 {
            self.head.set(index + 1);
        } else {
            controls.get(self.tail.get()).next.set(index + 1);
        }
        self.tail.set(index);
        self.len.set(self.len.get() + 1);
    }

    /// The first task, without taking it.
    #[inline]
    pub(crate) fn peek(&self) -> Option<u32> {
        self.head.get().checked_sub(1)
    }

    /// Takes the first task.
    #[inline]
    pub(crate) fn pop(&self, controls: &Controls) -> Option<u32> {
        let index = self.head.get().checked_sub(1)?;
        self.head.set(controls.get(index).next.get());
        self.len.set(self.len.get() - 1);
        Some(index)
    }
}
