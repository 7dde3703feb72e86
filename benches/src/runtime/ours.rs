//! Loopscope as shipped, with its agent; and, built with `--cfg loopscope_bare`, without either records or agent.

mod local;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
#[cfg(not(loopscope_bare))]
use anyhow::{Context as _, ensure};
use loopscope::net::{TcpListener, TcpStream};
use loopscope::stream::{StreamReader, StreamWriter};

use crate::measure::Lateness;
use crate::runtime::{Runtime, failed};
use crate::workload::{echo, idle, timers};

#[derive(Debug)]
pub(crate) struct Ours;

/// Opens this process to inspectors, as the first line of an application's `main` does. Nobody attaches. A build without the
/// feature measures the records alone.
#[cfg(not(loopscope_bare))]
#[cfg_attr(
    not(feature = "agent"),
    expect(clippy::unnecessary_wraps, reason = "only starting an agent can fail")
)]
pub(crate) fn start_agent() -> Result<()> {
    #[cfg(feature = "agent")]
    loopscope_inspector::try_start().context("starting the agent")?;
    Ok(())
}

/// A run in debug mode that is in none would be measured for nothing, and one out of it that is in it too.
#[cfg(not(loopscope_bare))]
pub(crate) fn check_debug(expected: Option<&str>) -> Result<()> {
    let expected = expected.map(str::parse).transpose().context("naming a mode")?.unwrap_or_default();
    let mode = loopscope::debug::Settings::of_environment().mode.unwrap_or_default();
    ensure!(mode == expected, "debug mode is {mode} instead of {expected}: LOOPSCOPE_DEBUG decides");
    Ok(())
}

impl Runtime for Ours {
    type JoinError = loopscope::JoinError;
    type Task<T: Send + 'static> = loopscope::Task<T>;
    type Sleep = loopscope::time::Sleep;

    fn block_on<F: Future<Output: 'static> + 'static>(root: F) -> Result<F::Output> {
        Ok(loopscope::run(root))
    }

    #[inline]
    fn spawn<F>(future: F) -> Self::Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        loopscope::spawn(future)
    }

    #[inline]
    fn detach<T: Send + 'static>(task: Self::Task<T>) {
        task.detach();
    }

    #[inline]
    fn sleep(duration: Duration) -> Self::Sleep {
        loopscope::time::sleep(duration)
    }

    #[inline]
    fn spawn_sleeper(duration: Duration) -> Self::Task<Lateness> {
        loopscope::spawn(timers::sleep_and_report(loopscope::time::sleep, duration))
    }

    #[inline]
    fn spawn_idle_sleeper(population: Arc<idle::Population>, duration: Duration) {
        loopscope::spawn(idle::idle_task(population, move || loopscope::time::sleep(duration))).detach();
    }

    fn spawn_local_ping_pong(round_trips: u64) -> Self::Task<Result<u64>> {
        local::spawn_ping_pong(round_trips)
    }

    fn spawn_local_rpc(calls: u64) -> Self::Task<Result<u64>> {
        local::spawn_rpc(calls)
    }

    fn spawn_echo_server(listener: std::net::TcpListener, connections: usize) -> Self::Task<Result<u64>> {
        loopscope::spawn(echo_server(listener, connections, echo_connection))
    }

    fn spawn_echo_streams_server(
        listener: std::net::TcpListener,
        connections: usize,
    ) -> Self::Task<Result<u64>> {
        loopscope::spawn(echo_server(listener, connections, echo_streams))
    }
}

async fn echo_server<F>(
    listener: std::net::TcpListener,
    connections: usize,
    echo: impl Fn(TcpStream) -> F,
) -> Result<u64>
where
    F: Future<Output = Result<u64>> + 'static,
{
    let listener = TcpListener::from_std(listener)?;
    let mut tasks = Vec::with_capacity(connections);
    for _ in 0..connections {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tasks.push(loopscope::spawn(echo(stream)));
    }
    let mut bytes = 0;
    for task in tasks {
        bytes += task.await.map_err(failed)??;
    }
    Ok(bytes)
}

async fn echo_connection(stream: TcpStream) -> Result<u64> {
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
    let mut reader = StreamReader::with_limit(reading, echo::BUFFER_BYTES)?;
    let mut writer = StreamWriter::new(writing);
    let mut buffer = vec![0; echo::BUFFER_BYTES];
    let mut bytes = 0;
    loop {
        let read = reader.read(&mut buffer).await?;
        if read == 0 {
            writer.close().await?;
            return Ok(bytes);
        }
        writer.write(&buffer[..read])?;
        writer.drain().await?;
        bytes += read as u64;
    }
}
