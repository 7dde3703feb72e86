//! What comes next: one event in, the state changed, and what is to be done returned.
//!
//! Nothing in here reads a clock, a file or a socket. Keys go through the key table ([`crate::keys`]) to
//! [`act`], data goes to the screen that asked for it, and ticks only move the time.
//!
//! A step says whether it changed anything that is seen; only then is the screen drawn. A tick changes something only if
//! an age is on the screen.

use super::act;
use super::event::{Data, Effect, Event, Identity, Now, Step};
use super::link::Link;
use super::order;
use super::palette;
use super::process_words;
use super::question::{Answer, Page, Question, TableQuestion, Warned};
use super::state::{Overlay, Paused, State, Tab};
use super::table::{Row, Table};
use super::typing;
use super::warning::WarningScreen;
use crate::keys::{self, Reading};
use loopscope_inspector::model::Process;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::time::Duration;

/// From this age on the picture of a live process says how old it is.
pub(crate) const OLD: Duration = Duration::from_secs(3);

/// What an event leads to.
pub(crate) fn update(state: &mut State, event: Event) -> Step {
    let mut step = match event {
        Event::Key(key) => on_key(state, key),
        Event::Mouse(mouse) => super::mouse::on_mouse(state, mouse),
        Event::Paste(text) => typing::paste(state, &text),
        Event::Resize(width, height) => {
            state.size = (width, height);
            Step::changed()
        }
        Event::Tick(now) => on_tick(state, now),
        Event::Data(data) => on_data(state, data),
        Event::Returned | Event::Continued => Step::changed(),
        Event::Terminate(signal) => Step::with(Effect::Quit(Some(signal))),
        Event::Stop => Step::with(Effect::Suspend),
        Event::Failed(why) => {
            state.complain(why);
            Step::changed()
        }
    };
    settle(state);
    step.effects.extend(read_sources(state));
    step
}

fn on_key(state: &mut State, key: KeyEvent) -> Step {
    // Terminals that report releases would otherwise do everything twice.
    if key.kind == KeyEventKind::Release {
        return Step::nothing();
    }
    if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
        return Step::with(Effect::Quit(None));
    }
    // Esc and a key right behind it, over a slow line or from fast fingers, arrive as one key with Alt. No key is bound with
    // Alt, so that is what it was.
    if key.modifiers.contains(KeyModifiers::ALT) {
        let mut step = on_key(state, KeyEvent::from(KeyCode::Esc));
        let then = on_key(state, KeyEvent::new(key.code, key.modifiers - KeyModifiers::ALT));
        step.changed |= then.changed;
        step.effects.extend(then.effects);
        return step;
    }
    state.note = None;
    if let Some(Overlay::Palette(_)) = &state.overlay {
        return palette::on_key(state, key);
    }
    if state.typing().is_some() {
        return typing::on_key(state, key);
    }
    let prefix = state.prefix.take();
    match keys::read(key, prefix, state.context()) {
        Reading::Action(action) => act::act(state, action),
        Reading::Prefix(first) => {
            state.prefix = Some(first);
            Step::changed()
        }
        Reading::Nothing(why) => {
            state.say(why);
            Step::changed()
        }
    }
}

fn on_tick(state: &mut State, now: Now) -> Step {
    state.now = state.now.max(now);
    let expired = state.note.as_ref().is_some_and(|(_, until)| *until <= state.now);
    if expired {
        state.note = None;
    }
    let ages = match &state.link {
        Link::Connecting { .. } | Link::Silent { .. } | Link::Ended { .. } => true,
        Link::Live { last, .. } => state.paused.is_some() || state.now.saturating_sub(*last) >= OLD,
        Link::Choosing | Link::Refused { .. } => false,
    };
    Step { changed: expired || ages, effects: Vec::new() }
}

fn on_data(state: &mut State, data: Data) -> Step {
    match data {
        Data::Waiting(text) => {
            let Link::Connecting { waiting, .. } = &mut state.link else { return Step::nothing() };
            *waiting = text;
        }
        Data::Attached(identity, process) => return on_attached(state, identity, *process),
        Data::Answer(from, answer) => return on_answer(state, &from, *answer),
        Data::Refused(why) => state.link.refused(why),
        Data::Silent(why) => state.link.silent(why),
        Data::Ended(how) => {
            state.successor = None;
            state.link.ended(how);
        }
        Data::Restarted(identity, process) => return on_restarted(state, identity, *process),
        Data::Done(from, done) => {
            if state.link.identity() != Some(&from) {
                return Step::nothing();
            }
            let (order, result) = *done;
            return order::done(state, &order, result);
        }
        Data::Source(place, excerpt) => {
            for page in pages_mut(state) {
                page.excerpts.insert(place.clone(), excerpt.clone());
            }
            if let Some(asked) = state.warning.as_mut().and_then(|page| page.excerpts.get_mut(&place)) {
                asked.clone_from(&excerpt);
            }
            if let Some(Overlay::Stacks(open)) = &mut state.overlay
                && let Some(asked) = open.excerpts.get_mut(&place)
            {
                asked.clone_from(&excerpt);
            }
            if let Some(asked) = state.sites.excerpts.get_mut(&place) {
                *asked = excerpt;
            }
        }
    }
    Step::changed()
}

fn on_attached(state: &mut State, identity: Identity, process: Process) -> Step {
    if matches!(state.link, Link::Choosing | Link::Refused { .. }) {
        // It was asked for before the user went back.
        return Step::nothing();
    }
    if state.link.attached(identity, state.now) {
        state.process = Some(process);
        return Step::changed();
    }
    // Its number was taken by another process: the pictures are of one that is gone.
    state.link.ended(None);
    state.say("The process has ended; another one has its number now. p lists those that run.");
    Step::with(Effect::Detach)
}

/// The pictures are of a process that has ended, so they go before those of another one come, unless somebody studies them.
fn on_restarted(state: &mut State, identity: Identity, process: Process) -> Step {
    if !state.is_over() {
        // It was waited for before the user went elsewhere.
        return Step::nothing();
    }
    if state.paused.is_some() {
        state.say(format!("It runs again, as {}; Space goes on to it.", process_words(&process)));
        state.successor = Some((identity, process));
        return Step::changed();
    }
    take_over(state, identity, process);
    Step::changed()
}

fn take_over(state: &mut State, identity: Identity, process: Process) {
    let (tab, old) = (state.tab, state.link.identity().map(|identity| identity.pid));
    let was = old.map(|pid| format!("pid {pid} has ended; ")).unwrap_or_default();
    state.forget();
    state.tab = tab;
    state.link = Link::Live { identity, last: state.now };
    state.say(format!("{was}this is another process: {}.", process_words(&process)));
    state.process = Some(process);
}

fn on_answer(state: &mut State, from: &Identity, (question, answer): (Question, Answer)) -> Step {
    if let Answer::Processes(processes) = answer {
        state.picker.take(processes);
        return Step { changed: state.link == Link::Choosing, effects: Vec::new() };
    }
    if !state.link.answered(from, state.now) {
        return Step::nothing();
    }
    match (question, answer) {
        (_, Answer::Overview(picture)) => {
            state.overview.remember(&picture, state.now);
            if let (Some(paused), true) = (&mut state.paused, state.overview.picture.is_some()) {
                paused.held = Some(picture);
                return Step::nothing();
            }
            state.process = Some(picture.process.clone());
            state.dropped = picture.dropped;
            state.overview.picture = Some(*picture);
            if let (Some(page), Tab::Overview) = (&mut state.warning, state.tab) {
                let problem = state.overview.find(&page.seen).cloned();
                page.take(problem.as_ref());
            }
        }
        (Question::Logs, Answer::Logs(logs)) => {
            let (frozen, screen) = (state.paused.is_some(), state.rows_in(keys::Context::Logs));
            let changed = state.logs.take(logs.map(|logs| *logs), frozen, screen);
            return Step { changed, effects: Vec::new() };
        }
        (Question::Table(asked), answer) => return on_page(state, asked, answer),
        (Question::Task(id), Answer::Task(picture)) => {
            let frozen = state.paused.is_some();
            if let (Some(picture), false) = (&picture, frozen) {
                state.process = Some(picture.process.clone());
            }
            let pages =
                pages_mut(state).filter(|page| page.id == id && !(frozen && page.picture().is_some()));
            let mut shown = false;
            for page in pages {
                page.take(picture.clone());
                shown = true;
            }
            return Step { changed: shown, effects: Vec::new() };
        }
        _ => return Step::nothing(),
    }
    Step::changed()
}

/// Rows of a table. Those of one that is not on top are thrown away.
fn on_page(state: &mut State, asked: TableQuestion, answer: Answer) -> Step {
    let answer = match answer {
        Answer::Warnings(warned) => return on_warnings(state, asked, *warned),
        other => other,
    };
    if state.window().is_none_or(|window| window.of != asked.of) {
        return Step::nothing();
    }
    match answer {
        Answer::Tasks(page) => {
            let (screen, paused) = (state.list_rows(), state.paused.is_some());
            if !state.tasks.table.wants(&asked, &state.tasks.question(screen), paused) {
                return Step::nothing();
            }
            note_process(state, &page);
            if let Some(lost) = state.tasks.take(asked, *page, screen) {
                state.say(format!("Task #{lost} is not in this table any more; it is no longer followed."));
            }
            Step::changed()
        }
        Answer::Sites(page) => take_page(state, |state| &mut state.sites.table, asked, *page),
        Answer::Timers(page) => take_page(state, |state| &mut state.timers, asked, *page),
        Answer::Io(page) => take_page(state, |state| &mut state.io, asked, *page),
        Answer::Sync(page) => take_page(state, |state| &mut state.sync, asked, *page),
        Answer::Processes(_)
        | Answer::Overview(_)
        | Answer::Task(_)
        | Answer::Warnings(_)
        | Answer::Logs(_) => Step::nothing(),
    }
}

/// What is wrong. The page of a warning, which lies on the table, is kept up to date with it.
fn on_warnings(state: &mut State, asked: TableQuestion, warned: Warned) -> Step {
    let frozen = state.paused.is_some();
    if state.tab != Tab::Warnings || !state.warnings.table.wants(&asked, &state.warnings.question(), frozen) {
        return Step::nothing();
    }
    state.dropped = warned.dropped;
    state.process = Some(warned.process.clone());
    let screen = state.rows_in(keys::Context::Warnings);
    state.warnings.take(asked, warned, screen);
    if let Some(page) = &mut state.warning {
        let warning = state.warnings.find(&page.seen).cloned();
        page.take(warning.as_ref());
    }
    Step::changed()
}

fn take_page<R: Row>(
    state: &mut State,
    table: fn(&mut State) -> &mut Table<R>,
    asked: TableQuestion,
    page: Page<R>,
) -> Step {
    let (screen, paused) = (state.list_rows(), state.paused.is_some());
    let shown = table(state);
    if !shown.wants(&asked, &shown.question(screen), paused) {
        return Step::nothing();
    }
    note_process(state, &page);
    table(state).take(asked, page);
    Step::changed()
}

fn note_process<R: Row>(state: &mut State, page: &Page<R>) {
    state.dropped = page.dropped;
    state.process = Some(page.process.clone());
}

/// The task pages and the chain.
fn pages_mut(state: &mut State) -> impl Iterator<Item = &mut super::task::TaskScreen> {
    let why = match &mut state.overlay {
        Some(Overlay::Why(page)) => Some(&mut **page),
        _ => None,
    };
    state.pages.iter_mut().chain(why)
}

/// Brings every selection onto a row that is there and seen.
pub(crate) fn settle(state: &mut State) {
    let screen = state.list_rows();
    let rows = usize::from(screen);
    match state.context() {
        keys::Context::Picker => state.picker.cursor.settle(&state.picker.stands(), rows),
        keys::Context::Overview => {
            let stands = state.overview.stands();
            state.overview.cursor.settle(&stands, rows);
        }
        keys::Context::Tasks
        | keys::Context::Sites
        | keys::Context::Timers
        | keys::Context::Io
        | keys::Context::Sync
        | keys::Context::Warnings => {
            if let Some(window) = state.window_mut() {
                window.settle(screen);
            }
        }
        keys::Context::Logs => state.logs.settle(screen),
        keys::Context::Stacks => {
            if let Some(Overlay::Stacks(open)) = &mut state.overlay {
                let stands = open.stands();
                open.cursor.settle(&stands, rows);
            }
        }
        keys::Context::Task => {
            if let Some(page) = state.pages.last_mut() {
                let stands = page.stands();
                page.cursor.settle(&stands, rows);
            }
        }
        keys::Context::Warning => {
            let columns = usize::from(state.size.0).saturating_sub(6);
            if let Some(page) = &mut state.warning {
                page.fold(columns);
                let stands = page.stands();
                page.cursor.settle(&stands, rows);
            }
        }
        keys::Context::Why => {
            if let Some(Overlay::Why(page)) = &mut state.overlay {
                let stands = vec![true; page.steps().len()];
                page.cursor.settle(&stands, rows);
            }
        }
        keys::Context::Menu => {
            if let Some(Overlay::Menu(menu)) = &mut state.overlay {
                let stands = vec![true; menu.items.len()];
                menu.cursor.settle(&stands, rows);
            }
        }
        keys::Context::Help => {
            if let Some(Overlay::Help(top)) = &mut state.overlay {
                *top = (*top).min(keys::help_lines().len().saturating_sub(rows));
            }
        }
        keys::Context::Connecting | keys::Context::Palette | keys::Context::Ask => {}
    }
}

/// Has the source lines read that the screen wants and has not.
fn read_sources(state: &mut State) -> Vec<Effect> {
    if let Some(Overlay::Stacks(open)) = &mut state.overlay {
        return open.ask().into_iter().map(Effect::Read).collect();
    }
    let missing = match state.screen() {
        keys::Context::Task => state.pages.last_mut().map(super::task::TaskScreen::ask).unwrap_or_default(),
        keys::Context::Sites => state.sites.ask(),
        keys::Context::Warning => state.warning.as_mut().map(WarningScreen::ask).unwrap_or_default(),
        _ => Vec::new(),
    };
    missing.into_iter().map(Effect::Read).collect()
}

/// Freezes or thaws the picture.
pub(crate) fn toggle_pause(state: &mut State) {
    match state.paused.take() {
        None => {
            state.paused = Some(Paused { since: state.now, held: None });
            state.say("Paused; Space goes on. Rows and pages that were not read yet are still read when you go there.");
        }
        Some(paused) => {
            if let (Some(held), Tab::Overview) = (paused.held, state.tab) {
                state.process = Some(held.process.clone());
                state.overview.picture = Some(*held);
            }
            let screen = state.rows_in(keys::Context::Logs);
            state.logs.thaw(screen);
            match state.successor.take() {
                Some((identity, process)) => take_over(state, identity, process),
                None => state.say("The picture goes on."),
            }
        }
    }
}
