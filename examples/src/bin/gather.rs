//! The factorials of asyncio's documentation: computed side by side, awaited in two ways.
//!
//! ```text
//! gather
//! ```
//!
//! Each multiplication takes a tenth of a second, as if it were hard. First `gather` gives all results in the order of the
//! arguments, however long each took; then one of the tasks fails, and takes the others along; then `as_completed` gives the
//! tasks one by one as they end. It ends by itself.

#![allow(clippy::print_stdout, reason = "it prints what it computes")]

use std::error::Error;
use std::fmt;
use std::time::Duration;

use loopscope::task::{Builder, as_completed, gather};
use loopscope::{Task, sleep};

/// What a multiplication takes.
const STEP: Duration = Duration::from_millis(100);
/// The largest factorial that 64 bits hold is that of 20; this example is sooner content.
const LARGEST: u64 = 10;

/// A factorial that is too large.
#[derive(Debug)]
struct TooLarge(u64);

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the factorial of {} is asked for, of {LARGEST} at most is told", self.0)
    }
}

impl Error for TooLarge {}

async fn factorial(name: &'static str, number: u64) -> Result<u64, TooLarge> {
    if number > LARGEST {
        return Err(TooLarge(number));
    }
    let mut product = 1;
    for factor in 2..=number {
        println!("  {name}: {number}!, up to {factor} …");
        sleep(STEP).await;
        product *= factor;
    }
    println!("  {name}: {number}! = {product}");
    Ok(product)
}

#[loopscope::main]
async fn main() -> Result<(), Box<dyn Error>> {
    loopscope_inspector::start();

    println!("gather:");
    let values = gather([factorial("A", 2), factorial("B", 3), factorial("C", 4)]).await?;
    println!("in the order of the arguments: {values:?}");

    println!("gather, and one fails:");
    match gather([factorial("A", 4), factorial("B", 11)]).await {
        Ok(values) => println!("unexpected: {values:?}"),
        Err(error) => println!("argument {}: {}", error.index(), error.error().ok_or("it panicked")?),
    }

    println!("as_completed:");
    let spawn = |(name, number)| Builder::new().name(name).spawn(factorial(name, number));
    let tasks: Vec<Task<_>> = [("A", 4), ("B", 2), ("C", 3)].into_iter().map(spawn).collect();
    let mut completed = as_completed(tasks);
    let mut values = Vec::new();
    while let Some(task) = completed.next().await {
        let name = task.name().unwrap_or_default();
        values.push(task.await??);
        println!("{name} is over, {} to go", completed.len());
    }
    println!("as they came: {values:?}");
    Ok(())
}
