//! Pictures of the observed process, page by page where one is not enough.

use super::ask::{DEPTH_MAX, page, tasks_after, wanted};
use super::flags::{Flags, Look};
use super::render::Table;
use loopscope_inspector::model::query::{Filter, Sort};
use loopscope_inspector::model::{Snapshot, Task};
use loopscope_inspector::wire::{Picture, Request};

/// Who answers requests: a client, or a test.
pub(crate) trait Source {
    /// One picture.
    async fn picture(&mut self, request: &Request) -> anyhow::Result<Picture>;
}

/// All rows of a table that the flags ask for.
///
/// Between two pages the process goes on: a task that comes or goes meanwhile can make a row appear twice or be left out. A document
/// of more than one page is therefore as exact as a walk through a moving crowd.
pub(crate) async fn table(
    source: &mut impl Source,
    table: Table,
    flags: &Flags,
    look: Look,
) -> anyhow::Result<Snapshot> {
    let mut all = source.picture(&page(table, flags, look, 0)).await?.snapshot;
    let wanted = wanted(look).unwrap_or(u64::MAX).min(all.total);
    if table == Table::Tasks && wanted > DEPTH_MAX {
        return every_task(source, all, flags, look).await;
    }
    while all.shown < wanted {
        let next = source.picture(&page(table, flags, look, all.shown)).await?.snapshot;
        if next.shown == 0 {
            break;
        }
        append(&mut all, next);
    }
    Ok(all)
}

/// More tasks than an agent sorts: all of them are read in the order of their numbers, then filtered and sorted here.
async fn every_task(
    source: &mut impl Source,
    first: Snapshot,
    flags: &Flags,
    look: Look,
) -> anyhow::Result<Snapshot> {
    let sort = flags.sort.as_deref().map(Sort::parse::<Task>).transpose()?;
    let mut all = Snapshot { tasks: Some(Vec::new()), dropped: 0, ..first };
    let mut tasks: Vec<Task> = Vec::new();
    all.dropped = each_page(source, flags, |page| {
        tasks.extend(page);
        Ok(())
    })
    .await?;
    if let Some(sort) = sort {
        tasks.sort_by(|a, b| sort.compare(a, b));
    }
    let count = |tasks: &[Task]| u64::try_from(tasks.len()).unwrap_or(u64::MAX);
    all.total = count(&tasks);
    tasks.truncate(look.limit.unwrap_or(usize::MAX));
    all.shown = count(&tasks);
    all.tasks = Some(tasks);
    Ok(all)
}

/// Reads all tasks in the order of their numbers, a page at a time, and hands on those that the flags' filter lets through. Returns how
/// many records could not be read.
pub(crate) async fn each_page(
    source: &mut impl Source,
    flags: &Flags,
    mut take: impl FnMut(Vec<Task>) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let filter = Filter::parse::<Task>(flags.filter.as_deref().unwrap_or_default())?;
    let mut dropped = 0;
    let mut last = None;
    loop {
        let next = source.picture(&tasks_after(last, flags)).await?.snapshot;
        let mut page = next.tasks.unwrap_or_default();
        let end = page.iter().map(|task| task.id).max();
        if end <= last {
            return Ok(dropped);
        }
        last = end;
        dropped += next.dropped;
        page.retain(|task| filter.matches(task));
        take(page)?;
    }
}

/// Puts the rows of the next page behind those that are there.
fn append(all: &mut Snapshot, next: Snapshot) {
    fn extend<R>(all: &mut Option<Vec<R>>, next: Option<Vec<R>>) {
        if let Some(next) = next {
            all.get_or_insert_default().extend(next);
        }
    }
    all.shown += next.shown;
    all.total = all.total.max(next.total);
    all.dropped += next.dropped;
    extend(&mut all.tasks, next.tasks);
    extend(&mut all.tree, next.tree);
    extend(&mut all.sites, next.sites);
    extend(&mut all.timers, next.timers);
    extend(&mut all.io, next.io);
    // They come whole with every page, and the newest say most.
    all.io_totals = next.io_totals.or(all.io_totals.take());
    extend(&mut all.sync, next.sync);
    extend(&mut all.blocking, next.blocking);
    all.pools = next.pools.or(all.pools.take());
    extend(&mut all.loops, next.loops);
    extend(&mut all.warnings, next.warnings);
}

#[cfg(test)]
mod tests {
    use super::*;
    use loopscope_inspector::model::{TaskState, Warning};

    /// An agent with that many warnings, which it gives in pages of its own size, and what it was asked.
    struct Agent {
        rows: u64,
        page_max: u64,
        asked: Vec<(u64, Option<u64>)>,
    }

    impl Source for Agent {
        async fn picture(&mut self, request: &Request) -> anyhow::Result<Picture> {
            let query = request.warnings.clone().unwrap();
            self.asked.push((query.offset, query.limit));
            let end = (query.offset + query.limit.unwrap().min(self.page_max)).min(self.rows);
            let warnings: Vec<Warning> =
                (query.offset..end).map(|count| Warning { count, ..Warning::default() }).collect();
            let shown = warnings.len() as u64;
            let snapshot =
                Snapshot { total: self.rows, shown, warnings: Some(warnings), ..Snapshot::default() };
            Ok(Picture { snapshot, ..Picture::default() })
        }
    }

    fn fetched(rows: u64, page_max: u64, limit: Option<usize>) -> (Vec<u64>, Agent) {
        let mut agent = Agent { rows, page_max, asked: Vec::new() };
        let look = Look { limit, ..Look::default() };
        let snapshot = loopscope::run(async {
            table(&mut agent, Table::Warnings, &Flags::default(), look).await.unwrap()
        });
        let numbers: Vec<u64> = snapshot.warnings.unwrap().iter().map(|warning| warning.count).collect();
        assert_eq!(snapshot.shown, numbers.len() as u64);
        assert_eq!(snapshot.total, rows);
        (numbers, agent)
    }

    #[test]
    fn what_fits_into_one_page_is_asked_for_once() {
        let (numbers, agent) = fetched(7, 100_000, None);
        assert_eq!(numbers, (0..7).collect::<Vec<_>>());
        assert_eq!(agent.asked, [(0, Some(100_000))]);
    }

    #[test]
    fn page_after_page_is_fetched_until_all_rows_are_there() {
        let (numbers, agent) = fetched(25, 10, None);
        assert_eq!(numbers, (0..25).collect::<Vec<_>>());
        assert_eq!(agent.asked, [(0, Some(100_000)), (10, Some(100_000)), (20, Some(100_000))]);
    }

    #[test]
    fn no_more_is_fetched_than_the_limit_allows() {
        let (numbers, agent) = fetched(1_000, 10, Some(12));
        assert_eq!(numbers, (0..12).collect::<Vec<_>>());
        assert_eq!(agent.asked, [(0, Some(12)), (10, Some(2))]);
    }

    #[test]
    fn an_agent_that_promises_rows_and_gives_none_does_not_keep_us() {
        assert!(fetched(10, 0, None).0.is_empty());
    }

    /// An agent with tasks 1 to `count`, every other one idle, that answers `id>N` and no deeper page than it may.
    struct Crowd {
        count: u64,
    }

    impl Source for Crowd {
        async fn picture(&mut self, request: &Request) -> anyhow::Result<Picture> {
            let query = request.tasks.clone().unwrap();
            let limit = query.limit.unwrap();
            anyhow::ensure!(query.offset + limit <= DEPTH_MAX, "too deep");
            let after = query.filter.strip_prefix("id>").map_or(0, |id| id.parse().unwrap());
            let task = |id: u64| {
                let state = if id.is_multiple_of(2) { TaskState::Idle } else { TaskState::Running };
                Task { id, state, ..Task::default() }
            };
            let tasks: Vec<Task> =
                (after + 1..=self.count).take(usize::try_from(limit).unwrap()).map(task).collect();
            let snapshot = Snapshot {
                total: self.count - after,
                shown: tasks.len() as u64,
                tasks: Some(tasks),
                ..Snapshot::default()
            };
            Ok(Picture { snapshot, ..Picture::default() })
        }
    }

    #[test]
    fn more_tasks_than_an_agent_sorts_are_filtered_and_sorted_here() {
        let flags = Flags { filter: Some("state=idle".into()), sort: Some("-id".into()), ..Flags::default() };
        let mut crowd = Crowd { count: 250_001 };
        let snapshot =
            loopscope::run(async { table(&mut crowd, Table::Tasks, &flags, Look::default()).await.unwrap() });
        assert_eq!((snapshot.total, snapshot.shown), (125_000, 125_000));
        let ids: Vec<u64> = snapshot.tasks.unwrap().iter().map(|task| task.id).collect();
        assert!(ids.iter().copied().eq((1..=125_000).rev().map(|half| 2 * half)));
    }
}
