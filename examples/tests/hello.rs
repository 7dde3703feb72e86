//! Hello World as a person runs it: as a process of its own.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::process::Command;

#[test]
fn hello_says_hello() {
    let output = Command::new(env!("CARGO_BIN_EXE_hello")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "Hello …\n… World!\n");
}
