//! A shell in a terminal of its own, tmux: what it shows, keys that are pressed in it, and how the program leaves it behind.
//!
//! Every wait polls what the pane shows, with a bound that only a broken program reaches.

#![allow(dead_code, reason = "every test crate uses a part of it")]

use crate::stage::{Stage, comes_true, eventually};
use std::process::{Command, Stdio};

/// A shell in a terminal of its own.
pub(crate) struct Pane {
    pub(crate) stage: Stage,
    server: String,
}

impl Pane {
    /// `None` if there is no tmux.
    pub(crate) fn open(width: u16, height: u16) -> Option<Self> {
        if Command::new("tmux").arg("-V").stdout(Stdio::null()).status().is_err() {
            eprintln!("skipped: there is no tmux");
            return None;
        }
        let stage = Stage::new();
        let server = format!("lsc-{}", stage.directory.file_name().unwrap().to_string_lossy());
        let pane = Self { stage, server };
        let variables = [
            format!("XDG_RUNTIME_DIR={}", pane.stage.directory.display()),
            format!("loopscope={}", env!("CARGO_BIN_EXE_loopscope")),
            format!("EDITOR={}", pane.file("editor")),
            "LOOPSCOPE_CONFIG=".to_owned(),
            "LC_ALL=C.UTF-8".to_owned(),
            "PS1=ready> ".to_owned(),
            "ENV=".to_owned(),
        ];
        let (width, height) = (width.to_string(), height.to_string());
        let mut arguments = vec!["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height];
        for variable in &variables {
            arguments.extend(["-e", variable]);
        }
        arguments.extend(["env", "-u", "VISUAL", "-u", "NO_COLOR", "-u", "LOOPSCOPE_THEME", "sh", "-i"]);
        pane.tmux(&arguments);
        pane.tmux(&["set-option", "-g", "status", "off"]);
        pane.tmux(&["set-option", "-g", "window-size", "manual"]);
        pane.tmux(&["set-option", "-s", "set-clipboard", "on"]);
        pane.resize(&width, &height);
        pane.shows("ready>");
        Some(pane)
    }

    pub(crate) fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux").args(["-L", &self.server]).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.stage.directory.join(name).to_string_lossy().into_owned()
    }

    pub(crate) fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.stage.directory.join(name)).ok()
    }

    /// What is on the screen.
    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Presses keys as tmux names them.
    pub(crate) fn press(&self, keys: &[&str]) {
        for key in keys {
            self.tmux(&["send-keys", key]);
        }
    }

    /// Types text as it is.
    pub(crate) fn write(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
    }

    /// Types a line for the shell.
    pub(crate) fn line(&self, text: &str) {
        self.write(text);
        self.press(&["Enter"]);
    }

    pub(crate) fn resize(&self, width: &str, height: &str) {
        self.tmux(&["resize-window", "-x", width, "-y", height]);
    }

    #[track_caller]
    pub(crate) fn shows(&self, text: &str) {
        self.shows_one(&format!("{text:?}"), |line| line.contains(text));
    }

    /// Waits for a line of the screen that is as it should be.
    #[track_caller]
    pub(crate) fn shows_one(&self, what: &str, is: impl Fn(&str) -> bool) {
        let mut last = String::new();
        let found = comes_true(|| {
            last = self.screen();
            last.lines().any(&is)
        });
        assert!(found, "no {what} on the screen:\n{last}");
    }

    /// Waits for a line of the screen that has all of these, in this order.
    #[track_caller]
    pub(crate) fn shows_line(&self, parts: &[&str]) {
        self.shows_one(&format!("line with {parts:?}"), |line| has_all(line, parts));
    }

    /// Waits for all of these, in this order, in text that may be broken into lines at any space.
    #[track_caller]
    pub(crate) fn shows_folded(&self, parts: &[&str]) {
        let mut last = String::new();
        let found = comes_true(|| {
            last = self.screen();
            has_all(&last.lines().map(str::trim).collect::<Vec<_>>().join(" "), parts)
        });
        assert!(found, "no {parts:?} on the screen:\n{last}");
    }

    #[track_caller]
    pub(crate) fn hides(&self, text: &str) {
        eventually(&format!("{text:?} gone from the screen"), || !self.screen().contains(text));
    }

    /// What tmux knows of the terminal's modes: the other screen, the cursor, the mouse.
    pub(crate) fn modes(&self) -> String {
        let format = "other screen #{alternate_on}, cursor #{cursor_flag}, mouse #{mouse_any_flag}";
        self.tmux(&["display-message", "-p", format]).trim().to_owned()
    }

    /// Starts the demo behind a mark on the screen, and notes how the terminal was before and after.
    pub(crate) fn start(&self, arguments: &str) {
        let before = self.file("before");
        let (after, code, pid) = (self.file("after"), self.file("code"), self.file("pid"));
        let _ = std::fs::remove_file(&code);
        self.line(&format!(
            "clear; echo mark-on-the-screen; stty -a | sed 's/rows.*columns [0-9]*//' >{before}; sh -c 'echo $$ >{pid}; exec $loopscope {arguments}'; \
             echo $? >{code}.new; stty -a | sed 's/rows.*columns [0-9]*//' >{after}; mv {code}.new {code}"
        ));
    }

    pub(crate) fn start_demo(&self) {
        self.start("demo");
        self.shows("● live");
    }

    pub(crate) fn pid(&self) -> String {
        self.read("pid").unwrap().trim().to_owned()
    }

    /// Waits for the end, and checks that the terminal is as it was.
    #[track_caller]
    pub(crate) fn ended_with(&self, code: &str) {
        eventually("the end of the program", || self.read("code").is_some());
        assert_eq!(self.read("code").unwrap().trim(), code, "{}", self.screen());
        assert_eq!(self.read("before"), self.read("after"), "the terminal's settings");
        self.shows("mark-on-the-screen");
        assert_eq!(self.modes(), "other screen 0, cursor 1, mouse 0");
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

/// Whether a text has all of these, in this order.
fn has_all(text: &str, parts: &[&str]) -> bool {
    parts.iter().try_fold(text, |rest, part| Some(rest.split_once(part)?.1)).is_some()
}
