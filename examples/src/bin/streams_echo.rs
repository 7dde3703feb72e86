//! asyncio's example of streams: a server that sends each line back, and clients that say something to it.
//!
//! ```text
//!   client 1 ─┐                    ┌─ streams_echo client (a task a connection)
//!   client 2 ─┼─ open_connection ─►│  reads lines, sends them back
//!   client 3 ─┘                    └─
//! ```
//!
//! Both run in one program, on one loop. The last client falls silent and stays: when the server is shut down it sees the end of the
//! connection, and the report says that it was closed. All is over at once.

#![allow(clippy::print_stdout, reason = "it tells what happens")]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use loopscope::TaskGroup;
use loopscope::net::{ReadHalf, TcpStream, WriteHalf};
use loopscope::server::Builder;
use loopscope::stream::{StreamReader, StreamWriter, open_connection};

/// How long the last clients may take when the server ends.
const GRACE: Duration = Duration::from_millis(200);

fn main() -> io::Result<()> {
    loopscope_inspector::start();
    loopscope::run(run())
}

async fn run() -> io::Result<()> {
    let server = Builder::new().name("streams_echo").start_server("localhost:0", handle_echo).await?;
    for address in server.local_addrs() {
        println!("serving on {address}");
    }
    let address = server.local_addrs()[0];

    let clients = TaskGroup::new();
    for message in ["Hello World!", "How are you?", "Good-bye."] {
        clients.spawn_named("client", echo_client(address, message));
    }
    clients.close().await.map_err(io::Error::other)?;

    let (mut reader, mut writer) = open_connection(address).await?;
    writer.write_all(b"I stay.\n").await?;
    println!(
        "the last client received: {:?}",
        String::from_utf8_lossy(&reader.read_line().await?).trim_end()
    );
    let (report, rest) = loopscope::join!(server.shutdown(GRACE), reader.read_to_end());
    println!("then {} bytes and the end", rest?.len());
    writer.close().await?;
    println!("{report}");
    Ok(())
}

/// Sends lines back until the client has said all.
async fn handle_echo(
    mut reader: StreamReader<ReadHalf<TcpStream>>,
    mut writer: StreamWriter<WriteHalf<TcpStream>>,
) -> io::Result<()> {
    loop {
        let line = reader.read_line().await?;
        if line.is_empty() {
            break;
        }
        writer.write(&line)?;
        writer.drain().await?;
    }
    writer.close().await?;
    Ok(())
}

/// Sends one line, and reads what comes back.
async fn echo_client(address: SocketAddr, message: &'static str) -> io::Result<()> {
    let (mut reader, mut writer) = open_connection(address).await?;
    println!("send: {message:?}");
    writer.write(message.as_bytes())?;
    writer.write(b"\n")?;
    writer.drain().await?;
    let answer = reader.read_line().await?;
    println!("received: {:?}", String::from_utf8_lossy(&answer).trim_end());
    writer.close().await?;
    Ok(())
}
