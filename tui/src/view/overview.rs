//! Overview, drawn.

use super::chrome::ns;
use super::pen::{Pen, line_of};
use super::rows::{self, Drawn, list, severity_glyph};
use super::spark::spark;
use super::warnings::seen;
use crate::app::frames::function;
use crate::app::geometry::columns;
use crate::app::overview::{Row, standing};
use crate::app::question::Overview;
use crate::app::state::State;
use crate::theme::{Role, Theme};
use loopscope_inspector::model::{Frame, Loop, Severity, Site, Summary, TaskState, Warning, words};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the screen.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    let Some(picture) = &state.overview.picture else {
        let waited = words::duration(ns(state.now));
        Pen::new(theme).gap(2).dim(format!("waiting for the first picture, {waited}")).draw(area, buf);
        return None;
    };
    let (left, right) = columns(area);
    let lines = state.overview.rows();
    let names = picture.problems.iter().map(|problem| problem.name.chars().count()).max().unwrap_or(0);
    let name_width = (names as u16).clamp(NAME_MIN, NAME_MAX);
    let at = list(theme, state.overview.cursor, lines.len(), left, buf, |row, pen, width| match lines[row] {
        Row::Verdict => Drawn::Line(verdict(picture, theme, pen)),
        Row::Stuck(warning) => {
            let message = words::escape(&warning.message, words::TEXT_CHARS_MAX);
            Drawn::Whole(Role::Alarm, pen.text(format!("{} {message}", theme.glyphs.bad)))
        }
        Row::StuckAt(frame) => Drawn::Line(stuck_at(frame, theme, pen)),
        Row::Problem(warning) => Drawn::Line(problem(warning, name_width, picture, theme, pen)),
        Row::MoreProblems(more) => Drawn::Line(pen.dim(format!("and {} more", words::count(more)))),
        Row::Blank => Drawn::Line(pen),
        Row::Heading(title) => Drawn::Line(rows::heading(pen, theme, title, width)),
        Row::Loop(seen) => Drawn::Line(loop_line(state, seen, pen, width)),
        Row::Live => Drawn::Line(live(picture, theme, pen)),
        Row::Finished => Drawn::Line(finished(picture, theme, pen)),
        Row::Site(site) => Drawn::Line(site_line(site, theme, pen, width)),
    });
    beside(picture, theme, right, buf);
    at
}

/// `healthy`, or how many problems there are.
fn verdict<'a>(picture: &Overview, theme: &Theme, pen: Pen<'a>) -> Pen<'a> {
    let (live, past) = standing(picture);
    let earlier = if past > 0 { format!(", {} earlier", words::count(past)) } else { String::new() };
    if live == 0 {
        let now = if past > 0 { "healthy now" } else { "healthy" };
        return pen.put(Role::Good, format!("{} {now}", theme.glyphs.good)).put(Role::Notice, earlier);
    }
    let worst = picture.problems.first().map_or(Severity::Error, |warning| warning.severity);
    let (glyph, role) = severity_glyph(theme, worst);
    pen.put(role, format!("{glyph} {}", words::counted(live, "problem")))
        .dim(if live > 1 { ", the worst first" } else { "" })
        .dim(earlier)
}

/// Where a loop stands still.
fn stuck_at<'a>(frame: Option<&Frame>, theme: &Theme, pen: Pen<'a>) -> Pen<'a> {
    let pen = pen.put(Role::Accent, format!("  {} ", theme.glyphs.arrow));
    let pen = match frame {
        Some(frame) => match &frame.at {
            Some(at) => pen.put(Role::Strong, words::place(at)).text(format!("  {}", function(frame))),
            None => pen.put(Role::Strong, function(frame)),
        },
        None => pen.text("where in the code is not known yet"),
    };
    pen.dim("  n: stack")
}

fn problem<'a>(
    warning: &Warning,
    name_width: u16,
    picture: &Overview,
    theme: &Theme,
    pen: Pen<'a>,
) -> Pen<'a> {
    let (glyph, role) = severity_glyph(theme, warning.severity);
    let role = if warning.past { Role::Dim } else { role };
    let name = words::escape(&warning.name, words::NAME_CHARS_MAX);
    let pen = pen.put(role, format!("{glyph} ")).cell(role, name, name_width, false).gap(1);
    let message = words::escape(&warning.message, words::TEXT_CHARS_MAX);
    if warning.past {
        return pen.dim(format!("{}: {message}", seen(warning, picture.taken_at)));
    }
    pen.text(message)
}

/// The columns of the names of problems.
const NAME_MIN: u16 = 10;
/// The longest name of a lint.
const NAME_MAX: u16 = 17;

fn loop_line<'a>(state: &State, seen: &Loop, pen: Pen<'a>, width: u16) -> Pen<'a> {
    const NAME: u16 = 14;
    const NUMBERS: u16 = 7 + 8 + 8 + 7 + 10;
    const LAG: u16 = 17;
    let theme = &state.theme;
    let name = seen.name.as_deref().or(seen.thread.as_deref()).unwrap_or_default();
    let name = format!("{} {}", seen.id, words::escape(name, words::NAME_CHARS_MAX));
    let paused = state.paused.as_ref().map(|paused| paused.since);
    let readings = state.overview.history.get(&seen.id).into_iter().flatten();
    let readings =
        readings.filter(|(at, _)| paused.is_none_or(|since| *at <= since)).map(|(_, reading)| *reading);
    let room = width.saturating_sub(NAME + 1 + NUMBERS);
    let lag = seen.lateness.as_ref().and_then(|lateness| lateness.p99_ns).filter(|_| room >= LAG + 8);
    let graph = room.saturating_sub(if lag.is_some() { LAG } else { 0 }).clamp(4, 60);
    let busy = seen.utilisation.map_or_else(|| "?".to_owned(), words::percent);
    let heavy = if seen.utilisation.is_some_and(|busy| busy >= 0.9) { Role::Notice } else { Role::Text };
    let pen = pen
        .cell(Role::Strong, name, NAME, false)
        .gap(1)
        .put(Role::Accent, spark(theme, readings, graph))
        .cell(heavy, busy, 7, true)
        .dim("  ready ")
        .cell(Role::Text, words::count(seen.ready), 8, false)
        .dim(" tasks ")
        .cell(Role::Text, words::count(seen.tasks), 10, false);
    match lag {
        Some(p99_ns) => pen.dim(" lag p99 ").text(words::duration(p99_ns)),
        None => pen,
    }
}

fn live<'a>(picture: &Overview, theme: &Theme, pen: Pen<'a>) -> Pen<'a> {
    let counts = picture.counts;
    let states = [
        (TaskState::Idle, counts.idle),
        (TaskState::Scheduled, counts.scheduled),
        (TaskState::Running, counts.running),
    ];
    by_state(theme, states, pen)
}

fn finished<'a>(picture: &Overview, theme: &Theme, pen: Pen<'a>) -> Pen<'a> {
    let counts = picture.counts;
    let states = [
        (TaskState::Completed, counts.completed),
        (TaskState::Cancelled, counts.cancelled),
        (TaskState::Panicked, counts.panicked),
    ];
    by_state(theme, states, pen.dim("recently "))
}

fn by_state<'a>(theme: &Theme, states: [(TaskState, Option<u64>); 3], pen: Pen<'a>) -> Pen<'a> {
    states.into_iter().filter_map(|(state, count)| Some((state, count?))).fold(pen, |pen, (state, count)| {
        let (glyph, role) = rows::state_glyph(theme, state);
        let role = if count == 0 { Role::Dim } else { role };
        pen.put(role, format!("{glyph} ")).text(words::count(count)).dim(format!(" {state}   "))
    })
}

fn site_line<'a>(site: &Site, theme: &Theme, pen: Pen<'a>, width: u16) -> Pen<'a> {
    const NUMBERS: u16 = 12 + 6 + 10 + 5;
    const P99: u16 = 18;
    let room = width.saturating_sub(NUMBERS);
    let p99 = site.poll.as_ref().and_then(|poll| poll.p99_ns).filter(|_| room >= P99 + 44);
    let room = room.saturating_sub(if p99.is_some() { P99 } else { 0 });
    let name_width = (room * 2 / 5).min(24);
    let place_width = room.saturating_sub(name_width + 1).min(40);
    let name = words::escape(site.name.as_deref().unwrap_or_default(), words::NAME_CHARS_MAX);
    let pen = pen
        .cell(Role::Text, name, name_width, false)
        .gap(1)
        .cell(Role::Dim, rows::place(theme, &site.site, place_width), place_width, false)
        .cell(Role::Text, words::duration(site.busy_ns), 12, true)
        .dim(" busy ")
        .cell(Role::Text, words::count(site.live), 10, true)
        .dim(" live");
    match p99 {
        Some(ns) => pen.dim("  poll p99 ").text(words::duration(ns)),
        None => pen,
    }
}

/// The second column: what each loop's histograms say.
fn beside(picture: &Overview, theme: &Theme, area: Rect, buf: &mut Buffer) {
    if area.width == 0 {
        return;
    }
    let mut line = 0;
    for seen in &picture.loops {
        let title = format!("Loop {}: how long things took", seen.id);
        rows::heading(Pen::new(theme), theme, &title, area.width).draw(line_of(area, line), buf);
        Pen::new(theme)
            .cell(Role::Title, "", 11, false)
            .cell(Role::Title, "p50", 9, true)
            .cell(Role::Title, "p99", 9, true)
            .cell(Role::Title, "max", 9, true)
            .cell(Role::Title, "count", 10, true)
            .draw(line_of(area, line + 1), buf);
        line += 2;
        let kinds = [
            ("poll", &seen.poll),
            ("scheduled", &seen.scheduled),
            ("timer late", &seen.lateness),
            ("asleep", &seen.io_wait),
        ];
        for (name, summary) in kinds {
            summary_line(name, summary.as_ref(), Pen::new(theme)).draw(line_of(area, line), buf);
            line += 1;
        }
        line += 1;
    }
}

fn summary_line<'a>(name: &str, summary: Option<&Summary>, pen: Pen<'a>) -> Pen<'a> {
    let pen = pen.cell(Role::Dim, name, 11, false);
    let Some(summary) = summary else { return pen.dim("not known") };
    let cell = |ns: Option<u64>| ns.map_or_else(|| "-".to_owned(), words::duration);
    [summary.p50_ns, summary.p99_ns, summary.max_ns]
        .into_iter()
        .fold(pen, |pen, ns| pen.cell(Role::Text, cell(ns), 9, true))
        .cell(Role::Text, words::count(summary.count), 10, true)
}
