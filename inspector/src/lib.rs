//! Look into a running loopscope program.
//!
//! [`model`] is what was seen, as plain values; it compiles with no features and does no I/O.

#![forbid(unsafe_code)]

pub mod model;

#[cfg(feature = "wire")]
pub mod wire;
