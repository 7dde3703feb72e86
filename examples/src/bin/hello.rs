//! asyncio's Hello World.

#![allow(clippy::print_stdout, reason = "a program that says hello")]

use std::time::Duration;

#[loopscope::main]
async fn main() {
    println!("Hello …");
    loopscope::time::sleep(Duration::from_secs(1)).await;
    println!("… World!");
}
