//! The part of a whole picture that a request asks for: filtered, sorted, cut into pages, as the agent does it with records.

use crate::model::query::{Filter, QueryError, Row as Columns, Sort};
use crate::model::tree::{Node, Tree};
use crate::model::{Snapshot, Task, TaskState, TreeNode, WaitGraph};
use crate::wire::limits::{CHAIN_MAX, DETAIL_MAX, ROWS_MAX};
use crate::wire::{Detail, Heading, Picture, Query, Request, Row, States, Table, TableInfo, TreeQuery};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a picture answers a request with.
pub(super) fn answer(picture: &Picture, request: &Request) -> Result<(Heading, Vec<Row>), QueryError> {
    let snapshot = &picture.snapshot;
    let mut answering = Answering {
        picture,
        heading: Heading {
            taken_at: snapshot.taken_at,
            process: picture.process().cloned().unwrap_or_default(),
            cycles: request.cycles || request.why.is_some(),
            reading_ns: picture.reading_ns,
            ..Heading::default()
        },
        rows: Vec::new(),
    };
    answering.tasks(request)?;
    answering.tables(request)?;
    if request.states {
        answering.heading.states = Some(states(tasks(snapshot)));
    }
    if answering.heading.cycles {
        answering.rows.extend(snapshot.cycles.iter().flatten().cloned().map(Row::Cycle));
    }
    answering.family(request);
    Ok((answering.heading, answering.rows))
}

fn tasks(snapshot: &Snapshot) -> &[Task] {
    snapshot.tasks.as_deref().unwrap_or_default()
}

fn states(tasks: &[Task]) -> States {
    let mut states = States::default();
    for task in tasks {
        *match task.state {
            TaskState::Idle => &mut states.idle,
            TaskState::Scheduled => &mut states.scheduled,
            TaskState::Running => &mut states.running,
            TaskState::Completed => &mut states.completed,
            TaskState::Cancelled => &mut states.cancelled,
            TaskState::Panicked => &mut states.panicked,
        } += 1;
    }
    states
}

struct Answering<'a> {
    picture: &'a Picture,
    heading: Heading,
    rows: Vec<Row>,
}

impl Answering<'_> {
    fn tasks(&mut self, request: &Request) -> Result<(), QueryError> {
        let snapshot = &self.picture.snapshot;
        if let Some(query) = &request.tasks {
            let by_id = Query { sort: "id".to_owned(), ..query.clone() };
            let query = if query.sort.is_empty() { &by_id } else { query };
            self.table(Table::Tasks, snapshot.tasks.as_ref(), query, |task| task.id, Row::Task)?;
        }
        if let Some(query) = &request.tree {
            let (info, rows) = tree(tasks(snapshot), query)?;
            self.heading.tables.push(info);
            self.rows.extend(rows.into_iter().map(Row::Tree));
        }
        Ok(())
    }

    fn tables(&mut self, request: &Request) -> Result<(), QueryError> {
        let snapshot = &self.picture.snapshot;
        if let Some(query) = &request.sites {
            self.table(Table::Sites, snapshot.sites.as_ref(), query, |_| 0, Row::Site)?;
        }
        if let Some(query) = &request.timers {
            self.table(Table::Timers, snapshot.timers.as_ref(), query, |_| 0, Row::Timer)?;
        }
        if let Some(query) = &request.io {
            self.table(Table::Io, snapshot.io.as_ref(), query, |_| 0, Row::Io)?;
            self.rows.extend(snapshot.io_totals.iter().flatten().cloned().map(Row::IoTotal));
        }
        if let Some(query) = &request.sync {
            self.table(Table::Sync, snapshot.sync.as_ref(), query, |_| 0, Row::Sync)?;
        }
        if let Some(query) = &request.blocking {
            let row = |job| Row::Job(Box::new(job));
            self.table(Table::Blocking, snapshot.blocking.as_ref(), query, |_| 0, row)?;
            let pools = snapshot.pools.iter().flatten().cloned();
            self.rows.extend(pools.map(|pool| Row::Pool(Box::new(pool))));
        }
        if let Some(query) = &request.loops {
            let row = |row| Row::Loop(Box::new(row));
            self.table(Table::Loops, snapshot.loops.as_ref(), query, |_| 0, row)?;
        }
        if let Some(query) = &request.warnings {
            self.table(Table::Warnings, snapshot.warnings.as_ref(), query, |_| 0, Row::Warning)?;
        }
        Ok(())
    }

    /// One page of a table.
    fn table<R: Columns + Clone>(
        &mut self,
        table: Table,
        all: Option<&Vec<R>>,
        query: &Query,
        id: impl Fn(&R) -> u64,
        row: impl Fn(R) -> Row,
    ) -> Result<(), QueryError> {
        let filter = Filter::parse::<R>(&query.filter)?;
        let mut rows: Vec<&R> = all.into_iter().flatten().filter(|row| filter.matches(*row)).collect();
        if !query.sort.is_empty() {
            let sort = Sort::parse::<R>(&query.sort)?;
            rows.sort_by(|a, b| sort.compare(*a, *b));
        }
        let around = query.around.and_then(|wanted| rows.iter().position(|row| id(row) == wanted));
        let (page, offset) = page(rows.len(), query, around);
        let stored = self.picture.info(table);
        self.heading.tables.push(TableInfo {
            table,
            // What did not fit into the file is counted where nothing was asked to be left out.
            total: match stored {
                Some(stored) if filter.is_all() => stored.total.max(rows.len() as u64),
                _ => rows.len() as u64,
            },
            shown: page.len() as u64,
            dropped: stored.map_or(0, |stored| stored.dropped),
            offset,
        });
        self.rows.extend(rows[page].iter().map(|found| row((*found).clone())));
        Ok(())
    }

    /// The chain of a task, and one task in detail.
    fn family(&mut self, request: &Request) {
        if request.why.is_none() && request.detail.is_none() {
            return;
        }
        let snapshot = &self.picture.snapshot;
        let all = tasks(snapshot);
        let by_id: BTreeMap<u64, &Task> = all.iter().map(|task| (task.id, task)).collect();
        let graph = WaitGraph::of_tasks(all, snapshot.sync.as_deref().unwrap_or_default());
        if let Some(task) = request.why.filter(|task| by_id.contains_key(task)) {
            let chain = chain(task, &graph);
            self.rows
                .extend(chain.iter().filter_map(|id| by_id.get(id)).map(|task| Row::Chain((*task).clone())));
        }
        if let Some(task) = request.detail.and_then(|id| by_id.get(&id)) {
            self.rows.push(Row::Detail(Box::new(detail(task, snapshot, &by_id, &graph))));
        }
    }
}

/// Which rows are on the page, and how many are before it.
fn page(rows: usize, query: &Query, around: Option<usize>) -> (std::ops::Range<usize>, u64) {
    let limit = query.limit.unwrap_or(ROWS_MAX).min(ROWS_MAX);
    let offset = match around {
        Some(at) if limit > 0 => at as u64 / limit * limit,
        _ => query.offset,
    };
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let from = number(offset).min(rows);
    (from..from.saturating_add(number(limit)).min(rows), offset)
}

fn tree(tasks: &[Task], asked: &TreeQuery) -> Result<(TableInfo, Vec<TreeNode>), QueryError> {
    let filter = Filter::parse::<Task>(&asked.query.filter)?;
    let is_due = |task: &Task| (!task.state.is_finished() || asked.finished) && filter.matches(task);
    let whole = Tree::build(tasks.iter().map(|task| Node { id: task.id, parent: task.parent, shown: true }));
    let mut shown = BTreeSet::new();
    for task in tasks.iter().filter(|task| is_due(task)) {
        shown.insert(task.id);
        if !filter.is_all() {
            shown.extend(whole.ancestors(task.id));
        }
    }
    let node = |task: &Task| Node { id: task.id, parent: task.parent, shown: shown.contains(&task.id) };
    let tree = Tree::build(tasks.iter().map(node));
    let (expanded, collapsed): (BTreeSet<u64>, BTreeSet<u64>) =
        (asked.expanded.iter().copied().collect(), asked.collapsed.iter().copied().collect());
    let rows: Vec<_> = tree
        .visible(|row| {
            let by_depth = asked.depth.is_none_or(|depth| row.depth < depth);
            expanded.contains(&row.id) || (by_depth || !filter.is_all()) && !collapsed.contains(&row.id)
        })
        .collect();
    let around = asked.query.around.and_then(|id| rows.iter().position(|row| row.id == id));
    let (page, offset) = page(rows.len(), &asked.query, around);
    let by_id: BTreeMap<u64, &Task> = tasks.iter().map(|task| (task.id, task)).collect();
    let total = rows.len() as u64;
    let found: Vec<TreeNode> = rows[page]
        .iter()
        .filter_map(|row| {
            Some(TreeNode {
                depth: row.depth,
                children: u64::from(row.children),
                descendants: u64::from(row.descendants),
                last: row.last,
                task: (*by_id.get(&row.id)?).clone(),
            })
        })
        .collect();
    let info = TableInfo { table: Table::Tree, total, shown: found.len() as u64, dropped: 0, offset };
    Ok((info, found))
}

/// The task, and every task that it waits for, directly or not.
fn chain(task: u64, graph: &WaitGraph) -> Vec<u64> {
    let (mut chain, mut due) = (Vec::new(), VecDeque::from([task]));
    while let Some(next) = due.pop_front() {
        if chain.len() < CHAIN_MAX && !chain.contains(&next) {
            chain.push(next);
            due.extend(graph.holders(next));
        }
    }
    chain
}

fn detail(task: &Task, snapshot: &Snapshot, by_id: &BTreeMap<u64, &Task>, graph: &WaitGraph) -> Detail {
    let first = |ids: &[u64]| -> (Vec<Task>, u64) {
        let tasks = ids.iter().take(DETAIL_MAX).filter_map(|id| by_id.get(id)).map(|task| (*task).clone());
        (tasks.collect(), ids.len().saturating_sub(DETAIL_MAX) as u64)
    };
    let child_of = |parent: u64| tasks(snapshot).iter().filter(move |task| task.parent == Some(parent));
    let children: Vec<u64> = child_of(task.id).map(|child| child.id).collect();
    // A parent was there before its child; anything else would be a mistake to go round in.
    let above = |id: u64| by_id.get(&id)?.parent.filter(|&parent| parent < id);
    let ancestors: Vec<u64> = std::iter::successors(above(task.id), |&id| above(id)).collect();
    let waiters: Vec<u64> = graph.waiters(task.id).collect();
    let site = snapshot.sites.iter().flatten().find(|site| task.site.as_ref() == Some(&site.site));
    let ((children, children_more), (waiters, waiters_more)) = (first(&children), first(&waiters));
    Detail {
        task: task.clone(),
        waits: task.waiting_on.clone(),
        waits_more: task.waiting_on_more,
        site: site.cloned(),
        children,
        children_more,
        ancestors: first(&ancestors).0,
        waiters,
        waiters_more,
        ..Detail::default()
    }
}

#[cfg(test)]
mod tests;
