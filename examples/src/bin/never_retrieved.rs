//! An error that nobody asks for: asyncio's "Task exception was never retrieved".
//!
//! ```text
//! never_retrieved [--seconds N | --hold]
//! ```
//!
//! A task loads the settings and fails. Whoever spawned it let go of its handle, so that nobody sees the error, and the program
//! goes on with its defaults as if nothing had happened.

#![allow(clippy::print_stdout, reason = "it tells what it does with the defaults")]

use std::cell::Cell;
use std::io;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use loopscope::task;
use loopscope::time::sleep;
use loopscope_examples::fault::Fault;

const FAULT: Fault = Fault {
    program: "never_retrieved",
    wrong: "a task ends with an error, and nobody has its handle any more to ask how it ended.",
    kinds: None,
    look: &[
        ("loopscope warnings PID", "the error itself, the task, and the line that spawned it"),
        ("loopscope tasks PID", "the task is completed, as if all were well"),
        ("loopscope explain never-retrieved", "what to do about it"),
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
            loopscope::run(run(options.stay));
            ExitCode::SUCCESS
        }
        Err(stop) => stop.tell(),
    }
}

/// How many workers there are to be.
#[derive(Debug)]
struct Settings {
    workers: Cell<u32>,
}

async fn run(stay: Duration) {
    let settings = Rc::new(Settings { workers: Cell::new(4) });
    let loading = load(Rc::clone(&settings), "no/such/settings");
    task::Builder::new().name("load settings").spawn_fallible(loading).detach(); // here: the task
    sleep(stay).await;
    println!("{} workers have had nothing to do", settings.workers.get());
}

/// Reads the settings from a file, on a thread, since files block.
async fn load(settings: Rc<Settings>, path: &'static str) -> io::Result<()> {
    let text = loopscope::to_thread(move || std::fs::read_to_string(path)).await?;
    let workers = text.trim().parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    settings.workers.set(workers);
    Ok(())
}
