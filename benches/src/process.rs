//! Both ends of a peer process: being one, and running one. Also the build of the one that is another binary.
//!
//! A run has a process of its own so that no peer inherits another's heap, threads or page faults.

use std::ffi::{OsStr, OsString};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::measure::pin_to_one_cpu;
use crate::runtime::Peer;
use crate::sample::Sample;
use crate::workload::Workload;

/// A run takes a few seconds at most; one that takes this long hangs.
const RUN_TIME_MAX: Duration = Duration::from_secs(120);

/// The hidden subcommand `peer`: one line of JSON on standard output.
pub(crate) fn be_peer(peer: Peer, workload: Workload, size: u64) -> Result<()> {
    // Before the runtime starts any thread, so that they all inherit it.
    pin_to_one_cpu()?;
    let sample = peer.run(workload, size)?;
    let mut line = serde_json::to_string(&sample).context("writing the sample as JSON")?;
    line.push('\n');
    std::io::stdout().write_all(line.as_bytes()).context("writing to standard output")
}

/// The executables of the peers.
#[derive(Debug)]
pub(crate) struct Binaries {
    this: PathBuf,
    bare: PathBuf,
}

impl Binaries {
    /// Finds this executable and brings the bare one up to date.
    pub(crate) fn prepare() -> Result<Self> {
        let this = std::env::current_exe().context("finding this executable")?;
        let bare = build_bare(&this)?;
        Ok(Self { this, bare })
    }

    /// Runs one workload on one peer in a process of its own.
    pub(crate) fn run(&self, peer: Peer, workload: Workload, size: u64) -> Result<Sample> {
        let executable = if peer.is_bare() { &self.bare } else { &self.this };
        let mut command = Command::new(executable);
        command.args(["peer", peer.name(), workload.name(), &size.to_string()]);
        for variable in ["LOOPSCOPE_INSPECT", "LOOPSCOPE_DEBUG"] {
            command.env_remove(variable);
        }
        run_to_line(&mut command, RUN_TIME_MAX)
            .and_then(|line| {
                serde_json::from_str(&line).with_context(|| format!("reading the sample {line:?}"))
            })
            .with_context(|| format!("{} {}", peer.name(), workload.name()))
    }
}

/// What a process writes on standard output. It is killed, and that is an error, when it takes too long.
fn run_to_line(command: &mut Command, time_max: Duration) -> Result<String> {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("starting the process")?;
    let mut stdout = child.stdout.take().context("the process has no standard output")?;
    let (sender, receiver) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text).map(|_| text);
        // The receiver is gone if the process was too slow.
        let _gone = sender.send(read);
    });
    let Ok(read) = receiver.recv_timeout(time_max) else {
        child.kill().context("killing the process")?;
        child.wait().context("waiting for the killed process")?;
        bail!("no result within {} s, killed", time_max.as_secs_f64());
    };
    // It has just sent its last word.
    let _ended = reader.join();
    let status = child.wait().context("waiting for the process")?;
    ensure!(status.success(), "the process failed: {status}");
    read.context("reading its standard output")
}

/// Builds this same package with the records compiled out, below this executable's own target directory.
fn build_bare(this: &Path) -> Result<PathBuf> {
    let place = BuildPlace::of(this)
        .with_context(|| format!("{} lies in no target directory, cannot build its twin", this.display()))?;
    let mut rustflags = std::env::var_os("RUSTFLAGS").unwrap_or_default();
    if !rustflags.is_empty() {
        rustflags.push(" ");
    }
    // Much lies idle where the writing is compiled out; only that build is to be silent about it.
    rustflags.push("--cfg loopscope_bare -A unused");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo.arg("build").arg("--manifest-path").arg(&manifest);
    cargo.args(["--bin", "loopscope-benches", "--no-default-features", "--profile"]).arg(&place.profile);
    cargo.arg("--target-dir").arg(&place.bare_target).env("RUSTFLAGS", &rustflags);
    eprintln!(
        "building loopscope-bare: RUSTFLAGS=\"{}\" cargo build --no-default-features --profile {} --target-dir {}",
        rustflags.display(),
        place.profile.display(),
        place.bare_target.display()
    );
    let status = cargo
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("starting {}", cargo.get_program().display()))?;
    ensure!(status.success(), "building loopscope-bare failed: {status}");
    Ok(place.bare_executable)
}

/// Where cargo put this executable and will put its twin.
#[derive(Debug, PartialEq)]
struct BuildPlace {
    profile: OsString,
    bare_target: PathBuf,
    bare_executable: PathBuf,
}

impl BuildPlace {
    /// From `…/target/release/loopscope-benches`.
    fn of(executable: &Path) -> Option<Self> {
        let name = executable.file_name()?;
        let folder = executable.parent()?;
        let folder_name = folder.file_name()?;
        // Cargo's one exception: the profile `dev` builds into `debug`.
        let profile = if folder_name == OsStr::new("debug") { OsStr::new("dev") } else { folder_name };
        let bare_target = folder.parent()?.join("bare");
        let bare_executable = bare_target.join(folder_name).join(name);
        Some(Self { profile: profile.to_owned(), bare_target, bare_executable })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bare_twin_lies_below_the_same_target_directory_in_the_same_profile() {
        let place = BuildPlace::of(Path::new("/t/release/loopscope-benches")).unwrap();
        assert_eq!(place.profile, "release");
        assert_eq!(place.bare_target, Path::new("/t/bare"));
        assert_eq!(place.bare_executable, Path::new("/t/bare/release/loopscope-benches"));
        assert_eq!(BuildPlace::of(Path::new("/t/debug/b")).unwrap().profile, "dev");
        assert_eq!(BuildPlace::of(Path::new("/b")), None);
    }

    #[test]
    fn a_process_that_fails_is_an_error_though_it_wrote_something() {
        let run = |script: &str| run_to_line(Command::new("sh").args(["-c", script]), RUN_TIME_MAX);
        assert_eq!(run("echo fine").unwrap(), "fine\n");
        let error = run("echo fine; exit 3").unwrap_err().to_string();
        assert!(error.contains("exit status: 3"), "{error}");
    }

    #[test]
    fn a_process_that_hangs_is_killed() {
        let error = run_to_line(Command::new("tail").args(["-f", "/dev/null"]), Duration::ZERO);
        assert_eq!(error.unwrap_err().to_string(), "no result within 0 s, killed");
    }
}
