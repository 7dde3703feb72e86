//! `tasks` where there are more than an agent sorts: all are read, a page at a time, and none is held longer than it must be.
//!
//! Without an order JSON and CSV are written while they are read. With one, and in words (where the widest cell sets the width of a
//! column), every row must be seen before the first is written; then a row is kept as what will be written of it, which is a small
//! part of a [`Task`].

use super::fetch::{Source, each_page};
use super::flags::{Flags, Look};
use super::json::TaskStream;
use super::table::{self, Caption, Packed};
use super::tables::{TASKS, task_ink};
use loopscope_inspector::model::query::{Sort, Top};
use loopscope_inspector::model::{Snapshot, Task};
use std::io::Write;

/// Writes all tasks that the flags ask for.
///
/// # Errors
///
/// If they cannot be read or written.
pub(crate) async fn write(
    out: &mut dyn Write,
    source: &mut impl Source,
    head: &Snapshot,
    flags: &Flags,
    look: Look,
) -> anyhow::Result<()> {
    if flags.json {
        write_json(out, source, head, flags, look).await?;
    } else if flags.csv {
        write_csv(out, source, flags, look).await?;
    } else {
        let kept = keep(source, flags, look, |task| Ok(Packed::new(TASKS, task, task_ink, look))).await?;
        let caption = Caption { what: "tasks", total: kept.total, dropped: kept.dropped };
        table::write_packed(out, TASKS, &kept.rows, &caption, look)?;
    }
    Ok(out.flush()?)
}

async fn write_json(
    out: &mut dyn Write,
    source: &mut impl Source,
    head: &Snapshot,
    flags: &Flags,
    look: Look,
) -> anyhow::Result<()> {
    if is_as_read(flags, look) {
        let mut document = TaskStream::open(out, head)?;
        let dropped = each_page(source, flags, |tasks| Ok(document.write(out, &tasks)?)).await?;
        return Ok(document.close(out, None, dropped)?);
    }
    let kept = keep(source, flags, look, |task| Ok(TaskStream::row(task)?)).await?;
    let mut document = TaskStream::open(out, head)?;
    for row in &kept.rows {
        document.write_row(out, row)?;
    }
    Ok(document.close(out, Some(kept.total), kept.dropped)?)
}

async fn write_csv(
    out: &mut dyn Write,
    source: &mut impl Source,
    flags: &Flags,
    look: Look,
) -> anyhow::Result<()> {
    table::write_csv_heading(out, TASKS)?;
    if is_as_read(flags, look) {
        each_page(source, flags, |tasks| Ok(table::write_csv_rows(out, TASKS, &tasks)?)).await?;
        return Ok(());
    }
    let row = |task: &Task| {
        let mut row = Vec::new();
        table::write_csv_rows(&mut row, TASKS, std::slice::from_ref(task))?;
        Ok(row.into_boxed_slice())
    };
    keep(source, flags, look, row).await?.rows.iter().try_for_each(|row| out.write_all(row))?;
    Ok(())
}

/// Whether the rows can be written in the order in which they are read, and all of them.
fn is_as_read(flags: &Flags, look: Look) -> bool {
    flags.sort.is_none() && look.limit.is_none()
}

/// What is kept of all tasks, in the order that was asked for.
struct Kept<T> {
    rows: Vec<T>,
    total: u64,
    dropped: u64,
}

async fn keep<T>(
    source: &mut impl Source,
    flags: &Flags,
    look: Look,
    row: impl Fn(&Task) -> anyhow::Result<T>,
) -> anyhow::Result<Kept<T>> {
    let sort = flags.sort.as_deref().map(Sort::parse::<Task>).transpose()?;
    let mut top = Top::new(sort, look.limit.unwrap_or(usize::MAX));
    let dropped = each_page(source, flags, |tasks| {
        for task in &tasks {
            top.offer(task, || row(task));
        }
        Ok(())
    })
    .await?;
    let total = top.total();
    Ok(Kept { rows: top.into_rows().into_iter().collect::<anyhow::Result<_>>()?, total, dropped })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{render, samples};
    use loopscope_inspector::wire::{Picture, Request};

    /// An agent with a few tasks that gives one at a time, as `id>…` asks for them.
    struct Agent(Vec<Task>);

    impl Source for Agent {
        async fn picture(&mut self, request: &Request) -> anyhow::Result<Picture> {
            let filter = request.tasks.clone().unwrap().filter;
            let after: u64 = filter.strip_prefix("id>").map_or(0, |id| id.parse().unwrap());
            let next = self.0.iter().filter(|task| task.id > after).min_by_key(|task| task.id);
            let snapshot =
                Snapshot { tasks: Some(next.into_iter().cloned().collect()), ..Snapshot::default() };
            Ok(Picture { snapshot, ..Picture::default() })
        }
    }

    /// What is written in pages, and what would be written at once.
    fn both(flags: &Flags, limit: Option<usize>) -> (String, String) {
        let look = Look { limit, ..Look::default() };
        let mut tasks = samples::tasks();
        let head = Snapshot { total: 5, ..samples::snapshot() };
        let mut agent = Agent(tasks.clone());
        let mut out = Vec::new();
        loopscope::run(async { write(&mut out, &mut agent, &head, flags, look).await.unwrap() });
        match flags.sort.as_deref().map(Sort::parse::<Task>) {
            Some(sort) => tasks.sort_by(|a, b| sort.as_ref().unwrap().compare(a, b)),
            None => tasks.sort_by_key(|task| task.id),
        }
        tasks.truncate(limit.unwrap_or(usize::MAX));
        let shown = tasks.len() as u64;
        let at_once = Snapshot { tasks: Some(tasks), shown, ..head };
        let mut expected = Vec::new();
        render::write(&mut expected, render::Table::Tasks, &at_once, flags, look).unwrap();
        (String::from_utf8(out).unwrap(), String::from_utf8(expected).unwrap())
    }

    #[test]
    fn in_pages_the_same_is_written_as_at_once() {
        for sort in [None, Some("-busy"), Some("name"), Some("-id")] {
            for limit in [None, Some(0), Some(2), Some(100)] {
                let words = Flags { sort: sort.map(str::to_owned), ..Flags::default() };
                let (paged, at_once) = both(&words, limit);
                assert_eq!(paged, at_once, "{sort:?} {limit:?}");
                let (paged, at_once) = both(&Flags { csv: true, ..words.clone() }, limit);
                assert_eq!(paged, at_once, "{sort:?} {limit:?}");
                let (paged, at_once) = both(&Flags { json: true, ..words }, limit);
                let document = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
                // Its counts stand at the end.
                assert_eq!(document(&paged), document(&at_once), "{sort:?} {limit:?}");
            }
        }
    }
}
