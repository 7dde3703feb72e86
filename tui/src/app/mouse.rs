//! The mouse: a click selects, a click on what is selected opens, the wheel moves, a column's title sorts, a screen's
//! title goes there.

use super::act::{act, row_at, show, sort_by};
use super::columns::{TASK_COLUMNS, fit};
use super::event::Step;
use super::geometry;
use super::state::{Overlay, State, Tab};
use super::tasks::SORT_COLUMNS;
use crate::keys::{Action, Context};
use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

/// Rows that one notch of the wheel moves.
const WHEEL_ROWS: usize = 3;

/// What a click or a turn of the wheel leads to.
pub(crate) fn on_mouse(state: &mut State, mouse: MouseEvent) -> Step {
    match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => click(state, mouse.column, mouse.row),
        MouseEventKind::ScrollUp => wheel(state, Action::Up),
        MouseEventKind::ScrollDown => wheel(state, Action::Down),
        _ => Step::nothing(),
    }
}

fn wheel(state: &mut State, action: Action) -> Step {
    for _ in 0..WHEEL_ROWS {
        let _ = act(state, action);
    }
    // A wheel is turned further than the list goes without meaning it.
    state.note = None;
    Step::changed()
}

fn click(state: &mut State, column: u16, line: u16) -> Step {
    let Some(frame) = geometry::frame(state.area()) else { return Step::nothing() };
    if frame.tabs.contains((column, line).into()) && state.overlay.is_none() {
        if let Some(tab) = tab_at(column - frame.tabs.x)
            && matches!(state.context(), Context::Overview | Context::Tasks | Context::Task)
        {
            show(state, tab);
        }
        return Step::changed();
    }
    if state.context() == Context::Tasks && geometry::table(frame.body).titles.contains((column, line).into())
    {
        let hit = fit(TASK_COLUMNS, geometry::cells_width(frame.body)).into_iter().find(|placed| {
            (placed.x..placed.x + placed.width)
                .contains(&(column - frame.body.x).saturating_sub(geometry::MARK))
        });
        let sort =
            hit.and_then(|placed| SORT_COLUMNS.iter().position(|sort| sort.column == placed.column.id));
        match sort {
            Some(sort) => sort_by(state, sort),
            None => state.say("The observed process cannot sort by this column."),
        }
        return Step::changed();
    }
    let Some(row) = row_at(state, column, line) else { return Step::nothing() };
    if select(state, row) { act(state, Action::Open) } else { Step::changed() }
}

/// The screen whose title lies at a column of the tabs.
fn tab_at(column: u16) -> Option<Tab> {
    let mut x = 0;
    for tab in Tab::ALL {
        let width = tab_width(*tab);
        if (x..x + width).contains(&column) {
            return Some(*tab);
        }
        x += width;
    }
    None
}

/// The width of a screen's title among the tabs: ` 1 Overview `.
pub(crate) fn tab_width(tab: Tab) -> u16 {
    tab.title().len() as u16 + 4
}

/// Selects the row at a line of the list; whether it was selected already.
fn select(state: &mut State, row: usize) -> bool {
    let context = state.context();
    if context == Context::Tasks {
        let number = state.tasks.top + row as u64;
        let again = state.tasks.cursor == number;
        if number < state.tasks.reach() {
            state.tasks.cursor = number;
            state.tasks.follow = None;
        }
        return again;
    }
    let stands = match context {
        Context::Picker => state.picker.stands(),
        Context::Overview => state.overview.stands(),
        Context::Task => state.pages.last().map(super::task::TaskScreen::stands).unwrap_or_default(),
        Context::Why => match &state.overlay {
            Some(Overlay::Why(page)) => vec![true; page.steps().len()],
            _ => Vec::new(),
        },
        Context::Tasks | Context::Connecting | Context::Help => return false,
    };
    let cursor = match context {
        Context::Picker => Some(&mut state.picker.cursor),
        Context::Overview => Some(&mut state.overview.cursor),
        Context::Task => state.pages.last_mut().map(|page| &mut page.cursor),
        _ => match &mut state.overlay {
            Some(Overlay::Why(page)) => Some(&mut page.cursor),
            _ => None,
        },
    };
    let Some(cursor) = cursor else { return false };
    let wanted = cursor.top + row;
    let again = cursor.at == wanted;
    if stands.get(wanted) == Some(&true) {
        cursor.at = wanted;
    }
    again
}
