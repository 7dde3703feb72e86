//! What was seen, in plain words.
//!
//! Everything returned here is fit to be shown: text of the observed program went through [`escape`].

use super::{Io, Place, ResourceKind, ResourceRef, Task, TaskState, Wait, WaitKind, Waiting};

pub use super::escape::{NAME_CHARS_MAX, TEXT_CHARS_MAX, escape};

/// How many characters of a place's file are shown.
const FILE_CHARS_MAX: usize = 48;

/// How many characters of an address are shown: a long IPv6 address with its port fits.
const ADDRESS_CHARS_MAX: usize = 64;

/// How many characters are shown of a job: its name, its thread and its place.
const JOB_CHARS_MAX: usize = 2 * NAME_CHARS_MAX + FILE_CHARS_MAX;

/// How many waits of one task are put into words.
const WAITS_MAX: usize = 3;

/// A duration with two significant digits or three: `870 ns`, `3.2 s`, `12 ms`, `4 min 5 s`, `3 d 4 h`.
///
/// Rounded down, so that `999.9 ms` is never shown as `1000 ms`.
pub fn duration(ns: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns")];
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = ns / 1_000_000_000;
    if seconds >= DAY {
        return format!("{} d {} h", count(seconds / DAY), seconds % DAY / HOUR);
    }
    if seconds >= HOUR {
        return format!("{} h {} min", seconds / HOUR, seconds % HOUR / MINUTE);
    }
    if seconds >= MINUTE {
        return format!("{} min {} s", seconds / MINUTE, seconds % MINUTE);
    }
    let (unit, name) = UNITS.into_iter().find(|&(unit, _)| ns >= unit).unwrap_or((1, "ns"));
    if unit > 1 && ns < 10 * unit {
        format!("{}.{} {name}", ns / unit, ns % unit * 10 / unit)
    } else {
        format!("{} {name}", ns / unit)
    }
}

/// A whole number with its thousands apart: `9,950`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A number of things: `1 task`, `3 tasks`. The plural is the word with an `s`.
pub fn counted(n: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(n), if n == 1 { "" } else { "s" })
}

/// A number of bytes: `512 B`, `1.5 KiB`, `30 MiB`. Rounded down.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let power = (n.ilog2() / 10) as usize;
    let unit = 1_u64 << (10 * power);
    let name = UNITS[power - 1];
    if n / unit < 10 {
        format!("{}.{} {name}", n / unit, u128::from(n % unit) * 10 / u128::from(unit))
    } else {
        format!("{} {name}", n / unit)
    }
}

/// A part of a whole in percent: `0.4 %`, `42 %`. What is no number is `?`.
pub fn percent(part: f64) -> String {
    let percent = part * 100.0;
    if !percent.is_finite() {
        "?".to_owned()
    } else if percent.abs() < 9.95 && percent != 0.0 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

/// `file:line` with the file shortened to what tells it apart.
///
/// Of a dependency the crate and the path in it are kept, of the standard library the crate; of a long path the end.
pub fn place(place: &Place) -> String {
    let file = escape(short_file(&place.file), usize::MAX);
    let excess = file.chars().count().saturating_sub(FILE_CHARS_MAX);
    if excess == 0 {
        return format!("{file}:{}", place.line);
    }
    let tail: String = file.chars().skip(excess + 1).collect();
    // A cut at a directory reads better, unless the file's name alone is too long.
    let tail = tail.find('/').map_or(tail.as_str(), |slash| &tail[slash..]);
    format!("…{tail}:{}", place.line)
}

/// The part of a path that tells a file apart.
fn short_file(file: &str) -> &str {
    // `…/registry/src/<index>/<crate>/…`, `…/git/checkouts/<repository>/<commit>/…`, `/rustc/<commit>/library/…`
    for (marker, skipped) in [("/registry/src/", 1), ("/git/checkouts/", 2), ("/rustc/", 2)] {
        if let Some(start) = file.find(marker) {
            let rest = &file[start + marker.len()..];
            if let Some((slash, _)) = rest.match_indices('/').nth(skipped - 1) {
                return &rest[slash + 1..];
            }
        }
    }
    file.strip_prefix("./").unwrap_or(file)
}

/// A task: `#9 writer`, `#22`.
pub fn task(id: u64, name: Option<&str>) -> String {
    match name {
        Some(name) if !name.is_empty() => format!("#{id} {}", escape(name, NAME_CHARS_MAX)),
        _ => format!("#{id}"),
    }
}

/// What a task waits for: `lock "db" held by #9 writer, 1.2 s`, `read 10.0.0.7:5432 (fd 12)`, `sleep, 340 ms left`.
pub fn wait(wait: &Wait) -> String {
    let mut text = wait_target(wait, true);
    if let Some(task_id) = wait.task {
        let other = task(task_id, wait.task_name.as_deref());
        match wait.kind {
            WaitKind::Join | WaitKind::Blocking => text = format!("{text} {other}"),
            _ => text = format!("{text} held by {other}"),
        }
    }
    if wait.kind == WaitKind::Sleep {
        match wait.deadline_in_ns {
            Some(left @ 0..) => text = format!("{text}, {} left", duration(left.unsigned_abs())),
            Some(late) => text = format!("{text}, {} late", duration(late.unsigned_abs())),
            None => {}
        }
    } else if shows_age(wait.kind)
        && let Some(for_ns) = wait.for_ns
    {
        text = format!("{text}, {}", duration(for_ns));
    }
    if wait.perhaps {
        text.push_str(" (perhaps)");
    }
    text
}

/// The kinds whose age is part of the words: those that another task should soon end.
fn shows_age(kind: WaitKind) -> bool {
    matches!(kind, WaitKind::Lock | WaitKind::Semaphore | WaitKind::Put | WaitKind::Send | WaitKind::Foreign)
}

/// What a wait is for, without who holds it and since when: `lock "db"`, `read 10.0.0.7:5432 (fd 12)`, `join`.
///
/// `quotes` puts names in quotation marks, as in a sentence; without them as in a chain.
pub fn wait_target(wait: &Wait, quotes: bool) -> String {
    let of_kind = wait.resource.as_ref().map(|resource| resource.kind);
    let mut text = match (wait.kind, of_kind) {
        (WaitKind::Foreign, _) => "something foreign",
        (WaitKind::Unknown, _) => "something unknown",
        (WaitKind::Yield, _) => "its next turn",
        (kind, Some(of)) => wanted(kind, of),
        (kind, None) => kind.as_str(),
    }
    .to_owned();
    if wait.kind == WaitKind::Event && of_kind.is_some_and(|of| of != ResourceKind::Event) {
        text.push_str(" of");
    }
    // A program and a signal have their names from elsewhere.
    let quotes = quotes && !matches!(wait.kind, WaitKind::Process | WaitKind::Signal);
    let mut names_it = false;
    if let Some(resource) = &wait.resource {
        let address = match wait.kind {
            WaitKind::Accept => resource.local.as_deref().or(resource.peer.as_deref()),
            _ => resource.peer.as_deref().or(resource.local.as_deref()),
        };
        if let Some(name) = resource.name.as_deref().filter(|name| !name.is_empty()) {
            let name = escape(name, NAME_CHARS_MAX);
            text = if quotes { format!("{text} \"{name}\"") } else { format!("{text} {name}") };
            names_it = true;
        } else if let Some(address) = address {
            text = format!("{text} {}", escape(address, ADDRESS_CHARS_MAX));
            names_it = true;
        }
        if let Some(aside) = aside(wait.kind, resource) {
            text = format!("{text} ({aside})");
            names_it |= resource.fd.is_some() || resource.child_pid.is_some();
        }
    }
    if let Some(detail) = wait.detail.as_deref().filter(|detail| !detail.is_empty()) {
        let chars_max = if wait.kind == WaitKind::Blocking { JOB_CHARS_MAX } else { NAME_CHARS_MAX };
        text = format!("{text} {}", escape(detail, chars_max));
        names_it = true;
    }
    // A lock without a name is told apart by where it was made.
    let made_somewhere = wait.resource.is_some() || wait.kind == WaitKind::Lock;
    if !names_it
        && made_somewhere
        && let Some(made_at) = &wait.made_at
    {
        text = format!("{text} of {}", place(made_at));
    }
    text
}

/// What somebody who waits for a resource wants of it: `put`, `all done`, `lock`.
pub fn wanted(kind: WaitKind, of: ResourceKind) -> &'static str {
    match (kind, of) {
        (WaitKind::Event, ResourceKind::Queue) => "all done",
        (WaitKind::Event, ResourceKind::Channel | ResourceKind::Oneshot) => "close",
        (kind, _) => kind.as_str(),
    }
}

/// Those who wait for a resource, a kind of wait after the other, each with the first few: `put #15 producer and 2 more`.
///
/// What they wait for is left out where the resource says it.
pub fn waiting(of: ResourceKind, waits: &[Waiting], named_max: usize) -> String {
    let of_kind = |waiting: &Waiting| {
        let first = waiting.first.iter().take(named_max);
        let shown: Vec<String> = first.map(|waiter| task(waiter.task, waiter.name.as_deref())).collect();
        let more = waiting.count.saturating_sub(shown.len() as u64);
        let more = if more > 0 { format!(" and {} more", count(more)) } else { String::new() };
        let wanted = wanted(waiting.kind, of);
        let is_plain = waits.len() == 1 && wanted == of.as_str();
        let wanted = if is_plain { String::new() } else { format!("{wanted} ") };
        format!("{wanted}{}{more}", shown.join(", "))
    };
    waits.iter().map(of_kind).collect::<Vec<_>>().join("; ")
}

/// What is at the other end of a descriptor: an address, `sh, running (pid 123)`, `stdout of sh (pid 123)`, `SIGTERM`.
pub fn other_end(io: &Io) -> Option<String> {
    if let Some(peer) = &io.peer {
        return Some(escape(peer, ADDRESS_CHARS_MAX).into_owned());
    }
    let name = io.name.as_deref().map(|name| escape(name, NAME_CHARS_MAX).into_owned());
    if !matches!(io.kind, ResourceKind::Process | ResourceKind::Pipe | ResourceKind::Signal) {
        return None;
    }
    let state = match (io.kind, io.exit) {
        (ResourceKind::Process, None) => ", running".to_owned(),
        (ResourceKind::Process, Some(exit)) => format!(", {exit}"),
        _ => String::new(),
    };
    match (name, io.child_pid) {
        (Some(name), Some(pid)) => Some(format!("{name}{state} (pid {pid})")),
        (None, Some(pid)) => Some(format!("pid {pid}{state}")),
        (name, None) => name.map(|name| name + &state),
    }
}

/// What is said in brackets of a resource that a task waits for.
fn aside(kind: WaitKind, resource: &ResourceRef) -> Option<String> {
    match (kind, resource.child_pid, resource.fd) {
        (WaitKind::Semaphore | WaitKind::Barrier, ..) => fill(resource.kind, resource.len, resource.limit),
        (WaitKind::Process, Some(pid), _) => Some(format!("pid {pid}")),
        (WaitKind::Signal, ..) => None,
        (_, Some(pid), Some(fd)) => Some(format!("pid {pid}, fd {fd}")),
        (_, pid, fd) => pid.map(|pid| format!("pid {pid}")).or_else(|| fd.map(|fd| format!("fd {fd}"))),
    }
}

/// How full a resource is: `3 of 16 items`, `0 of 3 permits free`, `2 of 5 arrived`, `4 tasks`; `None` of what is never full.
pub fn fill(kind: ResourceKind, len: Option<u64>, limit: Option<u64>) -> Option<String> {
    let len = len?;
    let (thing, state) = match kind {
        ResourceKind::Semaphore => ("permit", " free"),
        ResourceKind::Barrier => ("", "arrived"),
        ResourceKind::Channel => ("message", ""),
        ResourceKind::Group => ("task", ""),
        _ => ("item", ""),
    };
    let plural = if thing.is_empty() || limit.unwrap_or(len) == 1 { "" } else { "s" };
    let of = limit.map(|limit| format!(" of {}", count(limit))).unwrap_or_default();
    Some(format!("{}{of} {thing}{plural}{state}", count(len)))
}

/// The same where the kind stands beside it: of a semaphore `0 of 3 free`.
pub fn fill_brief(kind: ResourceKind, len: Option<u64>, limit: Option<u64>) -> Option<String> {
    match (kind, len, limit) {
        (ResourceKind::Semaphore, Some(len), Some(limit)) => {
            Some(format!("{} of {} free", count(len), count(limit)))
        }
        _ => fill(kind, len, limit),
    }
}

/// A resource in a sentence: `lock "db"`, `queue made at src/main.rs:7`.
pub fn resource(kind: ResourceKind, name: Option<&str>, made_at: Option<&Place>) -> String {
    match (name.filter(|name| !name.is_empty()), made_at) {
        (Some(name), _) => format!("{kind} \"{}\"", escape(name, NAME_CHARS_MAX)),
        (None, Some(made_at)) => format!("{kind} made at {}", place(made_at)),
        (None, None) => kind.to_string(),
    }
}

/// What a task is doing: its waits, or its state where it does not wait.
pub fn doing(task: &Task) -> String {
    match task.state {
        TaskState::Idle => waits(task),
        TaskState::Scheduled => "ready to run".to_owned(),
        TaskState::Running => match task.state_for_ns {
            Some(for_ns) => format!("running, {}", duration(for_ns)),
            None => "running".to_owned(),
        },
        finished => finished.as_str().to_owned(),
    }
}

/// The waits of a task, the oldest first: `recv; sleep, 340 ms left; and 2 more`.
pub fn waits(task: &Task) -> String {
    if task.waiting_on.is_empty() {
        return "something unknown".to_owned();
    }
    let mut parts: Vec<String> = task.waiting_on.iter().take(WAITS_MAX).map(wait).collect();
    let left_out = task.waiting_on.len().saturating_sub(WAITS_MAX) as u64;
    let more = left_out.saturating_add(task.waiting_on_more);
    if more > 0 {
        parts.push(format!("and {} more", count(more)));
    }
    parts.join("; ")
}

/// `text` in ASCII: the signs that this program uses by their nearest likeness, anything else as `?`.
pub fn ascii(text: &str) -> std::borrow::Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_ascii() => shown.push(c),
            '→' => shown.push_str("->"),
            '←' => shown.push_str("<-"),
            '…' => shown.push_str("..."),
            'µ' => shown.push('u'),
            '│' | '├' => shown.push('|'),
            '─' => shown.push('-'),
            '└' => shown.push('`'),
            '·' => shown.push('.'),
            '≥' => shown.push_str(">="),
            '≤' => shown.push_str("<="),
            '×' => shown.push('x'),
            _ => shown.push('?'),
        }
    }
    shown.into()
}

#[cfg(test)]
mod tests;
