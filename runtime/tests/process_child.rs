//! Child processes: how they start, end and are told to.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;

use std::time::Duration;

use loopscope::process::{Command, Stdio};

#[test]
fn a_child_that_ends_tells_its_code() {
    records::run_live(async {
        let child = Command::shell("exit 7").spawn().unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(7));
    });
}

#[test]
fn bytes_go_through_cat() {
    records::run_live(async {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = child.communicate(b"some data").await.unwrap();
        assert_eq!((output.stdout.as_slice(), output.status.code()), (b"some data".as_slice(), Some(0)));
    });
}

#[test]
fn a_child_that_ignores_sigterm_is_killed_after_its_grace() {
    records::run_live(async {
        let mut child = Command::shell("trap '' TERM; echo ready; while :; do sleep 1; done")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdout.as_ref().unwrap().read_exact(&mut [0; 6]).await.unwrap();
        let status = child.stop(Duration::from_millis(50)).await.unwrap();
        assert_eq!(status.to_string(), "killed by SIGKILL");
        child.stdout = None;
    });
}
