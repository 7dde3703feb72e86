//! The native stacks of the loops' threads, taken on a thread that may wait.

use super::diagnosis::{bad, on_the_loop};
use super::reading;
use super::service::{Inspector, Shared, check_protocol};
use crate::model::NativeStack;
use crate::wire::limits::STACKS_MAX;
use crate::wire::{self, proto};
use loopscope::debug;
use loopscope::telemetry::{LoopReader, loops};
use loopscope::time::Instant;
use std::sync::Arc;
use tonic::Status;

impl Inspector {
    /// Takes the stacks of the threads of some loops, or of all.
    pub(super) async fn take_stacks(
        &self,
        request: proto::StackRequest,
    ) -> Result<proto::StackReply, Status> {
        check_protocol(request.protocol)?;
        let wanted = wire::decode_stack_request(request).map_err(|error| bad(&error))?;
        self.may_diagnose()?;
        self.note("takes the stacks of the loops");
        let stacks = on_the_loop(take_all(self.shared.clone(), wanted)).await??;
        Ok(wire::encode_stacks(stacks))
    }
}

async fn take_all(shared: Arc<Shared>, wanted: Vec<u64>) -> Result<Vec<NativeStack>, Status> {
    let _turn = shared.turn().await?;
    let mut stacks = Vec::new();
    let is_wanted = |reader: &LoopReader| wanted.is_empty() || wanted.contains(&reader.id());
    for reader in loops().into_iter().filter(is_wanted).take(STACKS_MAX) {
        match loopscope::spawn_blocking(move || of_loop(&reader)).await {
            Ok(stack) => stacks.extend(stack),
            Err(error) => {
                let heading = heading(&reader);
                stacks.extend(heading.map(|stack| NativeStack { note: Some(error.to_string()), ..stack }));
            }
        }
    }
    Ok(stacks)
}

/// Which loop and thread a stack is of; `None` of loops that are over and of hidden ones, which are the inspector's own.
pub(super) fn heading(reader: &LoopReader) -> Option<NativeStack> {
    let view = reader.view().filter(|view| !view.hidden)?;
    Some(NativeStack {
        loop_id: reader.id(),
        thread: (!view.thread.is_empty()).then(|| view.thread.clone()),
        tid: Some(view.tid),
        ..NativeStack::default()
    })
}

/// The stack of one loop's thread, on another thread that may wait.
pub(super) fn of_loop(reader: &LoopReader) -> Option<NativeStack> {
    let mut stack = heading(reader)?;
    match debug::native_stack(reader) {
        Ok(taken) => {
            stack.truncated = taken.cut.is_some();
            stack.note = Some(note(&taken));
            stack.frames = taken.frames.into_iter().map(reading::frame).collect();
        }
        Err(debug::StackError::Ended) => return None,
        Err(error) => stack.note = Some(error.to_string()),
    }
    about_the_task(&mut stack, reader);
    Some(stack)
}

/// What is said below a stack: what the thread was doing, why it ends early, that names are missing.
fn note(taken: &debug::NativeStack) -> String {
    let mut notes = vec![taken.thread.to_string()];
    notes.extend(taken.cut.map(|cut| cut.to_string()));
    if taken.unnamed > 0 {
        notes.push(format!(
            "{} of the frames have no name: the program or a library is stripped",
            taken.unnamed
        ));
    }
    notes.join("; ")
}

/// The task that is being polled, as the record says right after.
fn about_the_task(stack: &mut NativeStack, reader: &LoopReader) {
    let Some(running) = reader.view().and_then(|view| view.running) else { return };
    let since = Instant::now().saturating_duration_since(running.since);
    stack.running_for_ns = Some(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
    stack.task = running.task;
    let Some(task) = running.task.and_then(|id| reader.task(id)) else { return };
    stack.task_name = task.name.and_then(|name| reader.name(name));
    let site = reader.site(task.site);
    stack.site = site.and_then(|site| reader.place(site.place)).map(reading::place);
}
