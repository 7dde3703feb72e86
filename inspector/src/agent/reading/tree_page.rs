//! One page of the task tree.

use super::BadRequest;
use super::context::Context;
use super::ids::IdSet;
use super::tasks::{self, Lookup, Page, PageRow, Record, Seen};
use crate::model::Task;
use crate::model::query::{Filter, Sort};
use crate::model::tree::{self, Node, Tree};
use crate::wire::limits::ROWS_MAX;
use crate::wire::{Table, TableInfo, TreeQuery};
use loopscope::telemetry::TaskView;
use std::collections::VecDeque;

/// Stands for "no parent" in a pair, which takes 16 bytes so; no task has that id.
const NO_PARENT: u64 = u64::MAX;

/// Room for more pairs of a task and its parent is not taken on trust: 16 bytes each.
const PAIRS_MAX: u64 = 1 << 21;

/// How long a task that has finished stays in a tree without a filter: long enough to be seen in the next pictures. The records
/// hold a thousand of them for as long as nothing takes their room, and the live ones would be buried.
const FINISHED_SHOWN_NS: u64 = 3_000_000_000;

/// Reads the page that was asked for.
pub(super) fn page(context: &Context, asked: &TreeQuery) -> Result<Page, BadRequest> {
    let query = &asked.query;
    let filter = Filter::parse::<Task>(&query.filter)?;
    if !query.sort.is_empty() {
        let sort = Sort::parse::<Task>(&query.sort)?;
        if sort.name() != "id" || sort.is_descending() {
            return Err(BadRequest::TreeOrder);
        }
    }
    let tree = read(context, asked, &filter);
    let expanded: IdSet = asked.expanded.iter().copied().collect();
    let collapsed: IdSet = asked.collapsed.iter().copied().collect();
    let is_open = |row: &tree::Row| {
        let by_depth = asked.depth.is_none_or(|depth| row.depth < depth);
        // What a filter left is there to be seen.
        expanded.contains(&row.id) || (by_depth || !filter.is_all()) && !collapsed.contains(&row.id)
    };
    let limit = query.limit.unwrap_or(ROWS_MAX).min(ROWS_MAX);
    let around = query.around.filter(|_| limit > 0);
    let wanted = around.and_then(|id| tree.visible(is_open).position(|row| row.id == id));
    let offset = wanted.map_or(query.offset, |at| at as u64 / limit * limit);
    let (rows, total) = cut(&tree, asked.depth.is_none() && collapsed.is_empty(), is_open, offset, limit);
    drop(tree);
    let ids: Vec<u64> = rows.iter().map(|row| row.id).collect();
    let records = tasks::find(context, &ids);
    // A task that ended meanwhile, and was forgotten, is counted as dropped.
    let found: VecDeque<PageRow> = rows
        .iter()
        .filter_map(|row| Some(PageRow { record: *records.get(&row.id)?, node: Some(*row) }))
        .collect();
    let shown = found.len() as u64;
    let dropped = (rows.len() as u64).saturating_sub(shown);
    let info = TableInfo { table: Table::Tree, total, shown, dropped, offset };
    Ok(Page { info, rows: found })
}

/// The rows of a page, and how many there are on all pages.
fn cut(
    tree: &Tree,
    is_all_open: bool,
    is_open: impl FnMut(&tree::Row) -> bool,
    offset: u64,
    limit: u64,
) -> (Vec<tree::Row>, u64) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if is_all_open {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        return (tree.rows_from(from).take(limit).collect(), tree.len() as u64);
    }
    let mut total = 0;
    let mut rows = Vec::new();
    for row in tree.visible(is_open) {
        if total >= offset && rows.len() < limit {
            rows.push(row);
        }
        total += 1;
    }
    (rows, total)
}

/// The tree of the tasks that are to be seen, and of their ancestors.
fn read(context: &Context, asked: &TreeQuery, filter: &Filter) -> Tree {
    let mut lookup = Lookup::new(context);
    let is_due = |view: &TaskView| {
        let ended_for_ns = || view.ended_at.map_or(0, |at| context.since(at));
        !tasks::state(view.state).is_finished()
            || asked.finished && is_finished_due(!filter.is_all(), ended_for_ns())
    };
    // Grown step by step it would take twice the memory.
    let live: u64 = context.loops.iter().map(|lp| lp.view.tasks).sum();
    let capacity = usize::try_from(live.min(PAIRS_MAX)).unwrap_or(0);
    // What is not to be seen is needed all the same, for its children hang under what is above it.
    let (seen, hidden, matching) = lookup.until_complete(|lookup| {
        let (mut seen, mut hidden, mut matching) = (Vec::with_capacity(capacity), Vec::new(), Vec::new());
        context.tasks(|lp, view| {
            let pair = (view.id, view.parent.unwrap_or(NO_PARENT));
            if !is_due(view) {
                hidden.push(pair);
                return lookup.go_on();
            }
            seen.push(pair);
            if !filter.is_all() {
                let record = Record::new(lp, view);
                if filter.matches(&Seen { record: &record, lookup }) {
                    matching.push(view.id);
                }
            }
            lookup.go_on()
        });
        (seen, hidden, matching)
    });
    let hidden = hidden.into_iter().map(|pair| node(pair, false));
    if filter.is_all() {
        return Tree::build(seen.into_iter().map(|pair| node(pair, true)).chain(hidden));
    }
    let whole = Tree::build(seen.iter().map(|&pair| node(pair, true)).chain(hidden.clone()));
    let mut shown = IdSet::default();
    for id in matching {
        // Where an ancestor is marked, so are those above it.
        let new = std::iter::once(id).chain(whole.ancestors(id)).take_while(|&id| shown.insert(id));
        new.for_each(drop);
    }
    drop(whole);
    Tree::build(seen.into_iter().map(|pair| node(pair, shown.contains(&pair.0))).chain(hidden))
}

/// Whether a tree that asks for finished tasks shows one.
fn is_finished_due(is_filtered: bool, ended_for_ns: u64) -> bool {
    is_filtered || ended_for_ns < FINISHED_SHOWN_NS
}

fn node((id, parent): (u64, u64), shown: bool) -> Node {
    Node { id, parent: (parent != NO_PARENT).then_some(parent), shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_task_leaves_the_tree_unless_a_filter_lets_it_through() {
        assert!(is_finished_due(false, 0));
        assert!(!is_finished_due(false, FINISHED_SHOWN_NS));
        assert!(is_finished_due(true, FINISHED_SHOWN_NS));
    }
}
