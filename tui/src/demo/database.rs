//! A database that is slow to answer, and its client.

use loopscope::net::{TcpListener, TcpStream};
use loopscope::task;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// How long a question takes.
const ANSWER_AFTER: Duration = Duration::from_millis(700);

/// Accepts for ever.
pub(super) async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        task::Builder::new().name("session").spawn(answer(stream)).detach();
    }
}

/// Answers each byte with a byte, after a while.
async fn answer(stream: TcpStream) {
    let mut question = [0];
    while stream.read_exact(&mut question).await.is_ok() {
        loopscope::time::sleep(ANSWER_AFTER).await;
        if stream.write_all(&question).await.is_err() {
            return;
        }
    }
}

/// The one connection to the database, which its users take turns with.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
}

impl Connection {
    /// Connects.
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { stream: TcpStream::connect(address).await? })
    }

    /// Asks, and waits for the answer.
    pub(super) async fn ask(&self) -> io::Result<()> {
        self.stream.write_all(b"?").await?;
        self.stream.read_exact(&mut [0]).await?;
        Ok(())
    }
}
