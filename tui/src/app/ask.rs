//! Questions of the screens in the words of the wire, and its pictures as answers.

use super::question::{
    Answer, Counts, Listing, Overview, PROBLEMS_MAX, Page, Question, RELATIVES_MAX, SITES_MAX, Shape,
    TableQuestion, TaskPicture, Wanted, Warned,
};
use super::sites::SiteTimes;
use super::sync::Followed;
use super::table::Row;
use super::timers::Beside;
use loopscope_inspector::model::lints;
use loopscope_inspector::model::why::{self, Chain, SeenTasks};
use loopscope_inspector::model::{Hist, HistogramKind, Histograms, Task, TreeNode, WaitGraph, Warning};
use loopscope_inspector::wire::{
    Detail, HistogramsRequest, Picture, Query, Request, States, Table, TreeQuery,
};
use std::collections::BTreeMap;

/// Loops that Overview shows.
const LOOPS_MAX: u64 = 64;
/// Warnings of one task that its page shows.
const TASK_WARNINGS_MAX: u64 = 20;

/// What to ask the agent; `None` for a question that is not the agent's.
pub(crate) fn request(question: &Question) -> Option<Request> {
    let request = Request::default();
    Some(match question {
        Question::Processes | Question::Logs => return None,
        Question::Overview => Request {
            loops: Some(Query::all().limit(LOOPS_MAX)),
            sites: Some(Query::all().sort("-busy").limit(SITES_MAX as u64)),
            warnings: Some(Query::all().limit(PROBLEMS_MAX as u64)),
            states: true,
            ..request
        },
        Question::Table(asked) => table_request(asked),
        Question::Task(id) => Request {
            detail: Some(*id),
            why: Some(*id),
            warnings: Some(Query::all().filter(format!("task={id}")).limit(TASK_WARNINGS_MAX)),
            ..request
        },
    })
}

fn table_request(asked: &TableQuestion) -> Request {
    let query = Query {
        filter: asked.filter.clone(),
        offset: asked.offset,
        limit: Some(asked.limit),
        around: asked.around,
        ..Query::default()
    };
    let order = if asked.descending { "-" } else { "" };
    let sorted = |query: Query| Some(query.sort(format!("{order}{}", asked.sort)));
    let request = Request::default();
    match (asked.of, &asked.shape) {
        (Listing::Tasks, Shape::Tree { expanded, except }) => {
            let tree = tree_query(query, *expanded, except.iter().copied().collect());
            Request { tree: Some(tree), cycles: true, ..request }
        }
        (Listing::Tasks, Shape::Flat) => Request { tasks: sorted(query), cycles: true, ..request },
        (Listing::Sites, _) => Request { sites: sorted(query), ..request },
        (Listing::Timers, _) => {
            Request { timers: sorted(query), loops: Some(Query::all().limit(LOOPS_MAX)), ..request }
        }
        (Listing::Io, _) => Request { io: sorted(query), ..request },
        (Listing::Sync, _) => Request { sync: sorted(query), why: asked.why, ..request },
        // In groups they come as the process has them, the worst first.
        (Listing::Warnings, Shape::Tree { .. }) => Request { warnings: Some(query), ..request },
        (Listing::Warnings, Shape::Flat) => Request { warnings: sorted(query), ..request },
        (Listing::Logs, _) => request,
    }
}

fn tree_query(query: Query, expanded: bool, except: Vec<u64>) -> TreeQuery {
    let (expanded_ids, collapsed_ids) = if expanded { (Vec::new(), except) } else { (except, Vec::new()) };
    TreeQuery {
        query,
        depth: if expanded { None } else { Some(0) },
        expanded: expanded_ids,
        collapsed: collapsed_ids,
        finished: true,
    }
}

/// The answer that a picture holds to the question it was taken for, with the histograms that belong to it.
pub(crate) fn answer(question: &Question, picture: Picture, histograms: Option<Histograms>) -> Answer {
    match question {
        Question::Processes => Answer::Processes(picture.snapshot.processes),
        Question::Overview => Answer::Overview(Box::new(overview(picture))),
        Question::Table(asked) => table(asked, picture, histograms),
        Question::Task(_) => Answer::Task(task(picture).map(Box::new)),
        Question::Logs => Answer::Logs(Err("a picture has no log lines".to_owned())),
    }
}

fn overview(picture: Picture) -> Overview {
    let dropped = picture.tables.iter().fold(0, |sum: u64, info| sum.saturating_add(info.dropped));
    let problem_count = picture.info(Table::Warnings).map_or(0, |info| info.total);
    let counts = picture.states.map_or_else(Counts::default, counts);
    let snapshot = picture.snapshot;
    let mut problems = snapshot.warnings.unwrap_or_default();
    live_first(&mut problems);
    Overview {
        taken_at: snapshot.taken_at,
        process: snapshot.processes.into_iter().next().unwrap_or_default(),
        loops: snapshot.loops.unwrap_or_default(),
        counts,
        sites: snapshot.sites.unwrap_or_default(),
        problem_count: problem_count.max(problems.len() as u64),
        problems,
        dropped,
    }
}

/// The worst first, but what is over after what holds now.
fn live_first(warnings: &mut [Warning]) {
    lints::sort(warnings);
    warnings.sort_by_key(|warning| warning.past);
}

fn counts(states: States) -> Counts {
    Counts {
        idle: Some(states.idle),
        scheduled: Some(states.scheduled),
        running: Some(states.running),
        completed: Some(states.completed),
        cancelled: Some(states.cancelled),
        panicked: Some(states.panicked),
    }
}

/// The histograms to ask the agent for besides, if any.
pub(crate) fn histograms(question: &Question) -> Option<HistogramsRequest> {
    let Question::Table(asked) = question else { return None };
    let request = HistogramsRequest::default();
    Some(match asked.histograms.as_ref()? {
        Wanted::Site(key) => HistogramsRequest {
            kinds: vec![HistogramKind::Poll, HistogramKind::Scheduled],
            loop_id: key.loop_id,
            site: Some(key.site.clone()),
            ..request
        },
        Wanted::Lateness => {
            HistogramsRequest { kinds: vec![HistogramKind::Lateness], whole: true, ..request }
        }
    })
}

/// How long things took at the site that was asked for.
fn site_times(asked: &TableQuestion, histograms: Option<Histograms>) -> Option<SiteTimes> {
    let Some(Wanted::Site(of)) = asked.histograms.clone() else { return None };
    let rows = histograms?.rows;
    let mut times = SiteTimes { of, ..SiteTimes::default() };
    for row in rows {
        match row.key.kind {
            HistogramKind::Poll => times.poll.merge(&row.hist),
            HistogramKind::Scheduled => times.scheduled.merge(&row.hist),
            _ => {}
        }
    }
    Some(times)
}

/// How late the timers of each loop fired.
fn lateness(histograms: Option<Histograms>) -> BTreeMap<u64, Hist> {
    let rows = histograms.map(|histograms| histograms.rows).unwrap_or_default();
    let late = rows.into_iter().filter(|row| row.key.kind == HistogramKind::Lateness);
    late.filter_map(|row| Some((row.key.loop_id?, row.hist))).collect()
}

fn table(asked: &TableQuestion, mut picture: Picture, histograms: Option<Histograms>) -> Answer {
    let seen = &mut picture.snapshot;
    match (asked.of, &asked.shape) {
        (Listing::Tasks, Shape::Tree { .. }) => {
            let (rows, cycles) = (seen.tree.take(), seen.cycles.take().unwrap_or_default());
            Answer::Tasks(Box::new(page(asked, picture, Table::Tree, rows, cycles)))
        }
        (Listing::Tasks, Shape::Flat) => {
            let flat = |task: Task| TreeNode { task, ..TreeNode::default() };
            let rows = seen.tasks.take().map(|tasks| tasks.into_iter().map(flat).collect());
            let cycles = seen.cycles.take().unwrap_or_default();
            Answer::Tasks(Box::new(page(asked, picture, Table::Tasks, rows, cycles)))
        }
        (Listing::Sites, _) => {
            let rows = seen.sites.take();
            let times = site_times(asked, histograms);
            Answer::Sites(Box::new(page(asked, picture, Table::Sites, rows, times)))
        }
        (Listing::Timers, _) => {
            let (rows, loops) = (seen.timers.take(), seen.loops.take().unwrap_or_default());
            let known = picture.info(Table::Loops).map_or(0, |info| info.total);
            let loop_count = known.max(loops.len() as u64);
            let beside = Beside { loops, loop_count, lateness: lateness(histograms) };
            Answer::Timers(Box::new(page(asked, picture, Table::Timers, rows, beside)))
        }
        (Listing::Io, _) => {
            let (rows, mut totals) = (seen.io.take(), seen.io_totals.take().unwrap_or_default());
            totals
                .sort_by_key(|total| std::cmp::Reverse(total.bytes_read.saturating_add(total.bytes_written)));
            Answer::Io(Box::new(page(asked, picture, Table::Io, rows, totals)))
        }
        (Listing::Sync, _) => {
            let rows = seen.sync.take();
            let followed = asked.why.map(|of| Followed { of, chain: chain(&picture.chain, of) });
            Answer::Sync(Box::new(page(asked, picture, Table::Sync, rows, followed)))
        }
        (Listing::Warnings, shape) => {
            let mut rows = seen.warnings.take().unwrap_or_default();
            if *shape != Shape::Flat {
                live_first(&mut rows);
            }
            let info = picture.info(Table::Warnings);
            Answer::Warnings(Box::new(Warned {
                taken_at: picture.snapshot.taken_at,
                total: info.map_or(0, |info| info.total).max(rows.len() as u64),
                dropped: info.map_or(0, |info| info.dropped),
                process: picture.snapshot.processes.into_iter().next().unwrap_or_default(),
                rows,
            }))
        }
        (Listing::Logs, _) => Answer::Logs(Err("a picture has no log lines".to_owned())),
    }
}

fn page<R: Row>(
    asked: &TableQuestion,
    picture: Picture,
    table: Table,
    rows: Option<Vec<R>>,
    beside: R::Beside,
) -> Page<R> {
    let info = picture.info(table);
    let rows = rows.unwrap_or_default();
    let offset = info.map_or(asked.offset, |info| info.offset);
    Page {
        taken_at: picture.snapshot.taken_at,
        process: picture.snapshot.processes.into_iter().next().unwrap_or_default(),
        offset,
        total: info.map_or(0, |info| info.total).max(offset.saturating_add(rows.len() as u64)),
        rows,
        dropped: info.map_or(0, |info| info.dropped),
        beside,
    }
}

/// From a task to the root of its wait. `seen` holds every task that it waits for, so the graph of just these says whether
/// they are stuck.
fn chain(seen: &[Task], task: u64) -> Option<Chain> {
    let graph = WaitGraph::of_tasks(seen, &[]);
    why::chain(&SeenTasks::new(seen, &graph), task)
}

fn task(picture: Picture) -> Option<TaskPicture> {
    let Detail {
        task,
        waits,
        waits_more,
        site,
        poll,
        scheduled,
        mut children,
        children_more,
        ancestors,
        mut waiters,
        waiters_more,
        created,
        ..
    } = *picture.detail?;
    let child_count = children_more.saturating_add(children.len() as u64);
    let waiter_count = waiters_more.saturating_add(waiters.len() as u64);
    children.truncate(RELATIVES_MAX);
    waiters.truncate(RELATIVES_MAX);
    let task = Task { waiting_on: waits, waiting_on_more: waits_more, ..task };
    let warnings: Vec<Warning> = picture.snapshot.warnings.unwrap_or_default();
    let process = picture.snapshot.processes.into_iter().next().unwrap_or_default();
    let chain = chain(&picture.chain, task.id);
    Some(TaskPicture {
        process,
        taken_at: picture.snapshot.taken_at,
        task,
        ancestors,
        children,
        child_count,
        waiters,
        waiter_count,
        chain,
        site,
        poll: poll.unwrap_or_default(),
        scheduled: scheduled.unwrap_or_default(),
        warnings,
        created,
        logs: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::question::SiteKey;
    use crate::app::sample::{TAKEN, overview as sample_overview, process, tree};
    use loopscope_inspector::model::{Bucket, Histogram, HistogramKey, Place, Snapshot};
    use loopscope_inspector::wire::TableInfo;

    fn asked(shape: Shape) -> TableQuestion {
        TableQuestion {
            of: Listing::Tasks,
            shape,
            filter: "state=idle".to_owned(),
            sort: "busy",
            descending: true,
            offset: 40,
            limit: 60,
            around: Some(7),
            histograms: None,
            why: None,
        }
    }

    fn picture(table: Table, total: u64, offset: u64, snapshot: Snapshot) -> Picture {
        let info = TableInfo { table, total, shown: 0, dropped: 2, offset };
        let snapshot = Snapshot { taken_at: TAKEN, processes: vec![process()], ..snapshot };
        Picture { snapshot, tables: vec![info], ..Picture::default() }
    }

    #[test]
    fn an_open_tree_asks_for_all_levels_but_those_closed() {
        let shape = Shape::Tree { expanded: true, except: [3, 9].into() };
        let tree = request(&Question::Table(asked(shape))).unwrap().tree.unwrap();
        assert_eq!((tree.depth, tree.expanded, tree.collapsed), (None, vec![], vec![3, 9]));
        let query = Query::all().filter("state=idle").offset(40).limit(60).around(7);
        assert_eq!(tree.query, query);
    }

    #[test]
    fn a_closed_tree_asks_for_its_roots_and_those_opened() {
        let shape = Shape::Tree { expanded: false, except: [3].into() };
        let tree = request(&Question::Table(asked(shape))).unwrap().tree.unwrap();
        assert_eq!((tree.depth, tree.expanded, tree.collapsed), (Some(0), vec![3], vec![]));
    }

    #[test]
    fn a_flat_table_is_sorted_by_the_process() {
        let request = request(&Question::Table(asked(Shape::Flat))).unwrap();
        let query = Query::all().filter("state=idle").sort("-busy").offset(40).limit(60).around(7);
        assert_eq!((request.tasks, request.tree), (Some(query), None));
    }

    #[test]
    fn a_page_says_where_it_begins_and_how_many_rows_there_are() {
        let snapshot = Snapshot { tree: Some(tree()), ..Snapshot::default() };
        let picture = picture(Table::Tree, 1_000, 120, snapshot);
        let shape = Shape::Tree { expanded: true, except: [].into() };
        let Answer::Tasks(page) = answer(&Question::Table(asked(shape)), picture, None) else {
            panic!("a page")
        };
        assert_eq!((page.offset, page.total, page.dropped, page.rows), (120, 1_000, 2, tree()));
        assert_eq!((page.taken_at, page.process), (TAKEN, process()));
    }

    #[test]
    fn a_peer_that_counts_fewer_rows_than_it_sends_is_not_believed() {
        let snapshot = Snapshot { tree: Some(tree()), ..Snapshot::default() };
        let picture = picture(Table::Tree, 1, 0, snapshot);
        let shape = Shape::Tree { expanded: true, except: [].into() };
        let Answer::Tasks(page) = answer(&Question::Table(asked(shape)), picture, None) else {
            panic!("a page")
        };
        assert_eq!(page.total, tree().len() as u64);
    }

    #[test]
    fn the_problems_of_an_overview_have_the_worst_first_and_are_all_counted() {
        let mut warnings = sample_overview(true).problems;
        warnings.reverse();
        let snapshot = Snapshot { warnings: Some(warnings), ..Snapshot::default() };
        let picture = picture(Table::Warnings, 70, 0, snapshot);
        let Answer::Overview(overview) = answer(&Question::Overview, picture, None) else {
            panic!("an overview")
        };
        let names: Vec<&str> = overview.problems.iter().map(|problem| problem.name.as_str()).collect();
        assert_eq!((names, overview.problem_count), (vec!["blocked", "slow-poll", "slow-poll"], 70));
    }

    #[test]
    fn a_task_that_is_unknown_has_no_picture() {
        let picture = picture(Table::Warnings, 0, 0, Snapshot::default());
        assert_eq!(answer(&Question::Task(7), picture, None), Answer::Task(None));
    }

    #[test]
    fn a_task_page_has_all_waits_and_the_chain_to_the_root() {
        let find = |id| tree().into_iter().map(|node| node.task).find(|task: &Task| task.id == id).unwrap();
        let waits = find(7).waiting_on;
        let detail = Detail {
            task: Task { waiting_on: Vec::new(), ..find(7) },
            waits: waits.clone(),
            waits_more: 3,
            children: vec![find(8)],
            children_more: 41,
            ..Detail::default()
        };
        let mut picture = picture(Table::Warnings, 0, 0, Snapshot::default());
        picture.detail = Some(Box::new(detail));
        picture.chain = vec![find(7), find(9)];
        let Answer::Task(Some(page)) = answer(&Question::Task(7), picture, None) else { panic!("a task") };
        assert_eq!((page.task.waiting_on, page.task.waiting_on_more, page.child_count), (waits, 3, 42));
        let steps: Vec<u64> = page.chain.unwrap().steps.iter().map(|step| step.task).collect();
        assert_eq!(steps, [7, 9]);
    }

    #[test]
    fn the_histograms_of_a_site_are_told_from_those_of_the_loops() {
        let of = SiteKey { loop_id: Some(1), site: Place::new("src/main.rs", 40, 9) };
        let question = Question::Table(TableQuestion {
            of: Listing::Sites,
            histograms: Some(Wanted::Site(of.clone())),
            ..asked(Shape::Flat)
        });
        let request = histograms(&question).unwrap();
        assert_eq!((request.loop_id, request.site, request.whole), (Some(1), Some(of.site.clone()), false));
        let row = |kind, count| Histogram {
            key: HistogramKey { kind, loop_id: Some(1), site: Some(of.site.clone()), pool: None },
            hist: Hist::from_buckets(vec![Bucket { low_ns: 5, high_ns: 5, count }]),
            ..Histogram::default()
        };
        let rows = vec![row(HistogramKind::Poll, 3), row(HistogramKind::Scheduled, 4)];
        let picture = picture(Table::Sites, 0, 0, Snapshot::default());
        let read = Histograms { rows, ..Histograms::default() };
        let Answer::Sites(page) = answer(&question, picture, Some(read)) else { panic!("sites") };
        let times = page.beside.unwrap();
        assert_eq!((times.of, times.poll.count(), times.scheduled.count()), (of, 3, 4));
    }

    #[test]
    fn the_lateness_of_each_loop_comes_with_the_timers() {
        let question = Question::Table(TableQuestion {
            of: Listing::Timers,
            histograms: Some(Wanted::Lateness),
            ..asked(Shape::Flat)
        });
        let asked = histograms(&question).unwrap();
        assert_eq!((asked.kinds, asked.whole), (vec![HistogramKind::Lateness], true));
        assert!(request(&question).unwrap().loops.is_some());
        let late = |id: u64| Histogram {
            key: HistogramKey { kind: HistogramKind::Lateness, loop_id: Some(id), ..HistogramKey::default() },
            hist: Hist::from_buckets(vec![Bucket { low_ns: 5, high_ns: 5, count: id + 1 }]),
            ..Histogram::default()
        };
        let picture = picture(Table::Timers, 0, 0, Snapshot::default());
        let read = Histograms { rows: vec![late(0), late(4)], ..Histograms::default() };
        let Answer::Timers(page) = answer(&question, picture, Some(read)) else { panic!("timers") };
        let counts: Vec<(u64, u64)> =
            page.beside.lateness.iter().map(|(id, hist)| (*id, hist.count())).collect();
        assert_eq!(counts, [(0, 1), (4, 5)]);
    }
}
