//! Tasks that wait for each other, or for somebody who is gone.
//!
//! ```text
//! deadlock [--how locks|join|queue] [--seconds N | --hold]
//! ```
//!
//! The program looks idle: no task runs, nothing is said, and nothing will ever happen.

use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use loopscope::sync::{Mutex, Queue, oneshot};
use loopscope::task::{self, Task};
use loopscope::time::sleep;
use loopscope_examples::fault::Fault;

const FAULT: Fault = Fault {
    program: "deadlock",
    wrong: "tasks wait for what nobody will ever do.",
    kinds: Some((
        "--how",
        &[
            ("locks", "two tasks take the same two locks, each in another order"),
            ("join", "two tasks wait for each other's end"),
            ("queue", "one puts orders into a queue whose only reader has left"),
        ],
    )),
    look: &[
        (
            "loopscope warnings PID",
            "deadlock: who waits for whom; of the queue, after ten seconds, that nobody reads it",
        ),
        ("loopscope why PID TASK", "the chain from a task to the one it came from, with every place"),
        (
            "loopscope sync PID",
            "the locks: who holds them since when, taken where; the queue: how full it is",
        ),
        ("loopscope dump PID", "each task's .await, from its root to the one that does not end"),
        ("loopscope explain deadlock", "what to do about it"),
    ],
};

fn main() -> ExitCode {
    loopscope_inspector::start();
    program(std::env::args().skip(1))
}

/// The program without its agent.
pub(crate) fn program(arguments: impl Iterator<Item = String>) -> ExitCode {
    match FAULT.begin(arguments) {
        Ok(options) => {
            loopscope::run(run(options.kind, options.stay));
            ExitCode::SUCCESS
        }
        Err(stop) => stop.tell(),
    }
}

async fn run(kind: &str, stay: Duration) {
    let stuck = match kind {
        "locks" => locks(),
        "join" => join(),
        _ => queue(),
    };
    sleep(stay).await;
    for task in stuck {
        task.cancel().await;
    }
}

/// Two tasks that each hold what the other one wants.
fn locks() -> Vec<Task<()>> {
    let accounts = Rc::new(Mutex::new(0).named("accounts"));
    let orders = Rc::new(Mutex::new(0).named("orders"));
    vec![
        task::Builder::new().name("pay").spawn(pay(Rc::clone(&accounts), Rc::clone(&orders))),
        task::Builder::new().name("cancel an order").spawn(cancel(accounts, orders)),
    ]
}

async fn pay(accounts: Rc<Mutex<i64>>, orders: Rc<Mutex<i64>>) {
    let mut accounts = accounts.lock().await; // here: pay holds
    write_log().await;
    *orders.lock().await -= 1; // here: pay waits
    *accounts -= 100;
}

async fn cancel(accounts: Rc<Mutex<i64>>, orders: Rc<Mutex<i64>>) {
    let mut orders = orders.lock().await; // here: cancel holds
    write_log().await;
    *accounts.lock().await += 100; // here: cancel waits
    *orders -= 1;
}

/// Something that takes a moment while a lock is held.
async fn write_log() {
    sleep(Duration::from_millis(1)).await;
}

/// Two tasks that each want the other one to end first.
fn join() -> Vec<Task<()>> {
    let (tell, told) = oneshot::channel::<Task<()>>();
    let upload = task::Builder::new().name("upload").spawn(async move {
        if let Ok(cleanup) = told.await {
            let _ = cleanup.await; // here: upload waits
        }
    });
    let cleanup = task::Builder::new().name("clean up").spawn(async move {
        let _ = upload.await; // here: clean up waits
    });
    // The receiver is waiting.
    let _ = tell.send(cleanup);
    Vec::new()
}

/// A queue that has no reader any more.
fn queue() -> Vec<Task<()>> {
    let orders = Rc::new(Queue::new(2).named("orders"));
    vec![
        task::Builder::new().name("cook").spawn(cook(Rc::clone(&orders))),
        task::Builder::new().name("waiter").spawn(take_orders(orders)),
    ]
}

/// Stops at the first order that it cannot cook, and tells nobody.
async fn cook(orders: Rc<Queue<u32>>) {
    while let Ok(order) = orders.get().await {
        if order == 3 {
            return;
        }
    }
}

async fn take_orders(orders: Rc<Queue<u32>>) {
    for order in 1.. {
        let taken = orders.put(order).await; // here: waiter waits
        if taken.is_err() {
            return;
        }
    }
}
