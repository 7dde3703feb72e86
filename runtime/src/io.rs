//! Descriptors on the loop.

pub(crate) mod driver;
pub(crate) mod source;
