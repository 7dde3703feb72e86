//! The Sites screen, drawn.

use super::histogram;
use super::pen::{Pen, line_of};
use super::rows;
use super::table::{self, below};
use crate::app::columns::{GAP, Placed, SITE_COLUMNS, SiteColumn};
use crate::app::geometry::{BARS_MIN, MARK};
use crate::app::sites;
use crate::app::state::State;
use crate::theme::{Role, Theme};
use loopscope_inspector::model::rates::SiteRates;
use loopscope_inspector::model::{Site, Summary, words};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the screen.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    if let Some(site) = state.sites.table.selected() {
        panel(state, site, state.table_parts(area).panel, buf);
    }
    table::draw(state, (&state.sites.table, SITE_COLUMNS), area, buf, &[], |_, site, placed| {
        row(theme, site, sites::rates(&state.sites.table, site), placed)
    })
}

fn row<'a>(
    theme: &'a Theme,
    site: &Site,
    rates: Option<SiteRates>,
    placed: &[Placed<SiteColumn>],
) -> Pen<'a> {
    let ns = |summary: &Option<Summary>, of: fn(&Summary) -> Option<u64>| {
        summary.as_ref().and_then(of).map(words::duration).unwrap_or_default()
    };
    placed.iter().fold(Pen::new(theme), |pen, cell| {
        let text = match cell.column.id {
            SiteColumn::Name => {
                words::escape(site.name.as_deref().unwrap_or_default(), words::NAME_CHARS_MAX).into_owned()
            }
            SiteColumn::Place => rows::place(theme, &site.site, cell.width),
            SiteColumn::Loop => site.loop_id.map(words::count).unwrap_or_default(),
            SiteColumn::Live => words::count(site.live),
            SiteColumn::Spawned => words::count(site.spawned),
            SiteColumn::Rate => rates.map(|rates| rows::rate(rates.spawned_per_s)).unwrap_or_default(),
            SiteColumn::Completed => words::count(site.completed),
            SiteColumn::Cancelled => words::count(site.cancelled),
            SiteColumn::Panicked => words::count(site.panicked),
            SiteColumn::Busy => words::duration(site.busy_ns),
            SiteColumn::Now => rates.map(|rates| words::percent(rates.busy)).unwrap_or_default(),
            SiteColumn::PollP50 => ns(&site.poll, |poll| poll.p50_ns),
            SiteColumn::PollP99 => ns(&site.poll, |poll| poll.p99_ns),
            SiteColumn::PollMax => ns(&site.poll, |poll| poll.max_ns),
            SiteColumn::ScheduledP99 => ns(&site.scheduled, |scheduled| scheduled.p99_ns),
        };
        let role = match cell.column.id {
            SiteColumn::Panicked if site.panicked > 0 => Role::Bad,
            SiteColumn::Cancelled | SiteColumn::Panicked | SiteColumn::Place | SiteColumn::Loop => Role::Dim,
            _ => Role::Text,
        };
        pen.cell(role, text, cell.width, cell.column.number).gap(GAP)
    })
}

/// What is known of the selected site besides its row: how its tasks ended, the source, how long things took.
fn panel(state: &State, site: &Site, area: Rect, buf: &mut Buffer) {
    /// Heading, counts, three lines of source.
    const TEXT_LINES: u16 = 5;
    let theme = &state.theme;
    let area = below(area);
    let text = Rect { height: area.height.min(TEXT_LINES), ..area };
    let times = Rect { y: text.bottom(), height: area.height - text.height, ..area };
    rows::heading(Pen::new(theme), theme, &words::place(&site.site), text.width).draw(line_of(text, 0), buf);
    Pen::new(theme).gap(MARK).text(counts(site)).draw(line_of(text, 1), buf);
    source(state, site, text, buf);
    if let Some(times_of) = state.sites.times(site).filter(|_| times.height >= BARS_MIN) {
        let (left, right) = halves(times);
        histogram::draw(theme, "Polls", &times_of.poll, left, buf);
        histogram::draw(theme, "In the run queue", &times_of.scheduled, right, buf);
        return;
    }
    let summaries = [("polls", &site.poll), ("in the queue", &site.scheduled)];
    for (line, (what, summary)) in (0..).zip(summaries) {
        let summary = summary.as_ref().filter(|summary| summary.count > 0).map(histogram::summary);
        Pen::new(theme)
            .gap(MARK)
            .cell(Role::Dim, what, 13, false)
            .text(summary.as_deref().unwrap_or("no values yet"))
            .draw(line_of(times, line), buf);
    }
}

/// How many tasks there were, and how they ended.
fn counts(site: &Site) -> String {
    let parts =
        [(site.completed, "returned"), (site.cancelled, "dropped before that"), (site.panicked, "panicked")];
    let ended = parts.iter().filter(|(count, _)| *count > 0);
    let ended: Vec<String> = ended.map(|(count, how)| format!("{} {how}", words::count(*count))).collect();
    let so_far = format!("{} live, {} spawned so far", words::count(site.live), words::count(site.spawned));
    if ended.is_empty() { so_far } else { format!("{so_far}: {}", ended.join(", ")) }
}

/// The lines of source around the site, if the file is here.
fn source(state: &State, site: &Site, area: Rect, buf: &mut Buffer) {
    let theme = &state.theme;
    let Some(excerpt) = state.sites.excerpts.get(&site.site).filter(|excerpt| !excerpt.lines.is_empty())
    else {
        return Pen::new(theme).gap(MARK).dim("the source file is not here").draw(line_of(area, 2), buf);
    };
    for (line, (text, number)) in (2..).zip(excerpt.lines.iter().zip(excerpt.first..)) {
        let here = number == site.site.line;
        rows::source(number, text, here, theme, Pen::new(theme)).draw(line_of(area, line), buf);
    }
}

/// Two rectangles side by side.
fn halves(area: Rect) -> (Rect, Rect) {
    let width = area.width.saturating_sub(2) / 2;
    (Rect { width, ..area }, Rect { x: area.right() - width, width, ..area })
}
