//! The mouse: a click selects, a click on what is selected opens, the wheel moves, a column's title sorts, a screen's
//! title goes there.

use super::act::{act, row_at, show};
use super::columns::{
    IO_COLUMNS, SITE_COLUMNS, SYNC_COLUMNS, TASK_COLUMNS, TIMER_COLUMNS, WARNING_COLUMNS, sort_at,
};
use super::event::Step;
use super::geometry;
use super::palette;
use super::state::{Overlay, State};
use super::tabs;
use super::warning::WarningScreen;
use crate::keys::{Action, Context};
use ratatui::crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};

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
    if let Some(Overlay::Palette(open)) = &mut state.overlay {
        let rows = WHEEL_ROWS as isize;
        palette::select(open, if action == Action::Up { -rows } else { rows });
        return Step::changed();
    }
    for _ in 0..WHEEL_ROWS {
        let _ = act(state, action);
    }
    // A wheel is turned further than the list goes without meaning it.
    state.note = None;
    Step::changed()
}

fn click(state: &mut State, column: u16, line: u16) -> Step {
    let Some(frame) = geometry::frame(state.area()) else { return Step::nothing() };
    let at = (column, line).into();
    if frame.tabs.contains(at) && state.overlay.is_none() {
        let tab =
            tabs::at(frame.tabs, state.tab, !state.pages.is_empty(), column).filter(|_| state.has_tabs());
        if let Some(tab) = tab {
            show(state, tab);
        }
        return Step::changed();
    }
    if state.table_parts(frame.body).titles.contains(at) && state.window().is_some() {
        click_title(state, geometry::cells_width(frame.body), column - frame.body.x);
        return Step::changed();
    }
    // Beside an overlay is what it lies over: a click there leads back to that.
    if state.overlay.is_some() && !geometry::overlay(frame.body).contains(at) {
        return match &state.overlay {
            Some(Overlay::Palette(_)) => palette::on_key(state, KeyEvent::from(KeyCode::Esc)),
            _ => act(state, Action::Back),
        };
    }
    let Some(row) = row_at(state, column, line) else { return Step::nothing() };
    if let Some(Overlay::Palette(open)) = &state.overlay {
        let top = palette::top(open.selected(&open.choices()), usize::from(state.list_rows()));
        return palette::click(state, top + row);
    }
    if select(state, row) { act(state, Action::Open) } else { Step::changed() }
}

/// Sorts by the column whose title was clicked, `x` columns from the left edge of the table.
fn click_title(state: &mut State, width: u16, x: u16) {
    let x = x.saturating_sub(geometry::MARK);
    let name = match state.context() {
        Context::Tasks => sort_at(TASK_COLUMNS, width, x),
        Context::Sites => sort_at(SITE_COLUMNS, width, x),
        Context::Timers => sort_at(TIMER_COLUMNS, width, x),
        Context::Io => sort_at(IO_COLUMNS, width, x),
        Context::Sync => sort_at(SYNC_COLUMNS, width, x),
        Context::Warnings => sort_at(WARNING_COLUMNS, width, x),
        _ => None,
    };
    let Some(window) = state.window_mut() else { return };
    match window.of.sorts().iter().position(|sort| Some(sort.name) == name) {
        Some(sort) => window.sort_by(sort),
        None => state.say("The observed process cannot sort by this column."),
    }
}

/// Selects the row at a line of the list; whether it was selected already.
fn select(state: &mut State, row: usize) -> bool {
    let context = state.context();
    if let Some(window) = state.window_mut() {
        let number = window.top + row as u64;
        let again = window.cursor == number;
        if number < window.reach() {
            window.cursor = number;
            state.tasks.follow.take_if(|_| context == Context::Tasks);
            if context == Context::Logs {
                state.logs.moved();
            }
        }
        return again;
    }
    let stands = match context {
        Context::Picker => state.picker.stands(),
        Context::Overview => state.overview.stands(),
        Context::Task => state.pages.last().map(super::task::TaskScreen::stands).unwrap_or_default(),
        Context::Warning => state.warning.as_ref().map(WarningScreen::stands).unwrap_or_default(),
        Context::Stacks => match &state.overlay {
            Some(Overlay::Stacks(open)) => open.stands(),
            _ => Vec::new(),
        },
        Context::Why => match &state.overlay {
            Some(Overlay::Why(page)) => vec![true; page.steps().len()],
            _ => Vec::new(),
        },
        Context::Menu => match &state.overlay {
            Some(Overlay::Menu(menu)) => vec![true; menu.items.len()],
            _ => Vec::new(),
        },
        _ => return false,
    };
    let cursor = match context {
        Context::Picker => Some(&mut state.picker.cursor),
        Context::Overview => Some(&mut state.overview.cursor),
        Context::Task => state.pages.last_mut().map(|page| &mut page.cursor),
        Context::Warning => state.warning.as_mut().map(|page| &mut page.cursor),
        _ => match &mut state.overlay {
            Some(Overlay::Why(page)) => Some(&mut page.cursor),
            Some(Overlay::Menu(menu)) => Some(&mut menu.cursor),
            Some(Overlay::Stacks(open)) => Some(&mut open.cursor),
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
