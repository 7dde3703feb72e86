//! Blocking work beside the loop: asyncio's example of `to_thread`.
//!
//! A call that blocks for half a second runs on a thread of the pool while the loop goes on: the task beside it ticks all the
//! while, and both together take half a second, not a whole one. Then four such calls run side by side, and each sees the
//! task-local of whoever made it. Attach meanwhile: `loopscope blocking` shows the jobs and their threads.

#![allow(clippy::print_stdout, reason = "it prints when what happened")]

use std::time::Duration;

use loopscope::time::{Instant, interval};
use loopscope::{TaskGroup, join, to_thread};

/// How long the work blocks its thread.
const WORK: Duration = Duration::from_millis(500);

loopscope::task_local! {
    /// What the work is for.
    static CUSTOMER: String;
}

#[loopscope::main]
async fn main() {
    let begun = Instant::now();
    println!("started main");
    let ((), ticks) = join!(to_thread(blocking_work), count_ticks());
    println!(
        "finished main after {:.1} s: the loop ticked {ticks} times meanwhile",
        begun.elapsed().as_secs_f64()
    );

    let begun = Instant::now();
    let group = TaskGroup::new();
    for name in ["Ada", "Grace", "Barbara", "Frances"] {
        group
            .spawn_named(name, CUSTOMER.scope(name.to_owned(), async { to_thread(work_for_customer).await }));
    }
    match group.close().await {
        Ok(()) => println!("four at once took {:.1} s", begun.elapsed().as_secs_f64()),
        Err(error) => println!("{error:#}"),
    }
}

/// What must not be done on the loop's own thread.
fn blocking_work() {
    println!("start of the blocking work");
    block();
    println!("the blocking work is complete");
}

fn work_for_customer() {
    block();
    println!("done for {}", CUSTOMER.get());
}

#[expect(clippy::disallowed_methods, reason = "it stands for a call that blocks")]
fn block() {
    std::thread::sleep(WORK);
}

/// Counts the ticks of ten in the time the work takes.
async fn count_ticks() -> u32 {
    let mut ticks = interval(WORK / 10);
    for _ in 0..8 {
        ticks.tick().await;
    }
    8
}
