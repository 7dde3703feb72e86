#![allow(dead_code, reason = "each test crate uses a part")]
#![allow(clippy::unwrap_used, reason = "tests")]
//! A server that echoes, its clients, and what its tasks wait for.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::AsyncReadExt;
use loopscope::net::TcpStream;
use loopscope::server::{Builder, Server};
use loopscope::telemetry::WaitKind;
use loopscope::yield_now;

/// Longer than anything here takes, unless something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Sends back what comes until the peer has said all.
pub(crate) async fn echo(stream: TcpStream, _: SocketAddr) -> io::Result<()> {
    let mut buffer = vec![0; 4096];
    loop {
        let bytes = stream.read(&mut buffer).await?;
        if bytes == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..bytes]).await?;
    }
}

pub(crate) async fn echo_server() -> Server {
    Builder::new().name("echo").serve_tcp("127.0.0.1:0", echo).await.unwrap()
}

pub(crate) async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.local_addrs()[0]).await.unwrap()
}

/// A client that was served: its bytes came back.
pub(crate) async fn served(server: &Server) -> TcpStream {
    let client = connect(server).await;
    ping(&client).await.unwrap();
    client
}

pub(crate) async fn ping(client: &TcpStream) -> io::Result<()> {
    client.write_all(b"ping").await?;
    let mut bytes = [0; 4];
    client.read_exact(&mut bytes).await?;
    assert_eq!(&bytes, b"ping");
    Ok(())
}

/// What a client gets until the end.
pub(crate) async fn rest(mut client: &TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).await.map(|_| bytes)
}

/// The loop has had the turns in which what was cancelled is dropped.
pub(crate) async fn some_turns() {
    for _ in 0..5 {
        yield_now().await;
    }
}

/// What the tasks named `name` wait for.
pub(crate) fn waits_named(name: &str) -> Vec<WaitKind> {
    let reader = loopscope::Handle::current().reader();
    let mut kinds = Vec::new();
    reader.tasks(&mut |task| {
        let of_task = task.name.and_then(|name| reader.name(name));
        if of_task.as_deref() == Some(name) && !task.state.is_finished() {
            reader.waits(&mut |wait| {
                if wait.task == task.id {
                    kinds.push(wait.kind);
                }
                std::ops::ControlFlow::Continue(())
            });
        }
        std::ops::ControlFlow::Continue(())
    });
    kinds
}

pub(crate) fn waits_of_server(server: &Server) -> Vec<WaitKind> {
    waits_named(server.name())
}

pub(crate) fn waits_of_clients(server: &Server) -> Vec<WaitKind> {
    waits_named(&format!("{} client", server.name()))
}
