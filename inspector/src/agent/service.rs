//! What the agent answers: the RPCs of `loopscope.v1.Inspect`.
//!
//! tonic wants handlers that are `Send`; readings are made by tasks of the loop that send their parts through a channel.

use super::diagnosis::Changes;
use super::logs;

use super::own_process::OwnProcess;
use super::peer::{Inlet, Outlet, Over, Peer};
use super::reading::{self, HistogramReading, Reader, Reading};
use super::sentinel::Watch;
use crate::model::{Capabilities, Capability};
use crate::wire::proto::inspect_server::Inspect;
use crate::wire::{self, Hello, HistogramParts, HistogramsRequest, Parts, Request, proto};
use loopscope::time::Instant;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tonic::{Response, Status};

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
    pub(super) process: OwnProcess,
    rows: AtomicU64,
    /// When the next reading may begin, on the loop's clock.
    rested_at: AtomicU64,
    /// What clients changed.
    pub(super) changes: Mutex<Changes>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            reader: Mutex::default(),
            process: OwnProcess::new(),
            rows: AtomicU64::new(0),
            rested_at: AtomicU64::new(0),
            changes: Mutex::default(),
        }
    }

    /// Waits until the agent's thread has rested from the readings before.
    pub(super) async fn rest(&self) {
        loop {
            let rested_at = Instant::from_nanos(self.rested_at.load(Relaxed));
            if Instant::now() >= rested_at {
                return;
            }
            loopscope::sleep_until(rested_at).await;
        }
    }

    /// Says how long a reading took, so that a rest follows.
    pub(super) fn took(&self, took: Duration) {
        if took >= REST_FROM {
            let rested_at = Instant::now() + (took * REST).min(REST_MAX);
            self.rested_at.store(rested_at.as_nanos(), Relaxed);
        }
    }

    /// Has the memory of what was seen look at something.
    pub(super) fn watch(&self, look: impl FnOnce(&mut Watch)) {
        look(&mut self.reader().watch);
    }

    /// Only the agent's thread comes here, so this never waits.
    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers one connection.
#[derive(Debug)]
pub(super) struct Inspector {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: Peer,
}

impl Inspector {
    pub(super) fn new(shared: &Arc<Shared>, peer: &Peer) -> Self {
        Self { shared: shared.clone(), peer: peer.clone() }
    }

    fn stream(
        &self,
        request: Request,
        interval: Option<Duration>,
    ) -> Result<Response<Inlet<proto::Part>>, Status> {
        let (outlet, inlet) = self.peer.open()?;
        let sender = Sender { shared: self.shared.clone(), outlet };
        loopscope::spawn(sender.run(request, interval)).detach();
        Ok(Response::new(inlet))
    }
}

pub(super) fn check_protocol(protocol: u32) -> Result<(), Status> {
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
        self.peer.asked()?;
        let request = request.into_inner();
        if request.protocol_min == 0 || request.protocol_min > request.protocol_max {
            return Err(Status::invalid_argument("the handshake names no protocol"));
        }
        let newest = request.protocol_max.min(wire::PROTOCOL_MAX);
        let oldest = request.protocol_min.max(wire::PROTOCOL_MIN);
        let mut capabilities: Capabilities = [
            Capability::Tasks,
            Capability::Waits,
            Capability::Sites,
            Capability::Timers,
            Capability::Io,
            Capability::Sync,
            Capability::Blocking,
            Capability::Warnings,
            Capability::Histograms,
            Capability::Debug,
            Capability::Cancel,
        ]
        .into_iter()
        .collect();
        if cfg!(feature = "stacks") {
            capabilities = capabilities.with(Capability::Dump).with(Capability::Stack);
        }
        if logs::is_kept() {
            capabilities = capabilities.with(Capability::Logs);
        }
        let mut process = self.shared.process.read();
        reading::count_loops(&mut process);
        process.debug_left_ns = self.shared.debug_left_ns();
        process.version = Some(env!("CARGO_PKG_VERSION").to_owned());
        process.rights = Some(self.peer.rights());
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

    type SnapshotStream = Inlet<proto::Part>;

    async fn snapshot(
        &self,
        request: tonic::Request<proto::SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        self.peer.asked()?;
        let request = request.into_inner();
        check_protocol(request.protocol)?;
        let request =
            wire::decode_request(request).map_err(|error| Status::invalid_argument(error.to_string()))?;
        self.stream(request, None)
    }

    type WatchStream = Inlet<proto::Part>;

    async fn watch(
        &self,
        request: tonic::Request<proto::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        self.peer.asked()?;
        let request = request.into_inner();
        check_protocol(request.snapshot.as_ref().map_or(0, |snapshot| snapshot.protocol))?;
        let (request, interval) =
            wire::decode_watch(request).map_err(|error| Status::invalid_argument(error.to_string()))?;
        self.stream(request, Some(interval))
    }

    type HistogramsStream = Inlet<proto::HistogramsPart>;

    async fn histograms(
        &self,
        request: tonic::Request<proto::HistogramsRequest>,
    ) -> Result<Response<Self::HistogramsStream>, Status> {
        self.peer.asked()?;
        let request = request.into_inner();
        check_protocol(request.protocol)?;
        let request = wire::decode_histograms_request(request)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let (outlet, inlet) = self.peer.open()?;
        let shared = self.shared.clone();
        loopscope::spawn(send_histograms(shared, outlet, request)).detach();
        Ok(Response::new(inlet))
    }

    async fn set_debug(
        &self,
        request: tonic::Request<proto::SetDebugRequest>,
    ) -> Result<Response<proto::SetDebugReply>, Status> {
        self.peer.asked()?;
        self.switch_debug(request.into_inner()).map(Response::new)
    }

    async fn stack(
        &self,
        request: tonic::Request<proto::StackRequest>,
    ) -> Result<Response<proto::StackReply>, Status> {
        self.peer.asked()?;
        self.take_stacks(request.into_inner()).await.map(Response::new)
    }

    type DumpStream = Inlet<proto::DumpPart>;

    async fn dump(
        &self,
        request: tonic::Request<proto::DumpRequest>,
    ) -> Result<Response<Self::DumpStream>, Status> {
        self.peer.asked()?;
        self.take_dump(request.into_inner()).map(Response::new)
    }

    type LogsStream = Inlet<proto::LogsPart>;

    async fn logs(
        &self,
        request: tonic::Request<proto::LogsRequest>,
    ) -> Result<Response<Self::LogsStream>, Status> {
        self.peer.asked()?;
        self.send_logs(request.into_inner()).map(Response::new)
    }

    async fn set_log_filter(
        &self,
        request: tonic::Request<proto::SetLogFilterRequest>,
    ) -> Result<Response<proto::SetLogFilterReply>, Status> {
        self.peer.asked()?;
        self.change_log_filter(request.into_inner()).map(Response::new)
    }

    async fn cancel(
        &self,
        request: tonic::Request<proto::CancelRequest>,
    ) -> Result<Response<proto::CancelReply>, Status> {
        self.peer.asked()?;
        self.cancel_tasks(request.into_inner()).await.map(Response::new)
    }
}

/// Sends the histograms of one request.
async fn send_histograms(
    shared: Arc<Shared>,
    mut outlet: Outlet<proto::HistogramsPart>,
    request: HistogramsRequest,
) {
    let result = send_each_histogram(&shared, &mut outlet, request).await;
    outlet.close(result).await;
}

async fn send_each_histogram(
    shared: &Shared,
    outlet: &mut Outlet<proto::HistogramsPart>,
    request: HistogramsRequest,
) -> Result<(), Over> {
    shared.rest().await;
    if outlet.is_closed() {
        return Err(Over::Left);
    }
    let mut begun = Instant::now();
    let mut took = Duration::ZERO;
    let mut reading = HistogramReading::new(request);
    let mut parts = HistogramParts::new(reading.head(shared.process.read()), shared.process.start_ticks());
    while let Some(histogram) = reading.next() {
        for part in parts.push(histogram) {
            // Only what is read counts as work, not what a client takes to read it.
            took += begun.elapsed();
            outlet.send(Ok(part)).await?;
            begun = Instant::now();
        }
    }
    shared.took(took + begun.elapsed());
    outlet.send(Ok(parts.finish())).await
}

/// Sends the pictures of one stream.
struct Sender {
    shared: Arc<Shared>,
    outlet: Outlet<proto::Part>,
}

impl Sender {
    async fn run(mut self, request: Request, interval: Option<Duration>) {
        let result = self.send_all(&request, interval).await;
        self.outlet.close(result).await;
    }

    async fn send_all(&mut self, request: &Request, interval: Option<Duration>) -> Result<(), Over> {
        let mut next = Instant::now();
        for picture in 1.. {
            self.shared.rest().await;
            if self.outlet.is_closed() {
                // It did not even wait for the agent to have rested.
                return Err(Over::Left);
            }
            self.send_picture(picture, request).await?;
            let Some(interval) = interval else { break };
            // From the beginning of one to the beginning of the next; what was missed is not made up for.
            next = (next + interval).max(Instant::now());
            self.outlet.wait_until(next).await?;
        }
        Ok(())
    }

    async fn send_picture(&mut self, number: u64, request: &Request) -> Result<(), Over> {
        let shared = self.shared.clone();
        let mut reading = self.read(request).map_err(Over::Told)?;
        let _held = Held::take(&shared, reading.rows_held()).map_err(Over::Told)?;
        let mut parts = Parts::new(number, reading.heading());
        while let Some(row) = reading.next_row() {
            if let Some(part) = parts.push(row) {
                self.outlet.send(Ok(part)).await?;
            }
        }
        self.outlet.send(Ok(parts.finish())).await
    }

    fn read(&self, request: &Request) -> Result<Reading, Status> {
        let begun = Instant::now();
        let mut process = self.shared.process.read();
        process.debug_left_ns = self.shared.debug_left_ns();
        let reading = self.shared.reader().read(request, process, self.shared.process.start_ticks());
        self.shared.took(begun.elapsed());
        reading.map_err(|error| Status::invalid_argument(error.to_string()))
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
