//! The live picture in a real terminal, tmux: what is seen, what keys do, and how the terminal is left behind.
//!
//! Every wait polls what the pane shows, with a bound that only a broken program reaches. Without tmux the tests say so and
//! pass; `.ci/run` installs it.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/pane.rs"]
mod pane;
#[path = "support/stage.rs"]
mod stage;

use pane::Pane;
use stage::eventually;
use std::process::Command;

/// Sends a signal to a process.
fn signal(name: &str, pid: &str) {
    assert!(Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap().success());
}

#[test]
fn from_the_first_picture_to_a_task_and_back_to_the_shell() {
    let Some(pane) = Pane::open(100, 30) else { return };
    pane.start_demo();
    pane.shows("Loops");
    assert_eq!(pane.modes(), "other screen 1, cursor 1, mouse 1");
    pane.press(&["2"]);
    pane.shows("#1 main");
    pane.shows("accounts");
    pane.press(&["Down", "Enter"]);
    pane.shows("Spawned at");
    pane.press(&["Escape"]);
    pane.hides("Spawned at");
    // A filter, with what is wrong under it while it is not whole.
    pane.press(&["/"]);
    pane.write("name~^acc(");
    pane.shows("^ ");
    pane.press(&["BSpace", "Enter"]);
    pane.shows("/ name~^acc");
    pane.hides("housekeeping");
    pane.press(&["Escape"]);
    pane.shows("housekeeping");
    // A click on the title of a screen.
    pane.write("\x1b[<0;3;2M");
    pane.shows("Loops");
    pane.press(&["?"]);
    pane.shows("Keys");
    pane.press(&["Escape"]);
    pane.hides("Keys");
    pane.press(&["q"]);
    pane.ended_with("0");
}

#[test]
fn the_size_changes_down_to_one_cell_while_the_palette_is_open() {
    let Some(pane) = Pane::open(100, 30) else { return };
    pane.start_demo();
    pane.press(&[":"]);
    pane.shows("Commands");
    pane.write("the");
    pane.resize("50", "10");
    pane.shows("loopscope needs 60x12, this is 50x10; q quits");
    pane.resize("1", "1");
    eventually("a screen of one cell", || pane.screen().trim().chars().count() <= 1);
    pane.resize("120", "40");
    pane.shows(": the");
    pane.press(&["Tab"]);
    pane.write("mono");
    pane.press(&["Enter"]);
    pane.shows("The theme is mono");
    pane.press(&["C-c"]);
    pane.ended_with("0");
}

#[test]
fn a_signal_restores_the_terminal_and_gives_its_code() {
    let Some(pane) = Pane::open(80, 24) else { return };
    for (name, code) in [("TERM", "143"), ("HUP", "129"), ("INT", "130"), ("QUIT", "131")] {
        pane.start_demo();
        signal(name, &pane.pid());
        pane.ended_with(code);
    }
}

#[test]
fn control_z_goes_back_to_the_shell_and_fg_returns() {
    let Some(pane) = Pane::open(80, 24) else { return };
    let pid = pane.file("pid");
    pane.line(&format!("clear; echo mark-on-the-screen; sh -c 'echo $$ >{pid}; exec $loopscope demo'"));
    pane.shows("● live");
    for stop in ["key", "signal"] {
        if stop == "key" {
            pane.press(&["C-z"]);
        } else {
            // From elsewhere: as somebody does who knows the number.
            signal("TSTP", &pane.pid());
        }
        pane.shows("mark-on-the-screen");
        pane.line("stty -a >/dev/null; echo shell-is-$((6*7))");
        pane.shows("shell-is-42");
        assert_eq!(pane.modes(), "other screen 0, cursor 1, mouse 0");
        pane.line("clear; echo mark-on-the-screen; fg");
        pane.shows("● live");
        assert_eq!(pane.modes(), "other screen 1, cursor 1, mouse 1");
    }
    pane.press(&["q"]);
    pane.shows("mark-on-the-screen");
}

#[test]
fn drawing_everything_anew_asks_the_terminal_nothing() {
    let Some(pane) = Pane::open(80, 24) else { return };
    pane.start_demo();
    pane.press(&["C-l", "2"]);
    pane.shows("#1 main");
    // To one that was not stopped.
    signal("CONT", &pane.pid());
    pane.press(&["?"]);
    pane.shows("Keys");
    pane.press(&["Escape", "q"]);
    pane.ended_with("0");
}

#[test]
fn a_copy_goes_to_the_terminal_and_the_editor_opens_at_the_line() {
    let Some(pane) = Pane::open(100, 30) else { return };
    let script = format!("#!/bin/sh\necho \"$@\" >{}\n", pane.file("edited"));
    std::fs::write(pane.stage.directory.join("editor"), script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(pane.stage.directory.join("editor"), mode).unwrap();
    pane.start_demo();
    pane.press(&["2"]);
    pane.shows("#1 main");
    pane.press(&["y"]);
    pane.shows("Copied, if the terminal allows it: #1 main");
    eventually("the copy in tmux's buffer", || {
        pane.tmux(&["show-buffer"]).starts_with("#1 main idle: group")
    });
    pane.press(&["o"]);
    eventually("the editor", || pane.read("edited").is_some());
    let edited = pane.read("edited").unwrap();
    assert!(edited.starts_with('+') && edited.trim_end().ends_with("src/demo/app.rs"), "{edited}");
    pane.shows("#1 main");
    // Without the mouse the terminal's own selection works.
    pane.press(&["m"]);
    pane.shows("The mouse is the terminal's");
    assert_eq!(pane.modes(), "other screen 1, cursor 1, mouse 0");
    pane.press(&["q"]);
    pane.ended_with("0");
}

#[test]
fn a_process_that_is_killed_stays_on_the_screen_with_how_it_ended() {
    let Some(pane) = Pane::open(100, 30) else { return };
    pane.start_demo();
    let processes = pane.stage.run("ps --json").json();
    let ours = processes["processes"].as_array().unwrap().iter().find(|process| {
        process["socket"]
            .as_str()
            .is_some_and(|socket| socket.starts_with(&*pane.stage.directory.to_string_lossy()))
    });
    let pid = ours.unwrap()["pid"].to_string();
    pane.press(&["2"]);
    pane.shows("#1 main");
    signal("STOP", &pid);
    pane.shows("does not answer, trying again");
    signal("CONT", &pid);
    pane.shows("● live");
    signal("KILL", &pid);
    pane.shows(&format!("pid {pid} has ended (killed by SIGKILL)"));
    pane.shows("#1 main");
    pane.press(&["q"]);
    pane.ended_with("0");
}

#[test]
fn a_terminal_that_goes_away_takes_the_program_along() {
    let Some(pane) = Pane::open(80, 24) else { return };
    pane.start_demo();
    let pid = pane.pid();
    pane.tmux(&["kill-server"]);
    eventually("the end of the program", || !std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_terminal_that_cannot_place_the_cursor_gets_what_a_pipe_gets() {
    let Some(pane) = Pane::open(120, 40) else { return };
    pane.line("export TERM=dumb");
    pane.start("demo --seconds 1");
    eventually("the end of the program", || pane.read("code").is_some());
    assert_eq!(pane.read("code").unwrap().trim(), "0");
    pane.shows("TERM names no terminal that the live picture can be drawn on");
    pane.shows("main");
}

#[test]
fn warnings_stacks_and_debug_mode_are_each_a_key_away() {
    let Some(pane) = Pane::open(110, 34) else { return };
    pane.start_demo();
    // The demo has a callback that is slow now and then.
    pane.press(&["8"]);
    pane.shows("slow-poll");
    pane.shows("To mend it:");
    pane.press(&["Enter"]);
    pane.shows("What it means");
    pane.press(&["Escape", "n"]);
    pane.shows("What the threads of the loops were doing");
    pane.shows("loop 0, thread");
    pane.press(&["Escape", "2"]);
    pane.shows("#1 main");
    pane.press(&["a"]);
    pane.shows("taken with one poll of the task");
    pane.shows("demo/app.rs");
    pane.press(&["x"]);
    pane.shows("Cancelling a task needs the right `control`");
    pane.press(&["d"]);
    pane.shows("debug on");
    pane.press(&["q"]);
    pane.ended_with("0");
}
