//! Every workload on every peer, once and tiny, by way of the process and its line of JSON: the sums, not the time.
#![allow(clippy::unwrap_used, reason = "test crate")]

use std::process::Command;

use serde_json::Value;

const THIS: &str = env!("CARGO_BIN_EXE_loopscope-benches");

/// (workload, size, operations measured, what the tasks compute together, rows)
const CASES: [(&str, u64, u64, u64, &[&str]); 13] = [
    ("spawn", 2_500, 2_500, 2_500 * 2_499 / 2, &["spawn"]),
    ("yield", 5_000, 5_000, 5_000, &["yield"]),
    ("pingpong", 400, 400, 200 * 199 / 2 + 200, &["pingpong"]),
    ("pingpong_local", 400, 400, 200 * 199 / 2 + 200, &["pingpong_local"]),
    ("rpc_local", 300, 300, 300 * 299 / 2 + 300, &["rpc_local"]),
    ("timers", 50, 50, 50, &["timers", "timers_lateness_p50", "timers_lateness_p99"]),
    ("timer_cancel", 300, 300, 300, &["timer_cancel"]),
    ("remote_wake", 200, 200, 200 * 199 / 2 + 200, &["remote_wake"]),
    ("remote_burst", 3_000, 3_000, 3_000 * 2_999 / 2, &["remote_burst"]),
    // A twentieth and at least 64 requests go first.
    ("echo64", 2_000, 2_000, (2_000 + 100) * 64, &["echo64", "echo64_loop"]),
    ("echo64_streams", 2_000, 2_000, (2_000 + 100) * 64, &["echo64_streams"]),
    ("idle_task_bytes", 3_000, 3_000, 3_000, &["idle_task_bytes"]),
    ("idle_task_bytes_own", 3_000, 3_000, 3_000, &["idle_task_bytes_own"]),
];

fn check(peer: &str) {
    for (workload, size, operations, sum, rows) in CASES {
        let mut command = Command::new(THIS);
        command.args(["peer", peer, workload, &size.to_string()]);
        // Whoever runs the tests may have switched agents off.
        let output = command.env_remove("LOOPSCOPE_INSPECT").output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{peer} {workload}: {stderr}");
        let sample: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&sample["operations"], &sample["sum"]),
            (&operations.into(), &sum.into()),
            "{peer} {workload}"
        );
        let figures = sample["figures"].as_array().unwrap();
        let found: Vec<&str> = figures.iter().map(|figure| figure["row"].as_str().unwrap()).collect();
        assert_eq!(found, rows, "{peer} {workload}");
        assert!(
            figures.iter().all(|figure| figure["value"].as_f64().is_some_and(|value| value >= 0.0)),
            "{sample}"
        );
    }
}

#[test]
fn loopscope_computes_the_right_sums() {
    check(if cfg!(loopscope_bare) { "loopscope-bare" } else { "loopscope" });
}

#[cfg(not(loopscope_bare))]
#[test]
fn loopscope_computes_the_right_sums_while_a_client_looks() {
    check("loopscope-attached");
}

#[test]
fn a_binary_is_not_taken_for_its_twin() {
    let other = if cfg!(loopscope_bare) { "loopscope" } else { "loopscope-bare" };
    let output = Command::new(THIS).args(["peer", other, "spawn", "1"]).output().unwrap();
    assert!(!output.status.success());
}

#[test]
fn tokio_computes_the_right_sums() {
    check("tokio-ct");
}

#[test]
fn a_size_of_zero_is_refused() {
    let output = Command::new(THIS).args(["peer", "tokio-ct", "spawn", "0"]).output().unwrap();
    assert!(!output.status.success());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr, "loopscope-benches: a workload of size 0 measures nothing\n");
}
