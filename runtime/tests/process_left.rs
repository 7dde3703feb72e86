//! Children that nobody waits for any more, because their loop is over. Alone in its binary, since it uses two loops at once.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/polls.rs"]
mod polls;
#[path = "support/records.rs"]
mod records;

use loopscope::process::Command;
use polls::{process_state, until};

/// Opens the descriptors of two loops' slots, which stay open for their next loops.
fn two_slots() {
    let one = loopscope::Runner::builder().build().unwrap();
    std::thread::spawn(|| drop(loopscope::Runner::builder().build().unwrap())).join().unwrap();
    drop(one);
}

#[test]
fn a_child_that_outlives_its_loop_is_reaped_when_the_next_one_starts() {
    two_slots();
    records::run_live(async {
        let (reader, writer) = std::io::pipe().unwrap();
        // Its handle lives as long as its loop, once, and then longer.
        let pids = std::thread::spawn(move || {
            let read = |kept: &std::io::PipeReader| {
                Command::shell("read line").stdin(kept.try_clone().unwrap()).spawn().unwrap()
            };
            let dropped = loopscope::run(async {
                let child = read(&reader);
                child.id()
            });
            let kept = loopscope::run(async { read(&reader) });
            [dropped, kept.id()]
        });
        let pids = pids.join().unwrap();
        drop(writer);
        until(|| pids.iter().all(|pid| process_state(*pid) == Some('Z'))).await;
        Command::new("true").status().await.unwrap();
        assert_eq!(pids.map(process_state), [None, None]);
    });
}
