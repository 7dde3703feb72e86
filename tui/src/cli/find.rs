//! From what was typed to the process that is meant, attached to.

use super::fetch::Source;
use super::flags::Look;
use super::mistyped::neither_command_nor_process;
use super::render::Table;
use super::{Flags, ask};
use loopscope_inspector::client::{self, Client, Error, Found, Kind, Target};
use loopscope_inspector::model::{Process, Snapshot, WallTime, words};
use loopscope_inspector::wire::{Picture, Request};
use std::io::Write as _;
use std::time::{Duration, SystemTime};

/// The process that is meant.
///
/// # Errors
///
/// If none or several are, or it cannot be attached to; the message says why.
pub(crate) fn find(target: &Target) -> anyhow::Result<Found> {
    client::find(target).map_err(|error| match error.kind() {
        Kind::NoSuchProgram { name } => neither_command_nor_process(name).map_or(error.into(), Into::into),
        _ => error.into(),
    })
}

/// Attaches to the process that is meant.
///
/// # Errors
///
/// As [`find`], and if it does not answer in time.
pub(crate) async fn attach(target: &Target, flags: &Flags) -> anyhow::Result<Client> {
    Ok(Client::connect(&find(target)?, flags.timeout()).await?)
}

impl Source for Client {
    async fn picture(&mut self, request: &Request) -> anyhow::Result<Picture> {
        Ok(self.snapshot(request).await?)
    }
}

/// Asks every process that can be attached to who it is. Who does not answer is named on stderr.
pub(crate) async fn attach_all(flags: &Flags) -> Snapshot {
    let timeout = flags.timeout();
    let asked: Vec<_> = client::scan()
        .into_iter()
        .filter(|found| found.alive)
        .map(|found| {
            let who = found.clone();
            (who, loopscope::spawn(async move { introduce(&found, timeout).await }))
        })
        .collect();
    let mut processes: Vec<Process> = Vec::new();
    for (found, answer) in asked {
        let why = match answer.await {
            Ok(Ok(process)) => {
                processes.push(process);
                continue;
            }
            // It ended between the look and the question.
            Ok(Err(error)) if error.is_over() => continue,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        let name = found.name.as_deref().unwrap_or("?");
        let pid = found.pid.unwrap_or_default();
        // Standard error may be closed.
        let _ = writeln!(
            std::io::stderr(),
            "loopscope: {pid} {}: {why}",
            words::escape(name, words::NAME_CHARS_MAX)
        );
    }
    let total = u64::try_from(processes.len()).unwrap_or(u64::MAX);
    Snapshot {
        taken_at: WallTime::from(SystemTime::now()),
        processes,
        total,
        shown: total,
        ..Snapshot::default()
    }
}

async fn introduce(found: &Found, timeout: Duration) -> Result<Process, Error> {
    let mut client = Client::connect(found, timeout).await?;
    let picture =
        client.snapshot(&ask::page(Table::Processes, &Flags::default(), Look::default(), 0)).await?;
    let process = picture.process().cloned().unwrap_or_default();
    Ok(Process { socket: Some(found.socket.to_string_lossy().into_owned()), ..process })
}
