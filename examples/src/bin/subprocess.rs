//! What asyncio's documentation does with subprocesses, and what a person asks next: live output, and a child that won't end.
//!
//! ```text
//! subprocess
//! ```
//!
//! Runs `ls` on a folder that is not there and shows what it says; asks `date` for the day; prints the lines of a child that
//! counts, each as it comes; sorts words with `sort`, in and out at once; and stops a child that ignores SIGTERM. Attach while
//! it counts: `loopscope io` shows the child, its pipes and how it ended.

#![allow(clippy::print_stdout, reason = "it prints what the children say")]

use std::error::Error;
use std::time::Duration;

use loopscope::process::{Command, Stdio};
use loopscope::stream::StreamReader;

/// Counts once in a while.
const COUNTER: &str = "for n in 1 2 3 4 5; do echo tick $n; sleep 0.2; done";
/// Does not care.
const DEAF: &str = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
/// How long a child may take to end by itself.
const GRACE: Duration = Duration::from_millis(300);

#[loopscope::main]
async fn main() -> Result<(), Box<dyn Error>> {
    loopscope_inspector::start();
    run("ls /zzz").await?;
    println!("today is {}", date().await?);
    live().await?;
    println!("sorted: {}", sorted(&["pear", "apple", "fig"]).await?);
    stop().await?;
    if let Err(error) = Command::new("no-such-program").spawn() {
        println!("{error}");
    }
    Ok(())
}

/// Runs a line of shell and shows all of it.
async fn run(line: &str) -> Result<(), Box<dyn Error>> {
    let output = Command::shell(line).env("LC_ALL", "C").output().await?;
    println!("[{line:?} {}]", output.status);
    for (name, bytes) in [("stdout", output.stdout), ("stderr", output.stderr)] {
        if !bytes.is_empty() {
            println!("[{name}] {}", String::from_utf8_lossy(&bytes).trim_end());
        }
    }
    Ok(())
}

/// Asks a program for the day, through its standard output.
async fn date() -> Result<String, Box<dyn Error>> {
    let mut child = Command::new("date").arg("+%Y-%m-%d").stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or("no pipe")?;
    let line = StreamReader::new(stdout).read_line().await?;
    child.wait().await?;
    Ok(String::from_utf8(line)?.trim_end().to_owned())
}

/// Prints a child's lines as they come.
async fn live() -> Result<(), Box<dyn Error>> {
    let mut child = Command::shell(COUNTER).name("counter").stdout(Stdio::piped()).spawn()?;
    let mut lines = StreamReader::new(child.stdout.take().ok_or("no pipe")?);
    loop {
        let line = lines.read_line().await?;
        if line.is_empty() {
            break;
        }
        println!("counter: {}", String::from_utf8_lossy(&line).trim_end());
    }
    println!("counter {}", child.wait().await?);
    Ok(())
}

/// Lets a program sort.
async fn sorted(words: &[&str]) -> Result<String, Box<dyn Error>> {
    let mut child = Command::new("sort").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let output = child.communicate(words.join("\n") + "\n").await?;
    Ok(String::from_utf8(output.stdout)?.lines().collect::<Vec<_>>().join(", "))
}

/// Stops a child that ignores SIGTERM.
async fn stop() -> Result<(), Box<dyn Error>> {
    let mut command = Command::shell(DEAF);
    let child = command.stdout(Stdio::piped()).process_group(0).spawn()?;
    child.stdout.as_ref().ok_or("no pipe")?.read_exact(&mut [0; 6]).await?;
    println!("the deaf one was {}", child.stop(GRACE).await?);
    // What it had started is in its group.
    child.signal_group(loopscope::signal::Kind::TERMINATE)?;
    Ok(())
}
