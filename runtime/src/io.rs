//! Descriptors on the loop.

mod async_fd;
pub(crate) mod driver;
pub(crate) mod evented;
pub(crate) mod lent;
mod pipe;
pub(crate) mod source;

pub(crate) use async_fd::Plain;
pub use async_fd::{AsyncFd, Interest};
pub use pipe::{PipeReader, PipeWriter, pipe};
