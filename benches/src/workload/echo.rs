//! What does a request cost an echo server: 64 bytes, 64 connections, one request on its way on each?
//!
//! `echo64` is processor time of the whole server process by request, kernel and agent included; `echo64_loop` that of the
//! loop's thread alone. The clients are another process on another CPU, which keeps both busy: the figure is the best case
//! of a server that always finds work. About 5.3 µs of it are the kernel's, so that little can be won or lost.
//!
//! `echo64_streams` is the same through each runtime's buffered reader and writer: one more copy each way.
//!
//! `echo64_calls` and `echo64_instructions` are counted, not timed, on runs below perf (system calls of the loop's thread, at
//! full speed) and callgrind (instructions in user mode): the difference of two sizes by the difference of requests, so that
//! nothing of the start is in them. Callgrind slows a server down so much that a loop which asks the OS by the clock, as ours
//! does, asks more often than it would.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::load::{Clients, REQUEST_BYTES};
use crate::measure::{Elapsed, Stopwatch, thread_cpu_time};
use crate::runtime::{Peer, Runtime, failed};
use crate::sample::Sample;
use crate::workload::{Workload, check_sum, warm_up_size};

/// What a server reads at a time.
pub(crate) const BUFFER_BYTES: usize = 4096;
const CONNECTIONS: usize = 64;

pub(crate) fn run_plain<R: Runtime>(size: u64) -> Result<Sample> {
    let (bytes, elapsed, of_loop) = run::<R>(size, R::spawn_echo_server)?;
    let figures = [("echo64", elapsed.cpu_ns_per(size)), ("echo64_loop", of_loop)];
    Ok(Sample::new(&figures, size, bytes, elapsed))
}

pub(crate) fn run_streams<R: Runtime>(size: u64) -> Result<Sample> {
    let (bytes, elapsed, _) = run::<R>(size, R::spawn_echo_streams_server)?;
    Ok(Sample::new(&[("echo64_streams", elapsed.cpu_ns_per(size))], size, bytes, elapsed))
}

/// Bytes sent back, the time of the process, and nanoseconds a request of the loop's thread.
fn run<R: Runtime>(
    size: u64,
    spawn_server: fn(TcpListener, usize) -> R::Task<Result<u64>>,
) -> Result<(u64, Elapsed, f64)> {
    let listener = TcpListener::bind("127.0.0.1:0").context("listening")?;
    let address = listener.local_addr().context("asking for the address")?;
    let warm_up = warm_up_size(size).max(CONNECTIONS as u64);
    let loop_thread = rustix::thread::gettid();
    // The loop has this thread, so another one talks with the clients.
    let talking = thread::spawn(move || -> Result<(Elapsed, f64)> {
        let mut clients = Clients::start(address, CONNECTIONS, warm_up, size)?;
        clients.wait_ready()?;
        let before = thread_cpu_time(loop_thread)?;
        let watch = Stopwatch::start();
        clients.go()?;
        let elapsed = watch.stop();
        let of_loop = thread_cpu_time(loop_thread)?.saturating_sub(before);
        clients.end()?;
        Ok((elapsed, of_loop.as_nanos() as f64 / size as f64))
    });
    let bytes = R::block_on(async move { spawn_server(listener, CONNECTIONS).await.map_err(failed)? })??;
    let (elapsed, of_loop) = talking.join().map_err(|_| anyhow!("the clients' thread panicked"))??;
    check_sum(bytes, (warm_up + size) * REQUEST_BYTES as u64)?;
    Ok((bytes, elapsed, of_loop))
}

/// Counts system calls and user-mode instructions a request, by running `peer` anew below the programs that count.
pub(crate) fn run_counts(peer: Peer, size: u64) -> Result<Sample> {
    let watch = Stopwatch::start();
    let folder = std::env::temp_dir().join(format!("loopscope-benches-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let counted = count_below(peer, size, &folder);
    std::fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    let (calls, instructions) = counted?;
    let figures = [("echo64_calls", calls), ("echo64_instructions", instructions)];
    Ok(Sample::new(&figures, size, size, watch.stop()))
}

fn count_below(peer: Peer, size: u64, folder: &Path) -> Result<(f64, f64)> {
    // Of the first thread alone, which is the loop's.
    let calls = |out: &Path| {
        let mut command = Command::new("perf");
        command.args(["stat", "--no-inherit", "-x", ",", "-e", "raw_syscalls:sys_enter", "-o"]).arg(out);
        command
    };
    let instructions = |out: &Path| {
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "-q"]).arg(format!("--callgrind-out-file={}", out.display()));
        command
    };
    let difference = |counter: &dyn Fn(&Path) -> Command, parse: fn(&str) -> Option<u64>| -> Result<f64> {
        let mut counts = [0, 0];
        for (count, size) in counts.iter_mut().zip([size, 2 * size]) {
            let out = folder.join("counted");
            let mut command = counter(&out);
            let program = command.get_program().to_owned();
            command.arg(std::env::current_exe().context("finding this executable")?);
            // The warm-up is a part of the size, and so in the difference.
            command.args(["peer", peer.name(), Workload::Echo64.name(), &size.to_string()]);
            let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
            let name = program.display();
            let status =
                status.with_context(|| format!("starting {name}, which counts (is it installed?)"))?;
            ensure!(status.success(), "{name} failed: {status}");
            let text = std::fs::read_to_string(&out).with_context(|| format!("reading what {name} wrote"))?;
            *count = parse(&text).with_context(|| format!("{name} wrote no sum"))?;
        }
        let requests = (size + warm_up_size(2 * size)) - warm_up_size(size);
        Ok(counts[1].saturating_sub(counts[0]) as f64 / requests as f64)
    };
    Ok((difference(&calls, total_calls)?, difference(&instructions, total_instructions)?))
}

/// Of `perf stat -x ,`: the line `1234,,raw_syscalls:sys_enter,…`.
fn total_calls(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains(",raw_syscalls:sys_enter,"))?;
    line.split(',').next()?.parse().ok()
}

/// Of callgrind's file: `summary: 1234` or, of several threads, `totals: 1234`.
fn total_instructions(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("totals: "))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_found_in_what_the_counters_write() {
        let perf = "# started on Sun Nov 22\n\n219287,,raw_syscalls:sys_enter,1335077,100.00,,\n";
        assert_eq!(total_calls(perf), Some(219_287));
        assert_eq!(total_calls("<not counted>,,raw_syscalls:sys_enter,0,0.00,,\n"), None);
        assert_eq!(total_calls("nothing"), None);
        assert_eq!(total_instructions("fn=(1)\n1 2\n\ntotals: 4711\n"), Some(4711));
        assert_eq!(total_instructions("events: Ir\n"), None);
    }
}
