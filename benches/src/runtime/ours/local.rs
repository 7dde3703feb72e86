//! Messages between two tasks, over Loopscope's own channels for one loop.

use anyhow::{Context as _, Result, ensure};
use loopscope::Task;
use loopscope::sync::{channel, oneshot};

use crate::runtime::failed;

/// Gives the sum of all answers.
pub(super) fn spawn_ping_pong(round_trips: u64) -> Task<Result<u64>> {
    let (ask, mut questions) = channel::unbounded::<u64>();
    let (answer, mut answers) = channel::unbounded::<u64>();
    let echo = loopscope::spawn(async move {
        let mut answered = 0_u64;
        while let Some(question) = questions.recv().await {
            if answer.try_send(question + 1).is_err() {
                break;
            }
            answered += 1;
        }
        answered
    });
    loopscope::spawn(async move {
        let mut sum = 0;
        for question in 0..round_trips {
            ask.try_send(question).ok().context("the other task is gone")?;
            sum += answers.recv().await.context("too few answers")?;
        }
        drop(ask);
        let answered = echo.await.map_err(failed)?;
        ensure!(answered == round_trips, "{answered} answers to {round_trips} questions");
        Ok(sum)
    })
}

/// Gives the sum of all answers.
pub(super) fn spawn_rpc(calls: u64) -> Task<Result<u64>> {
    let (ask, mut questions) = channel::unbounded::<(u64, oneshot::Sender<u64>)>();
    let actor = loopscope::spawn(async move {
        let mut answered = 0_u64;
        while let Some((question, reply)) = questions.recv().await {
            if reply.send(question + 1).is_err() {
                break;
            }
            answered += 1;
        }
        answered
    });
    loopscope::spawn(async move {
        let mut sum = 0;
        for question in 0..calls {
            let (reply, answer) = oneshot::channel();
            ask.try_send((question, reply)).ok().context("the actor is gone")?;
            sum += answer.await.context("the actor did not answer")?;
        }
        drop(ask);
        let answered = actor.await.map_err(failed)?;
        ensure!(answered == calls, "{answered} answers to {calls} questions");
        Ok(sum)
    })
}
