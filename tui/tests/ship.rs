//! Completions, manual pages and explanations as the real program gives them.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/stage.rs"]
mod stage;

use stage::{Said, Stage};
use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn every_shell_gets_its_completions_and_bash_completes() {
    let stage = Stage::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = stage.run(&format!("completions {shell}"));
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{shell}: {said:?}");
        assert!(said.out.contains("fail-on") && said.out.contains("explain"), "{shell}");
    }
    stage.run("completions tcsh").refused(2, &["tcsh", "elvish"]);
    let script = stage.directory.join("completions");
    std::fs::write(&script, stage.run("completions bash").out).unwrap();
    let ask = "source \"$0\"; COMP_WORDS=(loopscope warn); COMP_CWORD=1; _loopscope loopscope warn loopscope; echo ${COMPREPLY[*]}";
    let said = Said::from(Command::new("bash").args(["-c", ask]).arg(&script).output().unwrap());
    assert_eq!((said.out.as_str(), said.err.as_str()), ("warnings\n", ""));
}

#[test]
fn there_is_a_manual_page_of_every_command_that_is_shown() {
    let stage = Stage::new();
    let page = stage.run("man");
    assert_eq!(page.code, Some(0), "{page:?}");
    assert!(page.out.contains(".TH loopscope 1"), "{}", page.out);
    let pages = stage.directory.join("man");
    assert_eq!(stage.run(&format!("man -o {}", pages.display())).code, Some(0));
    let names =
        std::fs::read_dir(&pages).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<String> = names.collect();
    let help = stage.run("--help").out;
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    // What is further in goes on with the line before.
    let commands = commands.lines().filter(|line| !line.starts_with("   "));
    let commands = commands.map(|line| line.split_whitespace().next().unwrap());
    let expected = commands.filter(|&name| name != "help").map(|name| format!("loopscope-{name}.1"));
    let expected: BTreeSet<String> = expected.chain(["loopscope.1".to_owned()]).collect();
    assert_eq!(names, expected);
    stage.run("man -o /dev/null/pages").refused(1, &["cannot write into /dev/null/pages"]);
}

#[test]
fn a_warning_is_explained_and_a_misspelt_one_suggested() {
    let stage = Stage::new();
    let all = stage.run("explain");
    assert_eq!((all.code, all.out.contains("deadlock ")), (Some(0), true), "{all:?}");
    assert!(stage.run("explain deadlock").out.contains("How to mend it"));
    stage.run("explain deadlok").refused(2, &["did you mean `deadlock`?"]);
    let json = stage.run("explain slow-poll --json").json();
    assert_eq!((&json["schema"], &json["explain"][0]["name"]), (&1.into(), &"slow-poll".into()));
}
