//! What a client may ask for beyond looking: debug mode, stacks, logs, the end of tasks.

use super::connection::{Client, Peer, settle};
use super::error::{Error, Kind};
use super::right::Right;
use crate::model::{Cancelled, Capability, DebugState, Dump, Logs, NativeStack, Process};
use crate::wire::{self, DumpAssembly, LogsRequest, SetDebug, SetLogFilter, proto};
use std::time::Duration;
use tonic::{Status, Streaming};

/// How much longer than other answers stacks may take: a loop that is busy keeps them waiting, and the first one is
/// slow, since the program's debug information is read for it.
const STACKS_TAKE: Duration = Duration::from_secs(30);

/// An agent that follows a log says at least this often that it is still there.
const LOG_PULSE: Duration = Duration::from_secs(2);

impl Client {
    /// Switches debug mode and its threshold in every loop. Unless it says for how long, that is undone when this client is
    /// dropped.
    ///
    /// # Errors
    ///
    /// If the right to diagnose is missing, another client has switched it and is still there, or the process does not answer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may come too late to keep it from happening.
    ///
    /// # Panics
    ///
    /// Outside of the loop it was made on.
    pub async fn set_debug(&mut self, request: SetDebug) -> Result<DebugState, Error> {
        self.needs(Capability::Debug)?;
        let message = wire::encode_set_debug(request, self.protocol);
        let answer = loopscope::timeout(self.timeout, self.rpc.set_debug(message)).await;
        let reply = self.reply(answer, Capability::Debug, Right::Diagnose)?;
        wire::decode_debug_state(reply).map_err(|error| self.peer.nonsense(&error))
    }

    /// The native stacks of the threads of these loops, or of all loops, as they are now.
    ///
    /// # Errors
    ///
    /// If the right to diagnose is missing, the agent cannot take stacks, or the process does not answer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the answer up; the client can go on.
    ///
    /// # Panics
    ///
    /// Outside of the loop it was made on.
    pub async fn stack(&mut self, loops: &[u64]) -> Result<Vec<NativeStack>, Error> {
        self.needs(Capability::Stack)?;
        let message = proto::StackRequest { protocol: self.protocol, loops: loops.to_vec() };
        let answer = loopscope::timeout(self.timeout + STACKS_TAKE, self.rpc.stack(message)).await;
        Ok(wire::decode_stacks(self.reply(answer, Capability::Stack, Right::Diagnose)?))
    }

    /// The async stacks of these tasks, or of all that are pending.
    ///
    /// # Errors
    ///
    /// If the right to diagnose is missing, the agent cannot take them, or the process does not answer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the answer up; the client can go on.
    ///
    /// # Panics
    ///
    /// Outside of the loop it was made on.
    pub async fn dump(&mut self, tasks: &[u64]) -> Result<Dump, Error> {
        self.needs(Capability::Dump)?;
        let message = proto::DumpRequest { protocol: self.protocol, tasks: tasks.to_vec() };
        let patience = self.timeout + STACKS_TAKE;
        let answer = loopscope::timeout(patience, self.rpc.dump(message)).await;
        let mut stream = self.reply(answer, Capability::Dump, Right::Diagnose)?;
        let mut assembly = DumpAssembly::new();
        loop {
            let part = next(&self.peer, &mut stream, patience, Capability::Dump).await?;
            let part = part.ok_or_else(|| self.peer.nonsense(&wire::DecodeError::ends_early()))?;
            if let Some(mut dump) = assembly.add(part).map_err(|error| self.peer.nonsense(&error))? {
                self.identify(&mut dump.process);
                return Ok(dump);
            }
        }
    }

    /// The application's log lines: those that are kept, and those that come if the request says so.
    ///
    /// # Errors
    ///
    /// If the application keeps no log, or the process does not answer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the answer up; the client can go on.
    ///
    /// # Panics
    ///
    /// Outside of the loop it was made on.
    pub async fn logs(&mut self, request: LogsRequest) -> Result<LogStream, Error> {
        self.needs(Capability::Logs)?;
        let message = wire::encode_logs_request(request, self.protocol);
        let answer = loopscope::timeout(self.timeout, self.rpc.logs(message)).await;
        let stream = self.reply(answer, Capability::Logs, Right::See)?;
        let patience = self.timeout + LOG_PULSE;
        Ok(LogStream { peer: self.peer.clone(), process: self.process().clone(), stream, patience })
    }

    /// Changes which events the application's log has, in the syntax of tracing-subscriber's `Targets`; gives the filter
    /// that holds then, and whether it is undone when this client is dropped, as it is unless the request says for how long.
    ///
    /// # Errors
    ///
    /// If the filter makes no sense, the application keeps no log, the right to diagnose is missing, or the process does not
    /// answer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may come too late to keep it from happening.
    ///
    /// # Panics
    ///
    /// Outside of the loop it was made on.
    pub async fn set_log_filter(&mut self, request: SetLogFilter) -> Result<(String, bool), Error> {
        self.needs(Capability::Logs)?;
        let message = wire::encode_set_log_filter(request, self.protocol);
        let answer = loopscope::timeout(self.timeout, self.rpc.set_log_filter(message)).await;
        Ok(wire::decode_log_filter(self.reply(answer, Capability::Logs, Right::Diagnose)?))
    }

    /// Asks tasks to end, and says of each what came of it. At most 1,024 at once.
    ///
    /// # Errors
    ///
    /// If the right to control is missing, or the process does not answer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may come too late to keep it from happening.
    ///
    /// # Panics
    ///
    /// Outside of the loop it was made on.
    pub async fn cancel(&mut self, tasks: &[u64]) -> Result<Vec<Cancelled>, Error> {
        self.needs(Capability::Cancel)?;
        let message = proto::CancelRequest { protocol: self.protocol, tasks: tasks.to_vec() };
        let answer = loopscope::timeout(self.timeout, self.rpc.cancel(message)).await;
        let reply = self.reply(answer, Capability::Cancel, Right::Control)?;
        wire::decode_cancelled(reply).map_err(|error| self.peer.nonsense(&error))
    }

    /// An older agent is not asked for what it does not know.
    fn needs(&self, capability: Capability) -> Result<(), Error> {
        let capabilities = self.process().capabilities.unwrap_or_default();
        if capabilities.has(capability) { Ok(()) } else { Err(self.peer.lacking(capability)) }
    }

    fn reply<T>(
        &self,
        answer: Result<Result<tonic::Response<T>, Status>, loopscope::time::Elapsed>,
        capability: Capability,
        right: Right,
    ) -> Result<T, Error> {
        let answer = answer.map_err(|_| self.peer.silent(self.timeout))?;
        let reply = answer.map_err(|status| self.peer.refused(&status, capability, right))?;
        Ok(reply.into_inner())
    }
}

impl Peer {
    fn lacking(&self, capability: Capability) -> Error {
        self.error(Kind::Lacking { capability })
    }

    fn refused(&self, status: &Status, capability: Capability, right: Right) -> Error {
        match status.code() {
            tonic::Code::Unimplemented => self.lacking(capability),
            _ => self.status_of(status, right),
        }
    }
}

/// The next message of a stream, or its end.
async fn next<T>(
    peer: &Peer,
    stream: &mut Streaming<T>,
    patience: Duration,
    capability: Capability,
) -> Result<Option<T>, Error> {
    let message = loopscope::timeout(patience, stream.message()).await;
    let message = message.map_err(|_| peer.silent(patience))?;
    message.map_err(|status| peer.refused(&status, capability, Right::Diagnose))
}

/// Log lines as they come. Dropping it ends them.
#[derive(Debug)]
pub struct LogStream {
    peer: Peer,
    process: Process,
    stream: Streaming<proto::LogsPart>,
    patience: Duration,
}

impl LogStream {
    /// The next lines, or `None` where there are no more. There may be none in them: a log that is followed gives a sign of
    /// life now and then.
    ///
    /// # Errors
    ///
    /// If nothing comes in time, or the process is gone. After an error there are no more.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing is lost: the lines are handed out by the next call.
    ///
    /// # Panics
    ///
    /// Outside of the loop it was made on.
    pub async fn next(&mut self) -> Result<Option<Logs>, Error> {
        let Some(part) = next(&self.peer, &mut self.stream, self.patience, Capability::Logs).await? else {
            return Ok(None);
        };
        let mut logs = wire::decode_logs(part).map_err(|error| self.peer.nonsense(&error))?;
        if let Some(process) = &mut logs.process {
            settle(process, &self.process);
        }
        Ok(Some(logs))
    }
}
