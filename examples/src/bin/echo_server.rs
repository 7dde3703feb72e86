//! Sends back whatever it gets, over TCP and a Unix socket, to any number of clients.
//!
//! ```text
//! echo_server [--tcp ADDRESS]… [--unix PATH]…
//! ```
//!
//! Without an address it listens on a free port of 127.0.0.1. It prints where it listens and how to look into it; Ctrl-C stops it.
//! Attach while clients come and go: each connection is a task below the listener that accepted it.

#![allow(clippy::print_stdout, reason = "it tells where it listens")]

use futures_util::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use loopscope::net::{TcpListener, UnixListener};
use loopscope::task;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: echo_server [--tcp ADDRESS]... [--unix PATH]...";

/// What one read takes at most; a client that sends more is served in turns with the others.
const BUFFER_BYTES: usize = 16 << 10;

/// How long to wait when no connection can be accepted because the process has no descriptors left: until then some client may have gone.
const PAUSE: Duration = Duration::from_millis(100);

/// Where to listen.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    tcp: Vec<SocketAddr>,
    unix: Vec<PathBuf>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{flag} needs a value"));
            match flag.as_str() {
                "--tcp" => {
                    let address = value()?;
                    options.tcp.push(
                        address.parse().map_err(|_| format!("{address} is no address like 127.0.0.1:0"))?,
                    );
                }
                "--unix" => options.unix.push(value()?.into()),
                _ => return Err(format!("unknown argument {flag}")),
            }
        }
        if options.tcp.is_empty() && options.unix.is_empty() {
            options.tcp.push(SocketAddr::from(([127, 0, 0, 1], 0)));
        }
        Ok(options)
    }
}

fn main() -> ExitCode {
    loopscope_inspector::start();
    run(std::env::args().skip(1))
}

/// Everything but the agent.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match loopscope::run(serve(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Options) -> io::Result<()> {
    let mut listeners = Vec::new();
    for address in options.tcp {
        let listener = TcpListener::bind(address).map_err(|error| told(&error, &address))?;
        println!("listening on {}", listener.local_addr()?);
        listeners.push(task::Builder::new().name("tcp").spawn(accept_tcp(listener)));
    }
    for path in options.unix {
        let listener = UnixListener::bind(&path).map_err(|error| told(&error, &path.display()))?;
        println!("listening on {}", path.display());
        listeners.push(task::Builder::new().name("unix").spawn(accept_unix(listener, Removed(path))));
    }
    let pid = std::process::id();
    println!("pid {pid}: loopscope attach {pid}");
    for listener in listeners {
        // Listeners never return; a panic in one was already reported.
        let _ = listener.await;
    }
    Ok(())
}

fn told(error: &io::Error, place: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen on {place}: {error}"))
}

async fn accept_tcp(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _peer)) => {
                task::Builder::new().name("echo").spawn(echo(stream)).detach();
            }
            Err(_) => loopscope::time::sleep(PAUSE).await,
        }
    }
}

async fn accept_unix(listener: UnixListener, _path: Removed) {
    loop {
        match listener.accept().await {
            Ok((stream, _peer)) => task::Builder::new().name("echo unix").spawn(echo(stream)).detach(),
            Err(_) => loopscope::time::sleep(PAUSE).await,
        }
    }
}

/// Sends back what comes until the client closes, or the connection breaks.
async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut buffer = vec![0; BUFFER_BYTES];
    while let Ok(bytes @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..bytes]).await.is_err() {
            return;
        }
    }
}

/// The file of a Unix socket, which stays behind unless somebody removes it.
#[derive(Debug)]
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn without_an_address_a_free_port_is_taken() {
        let free = Options { tcp: vec!["127.0.0.1:0".parse().unwrap()], unix: Vec::new() };
        assert_eq!(parse(""), Ok(free));
    }

    #[test]
    fn addresses_and_paths_may_be_mixed() {
        let both = Options { tcp: vec!["[::1]:7".parse().unwrap()], unix: vec!["/tmp/echo".into()] };
        assert_eq!(parse("--unix /tmp/echo --tcp [::1]:7"), Ok(both));
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(parse("--tcp"), Err("--tcp needs a value".into()));
        assert_eq!(parse("--tcp here"), Err("here is no address like 127.0.0.1:0".into()));
        assert_eq!(parse("4000"), Err("unknown argument 4000".into()));
    }
}
