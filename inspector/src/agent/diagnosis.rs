//! What clients may do beyond looking: switching debug mode, ending tasks. Each use is said in the application's log, with
//! who it was.

use super::lease::Leased;
use super::logs::FilterChange;
use super::peer::Visitor;
use super::service::{Inspector, Shared, check_protocol};
use crate::model::{CancelOutcome, Cancelled, DebugMode, DebugState};
use crate::wire::{self, SetDebug, proto};
use futures_channel::oneshot;
use loopscope::Handle;
use loopscope::debug::Mode;
use loopscope::telemetry::loops;
use loopscope::time::Instant;
use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;
use tonic::Status;

/// How long a loop may take to hear of a cancel before it counts as busy.
const HEARING: Duration = Duration::from_millis(500);

/// How often it is looked whether the time of a change is over, and whether there are new loops.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long a client waits for its turn.
const TURN_PATIENCE: Duration = Duration::from_secs(15);

/// How often it is looked whether it has come.
const TURN_LOOK: Duration = Duration::from_millis(20);

/// Between two of them.
const TURN_REST: Duration = Duration::from_millis(50);

/// What clients changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    debug: Leased<OwnDebug>,
    /// What was asked for last, for loops that are made later.
    wish: SetDebug,
    pub(super) filter: FilterChange,
    /// Whether a client is being served that diagnoses.
    is_diagnosing: bool,
    /// Whether somebody looks after the changes.
    is_kept: bool,
}

/// The debug mode and threshold that each loop had by itself, by its number.
type OwnDebug = BTreeMap<u64, (Handle, Mode, Duration)>;

/// The loops of the application.
fn shown_loops() -> impl Iterator<Item = (u64, Handle)> {
    let shown = |reader: &loopscope::telemetry::LoopReader| reader.view().is_some_and(|view| !view.hidden);
    loops().into_iter().filter(shown).map(|reader| (reader.id(), reader.handle()))
}

fn mode_of(mode: DebugMode) -> Mode {
    match mode {
        DebugMode::Off => Mode::Off,
        DebugMode::On => Mode::On,
        DebugMode::Stacks => Mode::Stacks,
    }
}

/// The model's name of a mode.
pub(super) fn model_mode(mode: Mode) -> DebugMode {
    match mode {
        Mode::Off => DebugMode::Off,
        Mode::On => DebugMode::On,
        Mode::Stacks => DebugMode::Stacks,
    }
}

/// Does what was asked with one loop. One that ends meanwhile needs nothing any more.
fn switch(handle: &Handle, wish: SetDebug) {
    let _ = handle.set_debug(mode_of(wish.mode));
    if let Some(slow) = wish.slow_callback {
        let _ = handle.set_slow_callback(slow);
    }
}

fn restore(own: &OwnDebug) {
    for (handle, mode, slow) in own.values() {
        let _ = handle.set_slow_callback(*slow);
        let _ = handle.set_debug(*mode);
    }
}

impl Changes {
    /// Switches every loop, those that are made later included.
    fn switch_debug(&mut self, visitor: &Visitor, wish: SetDebug) -> DebugState {
        let was_changed = self.debug.own().is_some();
        // Off ends what clients switched on, and what the application does by itself is over only while somebody wants that.
        if wish.mode == DebugMode::Off
            && wish.slow_callback.is_none()
            && let Some(own) = self.debug.end()
        {
            restore(&own);
        }
        let is_as_wished = wish.slow_callback.is_none()
            && wish.lasts.is_none()
            && wish.mode == DebugMode::Off
            && shown_loops().all(|(_, handle)| handle.debug() == Mode::Off);
        let mut switched = if is_as_wished && was_changed { shown_loops().count() as u64 } else { 0 };
        if !is_as_wished {
            self.debug.change(visitor, wish.lasts, OwnDebug::new);
            self.wish = wish;
            switched = self.switch_loops(true);
        }
        DebugState { loops: switched, undone_at_leave: !is_as_wished && wish.lasts.is_none(), ..state() }
    }

    /// Does what was asked with the loops; if not `all`, only with those that are new.
    fn switch_loops(&mut self, all: bool) -> u64 {
        let wish = self.wish;
        let Some(own) = self.debug.own() else { return 0 };
        own.retain(|_, (handle, ..)| handle.is_alive());
        let mut switched = 0;
        for (id, handle) in shown_loops() {
            let is_new = !own.contains_key(&id);
            if is_new {
                own.insert(id, (handle.clone(), handle.debug(), handle.slow_callback()));
            }
            if is_new || all {
                switch(&handle, wish);
                switched += 1;
            }
        }
        switched
    }

    fn undo(own: Option<OwnDebug>, why: &dyn std::fmt::Display) {
        if let Some(own) = own {
            restore(&own);
            note(&format!("debug mode is as it was before: {why}"));
        }
    }
}

/// How debug mode stands in all loops.
pub(super) fn state() -> DebugState {
    let modes = || shown_loops().map(|(_, handle)| handle);
    let slow = modes().map(|handle| handle.slow_callback()).min();
    DebugState {
        mode: model_mode(modes().map(|handle| handle.debug()).max().unwrap_or_default()),
        slow_callback_ns: slow.map(|slow| u64::try_from(slow.as_nanos()).unwrap_or(u64::MAX)),
        ..DebugState::default()
    }
}

/// A line in the application's log.
pub(super) fn note(words: &str) {
    loopscope::debug::say(loopscope::debug::Severity::Note, format_args!("{words}"));
}

/// The answer to what this agent cannot do.
pub(super) fn lacking(what: &str) -> Status {
    Status::unimplemented(format!("this agent cannot {what}"))
}

/// The turn of a client that diagnoses; the next one may when this is dropped.
#[derive(Debug)]
pub(super) struct Turn(Arc<Shared>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.changes().is_diagnosing = false;
    }
}

/// A connection; what it changed is undone when this is dropped.
#[derive(Debug)]
pub(super) struct Visit {
    shared: Arc<Shared>,
    visitor: Visitor,
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut changes = self.shared.changes();
        let own = changes.debug.leave(&self.visitor);
        changes.filter.leave(&self.visitor);
        drop(changes);
        Changes::undo(own, &format_args!("{} has left", self.visitor));
    }
}

impl Shared {
    /// Only the agent's thread comes here, so this never waits.
    pub(super) fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other client is being served that diagnoses, and until the agent has rested.
    pub(super) async fn turn(self: &Arc<Self>) -> Result<Turn, Status> {
        let give_up = Instant::now() + TURN_PATIENCE;
        while std::mem::replace(&mut self.changes().is_diagnosing, true) {
            if Instant::now() >= give_up {
                return Err(Status::resource_exhausted(
                    "another client's dump or stack is still being taken",
                ));
            }
            loopscope::sleep(TURN_LOOK).await;
        }
        let turn = Turn(self.clone());
        // However fast the answers are: a client that asks again and again is not to be felt.
        loopscope::sleep(TURN_REST).await;
        self.rest().await;
        Ok(turn)
    }

    /// Begins a connection.
    pub(super) fn visit(self: &Arc<Self>, visitor: Visitor) -> Visit {
        Visit { shared: self.clone(), visitor }
    }

    /// When the debug mode that a client asked for is undone by itself.
    pub(super) fn debug_left_ns(&self) -> Option<u64> {
        let left = self.changes().debug.left()?;
        Some(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Sees to it that somebody looks after the changes for as long as there are any.
    pub(super) fn keep_changes(self: &Arc<Self>) {
        if std::mem::replace(&mut self.changes().is_kept, true) {
            return;
        }
        let shared = self.clone();
        let keeping = async move {
            loop {
                loopscope::sleep(LOOK_EVERY).await;
                let mut changes = shared.changes();
                let over = changes.debug.expire();
                changes.switch_loops(false);
                let is_over = changes.filter.look() && changes.debug.own().is_none();
                changes.is_kept = !is_over;
                drop(changes);
                Changes::undo(over, &"its time is over");
                if is_over {
                    return;
                }
            }
        };
        loopscope::task::Builder::new().name("changes").spawn(keeping).detach();
    }
}

impl Inspector {
    /// Refuses who may not diagnose.
    pub(super) fn may_diagnose(&self) -> Result<(), Status> {
        let rights = self.peer.rights();
        let refusal = || {
            Status::permission_denied(
                "it was started with LOOPSCOPE_DIAGNOSE=0, or its code takes the right away",
            )
        };
        rights.diagnose.then_some(()).ok_or_else(refusal)
    }

    fn may_control(&self) -> Result<(), Status> {
        let rights = self.peer.rights();
        let refusal = || Status::permission_denied("neither its code nor LOOPSCOPE_CONTROL=1 grants it");
        rights.control.then_some(()).ok_or_else(refusal)
    }

    /// Says what the client does in the application's log.
    pub(super) fn note(&self, what: &str) {
        note(&format!("{} {what}", self.peer.visitor()));
    }

    /// Switches debug mode.
    pub(super) fn switch_debug(
        &self,
        request: proto::SetDebugRequest,
    ) -> Result<proto::SetDebugReply, Status> {
        check_protocol(request.protocol)?;
        let wish = wire::decode_set_debug(request).map_err(|error| bad(&error))?;
        self.may_diagnose()?;
        let visitor = self.peer.visitor();
        let mut changes = self.shared.changes();
        if let Some(keeper) = changes.debug.keeper(visitor) {
            return Err(Status::resource_exhausted(format!(
                "debug mode is switched by {keeper}, and no other client can before that has left"
            )));
        }
        let state = changes.switch_debug(visitor, wish);
        drop(changes);
        self.shared.keep_changes();
        let lasts = match wish.lasts {
            Some(lasts) => format!(" for {lasts:?}"),
            None if state.undone_at_leave => " for as long as it stays".to_owned(),
            None => String::new(),
        };
        let slow = wish.slow_callback.map(|slow| format!(", slow from {slow:?} on")).unwrap_or_default();
        self.note(&format!("switches debug mode {}{slow}{lasts}", wish.mode));
        Ok(wire::encode_debug_state(state))
    }

    /// Asks tasks to end.
    pub(super) async fn cancel_tasks(
        &self,
        request: proto::CancelRequest,
    ) -> Result<proto::CancelReply, Status> {
        check_protocol(request.protocol)?;
        let tasks = wire::decode_cancel(request).map_err(|error| bad(&error))?;
        self.may_control()?;
        let listed = tasks.iter().map(|task| format!("#{task}")).collect::<Vec<_>>().join(", ");
        self.note(&format!("cancels {listed}"));
        let cancelled = on_the_loop(cancel_all(tasks)).await?;
        Ok(wire::encode_cancelled(&cancelled))
    }
}

/// The answer to a request that makes no sense.
pub(super) fn bad(error: &wire::DecodeError) -> Status {
    Status::invalid_argument(error.to_string())
}

/// Does something on the agent's loop that is not `Send`, as tonic wants it.
pub(super) fn on_the_loop<T: Send + 'static>(
    work: impl Future<Output = T> + 'static,
) -> impl Future<Output = Result<T, Status>> + Send {
    let (done, is_done) = oneshot::channel();
    let working = async move {
        // If the client has left, nobody wants to know.
        let _ = done.send(work.await);
    };
    loopscope::spawn(working).detach();
    async { is_done.await.map_err(|_| Status::aborted("the agent comes to its end")) }
}

/// Asks each task to end, and waits a little for what the loops say.
async fn cancel_all(tasks: Vec<u64>) -> Vec<Cancelled> {
    let asked: Vec<(u64, Asked)> = tasks.into_iter().map(|task| (task, ask(task))).collect();
    let heard_by = Instant::now() + HEARING;
    let mut cancelled = Vec::new();
    for (task, asked) in asked {
        let outcome = match asked {
            Asked::Settled(outcome) => outcome,
            Asked::Heard(hears) => match loopscope::timeout_at(heard_by, hears).await {
                Ok(Ok(true)) => CancelOutcome::Asked,
                Ok(Ok(false)) => CancelOutcome::Over,
                // Its loop ended before it heard, and the task with it.
                Ok(Err(_)) => CancelOutcome::Gone,
                Err(_) => CancelOutcome::Later,
            },
        };
        cancelled.push(Cancelled { task, outcome });
    }
    cancelled
}

/// What is known at once of a wish.
enum Asked {
    Settled(CancelOutcome),
    /// The loop will say whether the task was still alive.
    Heard(oneshot::Receiver<bool>),
}

fn ask(task: u64) -> Asked {
    for reader in loops() {
        let Some(view) = reader.view() else { continue };
        if view.hidden {
            if reader.task(task).is_some() {
                return Asked::Settled(CancelOutcome::Refused);
            }
            continue;
        }
        let (told, hears) = oneshot::channel();
        let ended = move |ends| {
            let _ = told.send(ends);
        };
        if reader.handle().cancel(task, ended) == Ok(true) {
            return Asked::Heard(hears);
        }
    }
    Asked::Settled(if super::reading::is_job(task) { CancelOutcome::Refused } else { CancelOutcome::Gone })
}
