//! The page of one task, drawn.

use super::chrome::ns;
use super::frames;
use super::histogram;
use super::logs;
use super::pen::Pen;
use super::rows::{self, Drawn, list, severity_glyph, state_glyph, task_name};
use crate::app::geometry::columns;
use crate::app::question::TaskPicture;
use crate::app::state::State;
use crate::app::task::{Row, Seen, TaskScreen, step_place};
use crate::theme::{Role, Theme};
use loopscope_inspector::model::rates::{self, TaskRates};
use loopscope_inspector::model::why::{End, Step};
use loopscope_inspector::model::{Dump, Reached, Task, words};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the page.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    let page = state.pages.last()?;
    let Some(picture) = page.picture() else {
        let text = match page.seen {
            Seen::Unknown => format!("The process does not know task #{} any more. Esc goes back.", page.id),
            _ => format!("task #{} is being read", page.id),
        };
        Pen::new(theme).gap(2).dim(text).draw(area, buf);
        return None;
    };
    let (left, right) = columns(area);
    let wide = right.width > 0;
    let lines = page.rows();
    let at = list(theme, page.cursor, lines.len(), left, buf, |row, pen, width| {
        Drawn::Line(line(lines[row], page, picture, theme, pen, width, wide))
    });
    if wide {
        let half = right.height / 2;
        let above = Rect { height: half, ..right };
        let used = histogram::draw(theme, "Polls of its spawn site", &picture.poll, above, buf);
        let below = Rect { y: right.y + used + 1, height: right.height.saturating_sub(used + 1), ..right };
        histogram::draw(theme, "Time in the run queue, of its spawn site", &picture.scheduled, below, buf);
    }
    at
}

fn line<'a>(
    row: Row<'_>,
    page: &TaskScreen,
    picture: &TaskPicture,
    theme: &Theme,
    pen: Pen<'a>,
    width: u16,
    wide: bool,
) -> Pen<'a> {
    let task = &picture.task;
    match row {
        Row::Title => title(task, &page.seen, theme, pen),
        Row::Identity => identity(task, theme, pen),
        Row::Times => times(page, task, pen),
        Row::Counts => counts(page, task, pen),
        Row::Blank => pen,
        Row::Heading(title) => rows::heading(pen, theme, title, width),
        Row::Nothing(text) => pen.dim(text),
        Row::Spawned(place) => pen.text(words::place(place)),
        Row::Wait(wait) => pen.put(Role::Strong, format!("{} {}", theme.glyphs.arrow, words::wait(wait))),
        Row::At(what, place) => pen.dim(format!("  {what} ")).text(words::place(place)),
        Row::Source(number, text, here) => rows::source(number, text, here, theme, pen),
        Row::MoreWaits(more) | Row::MoreRelatives(more) => {
            pen.dim(format!("and {} more", words::count(more)))
        }
        Row::Step(number, step) => step_line(number, step, theme, pen),
        Row::ChainEnd(end) => {
            let (role, text) = end_words(end, theme);
            pen.put(role, format!("  {text}"))
        }
        Row::Warning(warning) => {
            let (glyph, role) = severity_glyph(theme, warning.severity);
            let name = words::escape(&warning.name, words::NAME_CHARS_MAX);
            pen.put(role, format!("{glyph} {name}  "))
                .text(words::escape(&warning.message, words::TEXT_CHARS_MAX))
        }
        Row::Advice(text) => pen.dim(format!("  {text}")),
        Row::Frame(number, frame, own, depth) => {
            frames::frame(number, frame, own, theme, pen.gap(fork_gap(depth)))
        }
        Row::Reached(reached, depth, times) => {
            let (role, text) = reached_words(reached, theme);
            let pen = pen.gap(fork_gap(depth) + 6).put(role, text);
            if times > 1 { pen.dim(format!(", {} alike", words::count(times.into()))) } else { pen }
        }
        Row::Taken(dump) => taken(dump, pen),
        Row::Failed(why) => pen.put(Role::Notice, words::escape(why, words::TEXT_CHARS_MAX)),
        Row::Log(line) => {
            let (glyph, role) = logs::level(theme, line.level);
            pen.dim(crate::app::logs::time(line))
                .put(role, format!(" {glyph} {:<5} ", line.level.as_str()))
                .text(crate::app::logs::words(line))
        }
        Row::Relative(task) => relative(task, theme, pen, width),
        Row::Histograms if wide => pen.dim("at the right"),
        Row::Histograms => pen.dim("took ").text(histogram::summary(&picture.poll.summary())),
    }
}

/// How far the branches of a fork are moved to the right.
fn fork_gap(depth: usize) -> u16 {
    2 * u16::try_from(depth.min(INDENT_MAX)).unwrap_or(0)
}

/// Where a branch of an async stack ends, and how loudly that is said.
fn reached_words(reached: Reached, theme: &Theme) -> (Role, String) {
    let text = match reached {
        Reached::Leaf => return (Role::Accent, format!("{} what it waits for", theme.glyphs.arrow)),
        Reached::Combinator => {
            "a combinator that polls its children itself; what they wait for was not reached"
        }
        Reached::Scheduled => "the task was ready already, so it was not polled",
        Reached::Running => "the task was being polled, so it could not be asked; n takes the loop's stack",
        Reached::Foreign => "a future of another library, caught where it kept the waker",
        Reached::Ended => "the task ended while it was asked, or is about to",
        Reached::Fork | Reached::Unknown => "nothing more was reached",
    };
    (Role::Notice, format!("{} {text}", theme.glyphs.notice))
}

/// That it was taken, and for how long nothing else ran.
fn taken<'a>(dump: &Dump, pen: Pen<'a>) -> Pen<'a> {
    let pen = pen.dim("taken with one poll of the task; a takes it again");
    match dump.longest_pause_ns {
        Some(ns) => pen.dim(format!("; its loop paused {}", words::duration(ns))),
        None => pen,
    }
}

fn title<'a>(task: &Task, seen: &Seen, theme: &Theme, pen: Pen<'a>) -> Pen<'a> {
    let (glyph, role) = state_glyph(theme, task.state);
    let pen =
        pen.put(Role::Strong, format!("{}  ", task_name(task))).put(role, format!("{glyph} {}", task.state));
    let pen = match task.state_for_ns {
        Some(for_ns) => pen.dim(format!(" for {}", words::duration(for_ns))),
        None => pen,
    };
    match seen {
        Seen::Gone(_) => {
            pen.put(Role::Notice, format!("  {} gone; this is the last picture", theme.glyphs.notice))
        }
        _ => pen,
    }
}

fn identity<'a>(task: &Task, theme: &Theme, pen: Pen<'a>) -> Pen<'a> {
    let mut parts = vec![task.kind.to_string()];
    parts.extend(task.loop_id.map(|id| format!("loop {id}")));
    let age = task.busy_ns.saturating_add(task.scheduled_ns).saturating_add(task.idle_ns);
    parts.push(format!("lives {}", words::duration(age)));
    parts.extend(task.size_bytes.map(|size| format!("future of {}", words::bytes(size))));
    parts.extend(task.wakers.map(|wakers| words::counted(wakers, "waker")));
    parts.extend(
        task.blocks
            .filter(|blocks| *blocks > 0)
            .map(|blocks| format!("blocks {}", words::counted(blocks, "task"))),
    );
    pen.text(parts.join(&format!(" {} ", theme.glyphs.dot)))
}

fn times<'a>(page: &TaskScreen, task: &Task, pen: Pen<'a>) -> Pen<'a> {
    let mut pen = pen
        .dim("busy ")
        .text(words::duration(task.busy_ns))
        .dim("  scheduled ")
        .text(words::duration(task.scheduled_ns))
        .dim("  idle ")
        .text(words::duration(task.idle_ns));
    if let Some(longest) = task.longest_poll_ns {
        pen = pen.dim("  longest poll ").text(words::duration(longest));
    }
    match rates_now(page) {
        Some(rates) => pen.dim("  now ").text(words::percent(rates.busy)),
        None => pen,
    }
}

/// What the task did between the last two pictures.
fn rates_now(page: &TaskScreen) -> Option<TaskRates> {
    let (now, before) = (page.picture()?, page.before.as_ref()?);
    let window_ns = rates::window_ns(&before.process, &now.process)?;
    rates::task_rates(Some(&before.task), &now.task, window_ns)
}

fn counts<'a>(page: &TaskScreen, task: &Task, pen: Pen<'a>) -> Pen<'a> {
    let pen = pen
        .dim("polls ")
        .text(words::count(task.polls))
        .dim("  wakes ")
        .text(words::count(task.wakes))
        .dim("  of them by itself ")
        .text(words::count(task.self_wakes));
    match rates_now(page) {
        Some(rates) => {
            pen.dim("  now ").text(format!("{}/s", words::count(rates.polls_per_s.round() as u64)))
        }
        None => pen,
    }
}

/// One step of a chain: the task, and what it waits for.
pub(super) fn step_line<'a>(number: usize, step: &Step, theme: &Theme, pen: Pen<'a>) -> Pen<'a> {
    let pen = pen.gap(2 * u16::try_from(number.min(INDENT_MAX)).unwrap_or(0));
    let pen = if number > 0 { pen.put(Role::Accent, format!("{} ", theme.glyphs.arrow)) } else { pen };
    let mut pen = pen.put(Role::Strong, words::task(step.task, step.name.as_deref()));
    if let Some(wait) = &step.wait {
        pen = pen.text(format!("  {}", words::wait(wait)));
        if let Some(members) = step.members {
            pen = pen.text(format!(" of {}", words::counted(members, "task")));
        }
    }
    let others = (step.others.len() as u64).saturating_add(step.others_more);
    if others > 0 {
        pen = pen.dim(format!(" (and for {} more)", words::count(others)));
    }
    match step_place(step) {
        Some(place) => pen.dim(format!("  {}", words::place(place))),
        None => pen,
    }
}

/// How far the steps of a chain are moved to the right at most.
const INDENT_MAX: usize = 8;

/// How a chain ends, and how loudly that is said.
pub(super) fn end_words(end: &End, theme: &Theme) -> (Role, String) {
    let glyphs = theme.glyphs;
    match end {
        End::Outside => (Role::Dim, "the root: no task holds what it waits for".to_owned()),
        End::Running { for_ns: Some(ns) } => {
            (Role::Notice, format!("the root: it runs, for {}", words::duration(*ns)))
        }
        End::Running { for_ns: None } => (Role::Notice, "the root: it runs".to_owned()),
        End::Scheduled => (Role::Notice, "the root: it is ready and waits for its turn".to_owned()),
        End::Finished(state) => (Role::Notice, format!("the root is {state}; who waits has not noticed yet")),
        End::Circle { back_to, deadlock: true } => {
            (Role::Bad, format!("{} back to #{back_to}: a deadlock, nothing can wake them", glyphs.bad))
        }
        End::Circle { back_to, deadlock: false } => (
            Role::Notice,
            format!("{} back to #{back_to}: a circle, which something else can end", glyphs.notice),
        ),
        End::Unknown { task, name } => {
            (Role::Notice, format!("nothing is known of {}", words::task(*task, name.as_deref())))
        }
        End::TooLong => (Role::Notice, "the chain goes on; it is too long to show".to_owned()),
    }
}

fn relative<'a>(task: &Task, theme: &Theme, pen: Pen<'a>, width: u16) -> Pen<'a> {
    let (glyph, role) = state_glyph(theme, task.state);
    let name = (width / 3).clamp(12, 32);
    pen.put(role, format!("{glyph} "))
        .cell(Role::Text, task_name(task), name, false)
        .gap(1)
        .cell(role, task.state.to_string(), 9, false)
        .gap(1)
        .dim(words::doing(task))
}

/// How long the program has been waiting, in words.
pub(super) fn waited(state: &State, since: std::time::Duration) -> String {
    words::duration(ns(state.now.saturating_sub(since)))
}
