//! `tasks`.

use super::super::cells::Ink;
use super::super::table::{Align, Column};
use super::{count, duration, exact, exact_place, exact_time, name, place, text};
use loopscope_inspector::model::{Task, words};

/// The columns of `tasks`: what one looks for first comes first, since narrow terminals cut at the right.
pub(crate) const TASKS: &[Column<Task>] = &[
    Column { name: "pid", heading: "", align: Align::Right, words: None, exact: |task| exact(task.pid) },
    Column {
        name: "id",
        heading: "ID",
        align: Align::Right,
        words: Some(|task| words::task(task.id, None)),
        exact: |task| task.id.to_string(),
    },
    Column {
        name: "name",
        heading: "NAME",
        align: Align::Left,
        words: Some(|task| name(task.name.as_deref())),
        exact: |task| exact(task.name.as_deref()),
    },
    Column {
        name: "kind",
        heading: "",
        align: Align::Left,
        words: None,
        exact: |task| task.kind.to_string(),
    },
    Column {
        name: "parent",
        heading: "",
        align: Align::Right,
        words: None,
        exact: |task| exact(task.parent),
    },
    Column { name: "loop", heading: "", align: Align::Right, words: None, exact: |task| exact(task.loop_id) },
    Column {
        name: "state",
        heading: "STATE",
        align: Align::Left,
        words: Some(|task| task.state.to_string()),
        exact: |task| task.state.to_string(),
    },
    Column {
        name: "state_for_ns",
        heading: "FOR",
        align: Align::Right,
        words: Some(|task| duration(task.state_for_ns)),
        exact: |task| exact(task.state_for_ns),
    },
    Column {
        name: "blocks",
        heading: "BLOCKS",
        align: Align::Right,
        words: Some(|task| count(task.blocks.filter(|&blocks| blocks > 0))),
        exact: |task| exact(task.blocks),
    },
    Column {
        name: "busy_ns",
        heading: "BUSY",
        align: Align::Right,
        words: Some(|task| words::duration(task.busy_ns)),
        exact: |task| task.busy_ns.to_string(),
    },
    Column {
        name: "polls",
        heading: "POLLS",
        align: Align::Right,
        words: Some(|task| words::count(task.polls)),
        exact: |task| task.polls.to_string(),
    },
    Column {
        name: "waiting_on",
        heading: "DOES / WAITS FOR",
        align: Align::Left,
        words: Some(words::doing),
        exact: |task| task.waiting_on.iter().map(|wait| wait.kind.as_str()).collect::<Vec<_>>().join(" "),
    },
    Column {
        name: "waiting_on_more",
        heading: "",
        align: Align::Right,
        words: None,
        exact: |task| task.waiting_on_more.to_string(),
    },
    Column {
        name: "warnings",
        heading: "WARNINGS",
        align: Align::Left,
        words: Some(|task| text(&task.warnings.join(" "))),
        exact: |task| task.warnings.join(" "),
    },
    Column {
        name: "site",
        heading: "SPAWNED AT",
        align: Align::Left,
        words: Some(|task| place(task.site.as_ref())),
        exact: |task| exact_place(task.site.as_ref()),
    },
    Column {
        name: "spawned_at",
        heading: "",
        align: Align::Left,
        words: None,
        exact: |task| exact_time(task.spawned_at),
    },
    Column {
        name: "ended_at",
        heading: "",
        align: Align::Left,
        words: None,
        exact: |task| exact_time(task.ended_at),
    },
    Column {
        name: "wakes",
        heading: "",
        align: Align::Right,
        words: None,
        exact: |task| task.wakes.to_string(),
    },
    Column {
        name: "self_wakes",
        heading: "",
        align: Align::Right,
        words: None,
        exact: |task| task.self_wakes.to_string(),
    },
    Column {
        name: "wakers",
        heading: "",
        align: Align::Right,
        words: None,
        exact: |task| exact(task.wakers),
    },
    Column {
        name: "scheduled_ns",
        heading: "",
        align: Align::Right,
        words: None,
        exact: |task| task.scheduled_ns.to_string(),
    },
    Column {
        name: "idle_ns",
        heading: "",
        align: Align::Right,
        words: None,
        exact: |task| task.idle_ns.to_string(),
    },
    Column {
        name: "longest_poll_ns",
        heading: "",
        align: Align::Right,
        words: None,
        exact: |task| exact(task.longest_poll_ns),
    },
    Column {
        name: "size_bytes",
        heading: "",
        align: Align::Right,
        words: None,
        exact: |task| exact(task.size_bytes),
    },
];

/// How the row of a task is coloured.
pub(crate) fn task_ink(task: &Task) -> Ink {
    if !task.warnings.is_empty() {
        Ink::Warning
    } else if task.state.is_finished() {
        Ink::Faint
    } else {
        Ink::Plain
    }
}
