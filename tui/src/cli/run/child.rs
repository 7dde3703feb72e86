//! The program that was started: how it is started, and how it is noticed that it has ended.
//!
//! A thread waits for the end without asking for the exit status, so that the number stays the program's own until somebody here
//! asks: the signals that are passed on reach nobody else.

use super::output::Output;
use super::signals::Passing;
use crate::app::ending::Started;
use crate::cli::{Exit, Failure};
use anyhow::Context as _;
use loopscope::net::UnixStream;
use loopscope_inspector::model::words;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::rc::Rc;

/// Where the program's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Streams {
    /// Through us, who keep it while there is a picture on the terminal.
    Kept,
    /// All of it to standard error.
    BesideDocuments,
    /// Where it went anyway.
    Own,
}

/// The program.
#[derive(Debug)]
pub(super) struct Launched {
    child: Rc<RefCell<Child>>,
    pid: u32,
    name: String,
    output: Option<Output>,
    passing: Passing,
    /// Comes to its end when the program does.
    end: std::os::unix::net::UnixStream,
}

impl Launched {
    /// Starts the program with its agent switched on.
    ///
    /// # Errors
    ///
    /// If there is no such program (exit code 127) or it cannot be executed (126), as a shell has it.
    pub(super) fn start(command: &[OsString], debug: bool, streams: Streams) -> anyhow::Result<Self> {
        let program = command.first().context("there is no program to run")?;
        let mut process = Command::new(program);
        process.args(command.iter().skip(1)).process_group(0);
        // A path is a place for the socket, and says just as well that there is to be one.
        if !std::env::var("LOOPSCOPE_INSPECT").is_ok_and(|value| value.contains('/')) {
            process.env("LOOPSCOPE_INSPECT", "1");
        }
        if debug {
            process.env("LOOPSCOPE_DEBUG", "1");
        }
        let from_terminal = streams != Streams::Kept && io::stdin().is_terminal();
        process.stdin(match streams {
            Streams::Kept => Stdio::null(),
            // It is not in the foreground and would be stopped if it read the terminal.
            _ if from_terminal => Stdio::piped(),
            _ => Stdio::inherit(),
        });
        match streams {
            Streams::Kept => {
                process.stdout(Stdio::piped()).stderr(Stdio::piped());
            }
            Streams::BesideDocuments => {
                let stderr =
                    io::stderr().as_fd().try_clone_to_owned().context("passing on standard error")?;
                process.stdout(stderr);
            }
            Streams::Own => {}
        }
        // Before there is anything that a signal could be meant for.
        let passing = Passing::prepare().context("listening to signals")?;
        let mut child = process.spawn().map_err(|error| unable(Path::new(program), &error))?;
        let pid = child.id();
        passing.begin(pid).context("starting a thread")?;
        let output = match (child.stdout.take(), child.stderr.take()) {
            (Some(stdout), Some(stderr)) => Some(Output::take(stdout, stderr).context("starting a thread")?),
            _ => None,
        };
        if let Some(mut input) = child.stdin.take() {
            // Ends with us: a read of the terminal cannot be given up.
            std::thread::Builder::new()
                .name("stdin".into())
                .spawn(move || io::copy(&mut io::stdin(), &mut input))
                .context("starting a thread")?;
        }
        let (end, ours) = std::os::unix::net::UnixStream::pair().context("making a pair of sockets")?;
        let id = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let ended = passing.ended();
        std::thread::Builder::new()
            .name("wait".into())
            .spawn(move || {
                if let Some(id) = id {
                    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
                    while matches!(waitid(WaitId::Pid(id), options), Err(rustix::io::Errno::INTR)) {}
                }
                ended.set();
                drop(ours);
            })
            .context("starting a thread")?;
        let name = Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned();
        Ok(Self { child: Rc::new(RefCell::new(child)), pid, name, output, passing, end })
    }

    /// The number of the program, and of its process group.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// How to speak of it.
    pub(super) fn who(&self) -> String {
        format!("{} (pid {})", words::escape(&self.name, words::NAME_CHARS_MAX), self.pid)
    }

    /// Who can be asked how it has ended.
    pub(super) fn started(&self) -> Started {
        Started::new(&self.child)
    }

    /// How it has ended, if it has.
    pub(super) fn status(&self) -> Option<ExitStatus> {
        self.child.borrow_mut().try_wait().ok().flatten()
    }

    /// Returns when it has ended.
    pub(super) async fn ended(&self) {
        let Ok(Ok(end)) = self.end.try_clone().map(UnixStream::from_std) else {
            return std::future::pending().await;
        };
        // Nothing is ever written, so whatever comes is the end.
        let _ = end.read(&mut [0]).await;
    }

    /// Keeps the output from now on: the terminal is somebody else's.
    pub(super) fn keep_output(&self) {
        self.passing.picture(true);
        if let Some(output) = &self.output {
            output.keep();
        }
    }

    /// Writes what was kept, and from now on what comes.
    pub(super) fn let_output_through(&self) {
        self.passing.picture(false);
        if let Some(output) = &self.output {
            output.let_through();
        }
    }

    /// Waits for its end, and for the end of its output.
    ///
    /// # Errors
    ///
    /// If the operating system does not tell.
    pub(super) fn wait(self) -> anyhow::Result<ExitStatus> {
        // Not `Child::wait`, which would ask at once and leave the number to others while signals are passed on.
        let mut end = self.end;
        let _ = end.set_nonblocking(false);
        let _ = io::Read::read(&mut end, &mut [0]);
        let status = self.child.borrow_mut().wait().context("waiting for the program")?;
        if let Some(output) = self.output {
            output.finish();
        }
        Ok(status)
    }
}

/// Why a program could not be started, with the exit code that shells give.
fn unable(program: &Path, error: &io::Error) -> Failure {
    let shown = words::escape(&program.to_string_lossy(), words::TEXT_CHARS_MAX).into_owned();
    match error.kind() {
        io::ErrorKind::NotFound if program.components().count() > 1 && program.exists() => Failure::new(
            Exit::NotExecutable,
            format!("{shown} cannot be executed: its interpreter is missing"),
        ),
        io::ErrorKind::NotFound => {
            Failure::new(Exit::NotFound, format!("{shown} cannot be started: there is no such program"))
        }
        _ => Failure::new(Exit::NotExecutable, format!("{shown} cannot be executed: {error}")),
    }
}
