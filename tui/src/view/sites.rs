//! The Sites screen, drawn.

use super::pen::Pen;
use super::rows;
use super::table;
use crate::app::columns::{GAP, Placed, SITE_COLUMNS, SiteColumn};
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
    table::draw(state, (&state.sites, SITE_COLUMNS), area, buf, &[], |_, site, placed| {
        row(theme, site, sites::rates(&state.sites, site), placed)
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
