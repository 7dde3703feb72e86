//! Servers that are not what they should be.

#![allow(clippy::unwrap_used, reason = "tests and what they share")]

use super::*;
use crate::client::Found;
use crate::model::Capability;
use crate::scratch::Dir;
use crate::wire::proto::inspect_server::{Inspect, InspectServer};
use futures_channel::mpsc;
use hyper::body::Incoming;
use hyper::server::conn::http2 as server;
use hyper::service::service_fn;
use loopscope::net::UnixListener;
use std::collections::VecDeque;
use std::sync::Mutex;
use tonic::Response;
use tower_service::Service as _;

/// For answers that do come, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs `client` against a server that does `serve` with each connection.
fn against<S, F, C, T>(serve: S, client: C) -> T
where
    S: Fn(UnixStream) -> F + 'static,
    F: Future<Output = ()> + 'static,
    C: AsyncFnOnce(Found) -> T,
{
    let dir = Dir::new("fake");
    let mut runner = loopscope::Runner::builder().hidden(true).build().unwrap();
    let result = runner.block_on(async {
        let listener = UnixListener::bind(dir.join("s")).unwrap();
        loopscope::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                loopscope::spawn(serve(stream)).detach();
            }
        })
        .detach();
        client(Found::at(dir.join("s"))).await
    });
    result.unwrap()
}

const SHORT: Duration = Duration::from_millis(50);

/// The kind of error that connecting comes to.
fn refusal<S, F>(serve: S, timeout: Duration) -> Kind
where
    S: Fn(UnixStream) -> F + 'static,
    F: Future<Output = ()> + 'static,
{
    against(serve, async |found| Client::connect(&found, timeout).await.unwrap_err().kind().clone())
}

/// What a fake agent says.
#[derive(Clone, Debug)]
struct Fake {
    hello: proto::HelloReply,
    parts: std::sync::Arc<Mutex<VecDeque<proto::Part>>>,
    /// Says the last part for ever.
    endless: bool,
}

impl Fake {
    fn new(parts: Vec<proto::Part>) -> Self {
        let hello = proto::HelloReply {
            protocol_min: 1,
            protocol_max: 1,
            protocol: Some(1),
            version: "9.9.9".to_owned(),
            process: Some(proto::Process { pid: 1, ..proto::Process::default() }),
            ..proto::HelloReply::default()
        };
        Self { hello, parts: std::sync::Arc::new(Mutex::new(parts.into())), endless: false }
    }

    fn stream(&self) -> mpsc::Receiver<Result<proto::Part, Status>> {
        let (mut sender, stream) = mpsc::channel(0);
        let (parts, endless) = (self.parts.clone(), self.endless);
        loopscope::spawn(async move {
            loop {
                let part = {
                    let mut parts = parts.lock().unwrap();
                    if endless && parts.len() == 1 { parts.front().cloned() } else { parts.pop_front() }
                };
                let Some(part) = part else { return };
                if std::future::poll_fn(|cx| sender.poll_ready(cx)).await.is_err() {
                    return;
                }
                let _ = sender.start_send(Ok(part));
            }
        })
        .detach();
        stream
    }

    async fn serve(self, stream: UnixStream) {
        let service = InspectServer::new(self);
        let service = service_fn(move |request| service.clone().call(request));
        let stream = Stream::new(stream, Duration::from_secs(10));
        let _ = server::Builder::new(Executor::new()).serve_connection(stream, service).await;
    }
}

#[tonic::async_trait]
impl Inspect for Fake {
    async fn hello(
        &self,
        _: tonic::Request<proto::HelloRequest>,
    ) -> Result<Response<proto::HelloReply>, Status> {
        Ok(Response::new(self.hello.clone()))
    }

    type SnapshotStream = mpsc::Receiver<Result<proto::Part, Status>>;

    async fn snapshot(
        &self,
        _: tonic::Request<proto::SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        Ok(Response::new(self.stream()))
    }

    type WatchStream = mpsc::Receiver<Result<proto::Part, Status>>;

    async fn watch(
        &self,
        _: tonic::Request<proto::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::permission_denied("the right to see is missing"))
    }

    type HistogramsStream = mpsc::Receiver<Result<proto::HistogramsPart, Status>>;

    async fn histograms(
        &self,
        _: tonic::Request<proto::HistogramsRequest>,
    ) -> Result<Response<Self::HistogramsStream>, Status> {
        let (mut parts, stream) = mpsc::channel(1);
        // The first part of an answer that never begins.
        let _ = parts.try_send(Ok(proto::HistogramsPart::default()));
        Ok(Response::new(stream))
    }

    async fn set_debug(
        &self,
        _: tonic::Request<proto::SetDebugRequest>,
    ) -> Result<Response<proto::SetDebugReply>, Status> {
        Err(Status::permission_denied("not today"))
    }

    async fn stack(
        &self,
        _: tonic::Request<proto::StackRequest>,
    ) -> Result<Response<proto::StackReply>, Status> {
        Err(Status::unimplemented("never heard of it"))
    }

    type DumpStream = mpsc::Receiver<Result<proto::DumpPart, Status>>;

    async fn dump(
        &self,
        _: tonic::Request<proto::DumpRequest>,
    ) -> Result<Response<Self::DumpStream>, Status> {
        let (mut parts, stream) = mpsc::channel(1);
        let process = Some(proto::Process::default());
        let header = Some(proto::DumpHeader { process, ..proto::DumpHeader::default() });
        // One that begins and does not end.
        let _ = parts.try_send(Ok(proto::DumpPart { header, ..proto::DumpPart::default() }));
        Ok(Response::new(stream))
    }

    type LogsStream = mpsc::Receiver<Result<proto::LogsPart, Status>>;

    async fn logs(
        &self,
        _: tonic::Request<proto::LogsRequest>,
    ) -> Result<Response<Self::LogsStream>, Status> {
        let (mut parts, stream) = mpsc::channel(1);
        let line = proto::LogLine { level: 77, ..proto::LogLine::default() };
        let _ = parts.try_send(Ok(proto::LogsPart { lines: vec![line], ..proto::LogsPart::default() }));
        Ok(Response::new(stream))
    }

    async fn set_log_filter(
        &self,
        _: tonic::Request<proto::SetLogFilterRequest>,
    ) -> Result<Response<proto::SetLogFilterReply>, Status> {
        Err(Status::invalid_argument("`,,` is no filter"))
    }

    async fn cancel(
        &self,
        _: tonic::Request<proto::CancelRequest>,
    ) -> Result<Response<proto::CancelReply>, Status> {
        Err(Status::permission_denied("nobody granted it"))
    }
}

/// What asking a fake agent, which claims to be able to do everything, comes to.
fn asked<T>(mut fake: Fake, ask: impl AsyncFnOnce(&mut Client) -> Result<T, Error>) -> Result<T, Kind> {
    fake.hello.capabilities = (1..=15).collect();
    let serve = move |stream| fake.clone().serve(stream);
    against(serve, async |found| {
        let mut client = Client::connect(&found, PATIENCE).await.unwrap();
        ask(&mut client).await.map_err(|error| error.kind().clone())
    })
}

#[test]
fn each_refusal_names_the_right_that_is_missing() {
    let fake = || Fake::new(vec![]);
    let debug = asked(fake(), async |client| client.set_debug(wire::SetDebug::default()).await.map(drop));
    assert_eq!(debug, Err(Kind::Refused { right: Right::Diagnose, detail: "not today".into() }));
    let cancel = asked(fake(), async |client| client.cancel(&[7]).await.map(drop));
    assert_eq!(cancel, Err(Kind::Refused { right: Right::Control, detail: "nobody granted it".into() }));
    let filter = wire::SetLogFilter { filter: Some(",,".into()), lasts: None };
    let filter = asked(fake(), async |client| client.set_log_filter(filter).await.map(drop));
    assert_eq!(filter, Err(Kind::BadRequest { detail: "`,,` is no filter".into() }));
}

#[test]
fn an_agent_that_cannot_do_something_is_not_asked_or_says_so_itself() {
    let lacking = |capability| Err(Kind::Lacking { capability });
    let claimed = asked(Fake::new(vec![]), async |client| client.stack(&[]).await.map(drop));
    assert_eq!(claimed, lacking(Capability::Stack));
    let fake = Fake::new(vec![]);
    let serve = move |stream| fake.clone().serve(stream);
    let unclaimed = against(serve, async |found| {
        let mut client = Client::connect(&found, PATIENCE).await.unwrap();
        let debug = client.set_debug(wire::SetDebug::default()).await;
        debug.map(drop).map_err(|error| error.kind().clone())
    });
    assert_eq!(unclaimed, lacking(Capability::Debug));
}

#[test]
fn stacks_and_logs_that_make_no_sense_are_named() {
    let dump = asked(Fake::new(vec![]), async |client| client.dump(&[]).await.map(drop));
    let Err(Kind::NotInspector { detail }) = dump else { panic!("{dump:?}") };
    assert_eq!(detail, "the message makes no sense: the answer ends before it is complete");
    let logs = asked(Fake::new(vec![]), async |client| {
        client.logs(wire::LogsRequest::default()).await?.next().await.map(drop)
    });
    let Err(Kind::NotInspector { detail }) = logs else { panic!("{logs:?}") };
    assert_eq!(detail, "the message makes no sense: a log line of an unknown level");
}

/// A picture of no table.
fn first(last: bool) -> proto::Part {
    let process = Some(proto::Process { pid: 1, ..proto::Process::default() });
    let tables = vec![proto::TableInfo { table: 1, ..proto::TableInfo::default() }];
    let header = Some(proto::Header { process, tables, ..proto::Header::default() });
    proto::Part { picture: 1, header, last, ..proto::Part::default() }
}

/// What a snapshot from a fake agent comes to.
fn snapshot_from(fake: Fake) -> Result<Picture, Kind> {
    let serve = move |stream| fake.clone().serve(stream);
    against(serve, async |found| {
        let mut client = Client::connect(&found, PATIENCE).await.unwrap();
        client.snapshot(&Request::default()).await.map_err(|error| error.kind().clone())
    })
}

#[test]
fn a_process_bears_the_number_that_the_kernel_says() {
    let picture = snapshot_from(Fake::new(vec![first(true)])).unwrap();
    let process = picture.process().unwrap();
    assert_eq!((process.pid, process.version.as_deref()), (std::process::id(), Some("9.9.9")));
}

#[test]
fn a_number_that_was_reused_between_the_look_and_the_connection_is_an_end() {
    let fake = Fake::new(Vec::new());
    let kind = against(
        move |stream| fake.clone().serve(stream),
        async |found| {
            let found = Found { pid: Some(std::process::id()), start_ticks: Some(1), ..found };
            Client::connect(&found, PATIENCE).await.unwrap_err().kind().clone()
        },
    );
    assert_eq!(kind, Kind::Ended);
}

#[test]
fn a_process_that_is_gone_when_its_socket_is_connected_to_has_ended() {
    let dir = Dir::new("gone");
    let found = Found { pid: Some(u32::MAX), start_ticks: Some(1), ..Found::at(dir.join("s")) };
    let mut runner = loopscope::Runner::builder().hidden(true).build().unwrap();
    let error = runner.block_on(async { Client::connect(&found, PATIENCE).await.unwrap_err() }).unwrap();
    assert_eq!(error.kind(), &Kind::Ended);
    assert!(error.is_over());
}

/// A gRPC server that has that service and no other.
fn only(service: &'static str) -> Kind {
    let serve = move |stream| async move {
        let service = service_fn(move |request: http::Request<Incoming>| {
            let answer = http::Response::builder().header("content-type", "application/grpc");
            let known = request.uri().path().starts_with(service);
            let answer = if known { answer } else { answer.header("grpc-status", "12") };
            std::future::ready(Ok::<_, std::convert::Infallible>(answer.body(String::new()).unwrap()))
        });
        let stream = Stream::new(stream, Duration::from_secs(10));
        let _ = server::Builder::new(Executor::new()).serve_connection(stream, service).await;
    };
    refusal(serve, PATIENCE)
}

#[test]
fn a_tokio_console_server_is_named_as_such() {
    let kind = only("/rs.tokio.console.instrument.Instrument/");
    assert!(matches!(kind, Kind::Console { path } if path.is_absolute()));
    assert!(matches!(only("/grpc.health.v1.Health/"), Kind::NotInspector { .. }));
}

#[test]
fn another_process_than_the_one_asked_for_is_an_impostor() {
    let fake = Fake::new(Vec::new());
    let kind = against(
        move |stream| fake.clone().serve(stream),
        async |found| {
            let found = Found { pid: Some(1), ..found };
            Client::connect(&found, PATIENCE).await.unwrap_err().kind().clone()
        },
    );
    assert_eq!(kind, Kind::Impostor { wanted: 1, found: Some(std::process::id()) });
}

#[test]
fn a_newer_and_an_older_agent_are_told_apart() {
    let speaks = |min, max| {
        let mut fake = Fake::new(Vec::new());
        (fake.hello.protocol_min, fake.hello.protocol_max, fake.hello.protocol) = (min, max, None);
        refusal(move |stream| fake.clone().serve(stream), PATIENCE)
    };
    assert_eq!(speaks(7, 9), Kind::AgentTooNew { theirs: 7, ours: wire::PROTOCOL_MAX });
    assert!(matches!(speaks(0, 0), Kind::NotInspector { .. }));
}

#[test]
fn one_that_hangs_up_is_closed() {
    let kind = refusal(async |stream| drop(stream), PATIENCE);
    assert!(matches!(kind, Kind::Closed { .. }), "{kind:?}");
}

#[test]
fn one_that_says_nothing_is_silent() {
    let kind = refusal(
        async |stream| {
            let _stream = stream;
            std::future::pending::<()>().await;
        },
        SHORT,
    );
    assert_eq!(kind, Kind::Silent { timeout: SHORT });
}

#[test]
fn one_that_talks_something_else_is_no_inspector() {
    for bytes in [&b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"[..], &[0xff; 4096], &[0; 4096]] {
        let kind = refusal(
            move |stream| async move {
                let _ = stream.write_all(bytes).await;
                std::future::pending::<()>().await;
            },
            PATIENCE,
        );
        assert!(matches!(kind, Kind::NotInspector { .. }), "{kind:?}");
    }
}

#[test]
fn http_without_the_service_is_no_inspector() {
    let serve = |stream| async move {
        let service = service_fn(async |_: http::Request<Incoming>| {
            let answer = http::Response::builder().status(404).body(String::from("not found"));
            Ok::<_, std::convert::Infallible>(answer.unwrap())
        });
        let stream = Stream::new(stream, Duration::from_secs(10));
        let _ = server::Builder::new(Executor::new()).serve_connection(stream, service).await;
    };
    let kind = refusal(serve, PATIENCE);
    assert!(matches!(kind, Kind::NotInspector { .. }), "{kind:?}");
}

#[test]
fn a_message_that_is_too_large_is_refused_before_it_is_decoded() {
    let tasks = vec![proto::Task { kind: 1, state: 1, ..proto::Task::default() }; 100_000];
    let kind = snapshot_from(Fake::new(vec![proto::Part { tasks, ..first(true) }])).unwrap_err();
    assert!(matches!(kind, Kind::NotInspector { .. }), "{kind:?}");
}

#[test]
fn an_endless_picture_is_given_up() {
    let tasks = vec![proto::Task { kind: 1, state: 1, ..proto::Task::default() }; 10_000];
    let more = proto::Part { picture: 1, tasks, ..proto::Part::default() };
    let fake = Fake { endless: true, ..Fake::new(vec![first(false), more]) };
    let kind = snapshot_from(fake).unwrap_err();
    let Kind::NotInspector { detail } = kind else { panic!("{kind:?}") };
    assert!(detail.contains("200,000 rows"), "{detail}");
}

#[test]
fn a_stream_that_ends_too_early_is_closed() {
    let kind = snapshot_from(Fake::new(vec![first(false)])).unwrap_err();
    assert!(matches!(kind, Kind::Closed { .. }), "{kind:?}");
}

#[test]
fn a_missing_right_is_a_refusal() {
    let fake = Fake::new(Vec::new());
    let error = against(
        move |stream| fake.clone().serve(stream),
        async |found| {
            let mut client = Client::connect(&found, PATIENCE).await.unwrap();
            client.watch(&Request::default(), Duration::from_secs(1)).await.unwrap_err()
        },
    );
    let detail = "the right to see is missing".to_owned();
    assert_eq!(error.kind(), &Kind::Refused { right: Right::See, detail });
    assert_eq!(error.exit_code(), 4);
}

#[test]
fn a_socket_that_nobody_listens_on_says_so() {
    let dir = Dir::new("deaf");
    drop(std::os::unix::net::UnixListener::bind(dir.join("s")).unwrap());
    let mut runner = loopscope::Runner::builder().hidden(true).build().unwrap();
    let error = runner
        .block_on(async { Client::connect(&Found::at(dir.join("s")), PATIENCE).await.unwrap_err() })
        .unwrap();
    assert!(error.to_string().ends_with("nobody listens there any more"), "{error}");
    assert_eq!(error.exit_code(), 3);
}

#[test]
fn histograms_that_make_no_sense_are_refused() {
    let fake = Fake::new(Vec::new());
    let kind = against(
        move |stream| fake.clone().serve(stream),
        async |found| {
            let mut client = Client::connect(&found, PATIENCE).await.unwrap();
            let answer = client.histograms(&HistogramsRequest::default()).await;
            answer.map_err(|error| error.kind().clone()).unwrap_err()
        },
    );
    assert!(
        matches!(kind, Kind::NotInspector { ref detail } if detail.contains("without a beginning")),
        "{kind:?}"
    );
}
