//! The application that `demo` starts: an ordinary program with one line for the agent.
//!
//! ```text
//! main
//! ├── echo server                 a TCP listener on loopback, one task a connection
//! │   ├── echo                    (each reads, and writes back)
//! │   └── …
//! ├── load                        clients of the echo server, a few messages a second each
//! │   ├── client
//! │   └── …
//! ├── jobs                        a bounded queue, its producer, and workers that look things up
//! │   ├── producer
//! │   ├── worker
//! │   └── …
//! ├── database                    answers slowly, on a socket
//! │   └── session
//! ├── accounts                    everybody wants the lock "db", whose holder waits for the database
//! │   ├── transfer
//! │   └── …
//! └── housekeeping                timers, and a report that takes too long now and then
//! ```
//!
//! Everything waits most of the time: the whole of it takes a few percent of a core.

use super::{READY, database, echo, traffic};
use loopscope::TaskGroup;
use loopscope::net::TcpListener;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::OnceLock;

/// The agent's socket.
static SOCKET: OnceLock<PathBuf> = OnceLock::new();

/// Runs the application until its parent is gone.
///
/// # Errors
///
/// If the agent or the sockets cannot be opened; it is also told on stdout, where the parent listens.
pub(crate) fn run(parent: i32) -> anyhow::Result<()> {
    end_with(parent)?;
    match loopscope_inspector::try_start() {
        Ok(agent) => SOCKET.get_or_init(|| agent.socket().to_owned()),
        Err(error) => {
            // Standard error leads nowhere, the parent reads this.
            let _ = writeln!(std::io::stdout(), "{error}");
            return Err(error.into());
        }
    };
    let mut runner = loopscope::Runner::builder().name("demo").build()?;
    runner.block_on(application())?
}

/// Sees to it that this process ends when its parent does.
fn end_with(parent: i32) -> anyhow::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // The parent may have ended before the line above, and somebody else adopted us.
    let now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    anyhow::ensure!(now == Some(parent), "the process that started this one is gone");
    std::thread::Builder::new().name("parent".into()).spawn(|| {
        let mut ignored = [0; 64];
        // The parent writes nothing: whatever else this returns is the end of it.
        while matches!(std::io::stdin().read(&mut ignored), Ok(1..)) {}
        // The agent does so only where the main thread ends, and that may be in the middle of the slow report.
        SOCKET.get().map(std::fs::remove_file);
        std::process::exit(0);
    })?;
    Ok(())
}

async fn application() -> anyhow::Result<()> {
    let echo_listener = TcpListener::bind("127.0.0.1:0")?;
    let database_listener = TcpListener::bind("127.0.0.1:0")?;
    let (echo_address, database_address) = (echo_listener.local_addr()?, database_listener.local_addr()?);
    let group = TaskGroup::named("services");
    group.spawn_named("echo server", echo::serve(echo_listener));
    group.spawn_named("database", database::serve(database_listener));
    group.spawn_named("load", traffic::load(echo_address));
    group.spawn_named("jobs", traffic::jobs());
    group.spawn_named("accounts", traffic::accounts(database_address));
    group.spawn_named("housekeeping", traffic::housekeeping());
    // Once round the loop, so that whoever looks finds everybody there.
    loopscope::yield_now().await;
    tell_ready();
    Ok(group.close().await?)
}

/// Tells the parent that there is something to see.
fn tell_ready() {
    let mut out = std::io::stdout();
    // Without a parent to hear it, this process is about to end anyway.
    let _ = writeln!(out, "{READY}").and_then(|()| out.flush());
}
