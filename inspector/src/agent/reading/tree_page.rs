//! One page of the task tree.

use super::BadRequest;
use super::context::Context;
use super::tasks::{self, Lookup, Page, PageRow, Record, Seen};
use crate::model::Task;
use crate::model::query::{Filter, Sort};
use crate::model::tree::{self, Node, Tree};
use crate::wire::limits::ROWS_MAX;
use crate::wire::{Table, TableInfo, TreeQuery};
use std::collections::HashSet;

/// Room for more pairs of a task and its parent is not taken on trust: 16 bytes each.
const PAIRS_MAX: u64 = 1 << 21;

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
    let expanded: HashSet<u64> = asked.expanded.iter().copied().collect();
    let collapsed: HashSet<u64> = asked.collapsed.iter().copied().collect();
    let is_open = |row: &tree::Row| {
        let by_depth = asked.depth.is_none_or(|depth| row.depth < depth);
        // What a filter left is there to be seen.
        expanded.contains(&row.id) || (by_depth || !filter.is_all()) && !collapsed.contains(&row.id)
    };
    let limit = query.limit.unwrap_or(ROWS_MAX).min(ROWS_MAX);
    let around = query.around.filter(|_| limit > 0);
    let wanted = around.and_then(|id| tree.visible(is_open).position(|row| row.id == id));
    let offset = wanted.map_or(query.offset, |at| at as u64 / limit * limit);
    let mut total = 0;
    let mut rows = Vec::new();
    for row in tree.visible(is_open) {
        if total >= offset && total - offset < limit {
            rows.push(row);
        }
        total += 1;
    }
    drop(tree);
    let ids: Vec<u64> = rows.iter().map(|row| row.id).collect();
    let records = tasks::find(context, &ids);
    // A task that ended meanwhile, and was forgotten, is counted as dropped.
    let found = rows.iter().filter_map(|row| {
        let record = *records.get(&row.id)?;
        Some(PageRow { record, node: Some(*row) })
    });
    let found: std::collections::VecDeque<PageRow> = found.collect();
    let shown = found.len() as u64;
    let dropped = (rows.len() as u64).saturating_sub(shown);
    let info = TableInfo { table: Table::Tree, total, shown, dropped, offset };
    Ok(Page { info, rows: found })
}

/// The tree of the tasks that are to be seen, and of their ancestors.
fn read(context: &Context, asked: &TreeQuery, filter: &Filter) -> Tree {
    let mut lookup = Lookup::new(context);
    let is_due = |state| asked.finished || !tasks::state(state).is_finished();
    // Grown step by step it would take twice the memory.
    let live: u64 = context.loops.iter().map(|lp| lp.view.tasks).sum();
    let capacity = usize::try_from(live.min(PAIRS_MAX)).unwrap_or(0);
    // What is not to be seen is needed all the same, for its children hang under what is above it.
    let (pairs, hidden, matching) = lookup.until_complete(|lookup| {
        let (mut pairs, mut hidden, mut matching) =
            (Vec::with_capacity(capacity), HashSet::new(), Vec::new());
        context.tasks(|lp, view| {
            pairs.push((view.id, view.parent.unwrap_or(u64::MAX)));
            if !is_due(view.state) {
                hidden.insert(view.id);
            } else if !filter.is_all() {
                let record = Record { lp, view: *view };
                if filter.matches(&Seen { record: &record, lookup }) {
                    matching.push(view.id);
                }
            }
            lookup.go_on()
        });
        (pairs, hidden, matching)
    });
    let node = |shown: bool| {
        move |(id, parent): (u64, u64)| Node { id, parent: (parent != u64::MAX).then_some(parent), shown }
    };
    if filter.is_all() {
        return Tree::build(pairs.into_iter().map(|pair| node(!hidden.contains(&pair.0))(pair)));
    }
    let whole = Tree::build(pairs.iter().copied().map(node(true)));
    let mut shown: HashSet<u64> = HashSet::with_capacity(matching.len());
    for id in matching {
        // Where an ancestor is marked, so are those above it.
        let new = std::iter::once(id).chain(whole.ancestors(id)).take_while(|&id| shown.insert(id));
        new.for_each(drop);
    }
    drop(whole);
    Tree::build(pairs.into_iter().map(|pair| {
        let is_shown = shown.contains(&pair.0) && !hidden.contains(&pair.0);
        node(is_shown)(pair)
    }))
}
