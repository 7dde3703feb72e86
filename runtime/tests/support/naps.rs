//! Tasks that do nothing but end at a known time.

#![allow(dead_code, reason = "each test crate uses a part")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use loopscope::time::Instant;
use loopscope::{Task, sleep, spawn};

/// Tasks that return their number after so many milliseconds.
pub(crate) fn naps(ms: &[u64]) -> Vec<Task<usize>> {
    let nap = |(number, ms): (usize, &u64)| {
        let span = Duration::from_millis(*ms);
        spawn(async move {
            sleep(span).await;
            number
        })
    };
    ms.iter().enumerate().map(nap).collect()
}

pub(crate) async fn results(tasks: Vec<Task<usize>>) -> Vec<usize> {
    let mut results = Vec::new();
    for task in tasks {
        assert!(task.is_finished());
        results.push(task.await.unwrap());
    }
    results
}

pub(crate) async fn cancel<T>(tasks: Vec<Task<T>>) {
    for task in tasks {
        task.cancel().await;
    }
}

pub(crate) fn ms(start: Instant) -> u128 {
    start.elapsed().as_millis()
}
