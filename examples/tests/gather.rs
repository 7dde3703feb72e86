//! The example `gather` as a person runs it: as a process of its own.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::process::Command;

#[test]
fn gather_gives_results_in_the_order_of_the_arguments_and_as_completed_as_they_come() {
    let output = Command::new(env!("CARGO_BIN_EXE_gather")).env("LOOPSCOPE_INSPECT", "0").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let out = String::from_utf8(output.stdout).unwrap();
    // What the tasks say in between comes as it comes.
    let lines: Vec<_> = out.lines().filter(|line| !line.starts_with("  ")).collect();
    let expected = [
        "gather:",
        "in the order of the arguments: [2, 6, 24]",
        "gather, and one fails:",
        "argument 1: the factorial of 11 is asked for, of 10 at most is told",
        "as_completed:",
        "B is over, 2 to go",
        "C is over, 1 to go",
        "A is over, 0 to go",
        "as they came: [2, 6, 24]",
    ];
    assert_eq!(lines, expected);
    // The one that is cancelled does not come to its end.
    assert_eq!(out.matches("A: 4! = 24").count(), 1);
    assert_eq!(out.matches("C: 4! = 24").count(), 1);
}
