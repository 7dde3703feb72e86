//! What an action of the key table does on the screen where it is asked for.
//!
//! Every action that cannot do anything right now says why in the line above the bottom bar.

use super::cursor::Move;
use super::event::{Effect, Step};
use super::geometry;
use super::link::Link;
use super::logs;
use super::looks;
use super::menu;
use super::open::{open, open_task};
use super::order;
use super::palette;
use super::question::Listing;
use super::state::{Drill, Overlay, State, Tab};
use super::task::TaskScreen;
use super::tasks::EXCEPT_MAX;
use super::typing;
use super::update::toggle_pause;
use super::warning::WarningScreen;
use crate::keys::{self, Action, Context};
use loopscope_inspector::model::Place;

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
        Action::Back | Action::No => return back(state),
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
        Action::Control | Action::Yes | Action::Stacks | Action::Dump | Action::Debug => {
            return order::act(state, action);
        }
        Action::Level => level(state),
        Action::LogFilter => log_filter(state),
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
pub(super) fn unread(state: &mut State) {
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
        Context::Sites | Context::Timers | Context::Io | Context::Sync | Context::Warnings => {
            state.window_mut().is_some_and(|window| window.go(to, screen))
        }
        Context::Warning => state.warning.as_mut().is_some_and(|page| {
            let stands = page.stands();
            page.cursor.go(to, &stands, rows)
        }),
        Context::Logs => {
            let moved = state.logs.table.window.go(to, screen);
            state.logs.moved();
            moved
        }
        Context::Stacks => match &mut state.overlay {
            Some(Overlay::Stacks(open)) => {
                let stands = open.stands();
                open.cursor.go(to, &stands, rows)
            }
            _ => false,
        },
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
        Context::Connecting | Context::Palette | Context::Ask => false,
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
    if state.context() == Context::Warnings {
        return fold(state, Some(true));
    }
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
    if state.context() == Context::Warnings {
        return fold(state, Some(false));
    }
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

/// Shows or hides the warnings of a group.
fn fold(state: &mut State, hidden: Option<bool>) {
    let screen = state.list_rows();
    if !state.warnings.fold(hidden, screen) {
        state.say(match (&state.warnings.table.window, hidden) {
            (window, _) if !window.tree => "The flat table has no groups; t shows them.",
            (window, _) if window.total() == 0 => return unread(state),
            (_, Some(true)) => "The warnings of this group are hidden already.",
            (_, _) => "The warnings of this group are shown already; Enter opens one.",
        });
    }
}

fn expand(state: &mut State, to: Option<bool>) {
    if state.context() == Context::Warnings {
        return fold(state, None);
    }
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
    if state.context() == Context::Warnings {
        let screen = state.list_rows();
        if !state.warnings.fold_all(screen) {
            state.say("The flat table has no groups; t shows them.");
        }
        return;
    }
    if !state.tasks.window().tree {
        state.say("The flat table has nothing to expand; t shows the tree.");
        return;
    }
    // Where some children are hidden, all are shown first: what the key does is always to be seen.
    state.tasks.expanded = !state.tasks.expanded || !state.tasks.except.is_empty();
    state.tasks.except.clear();
    state.tasks.table.window.restart();
}

fn back(state: &mut State) -> Step {
    if state.overlay.take().is_some() {
        return Step::changed();
    }
    match state.context() {
        Context::Task => {
            state.pages.pop();
        }
        Context::Warning => state.warning = None,
        Context::Tasks if state.tasks.follow.is_some() => {
            state.tasks.follow = None;
            state.say("The task is no longer followed.");
        }
        Context::Tasks
        | Context::Sites
        | Context::Timers
        | Context::Io
        | Context::Sync
        | Context::Warnings
        | Context::Logs => {
            back_from_table(state);
        }
        Context::Connecting => {
            state.forget();
            return Step::with(Effect::Detach);
        }
        Context::Overview => state.say("There is nothing to go back to; q quits, p lists the processes."),
        Context::Picker => state.say("There is nothing to go back to; q quits."),
        Context::Why | Context::Help | Context::Menu | Context::Palette | Context::Stacks | Context::Ask => {}
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
    state.warning = None;
    state.drill = None;
    state.tab = tab;
}

fn sort(state: &mut State, forward: bool) {
    let Some(window) = state.window_mut() else { return };
    if window.tree {
        window.tree = false;
        window.restart();
        let of = window.of;
        state.say(match of {
            Listing::Warnings => {
                "The flat table, since groups have an order of their own; t goes back to them."
            }
            _ => "The flat table, since a tree has an order of its own; t goes back to it.",
        });
        return;
    }
    let sorts = window.of.sorts().len();
    let step = if forward { 1 } else { sorts - 1 };
    window.sort_by((window.sort + step) % sorts);
}

fn invert(state: &mut State) {
    let Some(window) = state.window_mut() else { return };
    if window.tree {
        let of = window.of;
        state.say(match of {
            Listing::Warnings => {
                "Groups have the worst first; t shows the flat table, which can be turned round."
            }
            _ => "A tree has an order of its own; t shows the flat table, which can be turned round.",
        });
        return;
    }
    window.descending = !window.descending;
    window.restart();
}

fn shape(state: &mut State) {
    let Some(window) = state.window_mut() else { return };
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
            Context::Warnings | Context::Warning => "This warning is of no single task.",
            Context::Logs => "This line was logged by no task.",
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

/// Shows log lines of the next level and worse.
fn level(state: &mut State) {
    state.logs.level = logs::next_level(state.logs.level);
    state.say(logs::level_words(state.logs.level));
}

/// Opens the line in which the application's own log filter is typed.
fn log_filter(state: &mut State) {
    let filter = state.logs.filter.clone().unwrap_or_default();
    palette::open(state);
    palette::fill(state, &format!("log-filter {filter}"));
}

fn follow(state: &mut State) {
    if state.context() == Context::Logs {
        state.logs.follow = !state.logs.follow;
        let screen = state.list_rows();
        state.logs.remake(screen);
        state.say(if state.logs.follow {
            "The last line is followed as they come; f or a move up stops that."
        } else {
            "The selection stays on this line; f or the last line follows again."
        });
        return;
    }
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
        Context::Warnings => state.warnings.selected().and_then(|warning| warning.at.as_ref()),
        Context::Warning => state.warning.as_ref().and_then(WarningScreen::place),
        Context::Logs => return state.logs.selected().and_then(logs::place),
        Context::Stacks => match &state.overlay {
            Some(Overlay::Stacks(open)) => open.place(),
            _ => None,
        },
        Context::Task => state.pages.last().and_then(TaskScreen::place),
        Context::Why => match &state.overlay {
            Some(Overlay::Why(page)) => page.steps().get(page.cursor.at).and_then(super::task::step_place),
            _ => None,
        },
        Context::Picker
        | Context::Connecting
        | Context::Help
        | Context::Menu
        | Context::Palette
        | Context::Ask => None,
    };
    found.cloned()
}

/// The number of the row of a list that lies at a line of the screen.
pub(crate) fn row_at(state: &State, column: u16, line: u16) -> Option<usize> {
    let frame = geometry::frame(state.area())?;
    let list = match state.context() {
        Context::Picker
        | Context::Tasks
        | Context::Sites
        | Context::Timers
        | Context::Io
        | Context::Sync
        | Context::Warnings
        | Context::Logs => state.table_parts(frame.body).rows,
        Context::Overview | Context::Task => geometry::columns(frame.body).0,
        Context::Warning => frame.body,
        Context::Why | Context::Help | Context::Menu | Context::Stacks => {
            geometry::inside(geometry::overlay(frame.body))
        }
        Context::Palette => geometry::palette(frame.body).list,
        Context::Connecting | Context::Ask => return None,
    };
    list.contains((column, line).into()).then(|| usize::from(line - list.y))
}
