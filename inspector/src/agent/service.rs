//! What the agent answers: the RPCs of `loopscope.v1.Inspect`.
//!
//! tonic wants handlers that are `Send`; readings are made by tasks of the loop that send their parts through a channel with
//! room for one. So a client that reads slowly holds one part here, and one that does not read at all loses its connection.

use super::own_process::OwnProcess;
use super::reading::{self, Reader, Reading};
use super::server::Limits;
use crate::model::{Capabilities, Capability, Rights};
use crate::wire::proto::inspect_server::Inspect;
use crate::wire::{self, Hello, Parts, Request, proto};
use futures_channel::{mpsc, oneshot};
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tonic::{Response, Status};

/// A client that has left is noticed at the latest after this.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// Rows that all readings under way may hold together, at some 200 bytes each.
const ROWS_MAX: u64 = 300_000;

/// After a reading the agent rests this many times as long as it took, so that no number of clients takes more than a fifth
/// of a core with readings of the usual kind.
const REST: u32 = 4;

/// The longest rest: a filter that looks at the words of a million rows takes longer than any client would wait four times.
const REST_MAX: Duration = Duration::from_secs(2);

/// Readings that take less than this cost nothing worth a rest.
const REST_FROM: Duration = Duration::from_millis(2);

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    reader: Mutex<Reader>,
    process: OwnProcess,
    rows: AtomicU64,
    /// When the next reading may begin, on the loop's clock.
    rested_at: AtomicU64,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            reader: Mutex::default(),
            process: OwnProcess::new(),
            rows: AtomicU64::new(0),
            rested_at: AtomicU64::new(0),
        }
    }

    /// Only the agent's thread comes here, so this never waits.
    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one connection has done; its requests and the task that watches over it look here.
#[derive(Debug, Default)]
pub(super) struct Activity {
    requests: AtomicU64,
    streams: AtomicU64,
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
}

/// One stream under way.
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
    }
}

/// One connection: who answers it, what it has done, and when to give it up.
pub(super) struct Connection {
    pub(super) inspector: Inspector,
    pub(super) activity: Arc<Activity>,
    /// Done when the client does not take what it asked for.
    pub(super) hopeless: oneshot::Receiver<()>,
}

impl Connection {
    /// `is_refused` says that there are as many clients as there may be without it.
    pub(super) fn new(shared: &Arc<Shared>, limits: &Limits, is_refused: bool) -> Self {
        let activity = Arc::<Activity>::default();
        let (give_up, hopeless) = oneshot::channel();
        let inspector = Inspector {
            shared: shared.clone(),
            activity: activity.clone(),
            give_up: Arc::new(Mutex::new(Some(give_up))),
            patience: limits.write_patience,
            streams_max: limits.streams_max,
            refused: is_refused.then_some(limits.clients_max),
        };
        Self { inspector, activity, hopeless }
    }
}

/// Answers one connection.
#[derive(Debug)]
pub(super) struct Inspector {
    shared: Arc<Shared>,
    activity: Arc<Activity>,
    give_up: Arc<Mutex<Option<oneshot::Sender<()>>>>,
    patience: Duration,
    streams_max: u64,
    refused: Option<usize>,
}

type Parting = Result<proto::Part, Status>;

impl Inspector {
    /// Whether this connection is one too many.
    pub(super) fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    fn asked(&self) -> Result<(), Status> {
        self.activity.requests.fetch_add(1, Relaxed);
        match self.refused {
            None => Ok(()),
            Some(clients) => Err(Status::resource_exhausted(format!(
                "the process has {clients} clients already, which is as many as it takes"
            ))),
        }
    }

    fn stream(
        &self,
        request: Request,
        interval: Option<Duration>,
    ) -> Result<Response<mpsc::Receiver<Parting>>, Status> {
        // HTTP/2 counts only streams that the client has not reset, and it can reset many before they have seen it.
        if self.activity.streams() >= self.streams_max {
            return Err(Status::resource_exhausted("too many requests of this client are not over yet"));
        }
        let (parts, stream) = mpsc::channel(0);
        let sender = Sender {
            shared: self.shared.clone(),
            give_up: self.give_up.clone(),
            patience: self.patience,
            parts,
            _streaming: Streaming::begin(&self.activity),
        };
        loopscope::spawn(sender.run(request, interval)).detach();
        Ok(Response::new(stream))
    }
}

fn check_protocol(protocol: u32) -> Result<(), Status> {
    let (min, max) = (wire::PROTOCOL_MIN, wire::PROTOCOL_MAX);
    if (min..=max).contains(&protocol) {
        return Ok(());
    }
    Err(Status::failed_precondition(format!(
        "the request is of protocol {protocol}, and this agent speaks {min} to {max}"
    )))
}

#[tonic::async_trait]
impl Inspect for Inspector {
    async fn hello(
        &self,
        request: tonic::Request<proto::HelloRequest>,
    ) -> Result<Response<proto::HelloReply>, Status> {
        self.asked()?;
        let request = request.into_inner();
        if request.protocol_min == 0 || request.protocol_min > request.protocol_max {
            return Err(Status::invalid_argument("the handshake names no protocol"));
        }
        let newest = request.protocol_max.min(wire::PROTOCOL_MAX);
        let oldest = request.protocol_min.max(wire::PROTOCOL_MIN);
        let capabilities: Capabilities = [
            Capability::Tasks,
            Capability::Waits,
            Capability::Sites,
            Capability::Timers,
            Capability::Io,
            Capability::Sync,
            Capability::Warnings,
            Capability::Histograms,
        ]
        .into_iter()
        .collect();
        let mut process = self.shared.process.read();
        reading::count_loops(&mut process);
        process.version = Some(env!("CARGO_PKG_VERSION").to_owned());
        process.rights = Some(Rights { see: true, diagnose: false, control: false });
        process.capabilities = Some(capabilities);
        let hello = Hello {
            protocol_min: wire::PROTOCOL_MIN,
            protocol_max: wire::PROTOCOL_MAX,
            protocol: (oldest <= newest).then_some(newest),
            process,
            start_ticks: self.shared.process.start_ticks(),
        };
        Ok(Response::new(wire::encode_hello(hello)))
    }

    type SnapshotStream = mpsc::Receiver<Parting>;

    async fn snapshot(
        &self,
        request: tonic::Request<proto::SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        self.asked()?;
        let request = request.into_inner();
        check_protocol(request.protocol)?;
        let request =
            wire::decode_request(request).map_err(|error| Status::invalid_argument(error.to_string()))?;
        self.stream(request, None)
    }

    type WatchStream = mpsc::Receiver<Parting>;

    async fn watch(
        &self,
        request: tonic::Request<proto::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        self.asked()?;
        let request = request.into_inner();
        check_protocol(request.snapshot.as_ref().map_or(0, |snapshot| snapshot.protocol))?;
        let (request, interval) =
            wire::decode_watch(request).map_err(|error| Status::invalid_argument(error.to_string()))?;
        self.stream(request, Some(interval))
    }
}

/// Why a stream ends before its time.
enum Over {
    /// The client has left.
    Left,
    /// It is told why.
    Told(Status),
}

/// Sends the pictures of one stream.
struct Sender {
    shared: Arc<Shared>,
    give_up: Arc<Mutex<Option<oneshot::Sender<()>>>>,
    patience: Duration,
    parts: mpsc::Sender<Parting>,
    _streaming: Streaming,
}

impl Sender {
    async fn run(mut self, request: Request, interval: Option<Duration>) {
        if let Err(Over::Told(status)) = self.send_all(&request, interval).await {
            // If it has left meanwhile, there is nobody to be told.
            let _ = self.send(Err(status)).await;
        }
    }

    async fn send_all(&mut self, request: &Request, interval: Option<Duration>) -> Result<(), Over> {
        let mut next = loopscope::time::Instant::now();
        for picture in 1.. {
            self.rest().await;
            if self.parts.is_closed() {
                // It did not even wait for the agent to have rested.
                return Err(Over::Left);
            }
            self.send_picture(picture, request).await?;
            let Some(interval) = interval else { break };
            // From the beginning of one to the beginning of the next; what was missed is not made up for.
            next = (next + interval).max(loopscope::time::Instant::now());
            self.wait_until(next).await?;
        }
        Ok(())
    }

    /// Waits until the agent's thread has rested from the readings before.
    async fn rest(&self) {
        loop {
            let rested_at = loopscope::time::Instant::from_nanos(self.shared.rested_at.load(Relaxed));
            if loopscope::time::Instant::now() >= rested_at {
                return;
            }
            loopscope::sleep_until(rested_at).await;
        }
    }

    async fn wait_until(&self, at: loopscope::time::Instant) -> Result<(), Over> {
        loop {
            let now = loopscope::time::Instant::now();
            if now >= at {
                return Ok(());
            }
            loopscope::sleep_until(at.min(now + LOOK_AFTER)).await;
            if self.parts.is_closed() {
                return Err(Over::Left);
            }
        }
    }

    async fn send_picture(&mut self, number: u64, request: &Request) -> Result<(), Over> {
        let shared = self.shared.clone();
        let mut reading = self.read(request).map_err(Over::Told)?;
        let _held = Held::take(&shared, reading.rows_held()).map_err(Over::Told)?;
        let mut parts = Parts::new(number, reading.heading());
        while let Some(row) = reading.next_row() {
            if let Some(part) = parts.push(row) {
                self.send(Ok(part)).await?;
            }
        }
        self.send(Ok(parts.finish())).await
    }

    fn read(&self, request: &Request) -> Result<Reading, Status> {
        let begun = loopscope::time::Instant::now();
        let process = self.shared.process.read();
        let reading = self.shared.reader().read(request, process, self.shared.process.start_ticks());
        let took = begun.elapsed();
        if took >= REST_FROM {
            let rested_at = loopscope::time::Instant::now() + (took * REST).min(REST_MAX);
            self.shared.rested_at.store(rested_at.as_nanos(), Relaxed);
        }
        reading.map_err(|error| Status::invalid_argument(error.to_string()))
    }

    async fn send(&mut self, part: Parting) -> Result<(), Over> {
        let ready = poll_fn(|cx| self.parts.poll_ready(cx));
        match loopscope::timeout(self.patience, ready).await {
            Ok(Ok(())) => self.parts.start_send(part).map_err(|_| Over::Left),
            Ok(Err(_)) => Err(Over::Left),
            Err(_) => {
                let give_up = self.give_up.lock().unwrap_or_else(PoisonError::into_inner).take();
                // If it was given up already, so much the better.
                let _ = give_up.map(|give_up| give_up.send(()));
                Err(Over::Left)
            }
        }
    }
}

/// Rows that count against [`ROWS_MAX`] until the picture is sent.
struct Held<'a> {
    shared: &'a Shared,
    rows: u64,
}

impl<'a> Held<'a> {
    fn take(shared: &'a Shared, rows: u64) -> Result<Self, Status> {
        let held = shared.rows.load(Relaxed);
        // One reading alone is always let through.
        if held > 0 && held + rows > ROWS_MAX {
            return Err(Status::resource_exhausted(
                "other clients are being sent as much as the agent may hold",
            ));
        }
        shared.rows.store(held + rows, Relaxed);
        Ok(Self { shared, rows })
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.shared.rows.store(self.shared.rows.load(Relaxed).saturating_sub(self.rows), Relaxed);
    }
}
