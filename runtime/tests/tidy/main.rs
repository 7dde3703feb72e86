//! The tidy test: what the compiler and clippy do not see, read from the tracked files of the workspace.
//!
//! `cargo test -p loopscope --test tidy`. Each finding says where, what, and the way out; each rule has a test of
//! its own on a bad sample, so that no rule can stop finding things unnoticed.

#![allow(clippy::unwrap_used, reason = "test crate")]

mod asyncio_debug;
mod asyncio_tests;
mod dependencies;
mod exceptions;
mod readme;
mod rules;
mod source;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use source::Source;

/// Something that a rule objects to.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// 0: the file as a whole.
    line: usize,
    message: String,
}

impl Finding {
    fn new(source: &Source, line: usize, message: impl Into<String>) -> Self {
        Finding { path: source.path.clone(), line, message: message.into() }
    }
}

/// Fails the test with every finding on a line of its own.
#[track_caller]
fn expect_none(findings: &[Finding]) {
    let mut report = String::new();
    for Finding { path, line, message } in findings {
        let place = if *line == 0 { path.clone() } else { format!("{path}:{line}") };
        writeln!(report, "  {place}: {message}").unwrap();
    }
    assert!(findings.is_empty(), "\n{} finding(s):\n{report}", findings.len());
}

/// The folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The output of a program run in the workspace's folder.
fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(root()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every text file that is in the repository or about to be added to it, except generated code.
fn sources() -> Vec<Source> {
    let listed = output_of("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let mut paths: Vec<&str> = listed.split_terminator('\0').collect();
    paths.sort_unstable();
    paths.dedup();
    paths
        .into_iter()
        .filter(|path| !path.contains("/generated/"))
        // Listed but deleted, or not text.
        .filter_map(|path| Some(Source::new(path, std::fs::read_to_string(root().join(path)).ok()?)))
        .collect()
}

#[test]
fn the_workspace_is_tidy() {
    let sources = sources();
    assert!(sources.iter().any(|source| source.path == "runtime/tests/tidy/main.rs"), "wrong folder");
    let mut findings: Vec<Finding> = sources.iter().flat_map(rules::check).collect();
    findings.extend(exceptions::stale(&sources));
    expect_none(&findings);
}

#[test]
fn the_runtime_depends_on_what_its_list_allows_and_nothing_else() {
    expect_none(&dependencies::of_the_runtime());
}

#[test]
fn the_agent_stays_small() {
    expect_none(&dependencies::of_the_agent());
}

#[test]
fn the_readme_shows_the_hello_example_as_it_is() {
    // A file that is not there is one that shows something else.
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap_or_default();
    let example = read("examples/src/bin/hello.rs");
    let pages = [("README.md", read("README.md")), ("runtime/src/lib.rs", read("runtime/src/lib.rs"))];
    expect_none(&readme::check(&example, &pages));
}

#[test]
fn every_test_class_of_asyncio_has_a_verdict() {
    let page = std::fs::read_to_string(root().join(asyncio_tests::PAGE)).unwrap_or_default();
    expect_none(&asyncio_tests::check(&page, &sources()));
}

#[test]
fn every_row_of_asyncios_debug_mode_has_a_verdict() {
    let page = std::fs::read_to_string(root().join(asyncio_debug::PAGE)).unwrap_or_default();
    expect_none(&asyncio_debug::check(&page, &sources()));
}
