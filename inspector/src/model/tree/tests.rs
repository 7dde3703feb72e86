//! What the tree looks like.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn node(id: u64, parent: impl Into<Option<u64>>) -> Node {
    Node { id, parent: parent.into(), shown: true }
}

fn hidden(id: u64, parent: impl Into<Option<u64>>) -> Node {
    Node { shown: false, ..node(id, parent) }
}

/// The tree as indented ids.
fn drawn(tree: &Tree) -> Vec<String> {
    tree.rows().map(|row| format!("{}{}", "  ".repeat(row.depth as usize), row.id)).collect()
}

fn check(nodes: &[Node], expected: &[&str]) {
    assert_eq!(drawn(&Tree::build(nodes.iter().copied())), expected);
}

#[test]
fn a_parent_stands_before_its_children_and_they_stand_in_the_order_of_their_ids() {
    check(
        &[node(5, 2), node(1, None), node(3, 1), node(2, 1), node(4, 2), node(6, None)],
        &["1", "  2", "    4", "    5", "  3", "6"],
    );
}

#[test]
fn a_row_counts_what_is_below_it() {
    let tree = Tree::build([node(1, None), node(2, 1), node(3, 2), node(4, 1)]);
    let rows: Vec<Row> = tree.rows().collect();
    assert_eq!(
        rows,
        [
            Row { id: 1, depth: 0, children: 2, descendants: 3, last: true },
            Row { id: 2, depth: 1, children: 1, descendants: 1, last: false },
            Row { id: 3, depth: 2, children: 0, descendants: 0, last: true },
            Row { id: 4, depth: 1, children: 0, descendants: 0, last: true },
        ]
    );
    assert_eq!(tree.row(3), Some(rows[2]));
    assert_eq!(tree.row(9), None);
}

#[test]
fn a_task_whose_parent_is_unknown_is_a_root() {
    check(&[node(7, 3), node(8, 7)], &["7", "  8"]);
}

#[test]
fn a_task_whose_parent_is_not_shown_hangs_under_the_nearest_that_is() {
    check(&[node(1, None), hidden(2, 1), hidden(3, 2), node(4, 3), node(5, 3)], &["1", "  4", "  5"]);
    check(&[hidden(1, None), node(2, 1), node(3, 2)], &["2", "  3"]);
}

#[test]
fn parents_in_a_circle_end_at_the_smallest_id() {
    check(&[node(3, 2), node(2, 1), node(1, 3), node(4, 3)], &["1", "  2", "    3", "      4"]);
    check(&[node(1, 1)], &["1"]);
    check(&[hidden(1, 2), hidden(2, 1), node(3, 2)], &["3"]);
}

#[test]
fn an_id_that_comes_twice_counts_once() {
    check(&[node(1, None), node(2, 1), node(2, None)], &["1", "  2"]);
}

#[test]
fn relations_are_found_by_id() {
    let tree = Tree::build([node(1, None), node(2, 1), node(3, 2), node(4, 1), node(9, None)]);
    assert_eq!(tree.roots().collect::<Vec<_>>(), [1, 9]);
    assert_eq!(tree.root_count(), 2);
    assert_eq!(tree.children(1).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(tree.children(77).count(), 0);
    assert_eq!(tree.ancestors(3).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(tree.depth(3), Some(2));
    assert_eq!(tree.depth(77), None);
    assert!(tree.contains(4) && !tree.contains(5));
}

#[test]
fn the_rows_under_a_task_end_with_its_subtree() {
    let tree = Tree::build([node(1, None), node(2, 1), node(3, 2), node(4, 1), node(5, 4)]);
    let under = |id| tree.rows_under(id).map(|row| (row.id, row.depth)).collect::<Vec<_>>();
    assert_eq!(under(2), [(2, 1), (3, 2)]);
    assert_eq!(under(3), [(3, 2)]);
    assert_eq!(under(1).len(), 5);
    assert_eq!(under(77), []);
}

#[test]
fn a_page_leaves_out_what_lies_below_closed_tasks() {
    let tree = Tree::build([node(1, None), node(2, 1), node(3, 2), node(4, 1), node(5, None)]);
    let ids = |from, limit, closed| {
        tree.page(from, limit, |id| id != closed).iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(0, 10, 2), [1, 2, 4, 5]);
    assert_eq!(ids(0, 10, 1), [1, 5]);
    assert_eq!(ids(2, 2, 0), [3, 4]);
    assert_eq!(ids(9, 2, 0), [0_u64; 0]);
}

#[test]
fn a_chain_of_a_hundred_thousand_levels_is_walked_without_recursion() {
    let tree = Tree::build((0..100_000_u64).map(|id| node(id, id.checked_sub(1))));
    assert_eq!(tree.depth(99_999), Some(99_999));
    assert_eq!(tree.rows().last().map(|row| row.depth), Some(99_999));
    let sparse = Tree::build(
        (0..100_000_u64).map(|id| Node { shown: id % 50_000 == 0, ..node(id, id.checked_sub(1)) }),
    );
    assert_eq!(drawn(&sparse), ["0", "  50000"]);
}

fn any_nodes() -> impl Strategy<Value = Vec<Node>> {
    let one = (0_u64..30, prop::option::of(0_u64..34), prop::bool::weighted(0.8));
    prop::collection::vec(one.prop_map(|(id, parent, shown)| Node { id, parent, shown }), 0..40)
        .prop_map(|nodes| {
            // An id that comes twice would make the expectation ambiguous.
            let mut by_id = BTreeMap::new();
            for node in nodes {
                by_id.entry(node.id).or_insert(node);
            }
            by_id.into_values().collect::<Vec<_>>()
        })
        .prop_shuffle()
}

proptest! {
    #[test]
    fn every_shown_task_has_exactly_one_row(nodes in any_nodes()) {
        let tree = Tree::build(nodes.iter().copied());
        let rows: Vec<Row> = tree.rows().collect();
        let ids: BTreeSet<u64> = rows.iter().map(|row| row.id).collect();
        let expected: BTreeSet<u64> = nodes.iter().filter(|node| node.shown).map(|node| node.id).collect();
        prop_assert_eq!(rows.len(), expected.len());
        prop_assert_eq!(ids, expected);
    }

    #[test]
    fn depths_and_counts_agree_with_the_relations(nodes in any_nodes()) {
        let tree = Tree::build(nodes);
        let mut below_roots = 0;
        for row in tree.rows() {
            prop_assert_eq!(tree.ancestors(row.id).count(), row.depth as usize);
            prop_assert_eq!(tree.children(row.id).count(), row.children as usize);
            prop_assert_eq!(tree.rows_under(row.id).count(), row.descendants as usize + 1);
            if row.depth == 0 {
                below_roots += row.descendants + 1;
            }
        }
        prop_assert_eq!(below_roots as usize, tree.len());
    }

    #[test]
    fn a_task_hangs_under_the_nearest_shown_ancestor_unless_parents_go_in_circles(nodes in any_nodes()) {
        let tree = Tree::build(nodes.iter().copied());
        let by_id: BTreeMap<u64, Node> = nodes.iter().map(|node| (node.id, *node)).collect();
        for node in nodes.iter().filter(|node| node.shown) {
            let mut way = vec![node.id];
            let mut above = node.parent.filter(|id| by_id.contains_key(id));
            while let Some(id) = above && !by_id[&id].shown && !way.contains(&id) {
                way.push(id);
                above = by_id[&id].parent.filter(|id| by_id.contains_key(id));
            }
            let found = tree.parent(node.id);
            prop_assert!(found == above || (found.is_none() && above.is_some_and(|id| in_circle(&by_id, id))));
        }
    }

    #[test]
    fn the_order_does_not_depend_on_the_order_of_the_input(nodes in any_nodes()) {
        let shuffled = Tree::build(nodes.iter().copied());
        let mut sorted = nodes;
        sorted.sort_by_key(|node| node.id);
        prop_assert_eq!(drawn(&shuffled), drawn(&Tree::build(sorted)));
    }

    #[test]
    fn a_page_is_a_part_of_all_rows(nodes in any_nodes(), from in 0_usize..40, limit in 0_usize..10) {
        let tree = Tree::build(nodes);
        let expected: Vec<Row> = tree.rows().skip(from).take(limit).collect();
        prop_assert_eq!(&tree.page(from, limit, |_| true), &expected);
        prop_assert_eq!(tree.rows_from(from).take(limit).collect::<Vec<_>>(), expected);
    }
}

fn in_circle(by_id: &BTreeMap<u64, Node>, start: u64) -> bool {
    let mut at = start;
    for _ in 0..by_id.len() {
        let Some(parent) = by_id.get(&at).and_then(|node| node.parent) else { return false };
        at = parent;
    }
    by_id.contains_key(&at)
}
