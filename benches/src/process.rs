//! Both ends of a peer process: being one, and running one. Also the build of the one that is another binary.
//!
//! A run has a process of its own so that no peer inherits another's heap, threads or page faults.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::{OsStr, OsString};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::measure::pin_to_one_cpu;
use crate::runtime::{Build, Peer};
use crate::sample::Sample;
use crate::workload::{Workload, echo};

/// A run takes a few seconds at most; one that takes this long hangs.
const RUN_TIME_MAX: Duration = Duration::from_secs(120);

/// The hidden subcommand `peer`: one line of JSON on standard output.
pub(crate) fn be_peer(peer: Peer, workload: Workload, size: u64) -> Result<()> {
    // Before the runtime starts any thread, so that they all inherit it.
    pin_to_one_cpu()?;
    let sample = if workload == Workload::Echo64Counts {
        echo::run_counts(peer, size)?
    } else {
        peer.run(workload, size)?
    };
    let mut line = serde_json::to_string(&sample).context("writing the sample as JSON")?;
    line.push('\n');
    std::io::stdout().write_all(line.as_bytes()).context("writing to standard output")
}

/// The executables of the peers.
#[derive(Debug)]
pub(crate) struct Binaries(BTreeMap<Build, PathBuf>);

impl Binaries {
    /// Finds this executable and brings up to date the others that these peers are in.
    pub(crate) fn prepare(peers: &[Peer]) -> Result<Self> {
        let this = std::env::current_exe().context("finding this executable")?;
        let mut executables = BTreeMap::new();
        for build in peers.iter().map(|peer| peer.build()) {
            if let Entry::Vacant(vacant) = executables.entry(build) {
                vacant.insert(build.executable(&this)?);
            }
        }
        Ok(Self(executables))
    }

    /// Runs one workload on one peer in a process of its own.
    pub(crate) fn run(&self, peer: Peer, workload: Workload, size: u64) -> Result<Sample> {
        let executable =
            self.0.get(&peer.build()).with_context(|| format!("{} was not built", peer.name()))?;
        let mut command = Command::new(executable);
        command.args(["peer", peer.name(), workload.name(), &size.to_string()]);
        for variable in ["LOOPSCOPE_INSPECT", "LOOPSCOPE_DEBUG"] {
            command.env_remove(variable);
        }
        command.envs(peer.debug().map(|mode| ("LOOPSCOPE_DEBUG", mode)));
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

impl Build {
    /// What the compiler and cargo are told, and the folder below the target directory: of all but this one.
    fn recipe(self) -> Option<(&'static str, &'static [&'static str], &'static str)> {
        match self {
            Self::This => None,
            // Much lies idle where the writing is compiled out; only that build is to be silent about it.
            Self::Bare => Some(("--cfg loopscope_bare -A unused", &["--no-default-features"], "bare")),
            Self::Console => Some((
                "--cfg tokio_unstable -A unused",
                &["--no-default-features", "--features=console"],
                "console",
            )),
        }
    }

    /// Builds this same package another way, below this executable's own target directory.
    fn executable(self, this: &Path) -> Result<PathBuf> {
        let Some((flags, features, folder)) = self.recipe() else { return Ok(this.to_owned()) };
        let place = BuildPlace::of(this, folder).with_context(|| {
            format!("{} lies in no target directory, cannot build its twin", this.display())
        })?;
        let mut rustflags = std::env::var_os("RUSTFLAGS").unwrap_or_default();
        if !rustflags.is_empty() {
            rustflags.push(" ");
        }
        rustflags.push(flags);
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
        cargo.arg("build").arg("--manifest-path").arg(&manifest).args(["--bin", "loopscope-benches"]);
        cargo.args(features).arg("--profile").arg(&place.profile);
        cargo.arg("--target-dir").arg(&place.target).env("RUSTFLAGS", &rustflags);
        eprintln!(
            "building the twin {folder}: RUSTFLAGS=\"{}\" cargo build {} --profile {} --target-dir {}",
            rustflags.display(),
            features.join(" "),
            place.profile.display(),
            place.target.display()
        );
        let status = cargo
            .stdin(Stdio::null())
            .status()
            .with_context(|| format!("starting {}", cargo.get_program().display()))?;
        ensure!(status.success(), "building the twin {folder} failed: {status}");
        Ok(place.executable)
    }
}

/// Where cargo put this executable and will put its twin.
#[derive(Debug, PartialEq)]
struct BuildPlace {
    profile: OsString,
    target: PathBuf,
    executable: PathBuf,
}

impl BuildPlace {
    /// From `…/target/release/loopscope-benches`.
    fn of(executable: &Path, twin: &str) -> Option<Self> {
        let name = executable.file_name()?;
        let folder = executable.parent()?;
        let folder_name = folder.file_name()?;
        // Cargo's one exception: the profile `dev` builds into `debug`.
        let profile = if folder_name == OsStr::new("debug") { OsStr::new("dev") } else { folder_name };
        let target = folder.parent()?.join(twin);
        let executable = target.join(folder_name).join(name);
        Some(Self { profile: profile.to_owned(), target, executable })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twin_lies_below_the_same_target_directory_in_the_same_profile() {
        let place = BuildPlace::of(Path::new("/t/release/loopscope-benches"), "bare").unwrap();
        assert_eq!(place.profile, "release");
        assert_eq!(place.target, Path::new("/t/bare"));
        assert_eq!(place.executable, Path::new("/t/bare/release/loopscope-benches"));
        assert_eq!(BuildPlace::of(Path::new("/t/debug/b"), "bare").unwrap().profile, "dev");
        assert_eq!(BuildPlace::of(Path::new("/b"), "bare"), None);
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
