//! Settings as the real program finds them: flags, environment, configuration file, locale.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A configuration file, and a program that finds it where the standard says.
struct Home {
    directory: PathBuf,
}

impl Home {
    fn new(test: &str, config: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("lscfg-{}-{test}", std::process::id()));
        std::fs::create_dir_all(directory.join("config/loopscope")).unwrap();
        std::fs::write(directory.join("config/loopscope/config.toml"), config).unwrap();
        Self { directory }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loopscope"));
        command.args(line.split_whitespace()).env_clear().stdin(Stdio::null());
        // No process of this machine is in the way.
        command.env("XDG_RUNTIME_DIR", &self.directory).env("XDG_CONFIG_HOME", self.directory.join("config"));
        command
    }

    fn run(&self, command: &mut Command) -> (Option<i32>, String, String) {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).unwrap().replace(&*self.directory.to_string_lossy(), "HOME")
        };
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn each_setting_is_shown_with_where_it_comes_from_and_the_output_is_a_file() {
    let home = Home::new("origins", "timeout = \"9s\"\ninterval = \"9s\"\ncolor = \"never\"\n");
    let mut command = home.command("--interval 3s --print-config");
    let (code, out, err) = home.run(command.env("LOOPSCOPE_TIMEOUT", "4s").env("LC_ALL", "C"));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    for line in [
        "interval = \"3s\"  # --interval",
        "timeout = \"4s\"  # LOOPSCOPE_TIMEOUT",
        "slow = \"100ms\"  # default",
        "color = \"never\"  # HOME/config/loopscope/config.toml:3",
        "ascii = true  # the locale",
    ] {
        assert!(out.lines().any(|printed| printed == line), "{line:?} is missing in {out}");
    }
    // What was printed is taken as a file, and says the same.
    let again = Home::new("saved", &out);
    let (code, out, err) = again.run(&mut again.command("--print-config"));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("\ninterval = \"3s\"  # HOME/config/loopscope/config.toml:"), "{out}");
}

#[test]
fn a_mistake_in_the_file_is_pointed_at_by_every_command_with_2() {
    let home = Home::new("mistake", "color = \"never\"\nintervall = \"2s\"\n");
    for line in ["ps", "--print-config", "tasks 1", "demo"] {
        let (code, out, err) = home.run(&mut home.command(line));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{line}: {err}");
        assert_eq!(
            err,
            "loopscope: HOME/config/loopscope/config.toml:2:1: there is no setting `intervall`; did you mean `interval`?\n    intervall = \"2s\"\n    ^^^^^^^^^\n"
        );
    }
    let none = home.run(home.command("ps --filter name=no-such-program").env("LOOPSCOPE_CONFIG", ""));
    assert_eq!(none, (Some(0), "no processes\n".into(), String::new()), "an empty variable is no file");
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let home = Home::new("named", "");
    let (code, _, err) = home.run(home.command("ps").env("LOOPSCOPE_CONFIG", "no/such.toml"));
    assert_eq!(code, Some(2));
    assert!(err.starts_with("loopscope: cannot read no/such.toml (LOOPSCOPE_CONFIG names it): "), "{err}");
    let (code, _, err) = home.run(home.command("ps").env("LOOPSCOPE_CONFIG", &home.directory));
    assert_eq!(code, Some(2));
    assert!(err.contains("directory"), "{err}");
}

#[test]
fn the_schema_of_the_file_is_json() {
    let home = Home::new("schema", "");
    let (code, out, _) = home.run(&mut home.command("--config-schema"));
    assert_eq!(code, Some(0));
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(schema["properties"]["interval"]["default"], "1s");
}
