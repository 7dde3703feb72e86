//! asyncio's queue example: producers put work into a queue, workers take it out, and `join` tells when all of it is done.
//!
//! ```text
//!   producer 1 ─┐                      ┌─ worker 1
//!               ├─ put ─► [ jobs ] ─ get ─ worker 2      join: every job was taken and said to be done
//!   producer 2 ─┘        at most 4     └─ worker 3
//! ```
//!
//! Each job is a nap of random length. The queue holds four, so that the producers wait for the workers; once both have put
//! everything, `join` waits for what is left, and the workers, who would wait for ever, are cancelled. It ends by itself within
//! a second and says what three workers are good for.

#![allow(clippy::print_stdout, reason = "it tells what happens")]

use std::rc::Rc;
use std::time::Duration;

use loopscope::sync::Queue;
use loopscope::task::{self, Task};
use loopscope::time::{Instant, sleep};

const PRODUCERS: u32 = 2;
const WORKERS: u32 = 3;
const JOBS_EACH: u32 = 10;
/// Jobs that may wait in the queue.
const ROOM: usize = 4;
/// The longest nap, in milliseconds; the shortest is 5.
const NAP_MS_MAX: u64 = 90;

/// How long to sleep.
struct Job {
    number: u32,
    nap: Duration,
}

fn main() {
    loopscope_inspector::start();
    loopscope::run(run());
}

async fn run() {
    let jobs = Rc::new(Queue::new(ROOM).named("jobs"));
    let start = Instant::now();
    let workers: Vec<Task<()>> = (1..=WORKERS)
        .map(|number| {
            let jobs = Rc::clone(&jobs);
            task::Builder::new().name(&format!("worker {number}")).spawn(work(number, jobs))
        })
        .collect();
    let producers: Vec<_> = (1..=PRODUCERS)
        .map(|number| {
            let jobs = Rc::clone(&jobs);
            task::Builder::new().name(&format!("producer {number}")).spawn(produce(number, jobs))
        })
        .collect();

    let mut total = Duration::ZERO;
    for producer in producers {
        // A producer can neither be cancelled nor panic here.
        total += producer.await.unwrap_or_default();
    }
    println!("everything is put, {} jobs are not done yet", jobs.unfinished());
    jobs.join().await;
    let took = start.elapsed();
    for worker in workers {
        worker.cancel().await;
    }

    println!("{WORKERS} workers slept in parallel for {:.2} seconds", took.as_secs_f64());
    println!("all naps together: {:.2} seconds", total.as_secs_f64());
}

/// Puts jobs, waiting while there is no room. Returns how long they take together.
async fn produce(producer: u32, jobs: Rc<Queue<Job>>) -> Duration {
    let mut random = 0x2545_f491_4f6c_dd1d_u64 ^ u64::from(producer) << 40;
    let mut total = Duration::ZERO;
    for number in (producer..).step_by(PRODUCERS as usize).take(JOBS_EACH as usize) {
        let nap = Duration::from_millis(5 + next_random(&mut random) % (NAP_MS_MAX - 4));
        total += nap;
        if jobs.put(Job { number, nap }).await.is_err() {
            break; // nobody closes the queue
        }
    }
    total
}

/// Takes jobs and does them, until it is cancelled.
async fn work(worker: u32, jobs: Rc<Queue<Job>>) {
    while let Ok(Job { number, nap }) = jobs.get().await {
        sleep(nap).await;
        jobs.task_done();
        println!("worker {worker}: job {number:>2} was a nap of {} ms", nap.as_millis());
    }
}

/// Xorshift: as random as naps need be.
fn next_random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
