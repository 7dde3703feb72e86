//! What an action of the key table does on the screen where it is asked for.
//!
//! Every action that cannot do anything right now says why in the line above the bottom bar.

use super::cursor::Move;
use super::event::{Effect, Step};
use super::geometry;
use super::link::Link;
use super::looks;
use super::menu;
use super::overview;
use super::palette;
use super::state::{Drill, Overlay, PAGES_MAX, State, Tab};
use super::task::TaskScreen;
use super::tasks::EXCEPT_MAX;
use super::typing;
use super::update::toggle_pause;
use crate::keys::{self, Action, Context};
use loopscope_inspector::model::Place;
use loopscope_inspector::model::query::TERMS_MAX;

/// Carries an action out.
pub(crate) fn act(state: &mut State, action: Action) -> Step {
    let screenful = isize::try_from(state.list_rows().saturating_sub(1).max(1)).unwrap_or(1);
    match action {
        Action::Up => go(state, Move::By(-1)),
        Action::Down => go(state, Move::By(1)),
        Action::PageUp => go(state, Move::By(-screenful)),
        Action::PageDown => go(state, Move::By(screenful)),
        Action::Top => go(state, Move::Top),
        Action::Bottom => go(state, Move::Bottom),
        Action::Left => left(state),
        Action::Right => right(state),
        Action::Open => return open(state),
        Action::Back => return back(state),
        Action::NextScreen => turn(state, 1),
        Action::PreviousScreen => turn(state, Tab::ALL.len() - 1),
        Action::Screen(number) => {
            if let Some(tab) = Tab::ALL.iter().find(|tab| tab.number() == number) {
                show(state, *tab);
            }
        }
        Action::TaskPage => match state.selected_task() {
            Some(id) => open_task(state, id),
            None => state.say("3 is the page of the selected task, and no task is selected here."),
        },
        Action::Filter => typing::begin(state),
        Action::SortNext => sort(state, true),
        Action::SortPrevious => sort(state, false),
        Action::Invert => invert(state),
        Action::Shape => shape(state),
        Action::Expand => expand(state, None),
        Action::ExpandAll => expand_all(state),
        Action::Why => why(state),
        Action::Follow => follow(state),
        Action::Pause => toggle_pause(state),
        Action::Copy => return menu::copy_row(state),
        Action::CopyMenu => menu::open(state),
        Action::Editor => match place(state) {
            Some(place) => return Step::with(Effect::Edit(place)),
            None => state.say("No place in the source is known of what is selected."),
        },
        Action::Processes => {
            state.forget();
            return Step::with(Effect::Detach);
        }
        Action::Control => control(state),
        Action::Palette => palette::open(state),
        Action::Goto => state.say(":goto 42 opens the page of task #42; so does :42."),
        Action::Interval => {
            let interval = state.wishes.interval;
            state.say(format!("The picture is renewed every {interval:?}; :interval 2s changes that."));
        }
        Action::Theme => {
            let next = state.theme.palette().next();
            looks::choose(state, next);
        }
        Action::Mouse => return looks::mouse(state, !state.wishes.mouse),
        Action::Help => {
            state.overlay = match state.overlay.take() {
                Some(Overlay::Help(_)) => None,
                _ => Some(Overlay::Help(0)),
            };
        }
        Action::Redraw => return Step::with(Effect::Redraw),
        Action::Suspend => return Step::with(Effect::Suspend),
        Action::Quit => return Step::with(Effect::Quit(None)),
    }
    Step::changed()
}

/// Says why there is nothing in the selected row.
fn unread(state: &mut State) {
    let is_empty = state.window().is_some_and(|window| window.total == Some(0));
    state.say(if is_empty { "There is no row here." } else { "This row has not been read yet." });
}

fn go(state: &mut State, to: Move) {
    let screen = state.list_rows();
    let rows = usize::from(screen);
    let moved = match state.context() {
        Context::Picker => {
            let stands = state.picker.stands();
            state.picker.cursor.go(to, &stands, rows)
        }
        Context::Overview => {
            let stands = state.overview.stands();
            state.overview.cursor.go(to, &stands, rows)
        }
        Context::Tasks => {
            if state.tasks.follow.is_some() {
                state.say("The task is no longer followed.");
            }
            state.tasks.go(to, screen)
        }
        Context::Sites | Context::Timers | Context::Io | Context::Sync => {
            state.window_mut().is_some_and(|window| window.go(to, screen))
        }
        Context::Task => state.pages.last_mut().is_some_and(|page| {
            let stands = page.stands();
            page.cursor.go(to, &stands, rows)
        }),
        Context::Why => match &mut state.overlay {
            Some(Overlay::Why(page)) => {
                let stands = vec![true; page.steps().len()];
                page.cursor.go(to, &stands, rows)
            }
            _ => false,
        },
        Context::Menu => match &mut state.overlay {
            Some(Overlay::Menu(menu)) => {
                let stands = vec![true; menu.items.len()];
                menu.cursor.go(to, &stands, rows)
            }
            _ => false,
        },
        Context::Help => scroll_help(state, to, rows),
        Context::Connecting | Context::Palette => false,
    };
    if !moved {
        state.say(match to {
            Move::Top => "This is the first row.",
            Move::By(rows) if rows < 0 => "This is the first row.",
            Move::By(_) | Move::Bottom => "This is the last row.",
        });
    }
}

fn scroll_help(state: &mut State, to: Move, rows: usize) -> bool {
    let Some(Overlay::Help(top)) = &mut state.overlay else { return false };
    let last = keys::help_lines().len().saturating_sub(rows);
    let before = *top;
    *top = match to {
        Move::Top => 0,
        Move::Bottom => last,
        Move::By(by) => top.saturating_add_signed(by).min(last),
    };
    *top != before
}

fn left(state: &mut State) {
    if state.context() != Context::Tasks || !state.tasks.window().tree {
        state.say("Left hides children or goes to the parent; that is for the tree of tasks.");
        return;
    }
    let Some(node) = state.tasks.row(state.tasks.window().cursor) else {
        unread(state);
        return;
    };
    if node.children > 0 && state.tasks.is_expanded(node.task.id) {
        return expand(state, Some(false));
    }
    match state.tasks.parent_number() {
        Some(number) => {
            let by = number as i64 - state.tasks.window().cursor as i64;
            let screen = state.list_rows();
            state.tasks.go(Move::By(by as isize), screen);
        }
        None => state.say("This task has no parent in the tree."),
    }
}

fn right(state: &mut State) {
    if state.context() != Context::Tasks || !state.tasks.window().tree {
        state.say("Right shows children; that is for the tree of tasks. Enter opens.");
        return;
    }
    match state.tasks.row(state.tasks.window().cursor) {
        Some(node) if node.children > 0 && !state.tasks.is_expanded(node.task.id) => {
            expand(state, Some(true));
        }
        Some(node) if node.children > 0 => go(state, Move::By(1)),
        Some(_) => state.say("This task has no children."),
        None => unread(state),
    }
}

fn expand(state: &mut State, to: Option<bool>) {
    if !state.tasks.window().tree {
        state.say("The flat table has nothing to expand; t shows the tree.");
        return;
    }
    let Some(node) = state.tasks.row(state.tasks.window().cursor) else {
        state.say("There is no task in this row to expand.");
        return;
    };
    let id = node.task.id;
    if node.children == 0 {
        state.say(format!("Task #{id} has no children."));
        return;
    }
    let wanted = to.unwrap_or(!state.tasks.is_expanded(id));
    if !state.tasks.expand(id, wanted) {
        state.say(format!(
            "{EXCEPT_MAX} tasks are the exception already; E shows or hides the children of all."
        ));
    }
}

fn expand_all(state: &mut State) {
    if !state.tasks.window().tree {
        state.say("The flat table has nothing to expand; t shows the tree.");
        return;
    }
    // Where some children are hidden, all are shown first: what the key does is always to be seen.
    state.tasks.expanded = !state.tasks.expanded || !state.tasks.except.is_empty();
    state.tasks.except.clear();
    state.tasks.table.window.restart();
}

fn open(state: &mut State) -> Step {
    match state.context() {
        Context::Picker => return attach(state),
        Context::Overview => match state.overview.link() {
            Ok(overview::Link::Task(id)) => open_task(state, id),
            Ok(overview::Link::Filter(filter)) => drill(state, filter),
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
        Context::Menu => return menu::take(state),
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

fn open_task(state: &mut State, id: u64) {
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

fn back(state: &mut State) -> Step {
    if state.overlay.take().is_some() {
        return Step::changed();
    }
    match state.context() {
        Context::Task => {
            state.pages.pop();
        }
        Context::Tasks if state.tasks.follow.is_some() => {
            state.tasks.follow = None;
            state.say("The task is no longer followed.");
        }
        Context::Tasks | Context::Sites | Context::Timers | Context::Io | Context::Sync => {
            back_from_table(state);
        }
        Context::Connecting => {
            state.forget();
            return Step::with(Effect::Detach);
        }
        Context::Overview => state.say("There is nothing to go back to; q quits, p lists the processes."),
        Context::Picker => state.say("There is nothing to go back to; q quits."),
        Context::Why | Context::Help | Context::Menu | Context::Palette => {}
    }
    Step::changed()
}

/// One step back: the filter that was typed goes, then to where Enter came from, else to Overview.
fn back_from_table(state: &mut State) {
    let is_tasks = state.tab == Tab::Tasks;
    let drill = state.drill.take_if(|_| is_tasks);
    let Some(window) = state.window_mut() else { return };
    match drill {
        Some(Drill { from, before, filter }) if window.filter == filter => {
            window.set_filter(&before);
            show(state, from);
        }
        Some(drill) => {
            window.set_filter(&drill.filter);
            state.drill = Some(drill);
            state.say("The filter that was typed is gone.");
        }
        None if !window.filter.is_empty() => {
            window.set_filter("");
            let all = window.of.one();
            // Rows are chosen where the process is.
            let shown = match state.link {
                Link::Live { .. } => format!("all {all}s are shown"),
                _ => "the rows stay those of the last answer".to_owned(),
            };
            state.say(format!("The filter is gone; {shown}."));
        }
        None => show(state, Tab::Overview),
    }
}

fn turn(state: &mut State, by: usize) {
    let at = Tab::ALL.iter().position(|tab| *tab == state.tab).unwrap_or(0);
    show(state, Tab::ALL[(at + by) % Tab::ALL.len()]);
}

/// Goes to a screen; pages on top of it are closed.
pub(crate) fn show(state: &mut State, tab: Tab) {
    state.pages.clear();
    state.drill = None;
    state.tab = tab;
}

fn sort(state: &mut State, forward: bool) {
    let Some(window) = state.window_mut() else { return };
    if window.tree {
        window.tree = false;
        window.restart();
        state.say("The flat table, since a tree has an order of its own; t goes back to it.");
        return;
    }
    let sorts = window.of.sorts().len();
    let step = if forward { 1 } else { sorts - 1 };
    window.sort_by((window.sort + step) % sorts);
}

fn invert(state: &mut State) {
    let Some(window) = state.window_mut() else { return };
    if window.tree {
        state.say("A tree has an order of its own; t shows the flat table, which can be turned round.");
        return;
    }
    window.descending = !window.descending;
    window.restart();
}

fn shape(state: &mut State) {
    let window = &mut state.tasks.table.window;
    window.tree = !window.tree;
    window.restart();
}

fn why(state: &mut State) {
    let Some(id) = state.selected_task() else {
        state.say(match state.context() {
            Context::Tasks => return unread(state),
            Context::Timers => "No task waits for this timer.",
            Context::Io => "No task waits for this descriptor now.",
            Context::Sync => "No task waits for this, and none holds it.",
            _ => "This line is of no single task.",
        });
        return;
    };
    let mut page = TaskScreen::new(id);
    // What the page below knows is shown until the answer is there.
    if let Some(known) = state.pages.last().filter(|known| known.id == id) {
        page.seen = known.seen.clone();
    }
    if state.is_over() && page.picture().is_none() {
        state.say("The process has ended, so nothing more can be asked; p lists those that run.");
        return;
    }
    state.overlay = Some(Overlay::Why(Box::new(page)));
}

/// There is nothing yet that a process lets be done to it, so all there is to say is why.
fn control(state: &mut State) {
    let rights = state.process.as_ref().and_then(|process| process.rights);
    let granted = rights.map_or_else(|| "unknown".to_owned(), |rights| rights.names().join(" "));
    state.say(format!(
        "Nothing can be done to a task from here: the process lets itself be looked at only (rights: {granted})."
    ));
}

fn follow(state: &mut State) {
    match (state.tasks.follow, state.tasks.selected().map(|task| task.id)) {
        (Some(_), _) => {
            state.tasks.follow = None;
            state.say("The task is no longer followed.");
        }
        (None, Some(id)) => {
            state.tasks.follow = Some(id);
            state.say(format!("Task #{id} is followed wherever it moves; f or a move lets it go."));
        }
        (None, None) => state.say("There is no task in this row to follow."),
    }
}

/// The place in the source that what is selected is about.
pub(crate) fn place(state: &State) -> Option<Place> {
    let found = match state.context() {
        Context::Overview => state.overview.place(),
        Context::Tasks => state.tasks.selected().and_then(|task| super::task::places(task).next()),
        Context::Sites => state.sites.table.selected().map(|site| &site.site),
        Context::Timers => state.timers.selected().and_then(|timer| timer.at.as_ref()),
        Context::Io => state.io.selected().and_then(|io| io.made_at.as_ref()),
        Context::Sync => state.sync.selected().and_then(super::sync::place),
        Context::Task => state.pages.last().and_then(TaskScreen::place),
        Context::Why => match &state.overlay {
            Some(Overlay::Why(page)) => page.steps().get(page.cursor.at).and_then(super::task::step_place),
            _ => None,
        },
        Context::Picker | Context::Connecting | Context::Help | Context::Menu | Context::Palette => None,
    };
    found.cloned()
}

/// The number of the row of a list that lies at a line of the screen.
pub(crate) fn row_at(state: &State, column: u16, line: u16) -> Option<usize> {
    let frame = geometry::frame(state.area())?;
    let list = match state.context() {
        Context::Picker | Context::Tasks | Context::Sites | Context::Timers | Context::Io | Context::Sync => {
            state.table_parts(frame.body).rows
        }
        Context::Overview | Context::Task => geometry::columns(frame.body).0,
        Context::Why | Context::Help | Context::Menu => geometry::inside(geometry::overlay(frame.body)),
        Context::Palette => geometry::palette(frame.body).list,
        Context::Connecting => return None,
    };
    list.contains((column, line).into()).then(|| usize::from(line - list.y))
}
