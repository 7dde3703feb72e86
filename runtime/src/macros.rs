//! `select!`, `join!` and `try_join!`: waiting for several futures within one task.
//!
//! # Invariants
//!
//! - No wait is hidden. Every branch is polled with the task's own context, so each leaf registers its own wait
//!   under the task, and a view shows all of them side by side. There are no wakers in between, hence also no
//!   allocation and nothing to keep in step with the branches.
//! - A leaf awaited directly in a branch reports the branch's line as its place, as `.await` there would.
//! - Bodies and results stand outside of the expansion's closures: `?`, `return`, `break` and `.await` work in them.
//!
//! The parsing lives in the crate `loopscope-macros`; the wrappers here give it the path of [`support`], so that the
//! macros work whatever name the crate goes by.

/// Waits for the first of several futures, drops the others, and runs that branch's body.
///
/// ```text
/// select! {
///     pattern = future => body,
///     pattern = future, if condition => body,
///     else => body,
/// }
/// ```
///
/// 1. All conditions are evaluated, then the futures' expressions, top to bottom. Where the condition is false the
///    expression is *not* evaluated: `Some(x) = slot.as_mut().expect("full").get(), if slot.is_some() => …` is fine.
/// 2. All futures are polled until one of them is ready with an output that its pattern matches. An output that
///    does not match is dropped together with its future; the others go on.
/// 3. All futures are dropped, in reverse order.
/// 4. The branch's body runs. Its value is the value of the `select!`; all bodies have one type. A body may use what
///    the futures had borrowed, and `?`, `return`, `break`, `continue` and `.await` mean what they mean outside.
///
/// The `else` branch runs when no branch is left: all conditions false, or all outputs refused by their patterns.
/// A body ends with a comma, unless it is a block or the last.
///
/// # Fairness
///
/// When several futures are ready at once, the first one in turn wins. Where the turn begins moves on with every
/// `select!` that this thread begins, by a thread-local counter that goes round in steps of the golden ratio: each
/// branch is first equally often, even where two `select!` alternate, and a run can be repeated exactly.
/// With `biased;` before the branches the turn always begins at the top; then a branch that is always ready starves
/// those below it.
///
/// # Cancel safety
///
/// Dropping the future that contains the `select!` drops all of its futures. Losing has the same effect on a future
/// as being dropped anywhere: use futures whose docs say that they lose nothing (`# Cancel safety`), or make the
/// future before and pass `&mut future`, which keeps it for the next round.
///
/// # Panics
///
/// The surrounding task panics if no branch is left and there is no `else`.
///
/// # Examples
///
/// ```
/// # use core::future::{pending, ready, Future};
/// # use core::task::{Context, Poll, Waker};
/// # fn now<T>(future: impl Future<Output = T>) -> T {
/// #     match core::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
/// #         Poll::Ready(output) => output,
/// #         Poll::Pending => unreachable!(),
/// #     }
/// # }
/// # now(async {
/// let answer = loopscope::select! {
///     number = ready(42) => Some(number),
///     () = pending() => None,
/// };
/// assert_eq!(answer, Some(42));
/// # })
/// ```
#[macro_export]
macro_rules! select {
    ($($branches:tt)*) => {
        $crate::macros::support::select! { ($crate::macros::support) $($branches)* }
    };
}

/// Waits for all of several futures, concurrently in this task, and returns a tuple of their outputs.
///
/// Each future is polled whenever the task is, until it is ready, and dropped as soon as it is. Nothing is spawned:
/// for tasks of their own use a `TaskGroup`.
///
/// # Cancel safety
///
/// Dropping the future that contains the `join!` drops all unfinished futures and all outputs so far.
///
/// # Examples
///
/// ```
/// # use core::future::{ready, Future};
/// # use core::task::{Context, Poll, Waker};
/// # fn now<T>(future: impl Future<Output = T>) -> T {
/// #     match core::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
/// #         Poll::Ready(output) => output,
/// #         Poll::Pending => unreachable!(),
/// #     }
/// # }
/// # now(async {
/// let (name, size) = loopscope::join!(ready("socket"), ready(3));
/// assert_eq!((name, size), ("socket", 3));
/// # })
/// ```
#[macro_export]
macro_rules! join {
    ($($futures:tt)*) => { $crate::macros::support::join! { $($futures)* } };
}

/// Waits for all of several futures, or for the first that fails.
///
/// Every future's output is a `Result` with the same error type. The value is `Ok` of a tuple, or the first `Err`;
/// then the other futures are dropped, and so are the outputs so far.
///
/// # Cancel safety
///
/// As with [`join!`](crate::join).
///
/// # Examples
///
/// ```
/// # use core::future::{ready, Future};
/// # use core::task::{Context, Poll, Waker};
/// # fn now<T>(future: impl Future<Output = T>) -> T {
/// #     match core::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
/// #         Poll::Ready(output) => output,
/// #         Poll::Pending => unreachable!(),
/// #     }
/// # }
/// # now(async {
/// let both = loopscope::try_join!(ready(Ok::<_, &str>(1)), ready(Ok(2)));
/// assert_eq!(both, Ok((1, 2)));
/// let failed = loopscope::try_join!(ready(Ok::<u8, _>(1)), ready(Err::<u8, _>("refused")));
/// assert_eq!(failed, Err("refused"));
/// # })
/// ```
#[macro_export]
macro_rules! try_join {
    ($($futures:tt)*) => { $crate::macros::support::try_join! { $($futures)* } };
}

/// What the expansions call. Not for use by hand: it changes without notice.
#[doc(hidden)]
pub mod support {
    pub use loopscope_macros::{join, select, try_join};

    use core::cell::Cell;

    /// 2³² divided by the golden ratio. Steps of it (and of any multiple) spread evenly over all of `u32`.
    const GOLDEN_STEP: u32 = 0x9E37_79B9;

    thread_local! {
        static TURN: Cell<u32> = const { Cell::new(0) };
    }

    /// The branch at which the next `select!` of this thread with so many branches begins its turn.
    pub fn first_branch(branches: u32) -> u32 {
        // A thread that is ending may have lost the counter; fairness no longer matters there.
        let turn = TURN.try_with(|turn| turn.replace(turn.get().wrapping_add(GOLDEN_STEP))).unwrap_or(0);
        scaled(turn, branches)
    }

    /// `turn / 2³² × branches`, rounded down.
    fn scaled(turn: u32, branches: u32) -> u32 {
        let product = u64::from(turn) * u64::from(branches);
        // Less than `branches`, since `turn` is less than 2³².
        u32::try_from(product >> 32).unwrap_or(0)
    }

    /// Ends a `select!` that has no branch left and no `else`.
    ///
    /// # Panics
    ///
    /// Always.
    #[track_caller]
    pub fn all_branches_disabled() -> ! {
        panic!(
            "no branch of this `select!` is left (every condition was false or every output was refused by its \
             pattern) and it has no `else`"
        )
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// How often each branch comes first when every `stride`th turn is ours.
        fn shares(branches: u32, stride: usize) -> Vec<u32> {
            let mut shares = vec![0; branches as usize];
            for turn in (0..1000 * branches).map(|_| {
                (1..stride).for_each(|_| {
                    first_branch(1);
                });
                first_branch(branches)
            }) {
                shares[turn as usize] += 1;
            }
            shares
        }

        #[test]
        fn every_branch_is_first_equally_often_whoever_takes_the_turns_between() {
            for branches in [1, 2, 3, 16] {
                for stride in [1, 2, 3, 5] {
                    for (branch, share) in shares(branches, stride).into_iter().enumerate() {
                        assert!(
                            (985..=1015).contains(&share),
                            "branch {branch} of {branches}, every {stride}th turn: {share} of 1000"
                        );
                    }
                }
            }
        }
    }
}
