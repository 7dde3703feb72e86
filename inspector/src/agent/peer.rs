//! One connection: what it has asked, what goes to it, and when it is given up.
//!
//! Every stream of answers goes through an [`Outlet`] with room for one message. So a client that reads slowly holds one
//! message here, and one that does not read at all loses its connection.

use super::server::Limits;
use crate::model::Rights;
use futures_channel::{mpsc, oneshot};
use loopscope::time::Instant;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tonic::Status;

/// A client that has left is noticed at the latest after this.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// What one connection has done; its requests and the task that watches over it look here.
#[derive(Debug, Default)]
pub(super) struct Activity {
    requests: AtomicU64,
    streams: AtomicU64,
    streams_ended: AtomicU64,
}

impl Activity {
    /// Requests so far.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// Streams under way.
    pub(super) fn streams(&self) -> u64 {
        self.streams.load(Relaxed)
    }

    /// What tells one look from a later one between which something was asked or a stream ended.
    pub(super) fn mark(&self) -> (u64, u64) {
        (self.requests(), self.streams_ended.load(Relaxed))
    }

    /// Whether nothing has happened since `mark`. An open stream happens all the time, however long its client asks nothing.
    pub(super) fn is_idle_since(&self, mark: (u64, u64)) -> bool {
        self.streams() == 0 && self.mark() == mark
    }
}

/// One stream under way.
#[derive(Debug)]
struct Streaming(Arc<Activity>);

impl Streaming {
    fn begin(activity: &Arc<Activity>) -> Self {
        activity.streams.fetch_add(1, Relaxed);
        Self(activity.clone())
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Relaxed);
        self.0.streams_ended.fetch_add(1, Relaxed);
    }
}

/// Who is at the other end of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Visitor {
    /// Of the connection; never used again.
    pub(super) number: u64,
    /// The process, as the kernel says.
    pub(super) pid: i32,
    /// Its user.
    pub(super) uid: u32,
}

/// As it stands in the application's log.
impl fmt::Display for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} of user {}", self.pid, self.uid)
    }
}

type GiveUp = Arc<Mutex<Option<oneshot::Sender<()>>>>;

/// One connection, as the services that answer it see it.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    activity: Arc<Activity>,
    give_up: GiveUp,
    patience: Duration,
    streams_max: u64,
    refused: Option<usize>,
    visitor: Visitor,
    rights: Rights,
}

impl Peer {
    /// `is_refused` says that there are as many clients as there may be without it. What is returned beside it is done when
    /// the client does not take what it asked for.
    pub(super) fn new(limits: &Limits, is_refused: bool, visitor: Visitor) -> (Self, oneshot::Receiver<()>) {
        let (give_up, hopeless) = oneshot::channel();
        let peer = Self {
            activity: Arc::default(),
            give_up: Arc::new(Mutex::new(Some(give_up))),
            patience: limits.write_patience,
            streams_max: limits.streams_max,
            refused: is_refused.then_some(limits.clients_max),
            visitor,
            rights: limits.rights,
        };
        (peer, hopeless)
    }

    /// Who is at the other end.
    pub(super) fn visitor(&self) -> &Visitor {
        &self.visitor
    }

    /// What it may do.
    pub(super) fn rights(&self) -> Rights {
        self.rights
    }

    /// What it has done.
    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Counts a request, and says whether it is answered.
    pub(super) fn asked(&self) -> Result<(), Status> {
        self.activity.requests.fetch_add(1, Relaxed);
        match self.refused {
            None => Ok(()),
            Some(clients) => Err(Status::resource_exhausted(format!(
                "the process has {clients} clients already, which is as many as it takes"
            ))),
        }
    }

    /// Begins a stream of answers.
    pub(super) fn open<T>(&self) -> Result<(Outlet<T>, Inlet<T>), Status> {
        // HTTP/2 counts only streams that the client has not reset, and it can reset many before they have seen it.
        if self.activity.streams() >= self.streams_max {
            return Err(Status::resource_exhausted("too many requests of this client are not over yet"));
        }
        let (messages, inlet) = mpsc::channel(0);
        let outlet = Outlet {
            messages,
            give_up: self.give_up.clone(),
            patience: self.patience,
            _streaming: Streaming::begin(&self.activity),
        };
        Ok((outlet, inlet))
    }
}

/// The end of a stream that tonic reads.
pub(super) type Inlet<T> = mpsc::Receiver<Result<T, Status>>;

/// Why a stream ends before its time.
#[derive(Debug)]
pub(super) enum Over {
    /// The client has left.
    Left,
    /// It is told why.
    Told(Status),
}

/// The end of a stream that its sender writes.
#[derive(Debug)]
pub(super) struct Outlet<T> {
    messages: mpsc::Sender<Result<T, Status>>,
    give_up: GiveUp,
    patience: Duration,
    _streaming: Streaming,
}

impl<T> Outlet<T> {
    /// Whether the client has left.
    pub(super) fn is_closed(&self) -> bool {
        self.messages.is_closed()
    }

    /// Sends when there is room; a client that makes none loses its connection.
    pub(super) async fn send(&mut self, message: Result<T, Status>) -> Result<(), Over> {
        let ready = poll_fn(|cx| self.messages.poll_ready(cx));
        match loopscope::timeout(self.patience, ready).await {
            Ok(Ok(())) => self.messages.start_send(message).map_err(|_| Over::Left),
            Ok(Err(_)) => Err(Over::Left),
            Err(_) => {
                let give_up = self.give_up.lock().unwrap_or_else(PoisonError::into_inner).take();
                // If it was given up already, so much the better.
                let _ = give_up.map(|give_up| give_up.send(()));
                Err(Over::Left)
            }
        }
    }

    /// Waits, for as long as the client is there.
    pub(super) async fn wait_until(&self, at: Instant) -> Result<(), Over> {
        loop {
            let now = Instant::now();
            if now >= at {
                return Ok(());
            }
            loopscope::sleep_until(at.min(now + LOOK_AFTER)).await;
            if self.is_closed() {
                return Err(Over::Left);
            }
        }
    }

    /// Ends the stream, and says why if there is somebody to be told.
    pub(super) async fn close(mut self, result: Result<(), Over>) {
        if let Err(Over::Told(status)) = result {
            // If it has left meanwhile, there is nobody to be told.
            let _ = self.send(Err(status)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn visitor() -> Visitor {
        Visitor { number: 1, pid: 7, uid: 0 }
    }

    #[test]
    fn an_open_stream_is_activity_and_so_is_its_end() {
        let (peer, _hopeless) = Peer::new(&Limits::default(), false, visitor());
        let activity = peer.activity();
        let mark = activity.mark();
        assert!(activity.is_idle_since(mark));
        peer.asked().unwrap();
        assert!(!activity.is_idle_since(mark));
        let mark = activity.mark();
        let (outlet, _inlet) = peer.open::<()>().unwrap();
        assert!(!activity.is_idle_since(mark));
        drop(outlet);
        assert!(!activity.is_idle_since(mark));
        assert!(activity.is_idle_since(activity.mark()));
    }

    #[test]
    fn a_client_has_so_many_streams_and_no_more() {
        let limits = Limits { streams_max: 2, ..Limits::default() };
        let (peer, _hopeless) = Peer::new(&limits, false, visitor());
        let first = peer.open::<()>().unwrap();
        let _second = peer.open::<()>().unwrap();
        assert_eq!(peer.open::<()>().unwrap_err().code(), tonic::Code::ResourceExhausted);
        drop(first);
        peer.open::<()>().unwrap();
    }
}
