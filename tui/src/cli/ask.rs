//! What a command asks of the observed process.

use super::flags::{Flags, Look};
use super::render::Table;
use loopscope_inspector::model::Lint;
use loopscope_inspector::wire::{Query, Request, TreeQuery};

/// Rows that one picture holds at most; more are fetched page by page.
pub(crate) const PAGE_ROWS: u64 = 100_000;

/// Rows of `tree`, `warnings` and so on that a command wants in all; `None` for all there are.
pub(crate) fn wanted(look: Look) -> Option<u64> {
    look.limit.map(|limit| u64::try_from(limit).unwrap_or(u64::MAX))
}

/// The request for a page of a table that begins at `offset`.
pub(crate) fn page(table: Table, flags: &Flags, look: Look, offset: u64) -> Request {
    let left = wanted(look).map_or(PAGE_ROWS, |wanted| wanted.saturating_sub(offset).min(PAGE_ROWS));
    let query = Query {
        filter: flags.filter.clone().unwrap_or_default(),
        sort: flags.sort.clone().unwrap_or_default(),
        offset,
        limit: Some(left),
        around: None,
    };
    let mut request = flags.request();
    match table {
        // What `ps` shows is in the head of every picture, but for the warnings, which are counted only when asked for.
        Table::Processes => request.warnings = Some(Query::all().limit(0)),
        Table::Tasks => request.tasks = Some(query),
        Table::Tree => {
            request.tree = Some(TreeQuery { query, ..TreeQuery::default() });
            request.cycles = true;
        }
        Table::Sites => request.sites = Some(query),
        Table::Timers => request.timers = Some(query),
        Table::Io => request.io = Some(query),
        Table::Sync => request.sync = Some(query),
        Table::Blocking => request.blocking = Some(query),
        Table::Loops => request.loops = Some(query),
        Table::Warnings => request.warnings = Some(query),
    }
    request
}

/// The rows of a sorted table within which a page must lie: an agent keeps no more of them in order.
pub(crate) const DEPTH_MAX: u64 = 200_000;

/// The request for the tasks with a greater number than `after`, for reading on where [`DEPTH_MAX`] ends a sorted table.
pub(crate) fn tasks_after(after: Option<u64>, flags: &Flags) -> Request {
    let filter = after.map(|id| format!("id>{id}")).unwrap_or_default();
    let tasks = Some(Query::all().filter(filter).sort("id").limit(PAGE_ROWS));
    Request { tasks, ..flags.request() }
}

/// The request for nothing but how many tasks the filter lets through.
pub(crate) fn task_count(flags: &Flags) -> Request {
    let filter = flags.filter.clone().unwrap_or_default();
    Request { tasks: Some(Query::all().filter(filter).limit(0)), ..Request::default() }
}

/// The request for the warnings that `--fail-on` names, whatever `--filter` and `--limit` show of them.
pub(crate) fn fail_on(flags: &Flags) -> Request {
    let is_lint = |name: &String| name.parse::<Lint>().is_ok();
    let filter = if flags.fail_on.iter().all(is_lint) {
        flags.fail_on.iter().map(|lint| format!("name={lint}")).collect::<Vec<_>>().join(" or ")
    } else {
        String::new()
    };
    let warnings = Some(Query::all().filter(filter));
    Request { warnings, ..flags.request() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_asks_for_what_it_shows_and_a_pipe_for_all() {
        let flags =
            Flags { filter: Some("state=idle".into()), sort: Some("-busy".into()), ..Flags::default() };
        let terminal = Look { limit: Some(50), ..Look::default() };
        let query = page(Table::Tasks, &flags, terminal, 0).tasks.unwrap();
        assert_eq!(query, Query::all().filter("state=idle").sort("-busy").limit(50));
        let query = page(Table::Tasks, &flags, Look::default(), PAGE_ROWS).tasks.unwrap();
        assert_eq!((query.offset, query.limit), (PAGE_ROWS, Some(PAGE_ROWS)));
    }

    #[test]
    fn the_last_page_is_no_longer_than_the_limit() {
        let limited = Look { limit: Some(150_000), ..Look::default() };
        let query = page(Table::Tree, &Flags::default(), limited, PAGE_ROWS).tree.unwrap().query;
        assert_eq!((query.offset, query.limit), (100_000, Some(50_000)));
    }

    #[test]
    fn fail_on_asks_for_its_lints_only() {
        let flags = Flags {
            fail_on: vec!["blocked".into(), "slow-poll".into()],
            slow: Some(std::time::Duration::from_millis(50)),
            ..Flags::default()
        };
        let request = fail_on(&flags);
        assert_eq!(request.slow_poll_ns, Some(50_000_000));
        assert_eq!(request.warnings.unwrap().filter, "name=blocked or name=slow-poll");
    }
}
