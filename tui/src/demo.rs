//! `demo`: a small but real application as a child process, to try everything on.
//!
//! The child is this same program with a hidden command, so nothing else has to be installed. It ends when this process ends,
//! however that happens: the kernel sends it a signal when its parent dies, and its stdin, which we hold open, comes to its end.

mod app;
mod database;
mod echo;
mod traffic;

pub(crate) use app::run as run_app;

use crate::app::ending::Started;
use anyhow::{Context as _, bail};
use std::cell::RefCell;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

/// What the application writes to stdout once it can be attached to.
const READY: &str = "ready";

/// The running application. It ends when this value is dropped.
#[derive(Debug)]
pub(crate) struct Application {
    child: Rc<RefCell<Child>>,
    pid: u32,
}

impl Application {
    /// Starts the application and returns when it can be attached to.
    ///
    /// # Errors
    ///
    /// If this program's file cannot be started, or the application could not start its agent.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("finding this program's own file")?;
        let mut child = Command::new(program)
            .arg("demo-app")
            .arg("--parent")
            .arg(std::process::id().to_string())
            // The agent would obey a switch that was meant for other programs, and there would be nothing to see.
            .env_remove("LOOPSCOPE_INSPECT")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // The terminal is the TUI's. Why a start failed is told on stdout.
            .stderr(Stdio::null())
            .spawn()
            .context("starting the application")?;
        let stdout = child.stdout.take();
        let application = Self { pid: child.id(), child: Rc::new(RefCell::new(child)) };
        application.wait_ready(stdout.context("the application has no stdout")?)?;
        Ok(application)
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Who can be asked how it has ended.
    pub(crate) fn started(&self) -> Started {
        Started::new(&self.child)
    }

    fn wait_ready(&self, stdout: ChildStdout) -> anyhow::Result<()> {
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).context("waiting for the application")?;
        if line.trim_end() == READY {
            return Ok(());
        }
        let status = self.child.borrow_mut().wait().context("waiting for the application")?;
        bail!("the application did not start ({status}): {}", line.trim_end());
    }
}

impl Drop for Application {
    #[expect(
        clippy::disallowed_methods,
        reason = "no loop runs here any more, and it takes a few milliseconds"
    )]
    fn drop(&mut self) {
        /// How often is looked whether it has ended, and the time between: an exit takes a few milliseconds.
        const LOOKS: u32 = 50;
        const PAUSE: Duration = Duration::from_millis(4);
        // The end of its stdin lets it exit in order and take its socket along.
        let mut child = self.child.borrow_mut();
        drop(child.stdin.take());
        for _ in 0..LOOKS {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        // Both fail only if it has ended meanwhile, which is what is wanted.
        let _ = child.kill();
        let _ = child.wait();
    }
}
