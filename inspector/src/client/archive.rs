//! What a process left when it came to a bad end, answering as its agent would have.
//!
//! The file holds one picture with every table. Requests go to it as they go to an agent, through the same service, so that every
//! command and every screen works on it; what needs the process itself is refused.

mod answer;

use crate::model::{Capabilities, Capability, Histograms};
use crate::wire::post_mortem::{Contents, FileError};
use crate::wire::proto::{self, inspect_server::Inspect};
use crate::wire::{self, HistogramAssembly, HistogramParts, Parts, Request};
use futures_channel::mpsc;
use futures_core::Stream;
use std::fs::File;
use std::future::poll_fn;
use std::io::BufReader;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tonic::{Response, Status};

/// A file that was read, and answers.
#[derive(Debug)]
pub(super) struct Archive {
    contents: Arc<Contents>,
    histograms: Option<Histograms>,
}

impl Archive {
    /// Reads the file.
    pub(super) fn open(path: &Path) -> Result<Self, FileError> {
        let mut contents = Contents::read(BufReader::new(File::open(path).map_err(FileError::Io)?))?;
        // What every picture says of the process, its end included.
        for process in &mut contents.picture.snapshot.processes {
            process.ended = Some(contents.ended.clone()).filter(|words| !words.is_empty());
        }
        let mut assembly = HistogramAssembly::new();
        let mut histograms = None;
        for part in contents.histograms.iter().cloned() {
            histograms = assembly.add(part)?.or(histograms);
        }
        Ok(Self { contents: Arc::new(contents), histograms })
    }

    /// The handshake, with what the file has.
    fn greeting(&self) -> Result<proto::HelloReply, Status> {
        let mut hello = wire::decode_hello(self.contents.hello.clone()).map_err(damaged)?;
        let process = &mut hello.process;
        process.ended = self.contents.picture.process().and_then(|process| process.ended.clone());
        let mut capabilities: Vec<Capability> = process.capabilities.unwrap_or_default().iter().collect();
        let is_recorded = |capability: &Capability| match capability {
            Capability::Stack => self.contents.stacks.is_some(),
            Capability::Logs => !self.contents.logs.is_empty(),
            Capability::Debug | Capability::Dump | Capability::Cancel => false,
            _ => true,
        };
        capabilities.extend([Capability::Stack, Capability::Logs]);
        let capabilities: Capabilities = capabilities.into_iter().filter(is_recorded).collect();
        process.capabilities = Some(capabilities);
        Ok(wire::encode_hello(hello))
    }
}

/// The parts of the one picture, as far as it was asked for.
fn parts(contents: &Contents, request: &Request, number: u64) -> Result<Vec<proto::Part>, Status> {
    let (heading, rows) = answer::answer(&contents.picture, request)
        .map_err(|error| Status::invalid_argument(error.to_string()))?;
    let mut parts = Parts::new(number, heading);
    let mut all: Vec<proto::Part> = rows.into_iter().filter_map(|row| parts.push(row)).collect();
    all.push(parts.finish());
    Ok(all)
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` takes")]
fn damaged(error: wire::DecodeError) -> Status {
    Status::data_loss(error.to_string())
}

/// The answer to what only the process itself could do.
fn gone() -> Status {
    Status::unimplemented("the process has ended, and this is its last picture")
}

/// What a stream sends, all of which is there.
#[derive(Debug)]
pub(super) struct Replies<T>(std::vec::IntoIter<T>);

impl<T> Replies<T> {
    fn of(all: Vec<T>) -> Response<Self> {
        Response::new(Self(all.into_iter()))
    }
}

impl<T: Unpin> Stream for Replies<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}

/// Sends the same picture again and again, until nobody takes it.
async fn repeat(
    contents: Arc<Contents>,
    request: Request,
    interval: Duration,
    mut outlet: mpsc::Sender<Result<proto::Part, Status>>,
) {
    for number in 1.. {
        let sent = match parts(&contents, &request, number) {
            Ok(parts) => parts.into_iter().map(Ok).collect(),
            Err(status) => vec![Err(status)],
        };
        for part in sent {
            if poll_fn(|cx| outlet.poll_ready(cx)).await.is_err() || outlet.start_send(part).is_err() {
                return;
            }
        }
        loopscope::sleep(interval).await;
    }
}

#[tonic::async_trait]
impl Inspect for Archive {
    async fn hello(
        &self,
        _: tonic::Request<proto::HelloRequest>,
    ) -> Result<Response<proto::HelloReply>, Status> {
        Ok(Response::new(self.greeting()?))
    }

    type SnapshotStream = Replies<proto::Part>;

    async fn snapshot(
        &self,
        request: tonic::Request<proto::SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        let request = wire::decode_request(request.into_inner()).map_err(damaged)?;
        Ok(Replies::of(parts(&self.contents, &request, 1)?))
    }

    type WatchStream = mpsc::Receiver<Result<proto::Part, Status>>;

    async fn watch(
        &self,
        request: tonic::Request<proto::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (request, interval) = wire::decode_watch(request.into_inner()).map_err(damaged)?;
        let (outlet, inlet) = mpsc::channel(0);
        loopscope::spawn(repeat(Arc::clone(&self.contents), request, interval, outlet)).detach();
        Ok(Response::new(inlet))
    }

    type HistogramsStream = Replies<proto::HistogramsPart>;

    async fn histograms(
        &self,
        request: tonic::Request<proto::HistogramsRequest>,
    ) -> Result<Response<Self::HistogramsStream>, Status> {
        let request = wire::decode_histograms_request(request.into_inner()).map_err(damaged)?;
        let all = self.histograms.clone().ok_or_else(gone)?;
        let head = Histograms { rows: Vec::new(), ..all.clone() };
        let mut parts = HistogramParts::new(head, None);
        let wanted = all.rows.into_iter().filter(|histogram| {
            let key = &histogram.key;
            request.wants(key.kind)
                && request.loop_id.is_none_or(|id| key.loop_id == Some(id))
                && request.site.as_ref().is_none_or(|site| key.site.as_ref() == Some(site))
                && !(request.whole && key.site.is_some())
        });
        let mut sent: Vec<proto::HistogramsPart> =
            wanted.flat_map(|histogram| parts.push(histogram)).collect();
        sent.push(parts.finish());
        Ok(Replies::of(sent))
    }

    async fn set_debug(
        &self,
        _: tonic::Request<proto::SetDebugRequest>,
    ) -> Result<Response<proto::SetDebugReply>, Status> {
        Err(gone())
    }

    async fn stack(
        &self,
        request: tonic::Request<proto::StackRequest>,
    ) -> Result<Response<proto::StackReply>, Status> {
        let loops = wire::decode_stack_request(request.into_inner()).map_err(damaged)?;
        let mut reply = self.contents.stacks.clone().ok_or_else(gone)?;
        reply.stacks.retain(|stack| loops.is_empty() || loops.contains(&stack.r#loop));
        Ok(Response::new(reply))
    }

    type DumpStream = Replies<proto::DumpPart>;

    async fn dump(
        &self,
        _: tonic::Request<proto::DumpRequest>,
    ) -> Result<Response<Self::DumpStream>, Status> {
        Err(gone())
    }

    type LogsStream = Replies<proto::LogsPart>;

    async fn logs(
        &self,
        request: tonic::Request<proto::LogsRequest>,
    ) -> Result<Response<Self::LogsStream>, Status> {
        let request = wire::decode_logs_request(request.into_inner()).map_err(damaged)?;
        let mut header = None;
        let mut lines = Vec::new();
        let mut missed = 0;
        for part in self.contents.logs.iter().cloned() {
            header = header.or_else(|| part.header.clone());
            missed += part.missed;
            lines.extend(wire::decode_logs(part).map_err(damaged)?.lines);
        }
        lines.retain(|line| request.matches(line));
        let tail = request.tail.map_or(usize::MAX, |tail| usize::try_from(tail).unwrap_or(usize::MAX));
        lines.drain(..lines.len().saturating_sub(tail));
        Ok(Replies::of(wire::encode_lines(header, missed, lines.iter().map(AsRef::as_ref))))
    }

    async fn set_log_filter(
        &self,
        _: tonic::Request<proto::SetLogFilterRequest>,
    ) -> Result<Response<proto::SetLogFilterReply>, Status> {
        Err(gone())
    }

    async fn cancel(
        &self,
        _: tonic::Request<proto::CancelRequest>,
    ) -> Result<Response<proto::CancelReply>, Status> {
        Err(gone())
    }
}
