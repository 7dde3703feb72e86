//! What `y` copies: the selected thing as plain text.

use super::logs;
use super::overview::Row;
use super::state::{Overlay, State};
use super::task::TaskScreen;
use crate::keys::Context;
use loopscope_inspector::model::{Io, LogLine, Site, Sync, Task, Timer, Warning, words};

/// The selected thing as plain text, if it has one.
pub(crate) fn text(state: &State) -> Option<String> {
    match state.context() {
        Context::Overview => overview(state),
        Context::Tasks => state.tasks.selected().map(task),
        Context::Task => {
            let page = state.pages.last()?;
            page.picture().map(|picture| full_task(&picture.task))
        }
        Context::Why => chain(state),
        Context::Sites => state.sites.table.selected().map(site),
        Context::Timers => state.timers.selected().map(timer),
        Context::Io => state.io.selected().map(io),
        Context::Sync => state.sync.selected().map(sync),
        Context::Warnings => state.warnings.selected().map(warning),
        Context::Logs => state.logs.selected().map(log_line),
        Context::Stacks => match &state.overlay {
            Some(Overlay::Stacks(open)) => Some(open.text()),
            _ => None,
        },
        Context::Warning => state.warning.as_ref().map(|page| full_warning(&page.seen)),
        Context::Picker
        | Context::Connecting
        | Context::Help
        | Context::Menu
        | Context::Palette
        | Context::Ask => None,
    }
}

/// The task that is selected, as far as it is known.
pub(crate) fn task_of(state: &State) -> Option<&Task> {
    match state.context() {
        Context::Tasks => state.tasks.selected(),
        _ => page(state)?.picture().map(|picture| &picture.task),
    }
}

/// The chain from the selected task to the root of its wait, if it is known.
pub(crate) fn chain(state: &State) -> Option<String> {
    let chain = page(state)?.picture()?.chain.as_ref()?;
    Some(chain.lines().join("\n"))
}

/// The task page or the chain that is seen.
fn page(state: &State) -> Option<&TaskScreen> {
    match &state.overlay {
        Some(Overlay::Why(page)) => Some(page),
        _ => state.pages.last(),
    }
}

fn overview(state: &State) -> Option<String> {
    match state.overview.selected()? {
        Row::Verdict => {
            let problems = &state.overview.picture.as_ref()?.problems;
            Some(problems.iter().map(warning).collect::<Vec<_>>().join("\n"))
        }
        Row::Stuck(problem) | Row::Problem(problem) => Some(warning(problem)),
        Row::Loop(seen) => Some(format!("loop {}", seen.id)),
        Row::Site(site) => Some(words::place(&site.site)),
        Row::MoreProblems(_) | Row::StuckAt(_) | Row::Blank | Row::Heading(_) | Row::Live | Row::Finished => {
            None
        }
    }
}

/// One warning in one line.
fn warning(problem: &Warning) -> String {
    let name = words::escape(&problem.name, words::NAME_CHARS_MAX);
    let message = words::escape(&problem.message, words::TEXT_CHARS_MAX);
    format!("{name}: {message}")
}

/// One log line.
fn log_line(line: &LogLine) -> String {
    let task = line.task.map(|id| format!(" #{id}")).unwrap_or_default();
    let target = words::escape(&line.target, words::NAME_CHARS_MAX);
    format!("{} {}{task} {target}: {}", logs::time(line), line.level, logs::words(line))
}

/// One warning with its place and its stack.
fn full_warning(seen: &Warning) -> String {
    let at = seen.at.iter().map(|at| format!("  at {}", words::place(at)));
    let frames = seen.stack.iter().map(|frame| format!("  {}", super::frames::words(frame)));
    std::iter::once(warning(seen)).chain(at).chain(frames).collect::<Vec<_>>().join("\n")
}

/// One task in one line.
fn task(task: &Task) -> String {
    let name = words::task(task.id, task.name.as_deref());
    match &task.site {
        Some(site) => format!("{name} {}: {}, {}", task.state, words::doing(task), words::place(site)),
        None => format!("{name} {}: {}", task.state, words::doing(task)),
    }
}

/// One spawn site in one line.
fn site(site: &Site) -> String {
    let name = site.name.as_deref().map(|name| format!("{} ", words::escape(name, words::NAME_CHARS_MAX)));
    format!(
        "{}{}: {} live of {}, busy {}",
        name.unwrap_or_default(),
        words::place(&site.site),
        words::count(site.live),
        words::count(site.spawned),
        words::duration(site.busy_ns),
    )
}

/// One timer in one line.
fn timer(timer: &Timer) -> String {
    let mut text = format!("{} {}", timer.kind, super::timers::deadline(timer));
    if let Some(id) = timer.task {
        text = format!("{text}, {}", words::task(id, timer.task_name.as_deref()));
    }
    match &timer.at {
        Some(at) => format!("{text}, {}", words::place(at)),
        None => text,
    }
}

/// One descriptor in one line.
fn io(io: &Io) -> String {
    let fd = io.fd.map(|fd| format!("fd {fd} ")).unwrap_or_default();
    let way = |name: &str, address: &Option<String>| {
        let address = address.as_ref()?;
        Some(format!(" {name} {}", words::escape(address, words::NAME_CHARS_MAX)))
    };
    let (local, peer) = (way("local", &io.local), way("peer", &io.peer));
    let bytes =
        format!("read {} B, written {} B", words::count(io.bytes_read), words::count(io.bytes_written));
    format!("{fd}{}{}{}: {bytes}", io.kind, local.unwrap_or_default(), peer.unwrap_or_default())
}

/// One lock, queue or the like in one line.
fn sync(sync: &Sync) -> String {
    let name =
        sync.name.as_deref().map(|name| format!(" \"{}\"", words::escape(name, words::NAME_CHARS_MAX)));
    let held = sync.holder.map(|id| format!(", held by {}", words::task(id, sync.holder_name.as_deref())));
    let waiting = words::counted(sync.waiters.len() as u64, "task");
    let place = super::sync::place(sync).map(|place| format!(", {}", words::place(place)));
    let (name, held) = (name.unwrap_or_default(), held.unwrap_or_default());
    format!("{}{name}{held}: {waiting} waiting{}", sync.kind, place.unwrap_or_default())
}

/// One task with its places.
fn full_task(seen: &Task) -> String {
    let waits = seen.waiting_on.iter().filter_map(|wait| {
        let at = wait.at.as_ref()?;
        Some(format!("  {} at {}", words::wait(wait), words::place(at)))
    });
    std::iter::once(task(seen)).chain(waits).collect::<Vec<_>>().join("\n")
}
