//! Pictures of the observed process, page by page where one is not enough.

use super::ask::{page, wanted};
use super::flags::{Flags, Look};
use super::render::Table;
use loopscope_inspector::model::Snapshot;
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
    while all.shown < wanted {
        let next = source.picture(&page(table, flags, look, all.shown)).await?.snapshot;
        if next.shown == 0 {
            break;
        }
        append(&mut all, next);
    }
    Ok(all)
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
    extend(&mut all.loops, next.loops);
    extend(&mut all.warnings, next.warnings);
}

#[cfg(test)]
mod tests {
    use super::*;
    use loopscope_inspector::model::Warning;

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
}
