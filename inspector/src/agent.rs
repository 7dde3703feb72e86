//! The part of the inspector that lives in the application: a thread with a loop of its own that answers clients.
//!
//! ```text
//!   application's loops          agent's thread                                     clients
//!   ┌───────────────┐  records   ┌──────────────────────────────────────┐   socket
//!   │ write, never  │ ─────────► │ reading ─► parts ─► hyper's HTTP/2   │ ─────────► loopscope
//!   │ wait          │            │ made when a client asks, and only then│
//!   └───────────────┘            └──────────────────────────────────────┘
//! ```
//!
//! # What it never does
//!
//! It never stops, locks or wakes a loop of the application; it never waits for a client that does not read; it never keeps
//! more than a bounded amount for a client; and whatever goes wrong in it, the application goes on. After `fork` the child
//! has no agent. Nothing is joined when the process ends; the socket's file is removed if the main thread comes to its end, and
//! if Ctrl-C ends `loopscope::run`.

mod builder;
#[cfg(feature = "tokio-console")]
mod console;
mod diagnosis;
#[cfg_attr(not(feature = "stacks"), path = "agent/no_stacks.rs")]
mod dump;
mod lease;
#[cfg_attr(not(feature = "logs"), path = "agent/no_logs.rs")]
mod logs;
mod own_process;
mod peer;
mod post_mortem;
mod reading;
mod rights;
mod sentinel;
mod server;
mod service;
mod socket;
#[cfg(feature = "stacks")]
mod stack;
mod start_error;
mod window;

pub use builder::Builder;
pub use post_mortem::PostMortem;
pub use start_error::StartError;

use crate::model::Rights;
use crate::proc::Proc;
use crate::rendezvous::{self, Asked, VARIABLE};
use futures_channel::oneshot;
use server::Limits;
use socket::Bound;
use start_error::Operation;
use std::cell::RefCell;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

/// The process whose agent was started by one of the functions below, and where it listens. The number tells a child that
/// was forked off, which has no agent.
static STARTED: Mutex<Option<(u32, PathBuf)>> = Mutex::new(None);

/// Starts the agent of this process. One line at the top of `main`.
///
/// If it cannot start, one line on standard error says why, and the application goes on. `LOOPSCOPE_INSPECT=0` in the
/// environment keeps it from starting, `LOOPSCOPE_INSPECT=PATH` puts its socket elsewhere. A second call does nothing.
///
/// # Examples
///
/// ```no_run
/// loopscope_inspector::start();
/// loopscope::run(async {
///     // …
/// });
/// ```
pub fn start() {
    Builder::new().start();
}

/// Starts the agent of this process only if the environment asks for it: `LOOPSCOPE_INSPECT=1`, or a path.
///
/// If it cannot start, one line on standard error says why, and the application goes on.
pub fn start_if_asked() {
    match asked() {
        Asked::On | Asked::At(_) => start(),
        Asked::Nothing | Asked::Off | Asked::Nonsense(_) => {}
    }
}

/// Starts the agent of this process, or says why it cannot.
///
/// The agent lives until the process ends, whatever becomes of the [`Agent`].
///
/// # Errors
///
/// If the environment says `LOOPSCOPE_INSPECT=0`, if there is an agent already, and if the operating system refuses the
/// directory, the socket or the thread.
///
/// # Examples
///
/// ```
/// match loopscope_inspector::try_start() {
///     Ok(agent) => println!("loopscope attach {}", agent.socket().display()),
///     Err(error) => println!("no inspector: {error}"),
/// }
/// ```
pub fn try_start() -> Result<Agent, StartError> {
    Builder::new().try_start()
}

/// Starts the agent of this process, with the rights that the code grants.
fn start_with(code: Rights) -> Result<Agent, StartError> {
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    let pid = std::process::id();
    if let Some((_, socket)) = started.as_ref().filter(|(of, _)| *of == pid) {
        return Err(StartError::already_started(socket.clone()));
    }
    let bound = match asked() {
        Asked::Off => return Err(StartError::switched_off()),
        Asked::At(path) => socket::bind(&path)?,
        Asked::Nothing | Asked::On | Asked::Nonsense(_) => {
            let runtime_dir = rendezvous::runtime_dir(std::env::var_os("XDG_RUNTIME_DIR").as_deref());
            let uid = rustix::process::geteuid().as_raw();
            socket::bind_usual(&Proc::default(), runtime_dir.as_deref(), uid)?
        }
    };
    let agent = spawn(bound, limits(code))?;
    *started = Some((pid, agent.socket.clone()));
    remove_at_exit(&agent.socket);
    post_mortem::install_if_asked();
    Ok(agent)
}

/// The usual limits, with the rights that code and environment grant.
fn limits(code: Rights) -> Limits {
    let (rights, complaints) = rights::granted(code, |variable| std::env::var_os(variable));
    for complaint in &complaints {
        warn(complaint);
    }
    Limits { rights, ..Limits::default() }
}

/// What the environment asks for; nonsense is said to be ignored.
fn asked() -> Asked {
    let asked = rendezvous::asked(std::env::var_os(VARIABLE).as_deref());
    if let Asked::Nonsense(value) = &asked {
        let value = crate::model::words::escape(value, 64);
        warn(&format!(
            "{VARIABLE} is \"{value}\", which is neither 0, nor 1, nor a path with a `/`; it is ignored"
        ));
    }
    asked
}

/// A running agent.
///
/// Dropping this leaves it running.
#[derive(Debug)]
pub struct Agent {
    socket: PathBuf,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Agent {
    /// For an agent that grants more, or less, than usual.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Starts an agent at a path of one's own choice, whatever the environment says; for tests and for processes with
    /// several. A socket there that nobody listens on is replaced.
    ///
    /// # Errors
    ///
    /// If the operating system refuses the socket or the thread.
    pub fn start_at(path: impl AsRef<Path>) -> Result<Self, StartError> {
        Builder::new().start_at(path)
    }

    /// Where its socket is.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Ends it: disconnects its clients, removes its socket and waits until its thread is gone.
    pub fn stop(self) {
        // Either may be gone already, if the agent has ended by itself.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

fn spawn(bound: Bound, limits: Limits) -> Result<Agent, StartError> {
    let (stop, stopped) = oneshot::channel();
    // The loop can only be made on its own thread, and whether that worked is to be known here.
    let (made, is_made) = mpsc::sync_channel(1);
    let path = bound.path.clone();
    let thread = std::thread::Builder::new()
        .name(rendezvous::AGENT_THREAD.to_owned())
        .spawn(move || {
            let runner = loopscope::Runner::builder().name("loopscope-agent").hidden(true).build();
            let mut runner = match runner {
                Ok(runner) => runner,
                Err(error) => {
                    let _ = made.send(Err(StartError::runtime(error)));
                    return;
                }
            };
            let path = bound.path;
            let _ = made.send(Ok(()));
            if let Err(error) = runner.block_on(server::serve(bound.listener, limits, stopped)) {
                warn(&format!("the inspector has ended: {error}"));
            }
            let _ = std::fs::remove_file(path);
        })
        .map_err(|source| StartError::io(Operation::Thread, &path, source))?;
    match is_made.recv() {
        Ok(Ok(())) => Ok(Agent { socket: path, stop, thread }),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(StartError::runtime("its thread ended at once")),
    }
}

/// One line on standard error, which may be closed.
fn warn(message: &str) {
    let _ = writeln!(std::io::stderr(), "loopscope: {message}");
}

/// Removes the socket's file when the main thread ends and when Ctrl-C ends `loopscope::run`, which is all that can be promised:
/// who looks for sockets knows that some are left behind.
fn remove_at_exit(socket: &Path) {
    struct OnExit {
        pid: u32,
        socket: PathBuf,
    }
    impl Drop for OnExit {
        fn drop(&mut self) {
            // A child that was forked off leaves its parent's socket alone.
            if self.pid == std::process::id() {
                let _ = std::fs::remove_file(&self.socket);
            }
        }
    }
    thread_local! {
        static ON_EXIT: RefCell<Option<OnExit>> = const { RefCell::new(None) };
    }
    let (pid, file) = (std::process::id(), socket.to_owned());
    loopscope::runner::before_interrupted_exit(move || drop(OnExit { pid, socket: file }));
    let is_main = rustix::thread::gettid() == rustix::process::getpid();
    if is_main {
        let on_exit = OnExit { pid: std::process::id(), socket: socket.to_owned() };
        ON_EXIT.with_borrow_mut(|slot| *slot = Some(on_exit));
    }
}
