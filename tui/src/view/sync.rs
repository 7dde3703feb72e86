//! The Sync screen, drawn.

use super::pen::{Pen, line_of};
use super::rows;
use super::table::{self, below};
use super::task::{end_words, step_line};
use crate::app::columns::{GAP, Placed, SYNC_COLUMNS, SyncColumn};
use crate::app::geometry::MARK;
use crate::app::state::State;
use crate::app::sync::{self, Followed};
use crate::theme::{Role, Theme};
use loopscope_inspector::model::{InCycle, Place, ResourceKind, Sync, Waiting, words};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// The columns of a bar in a row.
const BAR: usize = 6;
/// The columns of a bar in the panel.
const WIDE_BAR: usize = 24;
/// From this number of lines on a chain has one for each step.
const LINES_STEPS: u16 = 9;
/// The tasks of each kind that the panel names.
const NAMED_MAX: usize = 4;

/// Draws the screen.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    if let Some(selected) = state.sync.selected() {
        panel(selected, sync::followed(&state.sync), theme, state.table_parts(area).panel, buf);
    }
    table::draw(state, (&state.sync, SYNC_COLUMNS), area, buf, &told(state), |_, sync, placed| {
        row(theme, sync, placed)
    })
}

/// The rows in memory that are part of a deadlock or behind one.
fn told(state: &State) -> Vec<(Role, String)> {
    let rows = state.sync.page.iter().flat_map(|(_, page)| &page.rows);
    let stuck = rows.filter(|row| matches!(row.cycle, Some(InCycle::Deadlock | InCycle::Behind))).count();
    let text = || format!("{} {} in a deadlock", state.theme.glyphs.bad, words::count(stuck as u64));
    (stuck > 0).then(|| (Role::Bad, text())).into_iter().collect()
}

fn row<'a>(theme: &'a Theme, sync: &Sync, placed: &[Placed<SyncColumn>]) -> Pen<'a> {
    placed.iter().fold(Pen::new(theme), |pen, cell| {
        let place = |at: &Option<Place>| {
            (Role::Dim, at.as_ref().map(|at| rows::place(theme, at, cell.width)).unwrap_or_default())
        };
        let (role, text) = match cell.column.id {
            SyncColumn::Kind => match sync.cycle.map(|cycle| mark(theme, cycle)) {
                Some((role, glyph)) => (role, format!("{glyph} {}", sync.kind)),
                None => (Role::Text, format!("  {}", sync.kind)),
            },
            SyncColumn::Name => {
                let name = sync.name.as_deref().unwrap_or_default();
                (Role::Strong, words::escape(name, words::NAME_CHARS_MAX).into_owned())
            }
            SyncColumn::Holder => match sync.holder {
                Some(id) => (Role::Text, words::task(id, sync.holder_name.as_deref())),
                None if sync.kind == ResourceKind::Lock => (Role::Dim, "nobody".to_owned()),
                None => (Role::Text, String::new()),
            },
            SyncColumn::HeldFor => (Role::Text, sync.held_for_ns.map(words::duration).unwrap_or_default()),
            SyncColumn::Waiters => rows::waiting(sync.kind, &sync.waits, &sync.waiters),
            SyncColumn::Fill => fill(theme, sync, BAR, words::fill_brief(sync.kind, sync.len, sync.limit)),
            SyncColumn::Cycle => match sync.cycle {
                Some(cycle) => (mark(theme, cycle).0, cycle.as_str().replace('-', " ")),
                None => (Role::Text, String::new()),
            },
            SyncColumn::MadeAt => place(&sync.made_at),
            SyncColumn::HeldAt => place(&sync.held_at),
        };
        pen.cell(role, text, cell.width, cell.column.number).gap(GAP)
    })
}

/// How loudly a part in a cycle is said, and its glyph.
fn mark(theme: &Theme, cycle: InCycle) -> (Role, &'static str) {
    match cycle {
        InCycle::Deadlock | InCycle::Behind => (Role::Bad, theme.glyphs.bad),
        InCycle::Cycle => (Role::Notice, theme.glyphs.notice),
    }
}

/// How full it is, as a bar where there is a limit, and in words; nothing left is worth a look.
fn fill(theme: &Theme, sync: &Sync, width: usize, text: Option<String>) -> (Role, String) {
    let text = text.unwrap_or_default();
    let Some(share) = sync.share() else { return (Role::Text, text) };
    let role = if share >= 1.0 { Role::Notice } else { Role::Text };
    (role, format!("{} {text}", bar(theme, share, width)))
}

/// A part of a whole: something is never drawn as nothing, and only all of it as full.
fn bar(theme: &Theme, share: f64, width: usize) -> String {
    let cells = (share * width as f64) as usize;
    let cells = if share > 0.0 { cells.max(1) } else { 0 }.min(width);
    theme.glyphs.full.repeat(cells) + &theme.glyphs.empty.repeat(width - cells)
}

/// All there is to say of one resource, and the chain from who waits for it to the root.
fn panel(sync: &Sync, followed: Option<&Followed>, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let area = below(area);
    let title = words::resource(sync.kind, sync.name.as_deref(), None);
    rows::heading(Pen::new(theme), theme, &title, area.width).draw(line_of(area, 0), buf);
    let mut lines = vec![standing(sync, theme)];
    lines.extend(sync.waits.iter().map(|waiting| waiters(sync, waiting, theme)));
    let steps = area.height >= LINES_STEPS;
    match followed.map(|followed| followed.chain.as_ref()) {
        Some(Some(chain)) if steps => {
            let step = |(number, step)| step_line(number, step, theme, Pen::new(theme).gap(MARK));
            // The last line says how it ends, and where the resource was made.
            let room = usize::from(area.height).saturating_sub(lines.len() + 3);
            lines.extend(chain.steps.iter().enumerate().take(room).map(step));
            let (role, text) = match chain.steps.len().saturating_sub(room) {
                0 => end_words(&chain.end, theme),
                more => (Role::Dim, format!("and {}; w shows all", words::counted(more as u64, "step"))),
            };
            lines.push(Pen::new(theme).gap(MARK).put(role, text));
        }
        Some(Some(chain)) => lines.push(Pen::new(theme).gap(MARK).text(chain.sentence())),
        Some(None) => lines.push(Pen::new(theme).gap(MARK).dim("the first of them is gone meanwhile")),
        None if sync::task(sync).is_some() => {
            lines.push(Pen::new(theme).gap(MARK).dim("what the first of them waits for is being read"));
        }
        None => {}
    }
    lines.extend(made(sync, theme));
    for (number, line) in (1..area.height).zip(lines) {
        line.draw(line_of(area, number), buf);
    }
}

/// Who holds it, how full it is, and what it is part of.
fn standing<'a>(sync: &Sync, theme: &'a Theme) -> Pen<'a> {
    let mut pen = Pen::new(theme).gap(MARK);
    if let Some(text) = words::fill(sync.kind, sync.len, sync.limit) {
        let (role, text) = fill(theme, sync, WIDE_BAR, Some(text));
        pen = pen.put(role, text).gap(2);
    }
    match sync.holder {
        Some(holder) => {
            pen = pen.dim("held by ").put(Role::Strong, words::task(holder, sync.holder_name.as_deref()));
            if let Some(for_ns) = sync.held_for_ns {
                pen = pen.dim(" for ").text(words::duration(for_ns));
            }
            if let Some(at) = &sync.held_at {
                pen = pen.dim(", taken at ").text(words::place(at));
            }
            pen = pen.gap(2);
        }
        None if sync.kind == ResourceKind::Lock => pen = pen.dim("held by nobody").gap(2),
        None => {}
    }
    let Some(cycle) = sync.cycle else { return pen };
    let (role, glyph) = mark(theme, cycle);
    let text = match cycle {
        InCycle::Cycle => "part of a cycle, which something else can end",
        InCycle::Deadlock => "part of a deadlock: nothing outside can end it",
        InCycle::Behind => "behind a deadlock: who holds it can never go on",
    };
    pen.put(role, format!("{glyph} {text}"))
}

/// Those who wait for the same: how many, and the longest waiting with since when and where.
fn waiters<'a>(sync: &Sync, waiting: &Waiting, theme: &'a Theme) -> Pen<'a> {
    let wanted = words::wanted(waiting.kind, sync.kind);
    let verb = if waiting.count == 1 { "waits" } else { "wait" };
    let count = format!("{} {verb}", words::counted(waiting.count, "task"));
    let pen = Pen::new(theme).gap(MARK).text(count);
    let pen = if wanted == sync.kind.as_str() { pen } else { pen.put(Role::Accent, format!(" ({wanted})")) };
    let mut pen = pen.text(": ");
    for (number, waiter) in waiting.first.iter().take(NAMED_MAX).enumerate() {
        pen = if number > 0 { pen.dim(", ") } else { pen };
        pen = pen.put(Role::Strong, words::task(waiter.task, waiter.name.as_deref()));
        if let Some(for_ns) = waiter.for_ns {
            pen = pen.text(format!(" {}", words::duration(for_ns)));
        }
        if let Some(at) = &waiter.at {
            pen = pen.dim(format!(" at {}", words::place(at)));
        }
    }
    let more = waiting.count.saturating_sub(waiting.first.len().min(NAMED_MAX) as u64);
    if more > 0 { pen.dim(format!(" and {} more", words::count(more))) } else { pen }
}

/// Where it was made, and by whom.
fn made<'a>(sync: &Sync, theme: &'a Theme) -> Option<Pen<'a>> {
    let at = sync.made_at.as_ref()?;
    let pen = Pen::new(theme).gap(MARK).dim("made at ").text(words::place(at));
    Some(match sync.made_by {
        Some(by) => pen.dim(" by ").text(words::task(by, None)),
        None => pen,
    })
}
