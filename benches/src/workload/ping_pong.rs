//! What does a message to another task of the same loop cost, from the send to the receiver's next send?
//!
//! Two tasks and two unbounded channels of the crate `futures-channel`, which no peer has tuned: two wakes and two polls a
//! round trip, counted as two messages. About 20 ns of each is the channel's own allocation and atomics.

use anyhow::{Context as _, Result, ensure};
use futures_channel::mpsc::unbounded;
use futures_util::StreamExt as _;

use crate::measure::Stopwatch;
use crate::runtime::{Runtime, failed};
use crate::sample::Sample;
use crate::workload::{check_sum, sum_below, warm_up_size};

pub(crate) fn run<R: Runtime>(size: u64) -> Result<Sample> {
    let round_trips = size.div_ceil(2);
    let (sum, elapsed) = R::block_on(async move {
        ping_pong::<R>(warm_up_size(round_trips)).await?;
        let watch = Stopwatch::start();
        let sum = ping_pong::<R>(round_trips).await?;
        anyhow::Ok((sum, watch.stop()))
    })??;
    let messages = round_trips * 2;
    // Every answer is the question plus one.
    check_sum(sum, sum_below(round_trips) + round_trips)?;
    Ok(Sample::new(&[("pingpong", elapsed.cpu_ns_per(messages))], messages, sum, elapsed))
}

/// The sum of all answers.
async fn ping_pong<R: Runtime>(round_trips: u64) -> Result<u64> {
    let (ask, mut questions) = unbounded::<u64>();
    let (answer, mut answers) = unbounded::<u64>();
    let echo = R::spawn(async move {
        let mut answered = 0_u64;
        while let Some(question) = questions.next().await {
            if answer.unbounded_send(question + 1).is_err() {
                break;
            }
            answered += 1;
        }
        answered
    });
    let asker = R::spawn(async move {
        let mut sum = 0;
        for question in 0..round_trips {
            ask.unbounded_send(question).context("the other task is gone")?;
            sum += answers.next().await.context("too few answers")?;
        }
        anyhow::Ok(sum)
    });
    let sum = asker.await.map_err(failed)??;
    let answered = echo.await.map_err(failed)?;
    ensure!(answered == round_trips, "{answered} answers to {round_trips} questions");
    Ok(sum)
}
