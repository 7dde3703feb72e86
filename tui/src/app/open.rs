//! What Enter leads to: a page, the tasks of what is selected, another process.

use super::act::{show, unread};
use super::event::{Effect, Step};
use super::link::Link;
use super::menu;
use super::overview;
use super::state::{Drill, Overlay, PAGES_MAX, State, Tab};
use super::task::TaskScreen;
use super::warning::{self, WarningScreen};
use crate::keys::Context;
use loopscope_inspector::model::query::TERMS_MAX;

/// Opens what is selected.
pub(super) fn open(state: &mut State) -> Step {
    match state.context() {
        Context::Picker => return attach(state),
        Context::Overview => match state.overview.link() {
            Ok(overview::Link::Task(id)) => open_task(state, id),
            Ok(overview::Link::Filter(filter)) => drill(state, filter),
            Ok(overview::Link::Warning(warning)) => state.warning = Some(WarningScreen::new(&warning)),
            Ok(overview::Link::Warnings) => show(state, Tab::Warnings),
            Err(why) => state.say(why),
        },
        Context::Tasks => match state.tasks.selected().map(|task| task.id) {
            Some(id) => open_task(state, id),
            None => unread(state),
        },
        Context::Sites => match (state.sites.table.selected(), &state.process) {
            (Some(site), Some(process)) => {
                let filter = super::sites::tasks_filter(site, process);
                drill(state, filter);
            }
            _ => unread(state),
        },
        Context::Timers => match state.timers.selected().map(|timer| timer.task) {
            Some(Some(id)) => open_task(state, id),
            Some(None) => state.say("No task waits for this timer; o opens the editor at its place."),
            None => unread(state),
        },
        Context::Warnings => match state.warnings.selected() {
            Some(warning) => state.warning = Some(WarningScreen::new(warning)),
            None => unread(state),
        },
        Context::Warning => match state.warning.as_ref().map(WarningScreen::link) {
            Some(Ok(warning::Link::Task(id))) => open_task(state, id),
            Some(Ok(warning::Link::Loop(id))) => drill(state, format!("loop={id}")),
            Some(Err(why)) => state.say(why),
            None => {}
        },
        Context::Io => open_waiting(state),
        Context::Sync => open_holder(state),
        Context::Task => match state.pages.last().map(TaskScreen::link) {
            Some(Ok(id)) => open_task(state, id),
            Some(Err(why)) => state.say(why),
            None => {}
        },
        Context::Why => {
            if let Some(Overlay::Why(page)) = &state.overlay {
                match page.steps().get(page.cursor.at).map(|step| step.task) {
                    Some(id) => {
                        state.overlay = None;
                        open_task(state, id);
                    }
                    None => state.say("There is no step to open."),
                }
            }
        }
        Context::Logs => match state.logs.selected().map(|line| line.task) {
            Some(Some(id)) => open_task(state, id),
            Some(None) => state.say("This line was logged by no task; o opens the editor at its place."),
            None => state.say("There is no row here."),
        },
        Context::Stacks => match state.selected_task() {
            Some(id) => {
                state.overlay = None;
                open_task(state, id);
            }
            None => state.say("This loop polled no task; o opens the editor at the frame."),
        },
        Context::Menu => return menu::take(state),
        Context::Ask => state.say("y does it, n or Esc leaves it."),
        Context::Connecting | Context::Help | Context::Palette => {}
    }
    Step::changed()
}

/// The task that waits for the selected descriptor; if several do, all of them, to choose from.
fn open_waiting(state: &mut State) {
    match state.io.selected().map(|io| io.waiting.clone()) {
        Some(waiting) => choose(state, &waiting, "No task waits for this descriptor now."),
        None => unread(state),
    }
}

/// The task that holds what is selected, else those that wait for it.
fn open_holder(state: &mut State) {
    match state.sync.selected().map(|sync| (sync.holder, sync.waiters.clone())) {
        Some((Some(holder), _)) => open_task(state, holder),
        Some((None, waiters)) => choose(state, &waiters, "No task waits for this, and none holds it."),
        None => unread(state),
    }
}

/// Opens one of these tasks; of several, shows them, to choose from.
fn choose(state: &mut State, tasks: &[u64], none: &str) {
    match tasks {
        [] => state.say(none),
        [one] => open_task(state, *one),
        [..] => {
            let named: Vec<String> = tasks.iter().take(TERMS_MAX).map(|id| format!("id={id}")).collect();
            drill(state, named.join(" or "));
            if tasks.len() > TERMS_MAX {
                state.say(format!("The {TERMS_MAX} that wait longest of {} tasks.", tasks.len()));
            }
        }
    }
}

/// Shows the tasks that match; Esc leads back to this screen.
fn drill(state: &mut State, filter: String) {
    if state.is_over() {
        state.say("The process has ended, so nothing more can be asked; p lists those that run.");
        return;
    }
    let (from, before) = (state.tab, state.tasks.window().filter.clone());
    show(state, Tab::Tasks);
    state.tasks.follow = None;
    state.tasks.table.window.set_filter(&filter);
    state.drill = Some(Drill { from, before, filter });
}

fn attach(state: &mut State) -> Step {
    let Some(process) = state.picker.selected().cloned() else {
        state.say("There is no process to attach to.");
        return Step::changed();
    };
    let target = super::process_words(&process);
    state.link = Link::Connecting { waiting: format!("{target} to answer"), target, since: state.now };
    Step::with(Effect::Attach(Box::new(process)))
}

/// Opens the page of a task that somebody named.
pub(crate) fn goto(state: &mut State, id: u64) -> Step {
    if state.has_tabs() {
        state.overlay = None;
        open_task(state, id);
    } else {
        state.say("There is no process to ask for a task yet.");
    }
    Step::changed()
}

/// Opens the page of a task.
pub(super) fn open_task(state: &mut State, id: u64) {
    if state.pages.last().is_some_and(|page| page.id == id) {
        state.say("This is the page of that task.");
        return;
    }
    if state.is_over() {
        state.say("The process has ended, so nothing more can be asked; p lists those that run.");
        return;
    }
    if state.pages.len() == PAGES_MAX {
        state.pages.remove(0);
    }
    state.pages.push(TaskScreen::new(id));
}
