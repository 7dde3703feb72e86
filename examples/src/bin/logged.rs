//! A small kitchen that logs what it does, with `tracing`, to read by task while it runs.
//!
//! ```text
//!   guests ─► [ orders ] ─► cook 1 … 3        INFO  each order that is served
//!                                             DEBUG each step, kept when somebody asks for it
//!                                             WARN  each order that took long
//! ```
//!
//! The lines go to nobody but the inspector's layer, which keeps the latest of them in bounded memory: `loopscope logs` shows them, each with
//! the cook who wrote it, a cook's page its own; a filter such as `debug` or `logged=trace` lets more through while somebody looks. An
//! application mostly has a second layer that writes to a file or to standard error; neither sees the other's filter. It runs until Ctrl-C.

#![allow(clippy::print_stdout, reason = "it says how to look into it")]

use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use loopscope::sync::Queue;
use loopscope::task::Builder;
use loopscope::time::sleep;
use tracing::{debug, info, warn};
use tracing_subscriber::layer::SubscriberExt as _;

const COOKS: u64 = 3;
/// Orders that may wait.
const ROOM: usize = 5;
/// Each so many an order takes long.
const LONG_EACH: u64 = 7;

fn main() -> ExitCode {
    loopscope_inspector::start();
    program(std::env::args().skip(1))
}

/// The program without its agent. It has no arguments.
pub(crate) fn program(_: impl Iterator<Item = String>) -> ExitCode {
    let subscriber = tracing_subscriber::registry().with(loopscope_inspector::logs::layer());
    if let Err(error) = tracing::subscriber::set_global_default(subscriber) {
        println!("{error}");
        return ExitCode::FAILURE;
    }
    let pid = std::process::id();
    println!("pid {pid}: loopscope attach {pid}");
    loopscope::run(run());
    ExitCode::SUCCESS
}

async fn run() {
    let orders = Rc::new(Queue::new(ROOM).named("orders"));
    for number in 1..=COOKS {
        let orders = Rc::clone(&orders);
        Builder::new().name(&format!("cook {number}")).spawn(cook(orders)).detach();
    }
    for order in 1.. {
        // The cooks have the queue for as long as it runs.
        if orders.put(order).await.is_err() {
            return;
        }
        debug!(order, waiting = orders.len(), "ordered");
        sleep(Duration::from_millis(60)).await;
    }
}

async fn cook(orders: Rc<Queue<u64>>) {
    while let Ok(order) = orders.get().await {
        debug!(order, "begun"); // here: begun
        let takes = Duration::from_millis(if order % LONG_EACH == 0 { 400 } else { 80 });
        sleep(takes).await;
        info!(order, ms = takes.as_millis(), "served"); // here: served
        if order % LONG_EACH == 0 {
            warn!(order, "the guest had to wait"); // here: waited
        }
    }
}
