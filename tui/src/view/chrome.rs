//! What every screen has around it: the process, the screens and the freshness of the picture, the note, the keys.

use super::pen::Pen;
use crate::app::link::Link;
use crate::app::state::State;
use crate::app::tabs;
use crate::app::update::OLD;
use crate::app::{event::Now, question};
use crate::keys::{Action, Binding, Context, TABLE};
use crate::theme::Role;
use loopscope_inspector::model::{Process, words};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The top line: the process and how it fares. What there is no room for falls off, the least important first.
pub(super) fn header(state: &State, area: Rect, buf: &mut Buffer) {
    let style = state.theme.style(Role::Bar);
    let Some(process) = &state.process else {
        Pen::new(&state.theme).text(" loopscope").draw_as(style, area, buf);
        return buf.set_style(area, style);
    };
    let mut facts = facts(process, state.dropped);
    let width = |facts: &[(u8, String)]| facts.iter().map(|fact| fact.1.chars().count() + 3).sum::<usize>();
    while width(&facts) > usize::from(area.width) && facts.len() > 1 {
        let least = (0..facts.len()).max_by_key(|&index| facts[index].0).unwrap_or(0);
        facts.remove(least);
    }
    let dot = format!(" {} ", state.theme.glyphs.dot);
    let text = facts.into_iter().map(|fact| fact.1).collect::<Vec<_>>().join(&dot);
    Pen::new(&state.theme).text(format!(" {text}")).draw_as(style, area, buf);
    buf.set_style(area, style);
}

/// Characters of how the process ended; the warning `ended` has all of it.
const ENDED_CHARS_MAX: usize = 60;

/// The facts of the top line, each with its rank: the higher, the sooner it falls off.
fn facts(process: &Process, dropped: u64) -> Vec<(u8, String)> {
    let mut facts = Vec::new();
    let mut fact = |rank: u8, text: Option<String>| facts.extend(text.map(|text| (rank, text)));
    let name = process.name.as_deref().or(process.exe.as_deref()).unwrap_or("a program without a name");
    fact(0, Some(words::escape(name, words::NAME_CHARS_MAX).into_owned()));
    fact(1, Some(format!("pid {}", process.pid)));
    fact(2, process.ended.as_ref().map(|ended| format!("ended: {}", words::escape(ended, ENDED_CHARS_MAX))));
    fact(4, process.uptime_ns.map(|ns| format!("up {}", words::duration(ns))));
    fact(3, process.cpu.map(|cpu| format!("cpu {}", words::percent(cpu))));
    fact(5, process.rss_bytes.map(words::bytes));
    fact(6, process.tasks.map(|tasks| words::counted(tasks, "task")));
    fact(7, process.debug.map(|debug| if debug { "debug on" } else { "debug off" }.to_owned()));
    fact(8, process.rights.map(|rights| format!("rights {}", rights.names().join(" "))));
    fact(
        9,
        process
            .runtime
            .zip(process.version.as_deref())
            .map(|(runtime, version)| format!("{runtime} {}", words::escape(version, words::NAME_CHARS_MAX))),
    );
    fact(2, (dropped > 0).then(|| format!("dropped {}", words::count(dropped))));
    facts
}

/// The second line: the screens, and at the right how fresh the picture is. When the process does not answer, the whole
/// line says so.
pub(super) fn tabs(state: &State, area: Rect, buf: &mut Buffer) {
    if let Some(alarm) = alarm(state) {
        let style = state.theme.style(Role::Alarm);
        Pen::new(&state.theme).text(format!(" {} {alarm}", state.theme.glyphs.bad)).draw_as(style, area, buf);
        return buf.set_style(area, style);
    }
    if !state.has_tabs() {
        return;
    }
    let mut pen = Pen::new(&state.theme);
    for title in tabs::titles(area.width, state.tab, !state.pages.is_empty()) {
        pen = pen.put(if title.tab == state.tab { Role::Title } else { Role::Dim }, title.text);
    }
    for page in &state.pages {
        let task = page.picture().map(|picture| &picture.task);
        let name = words::task(page.id, task.and_then(|task| task.name.as_deref()));
        pen = pen.dim(format!(" {} ", state.theme.glyphs.closed)).put(Role::Title, name);
    }
    let (role, text) = freshness(state);
    let width = u16::try_from(text.chars().count()).unwrap_or(u16::MAX).min(area.width);
    let left = Rect { width: area.width - width, ..area };
    pen.draw(left, buf);
    Pen::new(&state.theme).put(role, text).draw(Rect { x: left.right(), width, ..area }, buf);
}

/// What the second line shouts, if anything.
fn alarm(state: &State) -> Option<String> {
    let age = |last: &Now| words::duration(ns(state.now.saturating_sub(*last)));
    match &state.link {
        Link::Silent { identity, why, last } => {
            let why = words::escape(why, words::TEXT_CHARS_MAX);
            Some(format!("STALE {}: pid {} does not answer, trying again ({why})", age(last), identity.pid))
        }
        Link::Ended { identity, how, last } => {
            let how = how.as_ref().map(|how| words::escape(how, words::TEXT_CHARS_MAX));
            let how = how.unwrap_or("how, only its parent was told".into());
            Some(format!(
                "STALE {}: pid {} has ended ({how}); p lists the processes",
                age(last),
                identity.pid
            ))
        }
        Link::Choosing | Link::Connecting { .. } | Link::Live { .. } | Link::Refused { .. } => None,
    }
}

fn freshness(state: &State) -> (Role, String) {
    let glyphs = state.theme.glyphs;
    if let Some(paused) = &state.paused {
        let age = state.now.saturating_sub(paused.since);
        let age = if age.as_secs() > 0 { format!(" {}", words::duration(ns(age))) } else { String::new() };
        return (Role::Notice, format!("{} paused{age} ", glyphs.notice));
    }
    if state.process.as_ref().is_some_and(|process| process.ended.is_some()) {
        return (Role::Bad, format!("{} ended ", glyphs.bad));
    }
    match state.link.last().map(|last| state.now.saturating_sub(last)) {
        Some(age) if age >= OLD => {
            (Role::Notice, format!("{} {} old ", glyphs.notice, words::duration(ns(age))))
        }
        Some(_) => (Role::Good, format!("{} live ", glyphs.running)),
        None => (Role::Dim, String::new()),
    }
}

/// Nanoseconds of a duration.
pub(super) fn ns(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The line above the keys.
pub(super) fn note(state: &State, area: Rect, buf: &mut Buffer) {
    let pen = Pen::new(&state.theme);
    match (&state.note, state.prefix) {
        (Some((note, _)), _) => {
            let role = if note.bad { Role::Bad } else { Role::Notice };
            let glyph = if note.bad { state.theme.glyphs.bad } else { state.theme.glyphs.notice };
            pen.put(role, format!(" {glyph} ")).text(&note.text).draw(area, buf);
        }
        (None, Some(first)) => {
            pen.dim(format!(" {first} and then {first} again: to the first row")).draw(area, buf);
        }
        (None, None) => {}
    }
}

/// The bottom bar: the keys of the table that have a label and work here. `:`, `?` and `q` are always there.
pub(super) fn keys(state: &State, area: Rect, buf: &mut Buffer) {
    let context = state.context();
    let hint: &[(&str, &str)] = match (state.typing(), context) {
        (Some(_), _) => &[
            ("Enter", "apply"),
            ("Esc", "leave"),
            ("Up", "earlier"),
            ("Ctrl-U", "empty"),
            ("Ctrl-C", "quit"),
        ],
        (None, Context::Palette) => &[
            ("Enter", "do it"),
            ("Tab", "complete"),
            ("Ctrl-P", "earlier"),
            ("Esc", "close"),
            ("Ctrl-C", "quit"),
        ],
        (None, _) => &[],
    };
    if !hint.is_empty() {
        let pen = hint.iter().fold(Pen::new(&state.theme).gap(1), |pen, (key, text)| {
            pen.put(Role::Key, key).put(Role::KeyText, format!(" {text}  "))
        });
        return pen.draw(area, buf);
    }
    let here = |binding: &&Binding| binding.contexts.contains(&context) && !binding.label.is_empty();
    let always = |binding: &&Binding| matches!(binding.action, Action::Palette | Action::Help | Action::Quit);
    let width =
        |binding: &Binding| binding.keys[0].name().chars().count() + binding.label.chars().count() + 3;
    let last: Vec<&Binding> = TABLE.iter().filter(here).filter(always).collect();
    let mut room =
        usize::from(area.width).saturating_sub(1 + last.iter().map(|binding| width(binding)).sum::<usize>());
    let mut shown: Vec<&Binding> = Vec::new();
    for binding in TABLE.iter().filter(here).filter(|binding| !always(binding)) {
        if width(binding) > room {
            break;
        }
        room -= width(binding);
        shown.push(binding);
    }
    let pen = shown.into_iter().chain(last).fold(Pen::new(&state.theme).gap(1), |pen, binding| {
        pen.put(Role::Key, binding.keys[0].name()).put(Role::KeyText, format!(" {}  ", binding.label))
    });
    pen.draw(area, buf);
}

/// `12 of 3,456`, or just how many where all are shown.
pub(super) fn position(cursor: u64, total: u64) -> String {
    if total == 0 {
        return "none".to_owned();
    }
    format!("{} of {}", words::count(cursor + 1), words::count(total))
}

/// Whether a page is as large as one gets, so that a very tall terminal shows fewer rows than it could.
pub(super) fn is_page_full(rows: usize) -> bool {
    rows as u64 == question::PAGE_ROWS_MAX
}
