//! `tasks`.

use super::super::cells::Ink;
use super::super::table::Column;
use super::{count, duration, exact, exact_place, exact_time, name, place, text};
use loopscope_inspector::model::{Task, words};

/// The columns of `tasks`: what one looks for first comes first, since narrow terminals cut at the right.
pub(crate) const TASKS: &[Column<Task>] = &[
    Column::hidden("pid", |task| exact(task.pid)),
    Column::right("id", "ID", |task| words::task(task.id, None), |task| task.id.to_string()),
    Column::left("name", "NAME", |task| name(task.name.as_deref()), |task| exact(task.name.as_deref())),
    Column::hidden("kind", |task| task.kind.to_string()),
    Column::hidden("parent", |task| exact(task.parent)),
    Column::hidden("loop", |task| exact(task.loop_id)),
    Column::left("state", "STATE", |task| task.state.to_string(), |task| task.state.to_string()),
    Column::right("state_for_ns", "FOR", |task| duration(task.state_for_ns), |task| exact(task.state_for_ns)),
    Column::right(
        "blocks",
        "BLOCKS",
        |task| count(task.blocks.filter(|&blocks| blocks > 0)),
        |task| exact(task.blocks),
    ),
    Column::right("busy_ns", "BUSY", |task| words::duration(task.busy_ns), |task| task.busy_ns.to_string()),
    Column::right("polls", "POLLS", |task| words::count(task.polls), |task| task.polls.to_string()),
    Column::left("waiting_on", "DOES / WAITS FOR", words::doing, |task| {
        task.waiting_on.iter().map(|wait| wait.kind.as_str()).collect::<Vec<_>>().join(" ")
    }),
    Column::hidden("waiting_on_more", |task| task.waiting_on_more.to_string()),
    Column::left(
        "warnings",
        "WARNINGS",
        |task| text(&task.warnings.join(" ")),
        |task| task.warnings.join(" "),
    ),
    Column::left(
        "site",
        "SPAWNED AT",
        |task| place(task.site.as_ref()),
        |task| exact_place(task.site.as_ref()),
    ),
    Column::hidden("spawned_at", |task| exact_time(task.spawned_at)),
    Column::hidden("ended_at", |task| exact_time(task.ended_at)),
    Column::hidden("wakes", |task| task.wakes.to_string()),
    Column::hidden("self_wakes", |task| task.self_wakes.to_string()),
    Column::hidden("wakers", |task| exact(task.wakers)),
    Column::hidden("scheduled_ns", |task| task.scheduled_ns.to_string()),
    Column::hidden("idle_ns", |task| task.idle_ns.to_string()),
    Column::hidden("longest_poll_ns", |task| exact(task.longest_poll_ns)),
    Column::hidden("size_bytes", |task| exact(task.size_bytes)),
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
