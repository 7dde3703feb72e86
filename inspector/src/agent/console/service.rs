//! The RPCs of `rs.tokio.console.instrument.Instrument`, as one connection's.

use super::valve::Valve;
use super::{details, watch};
use crate::agent::peer::{Inlet, Peer};
use crate::agent::service::Shared;
use crate::wire::limits::REQUEST_BYTES_MAX;
use console_api::instrument::instrument_server::{Instrument, InstrumentServer};
use console_api::instrument::{
    InstrumentRequest, PauseRequest, PauseResponse, ResumeRequest, ResumeResponse, State, StateRequest,
    TaskDetailsRequest, Update,
};
use console_api::tasks::TaskDetails;
use futures_channel::oneshot;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tonic::{Request, Response, Status};

/// What all requests to this service begin with.
pub(in crate::agent) const PATH: &str = "/rs.tokio.console.instrument.Instrument/";

/// Streams of updates at a time: each remembers what its client was told, up to some six megabytes.
const SEATS_MAX: u64 = 8;

/// How many streams of updates there are in the process.
#[derive(Clone, Debug, Default)]
pub(in crate::agent) struct Seats(Arc<AtomicU64>);

/// One stream of updates; its room is free again when this is dropped.
#[derive(Debug)]
struct Seat(Seats);

impl Seats {
    fn take(&self) -> Result<Seat, Status> {
        // Only the agent's thread comes here.
        if self.0.load(Relaxed) >= SEATS_MAX {
            return Err(Status::resource_exhausted(format!(
                "{SEATS_MAX} consoles are attached already, which is as many as the process takes"
            )));
        }
        self.0.fetch_add(1, Relaxed);
        Ok(Seat(self.clone()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// Answers one connection.
#[derive(Debug)]
pub(in crate::agent) struct Console {
    shared: Arc<Shared>,
    peer: Peer,
    seats: Seats,
    valve: Arc<Valve>,
}

/// The service for one connection.
pub(in crate::agent) fn server(
    shared: &Arc<Shared>,
    peer: &Peer,
    seats: &Seats,
) -> InstrumentServer<Console> {
    let console =
        Console { shared: shared.clone(), peer: peer.clone(), seats: seats.clone(), valve: Arc::default() };
    InstrumentServer::new(console).max_decoding_message_size(REQUEST_BYTES_MAX)
}

#[tonic::async_trait]
impl Instrument for Console {
    type WatchUpdatesStream = Inlet<Update>;

    async fn watch_updates(
        &self,
        _: Request<InstrumentRequest>,
    ) -> Result<Response<Self::WatchUpdatesStream>, Status> {
        self.peer.asked()?;
        let seat = self.seats.take()?;
        let (outlet, inlet) = self.peer.open()?;
        loopscope::spawn(watch::updates(self.shared.clone(), self.valve.clone(), outlet, seat)).detach();
        Ok(Response::new(inlet))
    }

    type WatchTaskDetailsStream = Inlet<TaskDetails>;

    async fn watch_task_details(
        &self,
        request: Request<TaskDetailsRequest>,
    ) -> Result<Response<Self::WatchTaskDetailsStream>, Status> {
        self.peer.asked()?;
        let id = request.into_inner().id.map_or(0, |id| id.id);
        if id == 0 {
            return Err(Status::invalid_argument("the request names no task"));
        }
        let (outlet, inlet) = self.peer.open()?;
        let (tell, is_known) = oneshot::channel();
        loopscope::spawn(details::details(self.shared.clone(), self.valve.clone(), id, outlet, tell))
            .detach();
        if is_known.await != Ok(true) {
            return Err(Status::not_found(format!("there is no task {id}")));
        }
        Ok(Response::new(inlet))
    }

    type WatchStateStream = Inlet<State>;

    async fn watch_state(
        &self,
        _: Request<StateRequest>,
    ) -> Result<Response<Self::WatchStateStream>, Status> {
        self.peer.asked()?;
        let (outlet, inlet) = self.peer.open()?;
        loopscope::spawn(watch::states(self.valve.clone(), outlet)).detach();
        Ok(Response::new(inlet))
    }

    async fn pause(&self, _: Request<PauseRequest>) -> Result<Response<PauseResponse>, Status> {
        self.peer.asked()?;
        self.valve.set_paused(true);
        Ok(Response::new(PauseResponse {}))
    }

    async fn resume(&self, _: Request<ResumeRequest>) -> Result<Response<ResumeResponse>, Status> {
        self.peer.asked()?;
        self.valve.set_paused(false);
        Ok(Response::new(ResumeResponse {}))
    }
}
