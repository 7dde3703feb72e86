//! The echo server of `demo`: a listener, and a task a connection.

use loopscope::net::{TcpListener, TcpStream};
use loopscope::task;
use std::time::Duration;

/// Accepts for ever.
pub(super) async fn serve(listener: TcpListener) {
    /// Out of descriptors, most likely; the next try may find one.
    const PAUSE: Duration = Duration::from_millis(100);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => task::Builder::new().name("echo").spawn(echo(stream)).detach(),
            Err(_) => loopscope::time::sleep(PAUSE).await,
        }
    }
}

/// Sends back what comes. A connection that breaks ends like one that is closed: the client will come again.
async fn echo(stream: TcpStream) {
    let mut buffer = [0; 1024];
    while let Ok(bytes @ 1..) = stream.read(&mut buffer).await {
        let Some(received) = buffer.get(..bytes) else { return };
        if stream.write_all(received).await.is_err() {
            return;
        }
    }
}
