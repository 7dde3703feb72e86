//! What does a message, and what does a call to an actor, cost between two tasks of one thread, over the best that each
//! runtime has for that?
//!
//! `pingpong_local` is [`pingpong`](super::ping_pong) over Loopscope's channel against a mailbox of two plain cells on tokio;
//! `rpc_local` a question with a oneshot for its answer, over each runtime's own channel and oneshot.

use anyhow::Result;

use crate::measure::Stopwatch;
use crate::runtime::{Runtime, failed};
use crate::sample::Sample;
use crate::workload::{check_sum, sum_below, warm_up_size};

pub(crate) fn run_ping_pong<R: Runtime>(size: u64) -> Result<Sample> {
    let round_trips = size.div_ceil(2);
    run::<R>("pingpong_local", R::spawn_local_ping_pong, round_trips, round_trips * 2)
}

pub(crate) fn run_rpc<R: Runtime>(size: u64) -> Result<Sample> {
    run::<R>("rpc_local", R::spawn_local_rpc, size, size)
}

fn run<R: Runtime>(
    row: &str,
    spawn: fn(u64) -> R::Task<Result<u64>>,
    questions: u64,
    operations: u64,
) -> Result<Sample> {
    let (sum, elapsed) = R::block_on(async move {
        spawn(warm_up_size(questions)).await.map_err(failed)??;
        let watch = Stopwatch::start();
        let sum = spawn(questions).await.map_err(failed)??;
        anyhow::Ok((sum, watch.stop()))
    })??;
    // Every answer is the question plus one.
    check_sum(sum, sum_below(questions) + questions)?;
    Ok(Sample::new(&[(row, elapsed.cpu_ns_per(operations))], operations, sum, elapsed))
}
