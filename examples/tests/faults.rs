//! The programs that do one thing wrong, as a person runs them: they say what it is, stay as long as they are told, and end.
//!
//! What Loopscope says of them is tested where the program `loopscope` is, in `tui/tests/faults.rs`.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::process::{Command, Output};

/// Each of them, with each kind of its mistake.
const PROGRAMS: &[(&str, &[&str])] = &[
    (env!("CARGO_BIN_EXE_slow_callback"), &[""]),
    (env!("CARGO_BIN_EXE_blocked"), &["--how cpu", "--how sleep", "--how lock"]),
    (env!("CARGO_BIN_EXE_deadlock"), &["--how locks", "--how join", "--how queue"]),
    (env!("CARGO_BIN_EXE_leak"), &["--what tasks", "--what descriptors"]),
    (env!("CARGO_BIN_EXE_never_retrieved"), &[""]),
    (env!("CARGO_BIN_EXE_starvation"), &[""]),
    (env!("CARGO_BIN_EXE_hung_server"), &["--lock ours", "--lock tokio"]),
];

fn run(program: &str, arguments: &str) -> Output {
    let mut command = Command::new(program);
    command.args(arguments.split_whitespace()).env("LOOPSCOPE_INSPECT", "0").output().unwrap()
}

#[test]
fn each_says_how_to_attach_and_ends_by_itself_in_the_time_it_is_given() {
    for (program, kinds) in PROGRAMS {
        for kind in *kinds {
            let output = run(program, &format!("{kind} --seconds 1"));
            assert!(output.status.success(), "{program} {kind}: {output:?}");
            let out = String::from_utf8(output.stdout).unwrap();
            assert!(
                out.starts_with("pid ") && out.contains(": loopscope attach "),
                "{program} {kind}: {out}"
            );
        }
    }
}

#[test]
fn each_says_what_it_does_wrong_and_what_to_look_at() {
    for (program, kinds) in PROGRAMS {
        let output = run(program, "--help");
        assert!(output.status.success(), "{program}: {output:?}");
        let help = String::from_utf8(output.stdout).unwrap();
        let name = program.rsplit('/').next().unwrap();
        assert!(help.starts_with(&format!("usage: {name} ")), "{help}");
        assert!(
            help.contains("\nWhat it does wrong: ") && help.contains("\n  loopscope warnings PID "),
            "{help}"
        );
        assert!(kinds.iter().all(|kind| help.contains(&format!("  {kind}"))), "{help}");
    }
}

#[test]
fn wrong_usage_is_2() {
    for (program, _) in PROGRAMS {
        let output = run(program, "now");
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.starts_with("unknown argument now\nusage: "), "{text}");
    }
}
