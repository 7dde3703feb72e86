//! The clients of an echo server: one thread that keeps one request on its way on each connection.
//!
//! A process of its own on another CPU, so that the server's figures hold nothing of it. It asks the OS for readiness by
//! itself; no peer's runtime is in it.
//!
//! ```text
//! server                          clients
//!   start ────────────────────────► connect, warm up
//!   ◄─────────────────────── `ready`
//!   stopwatch on; a line ─────────► all requests
//!   stopwatch off ◄──────────── `done`
//!                                   close all connections
//! ```

use std::io::{BufRead, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use rustix::event::epoll;
use rustix::thread::CpuSet;

/// What a request and its answer hold.
pub(crate) const REQUEST_BYTES: usize = 64;
const EVENTS_MAX: usize = 1024;

/// The process of the clients, seen by the server.
#[derive(Debug)]
pub(crate) struct Clients {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Clients {
    /// Starts them; they connect and warm up by themselves.
    pub(crate) fn start(
        address: SocketAddr,
        connections: usize,
        warm_up: u64,
        requests: u64,
    ) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe().context("finding this executable")?);
        command.args(["load", &address.to_string(), &connections.to_string()]);
        command.args([warm_up.to_string(), requests.to_string()]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("starting clients")?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("the clients have no standard output")?);
        Ok(Self { child, input, output })
    }

    /// Waits until every connection is warm.
    pub(crate) fn wait_ready(&mut self) -> Result<()> {
        expect_line(&mut self.output, "ready")
    }

    /// Lets them go, and waits until every request is answered.
    pub(crate) fn go(&mut self) -> Result<()> {
        let input = self.input.as_mut().context("the clients have no standard input")?;
        input.write_all(b"\n").context("letting the clients go")?;
        expect_line(&mut self.output, "done")
    }

    /// Waits for their end, after which all connections are closed.
    pub(crate) fn end(mut self) -> Result<()> {
        drop(self.input.take());
        let status = self.child.wait().context("waiting for the clients")?;
        ensure!(status.success(), "the clients failed: {status}");
        Ok(())
    }
}

/// Reads one line, which must be the expected one.
pub(crate) fn expect_line(output: &mut impl BufRead, expected: &str) -> Result<()> {
    let mut line = String::new();
    output.read_line(&mut line).context("reading from the other process")?;
    ensure!(line.trim_end() == expected, "the other process did not say {expected:?} but {line:?}");
    Ok(())
}

/// The hidden subcommand `load`.
pub(crate) fn be_clients(address: SocketAddr, connections: usize, warm_up: u64, requests: u64) -> Result<()> {
    leave_cpu();
    ensure!(connections > 0, "no connection, no request");
    let mut crowd = Crowd::connect(address, connections)?;
    crowd.run(warm_up)?;
    say("ready")?;
    let mut line = [0];
    std::io::stdin().read_exact(&mut line).context("waiting for the server's word")?;
    crowd.run(requests)?;
    say("done")
}

fn say(line: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).context("writing to standard output")
}

/// Moves to the CPUs that the parent, pinned to one, is not on; stays on it where there is no other.
pub(crate) fn leave_cpu() {
    let Ok(parents) = rustix::thread::sched_getaffinity(None) else { return };
    let mut others = CpuSet::new();
    for cpu in (0..CpuSet::MAX_CPU).filter(|&cpu| !parents.is_set(cpu)) {
        others.set(cpu);
    }
    // Refused where no other may be used.
    let _stays = rustix::thread::sched_setaffinity(None, &others);
}

/// All connections and what is on its way on each.
struct Crowd {
    epoll: rustix::fd::OwnedFd,
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    /// Bytes of the answer that have come.
    received: usize,
}

impl Crowd {
    fn connect(address: SocketAddr, connections: usize) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("making an epoll")?;
        let mut crowd = Self { epoll, connections: Vec::with_capacity(connections) };
        for index in 0..connections {
            let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
            stream.set_nodelay(true).context("switching Nagle's algorithm off")?;
            stream.set_nonblocking(true).context("making a socket nonblocking")?;
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&crowd.epoll, &stream, data, epoll::EventFlags::IN).context("watching a socket")?;
            crowd.connections.push(Connection { stream, received: 0 });
        }
        Ok(crowd)
    }

    /// Sends that many requests over all connections and waits for every answer.
    fn run(&mut self, requests: u64) -> Result<()> {
        let mut sent = 0;
        let mut answered = 0;
        for connection in self.connections.iter_mut().take(usize::try_from(requests).unwrap_or(usize::MAX)) {
            connection.ask()?;
            sent += 1;
        }
        let mut events = Vec::with_capacity(EVENTS_MAX);
        while answered < requests {
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error).context("waiting for answers"),
            }
            for event in &events {
                let index = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
                let connection = self.connections.get_mut(index).context("an event of no connection")?;
                if connection.is_answered()? {
                    answered += 1;
                    if sent < requests {
                        connection.ask()?;
                        sent += 1;
                    }
                }
            }
        }
        ensure!(answered == requests, "{answered} answers to {requests} requests");
        Ok(())
    }
}

impl Connection {
    fn ask(&mut self) -> Result<()> {
        self.received = 0;
        // 64 bytes into an empty socket are taken whole.
        let written = self.stream.write(&[0x5a; REQUEST_BYTES]).context("sending a request")?;
        ensure!(written == REQUEST_BYTES, "only {written} bytes of a request were taken");
        Ok(())
    }

    fn is_answered(&mut self) -> Result<bool> {
        let mut answer = [0; REQUEST_BYTES];
        match self.stream.read(&mut answer[self.received..]) {
            Ok(0) => anyhow::bail!("the server closed a connection"),
            Ok(bytes) => {
                let new = &answer[self.received..self.received + bytes];
                ensure!(new.iter().all(|&byte| byte == 0x5a), "the answer is not what was sent");
                self.received += bytes;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error).context("receiving an answer"),
        }
        Ok(self.received == REQUEST_BYTES)
    }
}
