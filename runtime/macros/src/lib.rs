//! The macros of `loopscope`: two attributes, and the parsing half of `select!`, `join!` and `try_join!`.
//!
//! Use them through the crate `loopscope`, which re-exports the attributes and wraps the rest, so that users of
//! the three never name this crate.
//!
//! # What the attributes expand to
//!
//! ```text
//! #[loopscope::main(debug, name = "app")]          fn main() -> R {
//! async fn main() -> R { body }             ──►        async fn main() -> R { body }
//!                                                      ::loopscope::__private::run_main(
//!                                                          ::loopscope::Runner::builder().debug(true).name("app"),
//!                                                          main(),
//!                                                      )
//!                                                  }
//!
//! #[loopscope::test(paused)]                       #[::core::prelude::v1::test]
//! async fn it_works() -> R { body }         ──►    fn it_works() -> R {
//!                                                      async fn it_works() -> R { body }
//!                                                      ::loopscope::__private::run_test(
//!                                                          ::loopscope::Runner::builder().paused(true),
//!                                                          it_works(),
//!                                                      )
//!                                                  }
//! ```
//!
//! The body stays an `async fn` of its own, not a block, so that `?` and `return` are checked against `R`. The
//! call carries the span of the function's name: a `#[track_caller]` on `run_main` reports that line as the place
//! where the main task was spawned. Both functions take `(builder, F) -> F::Output where F: Future`; whether the
//! output is something a `main` or a test may return is left to the compiler.
//!
//! # What `select!` and its siblings expand to
//!
//! See the modules `select` and `join`: pinned locals of the surrounding future, and one `poll_fn` that polls them
//! with the task's own context.

#![forbid(unsafe_code)]

mod entry;
mod join;
mod options;
mod pattern;
mod select;

use proc_macro::TokenStream;

/// Turns `async fn main` into a program that runs it on a loop of its own.
///
/// `main` takes no arguments and may return whatever a `main` may: `()`, `Result<_, E>` with `E: Debug`,
/// `ExitCode`.
///
/// Options: `debug` (debug mode on; `debug = false` keeps it off, `debug = "stacks"` keeps the stacks by which tasks are spawned),
/// `name = "…"` (the loop's name in every view),
/// `ctrl_c = false` (a SIGINT ends the process at once, instead of cancelling `main` first), `slow_callback = "50ms"` (from when on
/// debug mode calls a poll or a callback slow).
///
/// ```text
/// #[loopscope::main(debug, name = "crawler")]
/// async fn main() -> std::io::Result<()> { … }
/// ```
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(entry::Entry::Main, options.into(), item.into()).into()
}

/// Turns an `async fn` into a test that runs on a loop of its own.
///
/// The test takes no arguments and may return whatever a test may; `#[should_panic]` and `#[ignore]` work as ever.
///
/// Options: `paused` (a virtual clock that advances by itself when every task waits for a timer), `debug`, `slow_callback = "1s"`, and `deny_warnings`: the
/// test runs in debug mode and fails with a list if its loop had to warn of anything, as of a task that is left behind, an error that nobody asked
/// for, or a poll that took too long; `deny_warnings(allow = "slow-poll, blocked")` but of these. `loopscope::debug::deny_warnings` does so without the attribute.
///
/// ```text
/// #[loopscope::test(paused)]
/// async fn an_hour_passes_at_once() { … }
///
/// #[loopscope::test(deny_warnings, slow_callback = "1s")]
/// async fn nothing_is_left_behind() { … }
/// ```
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(entry::Entry::Test, options.into(), item.into()).into()
}

/// What `loopscope::select!` calls: `(path of the support module) branches…`.
#[doc(hidden)]
#[proc_macro]
pub fn select(input: TokenStream) -> TokenStream {
    select::expand(input.into()).into()
}

/// What `loopscope::join!` calls.
#[doc(hidden)]
#[proc_macro]
pub fn join(input: TokenStream) -> TokenStream {
    join::expand(join::Kind::All, input.into()).into()
}

/// What `loopscope::try_join!` calls.
#[doc(hidden)]
#[proc_macro]
pub fn try_join(input: TokenStream) -> TokenStream {
    join::expand(join::Kind::UntilErr, input.into()).into()
}
