//! The end of a server by a deadline.
//!
//! ```text
//!   closed: takes no more ──► waits ──half of the time──► clients closed ──► waits ──deadline──► aborted ──► all gone: report
//!                               └────────────────────────────┴── no connection left ──────────────────────────►┘
//! ```

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::core::{Core, Counts};
use super::ends::EndWait;
use super::listener::{Listener, Peer};
use crate::runner::Survivor;
use crate::time::Sleep;

/// How the connections of a server ended once it was shut down. Made by [`Server::shutdown`](super::Server::shutdown).
#[derive(Clone, Debug, Default)]
pub struct ShutdownReport {
    ended: u64,
    closed: u64,
    aborted: u64,
    failed: u64,
    described: Vec<Aborted>,
}

impl ShutdownReport {
    /// How many connections ended by themselves before they were closed.
    pub fn ended(&self) -> u64 {
        self.ended
    }

    /// How many ended after their readers had been shown an end.
    pub fn closed(&self) -> u64 {
        self.closed
    }

    /// How many were broken off, or cancelled otherwise.
    pub fn aborted(&self) -> u64 {
        self.aborted
    }

    /// How many failed meanwhile; what with was reported.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Whether every connection came to its end without being broken off and without failing.
    pub fn is_clean(&self) -> bool {
        self.aborted == 0 && self.failed == 0
    }

    /// The first thousand connections that were there at the deadline, in the order they were accepted.
    pub fn survivors(&self) -> &[Aborted] {
        &self.described
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ended, closed, aborted, failed, described } = self;
        write!(f, "connections: {ended} ended, {closed} were closed, {aborted} aborted, {failed} failed")?;
        for one in described {
            write!(f, "\n  {one}")?;
        }
        match aborted.saturating_sub(described.len() as u64) {
            0 => Ok(()),
            more => write!(f, "\n  … and {more} more"),
        }
    }
}

/// A connection that was not over at the deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Aborted {
    /// Who is at the other end.
    pub peer: Peer,
    /// Its task, and what that waited for.
    pub task: Survivor,
}

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.peer, self.task)
    }
}

/// The future of [`Server::shutdown`](super::Server::shutdown).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Shutdown<'a, L: Listener> {
    core: &'a Core<L>,
    grace: Duration,
    /// After which part of the grace connections are closed.
    close_after: Duration,
    phase: Phase,
    end: EndWait,
    /// How connections had ended before.
    before: Counts,
    described: Vec<Aborted>,
    made_at: &'static Location<'static>,
}

#[derive(Debug)]
enum Phase {
    Begun,
    Waiting(Sleep),
    Closing(Sleep),
    Aborting,
}

impl<'a, L: Listener> Shutdown<'a, L> {
    pub(super) fn new(core: &'a Core<L>, grace: Duration, made_at: &'static Location<'static>) -> Self {
        let (end, before) = (EndWait::new(made_at), core.counts());
        let (phase, described) = (Phase::Begun, Vec::new());
        Self { core, grace, close_after: grace / 2, phase, end, before, described, made_at }
    }

    /// Says after which part of the grace connections are closed, which is half of it otherwise. Nothing means at once.
    pub fn close_after(mut self, close_after: Duration) -> Self {
        self.close_after = close_after.min(self.grace);
        self
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(self.core.lp().deadline_after(duration), self.made_at)
    }

    /// Goes as far as the time allows.
    fn advance(&mut self, cx: &Context<'_>, at: &'static Location<'static>) {
        loop {
            self.phase = match &mut self.phase {
                Phase::Begun => {
                    self.before = self.core.counts();
                    self.core.close();
                    Phase::Waiting(self.sleep(self.close_after))
                }
                Phase::Waiting(sleep) => {
                    if !self.close_after.is_zero() && sleep.poll_at(cx, at).is_pending() {
                        return;
                    }
                    self.core.close_clients();
                    Phase::Closing(self.sleep(self.grace.saturating_sub(self.close_after)))
                }
                Phase::Closing(sleep) => {
                    if self.grace > self.close_after && sleep.poll_at(cx, at).is_pending() {
                        return;
                    }
                    self.described = describe(self.core);
                    self.core.abort_clients();
                    Phase::Aborting
                }
                Phase::Aborting => return,
            };
        }
    }

    fn report(&mut self) -> ShutdownReport {
        let (now, before) = (self.core.counts(), self.before);
        ShutdownReport {
            ended: now.ended - before.ended,
            closed: now.closed - before.closed,
            aborted: now.aborted - before.aborted,
            failed: now.failed - before.failed,
            described: std::mem::take(&mut self.described),
        }
    }
}

/// The connections that are there, with what their tasks wait for.
fn describe<L: Listener>(core: &Core<L>) -> Vec<Aborted> {
    let peers = core.tasks();
    if peers.is_empty() {
        return Vec::new();
    }
    let tasks = core.lp().survivors_among(peers.keys().copied().collect());
    let described = tasks.into_iter().map(|task| {
        let peer = peers.get(&task.id.as_u64()).copied().unwrap_or(Peer::Unknown);
        Aborted { peer, task }
    });
    described.collect()
}

impl<L: Listener> Future for Shutdown<'_, L> {
    type Output = ShutdownReport;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ShutdownReport> {
        let at = Location::caller();
        let this = &mut *self;
        if !this.core.is_over() {
            this.advance(cx, at);
        }
        if this.end.poll(this.core, cx, at).is_pending() {
            return Poll::Pending;
        }
        // Its timer is not to be shown any more.
        this.phase = Phase::Aborting;
        Poll::Ready(this.report())
    }
}

impl<L: Listener> Drop for Shutdown<'_, L> {
    fn drop(&mut self) {
        self.end.leave(self.core);
    }
}
