//! Programs a person would want to run and look at.
//!
//! | program | what it is |
//! |---|---|
//! | `hello` | asyncio's Hello World |

/// README's programs: compiled as doctests here, where both crates are at hand.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
