//! What a fair lock does, as simply as it can be said.

use std::collections::VecDeque;

/// Who holds a lock, who was handed it, who waits.
#[derive(Default)]
pub(crate) struct LockModel {
    /// The future that holds it or was handed it, and whether it came for it.
    pub(crate) owner: Option<(usize, bool)>,
    pub(crate) line: VecDeque<usize>,
}

impl LockModel {
    /// Future `who` is polled: does it get the lock?
    pub(crate) fn poll(&mut self, who: usize) -> bool {
        match self.owner {
            None => self.owner = Some((who, true)),
            Some((owner, false)) if owner == who => self.owner = Some((who, true)),
            _ if self.line.contains(&who) => {}
            _ => self.line.push_back(who),
        }
        self.owner == Some((who, true))
    }

    /// Future `who`, or its guard, is dropped.
    pub(crate) fn drop(&mut self, who: usize) {
        self.line.retain(|waiter| *waiter != who);
        if self.owner.is_some_and(|(owner, _)| owner == who) {
            self.owner = self.line.pop_front().map(|next| (next, false));
        }
    }

    /// How many wait, who was handed it and did not come yet included.
    pub(crate) fn waiting(&self) -> usize {
        self.line.len() + usize::from(self.owner.is_some_and(|(_, came)| !came))
    }
}
