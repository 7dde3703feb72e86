//! What does a wake from another thread cost?
//!
//! `remote_wake`: a question to another thread and its answer, one at a time, so that both sleep in the OS in between; on one
//! CPU, where the figure holds two switches of it. Between two sleeping virtual CPUs a wake takes some 50 µs, which hides
//! everything else. `remote_burst`: a million messages from a thread that does not wait, where most wakes find the loop awake.

use std::sync::mpsc;
use std::thread;

use anyhow::{Context as _, Result, anyhow, ensure};
use futures_channel::mpsc::unbounded;
use futures_util::StreamExt as _;

use crate::measure::Stopwatch;
use crate::runtime::Runtime;
use crate::sample::Sample;
use crate::workload::{check_sum, sum_below, warm_up_size};

pub(crate) fn run_round_trips<R: Runtime>(size: u64) -> Result<Sample> {
    let (sum, elapsed) = R::block_on(async move {
        round_trips(warm_up_size(size)).await?;
        let watch = Stopwatch::start();
        let sum = round_trips(size).await?;
        anyhow::Ok((sum, watch.stop()))
    })??;
    check_sum(sum, sum_below(size) + size)?;
    Ok(Sample::new(&[("remote_wake", elapsed.cpu_ns_per(size))], size, sum, elapsed))
}

/// The sum of all answers, each the question plus one.
async fn round_trips(count: u64) -> Result<u64> {
    let (ask, questions) = mpsc::channel::<u64>();
    let (answer, mut answers) = unbounded::<u64>();
    let answering = thread::spawn(move || {
        let mut answered = 0_u64;
        while let Ok(question) = questions.recv() {
            if answer.unbounded_send(question + 1).is_err() {
                break;
            }
            answered += 1;
        }
        answered
    });
    let mut sum = 0;
    for question in 0..count {
        ask.send(question).context("the other thread is gone")?;
        sum += answers.next().await.context("too few answers")?;
    }
    drop(ask);
    let answered = answering.join().map_err(|_| anyhow!("the other thread panicked"))?;
    ensure!(answered == count, "{answered} answers to {count} questions");
    Ok(sum)
}

pub(crate) fn run_burst<R: Runtime>(size: u64) -> Result<Sample> {
    let (sum, elapsed) = R::block_on(async move {
        burst(warm_up_size(size)).await?;
        let watch = Stopwatch::start();
        let sum = burst(size).await?;
        anyhow::Ok((sum, watch.stop()))
    })??;
    check_sum(sum, sum_below(size))?;
    Ok(Sample::new(&[("remote_burst", elapsed.cpu_ns_per(size))], size, sum, elapsed))
}

/// The sum of all messages.
async fn burst(count: u64) -> Result<u64> {
    let (sender, mut messages) = unbounded::<u64>();
    let sending = thread::spawn(move || (0..count).all(|number| sender.unbounded_send(number).is_ok()));
    let mut sum = 0;
    while let Some(number) = messages.next().await {
        sum += number;
    }
    let is_complete = sending.join().map_err(|_| anyhow!("the other thread panicked"))?;
    ensure!(is_complete, "a message was refused");
    Ok(sum)
}
