//! The queue example as a person runs it: as a process of its own, to its end.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::process::Command;
use std::time::Duration;

#[test]
fn every_job_is_done_once_and_the_workers_go_when_the_queue_is_joined() {
    let program = env!("CARGO_BIN_EXE_producer_consumer");
    let output = Command::new(program).env("LOOPSCOPE_INSPECT", "0").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (mut done, mut naps) = (Vec::new(), 0_u64);
    for line in text.lines().filter_map(|line| line.strip_prefix("worker ")) {
        let (job, nap) = line.split_once(" was a nap of ").unwrap();
        done.push(job.split_once(": job ").unwrap().1.trim().parse::<u32>().unwrap());
        naps += nap.strip_suffix(" ms").unwrap().parse::<u64>().unwrap();
    }
    done.sort_unstable();
    assert_eq!(done, (1..=20).collect::<Vec<_>>());

    let last: Vec<&str> = text.lines().rev().take(2).collect();
    let seconds = |line: &str, start: &str| -> f64 {
        line.strip_prefix(start).unwrap().strip_suffix(" seconds").unwrap().parse().unwrap()
    };
    let together = seconds(last[0], "all naps together: ");
    assert_eq!(format!("{together:.2}"), format!("{:.2}", Duration::from_millis(naps).as_secs_f64()));
    let parallel = seconds(last[1], "3 workers slept in parallel for ");
    // Three at a time cannot be faster than a third.
    assert!(parallel + 0.01 > together / 3.0, "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("everything is put, ")).count(), 1);
}
