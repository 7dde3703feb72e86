//! What can be asked of the process besides pictures: stacks, debug mode, another log filter, the end of tasks.
//!
//! ```text
//!   key ──► may we? ── no ─► the reason and the remedy
//!             │ yes
//!             ├── takes something away ──► asked first, with what will be gone ── y ─┐
//!             └──────────────────────────────────────────────────────────────────────┴─► Effect::Do ──► feed ──► Data::Done
//! ```
//!
//! The process decides: what it does not let us do is refused here only to save the way, and its own refusal is shown too.

use super::event::{Effect, Step};
use super::link::Link;
use super::state::{Overlay, State};
use super::task::TaskScreen;
use crate::keys::Action;
use loopscope_inspector::client::Right;
use loopscope_inspector::model::{
    CancelOutcome, Cancelled, DebugMode, DebugState, Dump, NativeStack, Rights, Task, words,
};

/// Something to be done by the process, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Take the native stacks of all loops.
    Stack,
    /// Take the async stack of this task.
    Dump(u64),
    /// Switch debug mode.
    Debug(DebugMode),
    /// Keep other log lines from now on; `None` for those that the application itself wants.
    LogFilter(Option<String>),
    /// Ask this task to end.
    Cancel(u64),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The stacks of the loops.
    Stacks(Vec<NativeStack>),
    /// The async stacks that were asked for.
    Dump(Box<Dump>),
    /// How much debug mode does now.
    Debug(DebugState),
    /// The filter that holds now, and whether it is undone when we leave.
    LogFilter(String, bool),
    /// What came of each wish.
    Cancelled(Vec<Cancelled>),
}

/// Something that is shown once it was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Taken<T> {
    /// Nobody asked.
    #[default]
    Not,
    /// It is under way.
    Asked,
    /// Here it is.
    Got(T),
    /// It failed, and why.
    Failed(String),
}

/// A question before something is done that cannot be undone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ask {
    /// What is about to be done.
    pub(crate) title: String,
    /// What will become of what.
    pub(crate) lines: Vec<String>,
    /// What a yes leads to.
    order: Order,
}

impl Order {
    /// The right that it needs.
    const fn right(&self) -> Right {
        match self {
            Self::Cancel(_) => Right::Control,
            Self::Stack | Self::Dump(_) | Self::Debug(_) | Self::LogFilter(_) => Right::Diagnose,
        }
    }

    /// As a sentence that refuses it begins.
    fn doing(&self) -> &'static str {
        match self {
            Self::Stack => "Taking the stacks of loops",
            Self::Dump(_) => "Taking an async stack",
            Self::Debug(_) => "Switching debug mode",
            Self::LogFilter(_) => "Changing the log filter",
            Self::Cancel(_) => "Cancelling a task",
        }
    }
}

/// Why something cannot be asked of the process now, with what helps; `None` if it can.
pub(crate) fn refusal(state: &State, order: &Order) -> Option<String> {
    match state.link {
        Link::Live { .. } => {}
        Link::Ended { .. } => {
            return Some(
                "The process has ended, so nothing more can be asked; p lists those that run.".to_owned(),
            );
        }
        _ => return Some("The process does not answer now.".to_owned()),
    }
    let rights = state.process.as_ref()?.rights?;
    let right = order.right();
    let granted = match (right, rights) {
        (Right::See, Rights { see, .. }) => see,
        (Right::Diagnose, Rights { diagnose, .. }) => diagnose,
        (Right::Control, Rights { control, .. }) => control,
    };
    (!granted).then(|| format!("{} needs the right `{right}`; {}.", order.doing(), right.remedy()))
}

/// Has something done, unless it cannot be.
pub(crate) fn place(state: &mut State, order: Order) -> Step {
    match refusal(state, &order) {
        Some(why) => {
            state.complain(why);
            Step::changed()
        }
        None => Step::with(Effect::Do(order)),
    }
}

/// Does what an action asks of the process.
pub(crate) fn act(state: &mut State, action: Action) -> Step {
    match action {
        Action::Control => cancel(state),
        Action::Yes => yes(state),
        Action::Stacks => stacks(state),
        Action::Dump => dump(state),
        Action::Debug => debug(state),
        _ => Step::nothing(),
    }
}

/// Takes the native stacks of the loops, and shows them when they are there.
fn stacks(state: &mut State) -> Step {
    let step = place(state, Order::Stack);
    if !step.effects.is_empty() {
        match &mut state.overlay {
            Some(Overlay::Stacks(open)) => open.taken = Taken::Asked,
            _ => state.overlay = Some(Overlay::Stacks(Box::default())),
        }
    }
    step
}

/// Takes the async stack of the selected task, on its page.
fn dump(state: &mut State) -> Step {
    let Some(id) = state.selected_task() else {
        state.say("No task is selected here of which the async stack could be taken.");
        return Step::changed();
    };
    let step = place(state, Order::Dump(id));
    if step.effects.is_empty() {
        return step;
    }
    if state.pages.last().is_none_or(|page| page.id != id) {
        super::open::open_task(state, id);
    }
    if let Some(page) = state.pages.last_mut() {
        page.stack = Taken::Asked;
    }
    state.say("The stack is being taken: the task is polled once, its awaits answer as always. It is below what it waits for.");
    step
}

/// Switches debug mode on if it is off, and off if it is on.
fn debug(state: &mut State) -> Step {
    let is_on = state.process.as_ref().and_then(|process| process.debug).unwrap_or(false);
    place(state, Order::Debug(if is_on { DebugMode::Off } else { DebugMode::On }))
}

/// Asks whether the selected task is to be cancelled.
fn cancel(state: &mut State) -> Step {
    let Some(id) = state.selected_task() else {
        state.say("No task is selected here that could be cancelled.");
        return Step::changed();
    };
    ask_cancel(state, id)
}

/// Asks whether a task is to be cancelled, and says what goes with it.
pub(crate) fn ask_cancel(state: &mut State, id: u64) -> Step {
    let order = Order::Cancel(id);
    if let Some(why) = refusal(state, &order) {
        state.complain(why);
        return Step::changed();
    }
    let (task, children) = known(state, id);
    let name = words::task(id, task.and_then(|task| task.name.as_deref()));
    let mut lines = Vec::new();
    if let Some(task) = task {
        if task.state.is_finished() {
            state.say(format!("{name} is over already: {}.", task.state));
            return Step::changed();
        }
        lines.extend(task.site.as_ref().map(|site| format!("spawned at {}", words::place(site))));
        lines.push(format!("{}: {}", task.state, words::doing(task)));
    }
    lines.push(match children {
        Some(0) => "It has no children.".to_owned(),
        Some(count) => format!(
            "Its {} in groups of its own are cancelled with it; others go on.",
            if count == 1 { "1 child".to_owned() } else { format!("{} children", words::count(count)) }
        ),
        None => "Children in groups of its own are cancelled with it; others go on.".to_owned(),
    });
    lines.push(
        "Its future is dropped at its turn: what it holds is given back, what it was doing is lost."
            .to_owned(),
    );
    lines.push("Whoever awaits it is told that it was cancelled.".to_owned());
    let ask = Ask { title: format!("Cancel {name}?"), lines, order };
    state.overlay = Some(Overlay::Ask(Box::new(ask)));
    Step::changed()
}

/// What is known of a task, and how many children it has.
fn known(state: &State, id: u64) -> (Option<&Task>, Option<u64>) {
    let page = state.pages.last().filter(|page| page.id == id).and_then(TaskScreen::picture);
    if let Some(picture) = page {
        return (Some(&picture.task), Some(picture.child_count));
    }
    let node = state.tasks.table.selected().filter(|node| node.task.id == id);
    match node {
        Some(node) if state.tasks.window().tree => (Some(&node.task), Some(node.children)),
        Some(node) => (Some(&node.task), None),
        None => (None, None),
    }
}

/// The question was answered with yes.
fn yes(state: &mut State) -> Step {
    match state.overlay.take() {
        Some(Overlay::Ask(ask)) => place(state, ask.order),
        other => {
            state.overlay = other;
            Step::nothing()
        }
    }
}

/// What came of an order.
pub(crate) fn done(state: &mut State, order: &Order, result: Result<Outcome, String>) -> Step {
    match (order, result) {
        (Order::Stack, result) => {
            let Some(Overlay::Stacks(open)) = &mut state.overlay else { return Step::nothing() };
            open.take(match result {
                Ok(Outcome::Stacks(stacks)) => Ok(stacks),
                Ok(_) => Err("the process answered something else".to_owned()),
                Err(why) => Err(why),
            });
        }
        (Order::Dump(id), result) => {
            let taken = match result {
                Ok(Outcome::Dump(dump)) => Taken::Got(dump),
                Ok(_) => Taken::Failed("the process answered something else".to_owned()),
                Err(why) => Taken::Failed(why),
            };
            for page in state.pages.iter_mut().filter(|page| page.id == *id) {
                page.stack = taken.clone();
            }
        }
        (_, Err(why)) => state.complain(why),
        (Order::Debug(_), Ok(Outcome::Debug(now))) => {
            if let Some(process) = &mut state.process {
                process.debug = Some(now.mode.is_on());
            }
            state.say(debug_words(now));
        }
        (Order::LogFilter(_), Ok(Outcome::LogFilter(filter, undone))) => {
            let until = if undone { ", until this program leaves" } else { "" };
            let filter = words::escape(&filter, words::TEXT_CHARS_MAX).into_owned();
            state.say(format!("The log has what matches {filter} from now on{until}."));
            state.logs.filter = Some(filter);
        }
        (Order::Cancel(_), Ok(Outcome::Cancelled(all))) => {
            let said: Vec<String> = all.iter().map(|one| cancelled_words(*one)).collect();
            state.say(said.join(" "));
        }
        _ => return Step::nothing(),
    }
    Step::changed()
}

fn debug_words(now: DebugState) -> String {
    let until = if now.undone_at_leave { ", until this program leaves" } else { "" };
    let slow = now.slow_callback_ns.map(|ns| format!(", polls from {} on are slow", words::duration(ns)));
    match now.mode {
        DebugMode::Off => "Debug mode is off.".to_owned(),
        mode => format!("Debug mode is {mode}{}{until}.", slow.unwrap_or_default()),
    }
}

fn cancelled_words(one: Cancelled) -> String {
    let id = one.task;
    match one.outcome {
        CancelOutcome::Asked => format!("#{id} was asked to end."),
        CancelOutcome::Over => format!("#{id} is over already."),
        CancelOutcome::Gone => format!("There is no task #{id} any more."),
        CancelOutcome::Later => {
            format!("#{id} will end when its loop is free: the poll under way has to return first.")
        }
        CancelOutcome::Refused => {
            format!("#{id} cannot be cancelled: it is a blocking job, or serves the inspector.")
        }
    }
}
