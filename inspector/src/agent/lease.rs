//! What clients changed, and how it is undone.
//!
//! ```text
//!            a client asks                  it leaves, or the time is over
//!   own ─────────────────────► changed ─────────────────────────────────────► own
//!                               │   ▲
//!                               └───┘ the same client, or anybody once nobody is there who asked
//! ```
//!
//! The application's own settings are remembered when the first client changes them and are what comes back, however many
//! clients asked for something else in between. While one is there that asked, no other one can.

use super::peer::Visitor;
use loopscope::time::Instant;
use std::time::Duration;

/// For whom or how long something stays changed.
#[derive(Clone, Debug)]
enum Term {
    /// For as long as this client is there.
    Visit(Visitor),
    /// Until then, whoever is there.
    Until(Instant),
}

/// A setting of the application that clients may change for a while; `S` is what must be known to undo it.
#[derive(Debug)]
pub(super) struct Leased<S> {
    changed: Option<(S, Term)>,
}

impl<S> Default for Leased<S> {
    fn default() -> Self {
        Self { changed: None }
    }
}

impl<S> Leased<S> {
    /// Whether this client may change it now; if not, who keeps it.
    pub(super) fn keeper(&self, visitor: &Visitor) -> Option<&Visitor> {
        match &self.changed {
            Some((_, Term::Visit(keeper))) if keeper.number != visitor.number => Some(keeper),
            _ => None,
        }
    }

    /// Takes note of a change. `own` says what was there before, and is asked only if it is the application's own.
    pub(super) fn change(&mut self, visitor: &Visitor, lasts: Option<Duration>, own: impl FnOnce() -> S) {
        let term =
            lasts.map_or_else(|| Term::Visit(visitor.clone()), |lasts| Term::Until(Instant::now() + lasts));
        let own = self.changed.take().map_or_else(own, |(own, _)| own);
        self.changed = Some((own, term));
    }

    /// What was there before, if it is changed.
    pub(super) fn own(&mut self) -> Option<&mut S> {
        self.changed.as_mut().map(|(own, _)| own)
    }

    /// Ends the change whatever its term; returns what to go back to.
    pub(super) fn end(&mut self) -> Option<S> {
        self.changed.take().map(|(own, _)| own)
    }

    /// Ends the change that a client made for the time of its visit.
    pub(super) fn leave(&mut self, visitor: &Visitor) -> Option<S> {
        let is_over =
            |(_, term): &mut (S, Term)| matches!(term, Term::Visit(by) if by.number == visitor.number);
        self.changed.take_if(is_over).map(|(own, _)| own)
    }

    /// Ends a change whose time is over.
    pub(super) fn expire(&mut self) -> Option<S> {
        let is_over = |(_, term): &mut (S, Term)| matches!(term, Term::Until(at) if *at <= Instant::now());
        self.changed.take_if(is_over).map(|(own, _)| own)
    }

    /// How long a change lasts that was made for a time.
    pub(super) fn left(&self) -> Option<Duration> {
        match &self.changed {
            Some((_, Term::Until(at))) => Some(at.saturating_duration_since(Instant::now())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(number: u64) -> Visitor {
        Visitor { number, pid: 7, uid: 0 }
    }

    fn on_a_loop(test: impl AsyncFnOnce()) {
        loopscope::Runner::builder().paused(true).hidden(true).build().unwrap().block_on(test()).unwrap();
    }

    #[test]
    fn what_comes_back_is_the_applications_own() {
        on_a_loop(async || {
            let mut setting = Leased::default();
            setting.change(&visitor(1), Some(Duration::from_secs(60)), || "own");
            setting.change(&visitor(2), None, || "of a client");
            assert_eq!(setting.leave(&visitor(1)), None);
            assert_eq!(setting.leave(&visitor(2)), Some("own"));
            assert_eq!(setting.end(), None);
        });
    }

    #[test]
    fn while_one_is_there_that_asked_no_other_one_can() {
        on_a_loop(async || {
            let mut setting = Leased::default();
            setting.change(&visitor(1), None, || ());
            assert_eq!(setting.keeper(&visitor(2)).map(|keeper| keeper.number), Some(1));
            assert!(setting.keeper(&visitor(1)).is_none());
            setting.change(&visitor(1), Some(Duration::from_secs(60)), || ());
            assert!(setting.keeper(&visitor(2)).is_none());
        });
    }

    #[test]
    fn a_change_for_a_time_ends_with_it_and_not_with_the_client() {
        on_a_loop(async || {
            let mut setting = Leased::default();
            setting.change(&visitor(1), Some(Duration::from_secs(60)), || "own");
            assert_eq!(setting.left(), Some(Duration::from_secs(60)));
            loopscope::sleep(Duration::from_secs(59)).await;
            assert_eq!((setting.leave(&visitor(1)), setting.expire()), (None, None));
            loopscope::sleep(Duration::from_secs(1)).await;
            assert_eq!((setting.expire(), setting.left()), (Some("own"), None));
        });
    }
}
