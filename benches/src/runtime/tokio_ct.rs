//! Tokio's `current_thread` runtime, as `#[tokio::main(flavor = "current_thread")]` builds it.

mod local;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader, BufWriter};
use tokio::net::{TcpListener, TcpStream};

use crate::measure::Lateness;
use crate::runtime::{Runtime, failed};
use crate::workload::{echo, idle, timers};

#[derive(Debug)]
pub(crate) struct TokioCt;

/// Makes this process observable by tokio-console, as the first line of an application's `main` does. Nobody attaches.
#[cfg(feature = "console")]
pub(crate) fn start_console() {
    console_subscriber::ConsoleLayer::builder().server_addr(([127, 0, 0, 1], 0)).init();
}

impl Runtime for TokioCt {
    type JoinError = tokio::task::JoinError;
    type Task<T: Send + 'static> = tokio::task::JoinHandle<T>;
    type Sleep = tokio::time::Sleep;

    fn block_on<F: Future<Output: 'static> + 'static>(root: F) -> Result<F::Output> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("building tokio's runtime")?;
        Ok(runtime.block_on(root))
    }

    #[inline]
    fn spawn<F>(future: F) -> Self::Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(future)
    }

    #[inline]
    fn detach<T: Send + 'static>(task: Self::Task<T>) {
        drop(task);
    }

    #[inline]
    fn sleep(duration: Duration) -> Self::Sleep {
        tokio::time::sleep(duration)
    }

    #[inline]
    fn spawn_sleeper(duration: Duration) -> Self::Task<Lateness> {
        tokio::spawn(timers::sleep_and_report(tokio::time::sleep, duration))
    }

    #[inline]
    fn spawn_idle_sleeper(population: Arc<idle::Population>, duration: Duration) {
        drop(tokio::spawn(idle::idle_task(population, move || tokio::time::sleep(duration))));
    }

    fn spawn_local_ping_pong(round_trips: u64) -> Self::Task<Result<u64>> {
        local::spawn_ping_pong(round_trips)
    }

    fn spawn_local_rpc(calls: u64) -> Self::Task<Result<u64>> {
        local::spawn_rpc(calls)
    }

    fn spawn_echo_server(listener: std::net::TcpListener, connections: usize) -> Self::Task<Result<u64>> {
        tokio::spawn(echo_server(listener, connections, echo_connection))
    }

    fn spawn_echo_streams_server(
        listener: std::net::TcpListener,
        connections: usize,
    ) -> Self::Task<Result<u64>> {
        tokio::spawn(echo_server(listener, connections, echo_streams))
    }
}

async fn echo_server<F>(
    listener: std::net::TcpListener,
    connections: usize,
    echo: impl Fn(TcpStream) -> F,
) -> Result<u64>
where
    F: Future<Output = Result<u64>> + Send + 'static,
{
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let mut tasks = Vec::with_capacity(connections);
    for _ in 0..connections {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tasks.push(tokio::spawn(echo(stream)));
    }
    let mut bytes = 0;
    for task in tasks {
        bytes += task.await.map_err(failed)??;
    }
    Ok(bytes)
}

async fn echo_connection(mut stream: TcpStream) -> Result<u64> {
    let mut buffer = vec![0; echo::BUFFER_BYTES];
    let mut bytes = 0;
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(bytes);
        }
        stream.write_all(&buffer[..read]).await?;
        bytes += read as u64;
    }
}

async fn echo_streams(stream: TcpStream) -> Result<u64> {
    let (reading, writing) = stream.into_split();
    let mut reader = BufReader::with_capacity(echo::BUFFER_BYTES, reading);
    let mut writer = BufWriter::with_capacity(echo::BUFFER_BYTES, writing);
    let mut buffer = vec![0; echo::BUFFER_BYTES];
    let mut bytes = 0;
    loop {
        let read = reader.read(&mut buffer).await?;
        if read == 0 {
            writer.shutdown().await?;
            return Ok(bytes);
        }
        writer.write_all(&buffer[..read]).await?;
        writer.flush().await?;
        bytes += read as u64;
    }
}
