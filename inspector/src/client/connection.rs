//! One connection to one agent.
//!
//! What is at the other end is not trusted: it must be the process that was asked for, it must answer in time, and what it
//! sends is bounded before it is decoded and checked after.

use super::archive::Archive;
use super::channel::Channel;
use super::discovery::{Found, Places, words_of};
use super::error::{Error, Kind};
use super::right::Right;
use super::stranger::{FirstWords, Listening, console_request, is_console_answer};
use super::users;
use crate::model::{Histograms, Process};
use crate::proc::Proc;
use crate::wire::limits::PART_BYTES_MAX;
use crate::wire::proto::inspect_client::InspectClient;
use crate::wire::rt::Stream;
use crate::wire::{self, Assembly, Hello, HistogramAssembly, HistogramsRequest, Picture, Request, proto};
use hyper::client::conn::http2;
use loopscope::hyper::Executor;
use loopscope::net::UnixStream;
use std::io;
use std::path::Path;
use std::time::Duration;
use tonic::{Code, Status, Streaming};

/// How long an answer may take, unless said otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to an agent that has been greeted.
#[derive(Debug)]
pub struct Client {
    pub(super) peer: Peer,
    pub(super) rpc: InspectClient<Channel>,
    channel: Channel,
    pub(super) protocol: u32,
    process: Process,
    start_ticks: Option<u64>,
    pub(super) timeout: Duration,
    /// Serves the connection; gone with the client.
    serving: Option<loopscope::Task<()>>,
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pid: Option<u32>,
    who: String,
    /// When the process was started, where that was known before it was asked.
    start_ticks: Option<u64>,
    /// The user that listens.
    uid: Option<u32>,
    first_words: FirstWords,
}

impl Client {
    /// Connects, makes sure that the other end is the process that was found, and greets it.
    ///
    /// # Errors
    ///
    /// If nobody listens or answers within `timeout`, and if what is there is no agent or speaks another protocol.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    pub async fn connect(found: &Found, timeout: Duration) -> Result<Self, Error> {
        let mut peer = Peer {
            pid: found.pid,
            who: found.who(),
            start_ticks: found.start_ticks,
            uid: None,
            first_words: FirstWords::default(),
        };
        if found.is_file {
            let mut client = Self::open(peer, &found.socket, timeout).await?;
            client.process.socket = Some(found.socket.to_string_lossy().into_owned());
            return Ok(client);
        }
        let connecting = loopscope::timeout(timeout, UnixStream::connect(&found.socket)).await;
        let stream = match connecting {
            Err(_) => return Err(peer.silent(timeout)),
            Ok(Err(error)) => return Err(peer.no_socket(found, &error)),
            Ok(Ok(stream)) => stream,
        };
        peer.check(&stream)?;
        let greeting = Self::greet(peer.clone(), stream, timeout);
        let greeted = loopscope::timeout(timeout, greeting).await;
        let mut client = match greeted {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(peer.settle(error, found).await),
            Err(_) => return Err(peer.silent(timeout)),
        };
        client.process.user = peer.uid.map(users::words);
        client.process.socket = Some(found.socket.to_string_lossy().into_owned());
        Ok(client)
    }

    async fn greet(peer: Peer, stream: UnixStream, timeout: Duration) -> Result<Self, Error> {
        let mut http = http2::Builder::new(Executor::new().name("http/2"));
        http.initial_stream_window_size(256 << 10)
            .initial_connection_window_size(1 << 20)
            .max_header_list_size(16 << 10);
        let (sender, connection) = http
            .handshake::<_, tonic::body::Body>(Stream::new(
                Listening { inner: stream, first: peer.first_words.clone() },
                timeout,
            ))
            .await
            .map_err(|error| peer.transport(&error))?;
        let serving = loopscope::spawn(async move {
            // What goes wrong is seen by the request that it goes wrong for.
            let _ = connection.await;
        });
        Self::over(peer, Channel::Connection(sender), Some(serving), timeout).await
    }

    /// Opens what a process left.
    async fn open(peer: Peer, path: &Path, timeout: Duration) -> Result<Self, Error> {
        let failed = |detail| Error::new(Kind::NotInspector { detail }).about(&peer.who);
        let archive = Archive::open(path).map_err(|error| failed(format!("{}: {error}", path.display())))?;
        Self::over(peer.clone(), Channel::of_archive(archive), None, timeout).await
    }

    async fn over(
        peer: Peer,
        channel: Channel,
        serving: Option<loopscope::Task<()>>,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let origin = http::Uri::from_static("http://loopscope.invalid");
        let rpc =
            InspectClient::with_origin(channel.clone(), origin).max_decoding_message_size(PART_BYTES_MAX);
        let mut client = Self {
            peer,
            rpc,
            channel,
            protocol: 0,
            process: Process::default(),
            start_ticks: None,
            timeout,
            serving,
        };
        client.hello().await?;
        Ok(client)
    }

    async fn hello(&mut self) -> Result<(), Error> {
        let request = proto::HelloRequest {
            protocol_min: wire::PROTOCOL_MIN,
            protocol_max: wire::PROTOCOL_MAX,
            client: concat!("loopscope ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        let reply = match self.rpc.hello(request).await {
            Ok(reply) => reply,
            Err(status) if status.code() == Code::Unimplemented && self.is_console().await => {
                return Err(Error::new(Kind::Console { path: std::path::PathBuf::new() }));
            }
            Err(status) => return Err(self.peer.status(&status)),
        };
        let hello = wire::decode_hello(reply.into_inner()).map_err(|error| self.peer.nonsense(&error))?;
        self.protocol = self.peer.agree(&hello)?;
        self.start_ticks = hello.start_ticks;
        self.process = hello.process;
        // In its own namespace it may have another number than for us.
        self.process.pid = self.peer.pid.unwrap_or(self.process.pid);
        Ok(())
    }

    /// Whether the other end has tokio-console's service.
    async fn is_console(&mut self) -> bool {
        let Some(request) = console_request() else { return false };
        let Channel::Connection(sender) = &mut self.channel else { return false };
        sender.send_request(request).await.is_ok_and(|answer| is_console_answer(&answer))
    }

    /// The process at the other end as it said at the beginning, with the rights of this client.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// When the process was started, in clock ticks since the machine's boot: with its number that names it for good.
    pub fn start_ticks(&self) -> Option<u64> {
        self.start_ticks
    }

    /// Asks for one picture.
    ///
    /// # Errors
    ///
    /// If the agent refuses the request, does not answer in time, or is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the picture up; the client can go on.
    ///
    /// # Panics
    ///
    /// Outside of the loop it was made on.
    pub async fn snapshot(&mut self, request: &Request) -> Result<Picture, Error> {
        let message = wire::encode_request(request, self.protocol);
        let answer = loopscope::timeout(self.timeout, self.rpc.snapshot(message)).await;
        let stream = self.peer.answered(answer, self.timeout)?;
        Pictures::new(self, stream).next(self.timeout).await
    }

    /// Asks for histograms, with exact counts.
    ///
    /// # Errors
    ///
    /// As [`snapshot`](Self::snapshot).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the answer up; the client can go on.
    ///
    /// # Panics
    ///
    /// Outside of the loop it was made on.
    pub async fn histograms(&mut self, request: &HistogramsRequest) -> Result<Histograms, Error> {
        let message = wire::encode_histograms_request(request, self.protocol);
        let answer = loopscope::timeout(self.timeout, self.rpc.histograms(message)).await;
        let mut stream = self.peer.answered(answer, self.timeout)?;
        let mut assembly = HistogramAssembly::new();
        loop {
            let part = self.peer.next_of(&mut stream, self.timeout).await?;
            if let Some(mut answer) = assembly.add(part).map_err(|error| self.peer.nonsense(&error))? {
                self.identify(&mut answer.process);
                return Ok(answer);
            }
        }
    }

    /// Puts in what was settled when the connection was made.
    pub(super) fn identify(&self, process: &mut Process) {
        settle(process, &self.process);
    }

    /// Asks for a picture now and another one each `interval`, which is at least 50 ms.
    ///
    /// # Errors
    ///
    /// As [`snapshot`](Self::snapshot).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the request up; the client can go on.
    ///
    /// # Panics
    ///
    /// Outside of the loop it was made on.
    pub async fn watch(&mut self, request: &Request, interval: Duration) -> Result<Watch, Error> {
        let message = wire::encode_watch(request, self.protocol, interval);
        let interval = Duration::from_nanos(message.interval_ns);
        let answer = loopscope::timeout(self.timeout, self.rpc.watch(message)).await;
        let stream = self.peer.answered(answer, self.timeout)?;
        Ok(Watch { pictures: Pictures::new(self, stream), interval, timeout: self.timeout })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.take() {
            // Streams under way keep it alive; without any it comes to its end by itself.
            serving.detach();
        }
    }
}

/// Pictures that come by themselves. Dropping it ends them.
#[derive(Debug)]
pub struct Watch {
    pictures: Pictures,
    interval: Duration,
    timeout: Duration,
}

impl Watch {
    /// The next picture.
    ///
    /// # Errors
    ///
    /// If none comes in time, the timeout counted from when it is due, or the process is gone. After an error there are no
    /// more.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing is lost: the picture is handed out by the next call.
    ///
    /// # Panics
    ///
    /// Outside of the loop it was made on.
    pub async fn next(&mut self) -> Result<Picture, Error> {
        self.pictures.next(self.interval + self.timeout).await
    }
}

/// Puts the parts of a stream together.
#[derive(Debug)]
struct Pictures {
    peer: Peer,
    process: Process,
    stream: Streaming<proto::Part>,
    assembly: Assembly,
}

impl Pictures {
    fn new(client: &Client, stream: Streaming<proto::Part>) -> Self {
        Self { peer: client.peer.clone(), process: client.process.clone(), stream, assembly: Assembly::new() }
    }

    /// The next picture; `patience` is for each part, for a large picture takes a while.
    async fn next(&mut self, patience: Duration) -> Result<Picture, Error> {
        loop {
            let part = self.peer.next_of(&mut self.stream, patience).await?;
            let complete = self.assembly.add(part).map_err(|error| self.peer.nonsense(&error))?;
            if let Some(mut picture) = complete {
                self.identify(&mut picture);
                return Ok(picture);
            }
        }
    }

    /// Puts in what was settled when the connection was made.
    fn identify(&self, picture: &mut Picture) {
        for process in &mut picture.snapshot.processes {
            settle(process, &self.process);
        }
    }
}

/// Puts into a process's row what was settled when the connection was made.
pub(super) fn settle(process: &mut Process, known: &Process) {
    process.pid = known.pid;
    process.version.clone_from(&known.version);
    process.rights = known.rights;
    process.capabilities = known.capabilities;
    process.socket.clone_from(&known.socket);
    process.user.clone_from(&known.user);
}

impl Peer {
    /// Makes sure that the other end is the process that was asked for.
    fn check(&mut self, stream: &UnixStream) -> Result<(), Error> {
        let credentials = stream.peer_cred().ok();
        self.uid = credentials.as_ref().map(|peer| peer.uid);
        let found = credentials.and_then(|peer| u32::try_from(peer.pid).ok()).filter(|&pid| pid > 0);
        if let Some(end) = self.end() {
            return Err(Error::new(end).about(&self.who));
        }
        match (self.pid, found) {
            (Some(wanted), found) if found != Some(wanted) => {
                Err(Error::new(Kind::Impostor { wanted, found }))
            }
            (None, Some(pid)) => {
                // A child that was forked off may hold the socket of a process that is gone.
                let name = Proc::default().name(pid);
                self.who = Found { pid: Some(pid), name, ..Found::at("") }.who();
                self.pid = Some(pid);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The newest protocol that both speak.
    fn agree(&self, hello: &Hello) -> Result<u32, Error> {
        let (min, max) = (wire::PROTOCOL_MIN, wire::PROTOCOL_MAX);
        let kind = match hello.protocol {
            Some(protocol) if (min..=max).contains(&protocol) => return Ok(protocol),
            _ if hello.protocol_min > max => Kind::AgentTooNew { theirs: hello.protocol_min, ours: max },
            _ if hello.protocol_max < min => Kind::AgentTooOld { theirs: hello.protocol_max, ours: min },
            _ => Kind::NotInspector { detail: "it agrees on a protocol that was not offered".to_owned() },
        };
        Err(Error::new(kind).about(&self.who))
    }

    /// The next message of a stream that is not over.
    pub(super) async fn next_of<T>(&self, stream: &mut Streaming<T>, patience: Duration) -> Result<T, Error> {
        let message = loopscope::timeout(patience, stream.message()).await;
        let message = message.map_err(|_| self.silent(patience))?.map_err(|status| self.status(&status))?;
        message.ok_or_else(|| self.closed(String::new()))
    }

    pub(super) fn answered<T>(
        &self,
        answer: Result<Result<tonic::Response<Streaming<T>>, Status>, loopscope::time::Elapsed>,
        timeout: Duration,
    ) -> Result<Streaming<T>, Error> {
        let answer = answer.map_err(|_| self.silent(timeout))?;
        Ok(answer.map_err(|status| self.status(&status))?.into_inner())
    }

    /// It did not answer: says what is known of why.
    pub(super) fn silent(&self, timeout: Duration) -> Error {
        let stopped = self.pid.filter(|&pid| Proc::default().stat(pid).is_ok_and(|stat| stat.is_stopped()));
        let kind = match (self.end(), stopped) {
            (Some(end), _) => end,
            (None, Some(pid)) => Kind::Stopped { pid },
            (None, None) => Kind::Silent { timeout },
        };
        Error::new(kind).about(&self.who)
    }

    /// The connection is gone: says whether the process is, too, or what it is if no agent.
    fn closed(&self, mut detail: String) -> Error {
        let kind = match (self.end(), self.first_words.tell()) {
            (Some(end), _) => end,
            (None, Some(stranger)) => Kind::NotInspector { detail: stranger },
            (None, None) => {
                if self.pid.is_some_and(|pid| Proc::default().has_other_users(pid)) {
                    "it is in another namespace of users, in which you are not the user that it is: ask as the user who started it"
                        .clone_into(&mut detail);
                }
                Kind::Closed { detail }
            }
        };
        Error::new(kind).about(&self.who)
    }

    /// Whether the process has ended; another one may have its number by now.
    fn end(&self) -> Option<Kind> {
        let pid = self.pid?;
        match Proc::default().stat(pid) {
            Ok(stat) if self.start_ticks.is_some_and(|start_ticks| start_ticks != stat.start_ticks) => {
                Some(Kind::Ended)
            }
            Ok(stat) if stat.is_zombie() => Some(Kind::Zombie { pid }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Kind::Ended),
            _ => None,
        }
    }

    /// The socket cannot be connected to.
    fn no_socket(&self, found: &Found, error: &io::Error) -> Error {
        let path = found.socket.clone();
        if let Some(end) = self.end() {
            return Error::new(end).about(&self.who);
        }
        let kind = match (error.kind(), found.pid) {
            (io::ErrorKind::PermissionDenied, Some(pid)) => match Proc::default().uid(pid) {
                Some(uid) => Kind::OtherUser { pid, uid },
                None => Kind::NoSuchProcess { pid },
            },
            (io::ErrorKind::ConnectionRefused, _) => {
                let detail = "nobody listens there any more".to_owned();
                Places::usual().left_by(&path).unwrap_or(Kind::NoSocket { path, detail })
            }
            _ => Kind::NoSocket { detail: words_of(error, &path), path },
        };
        Error::new(kind)
    }

    /// What a failed greeting is, once what follows from it is known.
    async fn settle(&self, error: Error, found: &Found) -> Error {
        /// A process that ends closes its descriptors some instants before it is seen to have ended.
        const LOOKS: u32 = 20;
        const PAUSE: Duration = Duration::from_millis(5);
        match error.kind() {
            Kind::Console { .. } => {
                let path = std::path::absolute(&found.socket).unwrap_or_else(|_| found.socket.clone());
                Error::new(Kind::Console { path }).about(&self.who)
            }
            Kind::Closed { .. } => {
                for _ in 0..LOOKS {
                    if let Some(end) = self.end() {
                        return Error::new(end).about(&self.who);
                    }
                    loopscope::sleep(PAUSE).await;
                }
                error
            }
            _ => error,
        }
    }

    pub(super) fn nonsense(&self, error: &wire::DecodeError) -> Error {
        Error::new(Kind::NotInspector { detail: error.to_string() }).about(&self.who)
    }

    pub(super) fn error(&self, kind: Kind) -> Error {
        Error::new(kind).about(&self.who)
    }

    fn transport(&self, error: &hyper::Error) -> Error {
        // hyper names the layer, its source the reason.
        let reason = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        self.closed(reason)
    }

    pub(super) fn status(&self, status: &Status) -> Error {
        self.status_of(status, Right::See)
    }

    /// What a refusal means; `right` is the one that the call needs.
    pub(super) fn status_of(&self, status: &Status, right: Right) -> Error {
        let detail = status.message().to_owned();
        let kind = match status.code() {
            Code::InvalidArgument => Kind::BadRequest { detail },
            Code::PermissionDenied | Code::Unauthenticated => Kind::Refused { right, detail },
            Code::ResourceExhausted => Kind::Busy { detail },
            Code::Unimplemented => {
                Kind::NotInspector { detail: "it speaks gRPC, but not loopscope.v1".to_owned() }
            }
            Code::OutOfRange | Code::DataLoss | Code::FailedPrecondition => Kind::NotInspector { detail },
            Code::Internal | Code::Unknown if is_protocol_error(status) => {
                let stranger = self.first_words.tell();
                Kind::NotInspector {
                    detail: stranger.unwrap_or_else(|| "it does not speak gRPC over HTTP/2".to_owned()),
                }
            }
            _ => return self.closed(detail),
        };
        Error::new(kind).about(&self.who)
    }
}

/// Whether what came was no HTTP/2 or no gRPC at all.
fn is_protocol_error(status: &Status) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(status);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            let is_io = std::error::Error::source(error).is_some_and(|source| {
                source.downcast_ref::<io::Error>().is_some() || source.to_string().contains("broken pipe")
            });
            return !is_io && !error.is_closed() && !error.is_canceled();
        }
        source = error.source();
    }
    // Without a connection's error it is what tonic makes of an answer that is no gRPC.
    status.code() == Code::Internal || status.message().contains("grpc-status")
}

#[cfg(test)]
mod tests;
