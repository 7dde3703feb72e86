//! Attempts that are begun one after the other and race each other.
//!
//! ```text
//!   attempt 0 ────────────────────────────────► still trying ──┐
//!      │ delay passes, or it fails                             │ all dropped when one wins
//!      └► attempt 1 ─────► Ok: the winner ─────────────────────┘
//!            │ delay passes, or it fails
//!            └► attempt 2 …                    none is left: every error
//! ```

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::iter::Peekable;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::event_loop::current;
use crate::telemetry::view::TimerKind;
use crate::time::sleep::Sleep;

/// Begins one attempt after the other, each when the one before it fails or has had `delay` for itself, and gives the first
/// that succeeds; the others are dropped by then. Without a delay an attempt only begins when the one before it failed.
///
/// This is how happy eyeballs (RFC 8305) tries addresses. The attempts run inside of the task that awaits this and may borrow
/// from it; a closure is called when its turn comes, and not at all if the race is over by then. When several succeed in the
/// same turn, the earlier attempt wins.
///
/// # Errors
///
/// [`AllFailed`] with every error when no attempt is left; also of no attempts at all.
///
/// # Cancel safety
///
/// Dropping the future drops the attempts that are under way.
///
/// # Panics
///
/// The future panics outside of a loop if there is a delay, and with the panic of an attempt.
///
/// # Examples
///
/// ```
/// use loopscope::{sleep, task::race_staggered};
/// use std::time::Duration;
///
/// loopscope::run(async {
///     let attempts = [("silent", 3_600_000), ("slow", 5), ("late", 1)].map(|(name, ms)| {
///         move || async move {
///             sleep(Duration::from_millis(ms)).await;
///             Ok::<_, String>(name)
///         }
///     });
///     let won = race_staggered(attempts, Some(Duration::from_millis(50))).await.unwrap();
///     assert_eq!((won.index, won.value), (1, "slow"));
/// });
/// ```
#[doc(alias = "asyncio.staggered.staggered_race")]
#[track_caller]
pub fn race_staggered<I, M, F, T, E>(attempts: I, delay: Option<Duration>) -> RaceStaggered<I::IntoIter, F, E>
where
    I: IntoIterator<Item = M>,
    M: FnOnce() -> F,
    F: Future<Output = Result<T, E>>,
{
    RaceStaggered {
        attempts: attempts.into_iter().peekable(),
        begun: 0,
        running: Vec::new(),
        errors: Vec::new(),
        delay,
        timer: None,
        made_at: Location::caller(),
    }
}

/// The future of [`race_staggered`].
#[must_use = "futures do nothing unless awaited"]
pub struct RaceStaggered<I: Iterator, F, E> {
    attempts: Peekable<I>,
    /// How many attempts were begun.
    begun: usize,
    /// Those under way, by number, in the order in which they were begun.
    running: Vec<(usize, Pin<Box<F>>)>,
    errors: Vec<(usize, E)>,
    delay: Option<Duration>,
    /// Until the next one begins, if the last one does not fail before.
    timer: Option<Sleep>,
    made_at: &'static Location<'static>,
}

impl<I: Iterator, F, E> Unpin for RaceStaggered<I, F, E> {}

/// Who won a [`race_staggered`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Won<T, E> {
    /// What the winner gave.
    pub value: T,
    /// Which attempt it was, from 0.
    pub index: usize,
    /// What failed before, with the number of the attempt, in the order in which that happened.
    pub errors: Vec<(usize, E)>,
}

/// No attempt of a [`race_staggered`] succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllFailed<E> {
    errors: Vec<(usize, E)>,
}

impl<E> AllFailed<E> {
    /// What failed, with the number of the attempt, in the order in which that happened.
    pub fn errors(&self) -> &[(usize, E)] {
        &self.errors
    }

    /// What failed, to take it apart.
    pub fn into_errors(self) -> Vec<(usize, E)> {
        self.errors
    }
}

impl<E: fmt::Display> fmt::Display for AllFailed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errors.len() {
            0 => return f.write_str("a race without attempts has no winner"),
            1 => f.write_str("the only attempt of a race failed")?,
            count => write!(f, "all {count} attempts of a race failed")?,
        }
        for (number, (index, error)) in self.errors.iter().enumerate() {
            let joint = if number == 0 { ": " } else { "; " };
            write!(f, "{joint}attempt {index}: {error}")?;
        }
        Ok(())
    }
}

/// Has no [`source`](Error::source): there may be several, and the text shows them all.
impl<E: Error> Error for AllFailed<E> {}

impl<I, M, F, T, E> RaceStaggered<I, F, E>
where
    I: Iterator<Item = M>,
    M: FnOnce() -> F,
    F: Future<Output = Result<T, E>>,
{
    /// Begins the next attempt, if there is one.
    #[track_caller]
    fn begin(&mut self) -> bool {
        self.timer = None;
        let Some(attempt) = self.attempts.next() else { return false };
        self.running.push((self.begun, Box::pin(attempt())));
        self.begun += 1;
        if let Some(delay) = self.delay
            && self.attempts.peek().is_some()
        {
            let lp = current::expect("racing attempts");
            self.timer = Some(Sleep::new(lp.deadline_after(delay), self.made_at));
        }
        true
    }

    /// Polls the attempts under way, from the place `first` on. Returns the winner.
    #[track_caller]
    fn poll_running(&mut self, first: usize, cx: &mut Context<'_>) -> Option<(usize, T)> {
        let mut place = first;
        while let Some((index, attempt)) = self.running.get_mut(place) {
            let index = *index;
            match attempt.as_mut().poll(cx) {
                Poll::Pending => place += 1,
                Poll::Ready(Ok(value)) => return Some((index, value)),
                Poll::Ready(Err(error)) => {
                    drop(self.running.remove(place));
                    self.errors.push((index, error));
                }
            }
        }
        None
    }

    /// Whether the attempt that was begun last has failed, or none was begun yet.
    fn is_next_due(&self) -> bool {
        self.running.last().map(|(index, _)| index + 1) != Some(self.begun)
    }
}

impl<I, M, F, T, E> Future for RaceStaggered<I, F, E>
where
    I: Iterator<Item = M>,
    M: FnOnce() -> F,
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<Won<T, E>, AllFailed<E>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        let mut first = 0;
        loop {
            if let Some((index, value)) = this.poll_running(first, cx) {
                this.running.clear();
                this.timer = None;
                return Poll::Ready(Ok(Won { value, index, errors: std::mem::take(&mut this.errors) }));
            }
            let due = this.is_next_due()
                || this
                    .timer
                    .as_mut()
                    .is_some_and(|timer| timer.poll_for(TimerKind::Sleep, cx, at).is_ready());
            // Only what is new is polled in another round.
            first = this.running.len();
            if !due || !this.begin() {
                break;
            }
        }
        if this.running.is_empty() {
            return Poll::Ready(Err(AllFailed { errors: std::mem::take(&mut this.errors) }));
        }
        Poll::Pending
    }
}

impl<I: Iterator, F, E> fmt::Debug for RaceStaggered<I, F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaceStaggered")
            .field("begun", &self.begun)
            .field("running", &self.running.len())
            .field("failed", &self.errors.len())
            .field("delay", &self.delay)
            .finish_non_exhaustive()
    }
}
