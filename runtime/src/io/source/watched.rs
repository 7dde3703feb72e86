//! Debug mode's eye on operations: none may hold the loop up.
//!
//! Every descriptor of a loop is set to non-blocking when it is registered, and a call then returns at once. There are two ways for it not to:
//!
//! - Somebody set a socket back to blocking afterwards, through another handle to the same descriptor. In debug mode such an operation is
//!   refused before it is tried, as asyncio refuses blocking sockets. What is no socket may be shared with a process that needs it blocking (a terminal),
//!   and is let through.
//! - The call itself takes its time: the closure of an [`AsyncFd`](crate::io::AsyncFd) that does more than a system call, a file system
//!   or a driver that does not know non-blocking. That is the lint `slow-io`, from the same threshold as a slow callback.
//!
//! How long the loop *waits* for descriptors is no measure of anything: waiting is what it does when there is nothing to do. asyncio told of it
//! once, and took that out again as noise.

use std::io;

use super::{Direction, Source};
use crate::telemetry::clock;

impl Source {
    /// Makes the call that an operation is. Outside of debug mode that is all.
    #[inline]
    pub(in crate::io) fn watched<R>(
        &self,
        direction: Direction,
        call: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        if !self.is_alive() || self.lp.slow_ns.get() == u64::MAX {
            return call();
        }
        self.check_non_blocking()?;
        let before = clock::os_now_ns();
        let outcome = call();
        let took_ns = clock::os_now_ns().saturating_sub(before);
        if took_ns >= self.lp.slow_ns.get() {
            self.lp.slow_io(self.fd, verb(direction), self.made_at, std::time::Duration::from_nanos(took_ns));
        }
        outcome
    }

    #[cold]
    #[inline(never)]
    fn check_non_blocking(&self) -> io::Result<()> {
        let is_blocking_socket = self.to_ref().with_fd(|fd| {
            let flags = rustix::fs::fcntl_getfl(fd);
            flags.is_ok_and(|flags| !flags.contains(rustix::fs::OFlags::NONBLOCK))
                && rustix::net::sockopt::socket_type(fd).is_ok()
        });
        if is_blocking_socket != Some(true) {
            return Ok(());
        }
        let (fd, at) = (self.fd, self.made_at);
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("the socket must be non-blocking: fd {fd}, made at {at}, was set back to blocking"),
        ))
    }
}

fn verb(direction: Direction) -> &'static str {
    match direction {
        Direction::Read => "reading from",
        Direction::Write => "writing to",
    }
}
