//! The async stacks of tasks, taken by the loops themselves in slices and sent to the client that asked.
//!
//! One client at a time: each dump makes every task be polled once.

use super::diagnosis::bad;
use super::peer::{Inlet, Outlet, Over};
use super::reading;
use super::service::{Inspector, Shared, check_protocol};
use crate::model::{Branch, Dump, Reached, TaskStack, TaskState, WallTime, words};
use crate::wire::limits::DUMP_STACKS_MAX;
use crate::wire::{self, proto};
use loopscope::TaskId;
use loopscope::introspect::{self, Options};
use loopscope::telemetry::{LoopReader, loops};
use loopscope::time::Instant;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tonic::Status;

/// How long a loop may take: one that is stuck never answers, and the others are not to wait for it.
const PATIENCE: Duration = Duration::from_secs(10);

impl Inspector {
    /// Begins to take the stacks of tasks.
    pub(super) fn take_dump(&self, request: proto::DumpRequest) -> Result<Inlet<proto::DumpPart>, Status> {
        check_protocol(request.protocol)?;
        let tasks = wire::decode_dump_request(request).map_err(|error| bad(&error))?;
        self.may_diagnose()?;
        let (outlet, inlet) = self.peer.open()?;
        match tasks.as_slice() {
            [] => self.note("dumps the stacks of all tasks"),
            [task] => self.note(&format!("dumps the stack of task {task}")),
            several => self.note(&format!("dumps the stacks of {} tasks", several.len())),
        }
        loopscope::spawn(send(self.shared.clone(), outlet, tasks)).detach();
        Ok(inlet)
    }
}

async fn send(shared: Arc<Shared>, mut outlet: Outlet<proto::DumpPart>, tasks: Vec<u64>) {
    let result = send_parts(&shared, &mut outlet, tasks).await;
    outlet.close(result).await;
}

async fn send_parts(
    shared: &Arc<Shared>,
    outlet: &mut Outlet<proto::DumpPart>,
    tasks: Vec<u64>,
) -> Result<(), Over> {
    let turn = shared.turn().await.map_err(Over::Told)?;
    if outlet.is_closed() {
        return Err(Over::Left);
    }
    let mut dump = take(&tasks).await;
    drop(turn);
    dump.process = shared.process.read();
    reading::count_loops(&mut dump.process);
    for part in wire::encode_dump(dump, shared.process.start_ticks()) {
        outlet.send(Ok(part)).await?;
    }
    Ok(())
}

/// Asks all loops at once and waits for each.
async fn take(tasks: &[u64]) -> Dump {
    let mut dump = Dump { taken_at: WallTime::from(SystemTime::now()), ..Dump::default() };
    let begun = Instant::now();
    let deadline = begun + PATIENCE;
    let mut options = Options::new().limit(DUMP_STACKS_MAX);
    if !tasks.is_empty() {
        options = options.tasks(tasks.iter().map(|&task| TaskId::from_raw(task)));
    }
    let shown = loops().into_iter().filter(|reader| reader.view().is_some_and(|view| !view.hidden));
    let asked: Vec<_> =
        shown.map(|reader| (reader, introspect::dump(&reader.handle(), options.clone()))).collect();
    for (reader, answer) in asked {
        match loopscope::timeout_at(deadline, answer).await {
            Ok(Ok(found)) => add(&mut dump, &reader, found),
            // It has ended, and its tasks with it.
            Ok(Err(_)) => {}
            Err(_) => dump.silent_loops.push(reader.id()),
        }
    }
    dump.took_ns = nanoseconds(begun.elapsed());
    dump
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Adds what one loop found.
fn add(dump: &mut Dump, reader: &LoopReader, found: introspect::Dump) {
    let mut states = HashMap::new();
    let mut wanted: HashSet<u64> = found.tasks.iter().map(|task| task.task.as_u64()).collect();
    reader.tasks(&mut |view| {
        if wanted.remove(&view.id) {
            states.insert(view.id, reading::task_state(view.state));
        }
        if wanted.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    dump.total += found.tasks.len() as u64 + found.left_out;
    dump.slices += u64::from(found.slices);
    let pause_ns = nanoseconds(found.longest_pause);
    dump.longest_pause_ns = dump.longest_pause_ns.max((found.slices > 0).then_some(pause_ns));
    let room = DUMP_STACKS_MAX.saturating_sub(dump.stacks.len());
    dump.stacks.extend(found.tasks.into_iter().take(room).map(|task| {
        let state = states.get(&task.task.as_u64()).copied();
        stack(reader.id(), state.unwrap_or_default(), task)
    }));
}

fn stack(loop_id: u64, state: TaskState, task: introspect::TaskStack) -> TaskStack {
    let note = note(&task);
    TaskStack {
        task: task.task.as_u64(),
        name: task.name,
        loop_id,
        state,
        site: task.spawned_at.map(reading::place),
        branches: task.branches.into_iter().map(branch).collect(),
        note,
    }
}

fn branch(branch: introspect::Branch) -> Branch {
    Branch {
        parent: branch.parent,
        frames: branch.frames.into_iter().map(reading::frame).collect(),
        reached: match branch.reached {
            introspect::Reached::Leaf => Reached::Leaf,
            introspect::Reached::Foreign => Reached::Foreign,
            introspect::Reached::Fork => Reached::Fork,
            introspect::Reached::Combinator => Reached::Combinator,
            introspect::Reached::Scheduled => Reached::Scheduled,
            introspect::Reached::Running => Reached::Running,
            introspect::Reached::Ended => Reached::Ended,
            _ => Reached::Unknown,
        },
        times: branch.times,
    }
}

/// What is known where the stack does not say it: the waits of a task whose leaves were not reached.
fn note(task: &introspect::TaskStack) -> Option<String> {
    let mut notes = Vec::new();
    if task.left_out > 0 {
        notes.push(words::counted(task.left_out, "further stack"));
    }
    let is_blind = task.branches.iter().all(|branch| matches!(branch.reached, introspect::Reached::Unknown));
    for wait in task.waits.iter().filter(|_| is_blind) {
        let kind = reading::wait_kind(wait.kind);
        match wait.at.clone().map(reading::place) {
            Some(at) => notes.push(format!("waits for {kind} at {}", words::place(&at))),
            None => notes.push(format!("waits for {kind}")),
        }
    }
    (!notes.is_empty()).then(|| notes.join("; "))
}
