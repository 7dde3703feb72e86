//! The tree of tasks, parents above the tasks they spawned.
//!
//! Built for a million tasks: 28 bytes a task, and 4 to 8 more while it is being built, no recursion, and time
//! that grows with the number of tasks (and the sort of their ids, which mostly come in order).
//!
//! # What bad data gets
//!
//! - A parent that is not among the tasks: the task is a root.
//! - A parent that is known but not shown (finished, filtered out): the task hangs under the nearest ancestor shown.
//! - Parents in a circle: the one with the smallest id is taken for a root.
//! - An id that comes twice: the first in order counts.
//!
//! # Order
//!
//! Brothers and sisters stand in the order of their ids, which is the order of spawning; so a row does not move while
//! others come and go.

const NONE: u32 = u32::MAX;

/// One task as the tree needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// The task.
    pub id: u64,
    /// The task that spawned it.
    pub parent: Option<u64>,
    /// Whether it gets a row; if not, its children hang under its nearest ancestor that does.
    pub shown: bool,
}

/// One row, in the order of display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The task.
    pub id: u64,
    /// 0 for a root.
    pub depth: u32,
    /// Its children.
    pub children: u32,
    /// Its children, their children and so on.
    pub descendants: u32,
    /// Whether it is the last child of its parent, or the last root.
    pub last: bool,
}

/// The tree of all tasks that are shown.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    ids: Vec<u64>,
    parent: Vec<u32>,
    first_child: Vec<u32>,
    next_sibling: Vec<u32>,
    children: Vec<u32>,
    descendants: Vec<u32>,
    first_root: u32,
    roots: u32,
}

impl Tree {
    /// The tree of `nodes`, in whatever order they come.
    ///
    /// # Panics
    ///
    /// If there are more than 4,294,967,294 nodes.
    pub fn build(nodes: impl IntoIterator<Item = Node>) -> Self {
        let mut hidden = Vec::new();
        // Ids are counted from 0, so none is ever `u64::MAX`, which stands for "no parent" here.
        let mut pairs: Vec<(u64, u64)> = nodes
            .into_iter()
            .map(|node| {
                if !node.shown {
                    hidden.push(node.id);
                }
                (node.id, node.parent.unwrap_or(u64::MAX))
            })
            .collect();
        assert!(u32::try_from(pairs.len()).is_ok_and(|len| len < NONE), "more tasks than a tree can number");
        // Stable, so that the first of two equal ids stays the first.
        if !pairs.is_sorted_by_key(|pair| pair.0) {
            pairs.sort_by_key(|pair| pair.0);
        }
        pairs.dedup_by_key(|pair| pair.0);
        hidden.sort_unstable();
        let mut parent = parent_indices(&pairs);
        let mut ids: Vec<u64> = pairs.iter().map(|pair| pair.0).collect();
        drop(pairs);
        break_circles(&mut parent);
        if !hidden.is_empty() {
            leave_out(&mut ids, &mut parent, &hidden);
        }
        Self::link(ids, parent)
    }

    /// Chains up brothers and sisters, and counts.
    fn link(ids: Vec<u64>, parent: Vec<u32>) -> Self {
        let len = ids.len();
        let mut tree = Self {
            ids,
            parent,
            first_child: vec![NONE; len],
            next_sibling: vec![NONE; len],
            children: vec![0; len],
            descendants: vec![0; len],
            first_root: NONE,
            roots: 0,
        };
        // Backwards, so that each list comes out ascending although every node is put in front.
        for index in (0..len).rev() {
            let above = tree.parent[index];
            let head = if above == NONE {
                tree.roots += 1;
                &mut tree.first_root
            } else {
                tree.children[above as usize] += 1;
                &mut tree.first_child[above as usize]
            };
            tree.next_sibling[index] = std::mem::replace(head, number(index));
        }
        tree.count_descendants();
        tree
    }

    /// Sums up from the leaves: a node is added to its parent when its last child has been added to it.
    fn count_descendants(&mut self) {
        let mut pending = self.children.clone();
        for leaf in 0..self.ids.len() {
            if self.children[leaf] > 0 {
                continue;
            }
            let mut index = leaf;
            while self.parent[index] != NONE {
                let above = self.parent[index] as usize;
                self.descendants[above] += self.descendants[index] + 1;
                pending[above] -= 1;
                if pending[above] > 0 {
                    break;
                }
                index = above;
            }
        }
    }

    /// Tasks in the tree.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether it has no task.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether a task is in it.
    pub fn contains(&self, id: u64) -> bool {
        self.index(id).is_some()
    }

    /// The tasks without a parent, in order.
    pub fn roots(&self) -> impl Iterator<Item = u64> + '_ {
        self.siblings(self.first_root)
    }

    /// How many tasks have no parent.
    pub fn root_count(&self) -> u32 {
        self.roots
    }

    /// The children of a task, in order; none of an unknown one.
    pub fn children(&self, id: u64) -> impl Iterator<Item = u64> + '_ {
        self.siblings(self.index(id).map_or(NONE, |index| self.first_child[index]))
    }

    /// The ancestor it hangs under.
    pub fn parent(&self, id: u64) -> Option<u64> {
        self.id(self.parent[self.index(id)?])
    }

    /// Its parent, the parent of that, up to the root.
    pub fn ancestors(&self, id: u64) -> impl Iterator<Item = u64> + '_ {
        std::iter::successors(self.parent(id), |&id| self.parent(id))
    }

    /// How many tasks stand above it.
    pub fn depth(&self, id: u64) -> Option<u32> {
        self.index(id).map(|index| self.depth_at(index))
    }

    /// The row of a task.
    pub fn row(&self, id: u64) -> Option<Row> {
        self.index(id).map(|index| self.row_at(index, self.depth_at(index)))
    }

    /// All rows, a parent before its children.
    pub fn rows(&self) -> Rows<'_> {
        Rows { tree: self, next: self.first_root, depth: 0, top: NONE }
    }

    /// The row of a task and all below it, with their depth in the whole tree.
    pub fn rows_under(&self, id: u64) -> Rows<'_> {
        match self.index(id) {
            Some(index) => {
                Rows { tree: self, next: number(index), depth: self.depth_at(index), top: number(index) }
            }
            None => Rows { tree: self, next: NONE, depth: 0, top: NONE },
        }
    }

    /// All rows from the `from`th on; whole subtrees before it are stepped over.
    pub fn rows_from(&self, from: usize) -> Rows<'_> {
        let mut rows = self.rows();
        let mut left = from;
        while left > 0 && rows.next != NONE {
            let subtree = self.descendants[rows.next as usize] as usize + 1;
            if left >= subtree {
                rows.step_over();
                left -= subtree;
            } else {
                rows.next();
                left -= 1;
            }
        }
        rows
    }

    /// `limit` rows from the `from`th on, where only the tasks for which `is_open` holds show their children.
    pub fn page(&self, from: usize, limit: usize, mut is_open: impl FnMut(u64) -> bool) -> Vec<Row> {
        let mut page = Vec::new();
        let mut rows = self.rows();
        let mut seen = 0_usize;
        while page.len() < limit && rows.next != NONE {
            let index = rows.next as usize;
            if seen >= from {
                page.push(self.row_at(index, rows.depth));
            }
            seen += 1;
            if is_open(self.ids[index]) {
                rows.next();
            } else {
                rows.step_over();
            }
        }
        page
    }

    /// The rows that are seen where only those for which `is_open` holds show their children.
    pub fn visible<'a>(
        &'a self,
        mut is_open: impl FnMut(&Row) -> bool + 'a,
    ) -> impl Iterator<Item = Row> + 'a {
        let mut rows = self.rows();
        std::iter::from_fn(move || {
            let index = *Some(&rows.next).filter(|next| **next != NONE)? as usize;
            let row = self.row_at(index, rows.depth);
            if is_open(&row) {
                rows.next();
            } else {
                rows.step_over();
            }
            Some(row)
        })
    }

    fn siblings(&self, first: u32) -> impl Iterator<Item = u64> + '_ {
        std::iter::successors(Some(first), |&at| Some(*self.next_sibling.get(at as usize)?))
            .map_while(|at| self.id(at))
    }

    fn row_at(&self, index: usize, depth: u32) -> Row {
        Row {
            id: self.ids[index],
            depth,
            children: self.children[index],
            descendants: self.descendants[index],
            last: self.next_sibling[index] == NONE,
        }
    }

    fn depth_at(&self, index: usize) -> u32 {
        let mut depth = 0;
        let mut above = self.parent[index];
        while above != NONE {
            depth += 1;
            above = self.parent[above as usize];
        }
        depth
    }

    fn index(&self, id: u64) -> Option<usize> {
        self.ids.binary_search(&id).ok()
    }

    fn id(&self, index: u32) -> Option<u64> {
        self.ids.get(index as usize).copied()
    }
}

/// Rows in the order of display. Needs no memory of its own: the way back is in the tree.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    tree: &'a Tree,
    next: u32,
    depth: u32,
    /// The node whose subtree this is, or `NONE` for the whole tree.
    top: u32,
}

impl Rows<'_> {
    /// Goes to the next row that does not lie below this one.
    fn step_over(&mut self) {
        let mut at = self.next;
        while at != NONE && at != self.top {
            let sibling = self.tree.next_sibling[at as usize];
            if sibling != NONE {
                self.next = sibling;
                return;
            }
            at = self.tree.parent[at as usize];
            self.depth = self.depth.saturating_sub(1);
        }
        self.next = NONE;
    }
}

impl Iterator for Rows<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if self.next == NONE {
            return None;
        }
        let index = self.next as usize;
        let row = self.tree.row_at(index, self.depth);
        let child = self.tree.first_child[index];
        if child == NONE {
            self.step_over();
        } else {
            self.next = child;
            self.depth += 1;
        }
        Some(row)
    }
}

/// An index as the tables hold it; `Tree::build` has made sure that it fits.
#[expect(clippy::cast_possible_truncation, reason = "a tree has fewer than u32::MAX nodes")]
fn number(index: usize) -> u32 {
    index as u32
}

/// The index of each task's parent, in pairs of task and parent sorted by task.
fn parent_indices(pairs: &[(u64, u64)]) -> Vec<u32> {
    // Neighbours mostly have the same parent, which saves most of the searches.
    let mut last = (u64::MAX, NONE);
    pairs
        .iter()
        .map(|&(_, parent)| {
            if parent != last.0 {
                let found = pairs.binary_search_by_key(&parent, |pair| pair.0);
                last = (parent, found.map_or(NONE, number));
            }
            last.1
        })
        .collect()
}

/// Makes the smallest of every circle of parents a root.
fn break_circles(parent: &mut [u32]) {
    const UNSEEN: u8 = 0;
    const ON_THE_WAY: u8 = 1;
    const DONE: u8 = 2;
    let mut state = vec![UNSEEN; parent.len()];
    for start in 0..parent.len() {
        let mut at = number(start);
        while at != NONE && state[at as usize] == UNSEEN {
            state[at as usize] = ON_THE_WAY;
            at = parent[at as usize];
        }
        if at != NONE && state[at as usize] == ON_THE_WAY {
            let mut smallest = at;
            while state[at as usize] == ON_THE_WAY {
                state[at as usize] = DONE;
                smallest = smallest.min(at);
                at = parent[at as usize];
            }
            parent[smallest as usize] = NONE;
        }
        at = number(start);
        while at != NONE && state[at as usize] == ON_THE_WAY {
            state[at as usize] = DONE;
            at = parent[at as usize];
        }
    }
}

/// Removes the tasks in `hidden` (sorted) and hangs their children under the nearest ancestor that stays.
fn leave_out(ids: &mut Vec<u64>, parent: &mut Vec<u32>, hidden: &[u64]) {
    let is_hidden: Vec<bool> = ids.iter().map(|id| hidden.binary_search(id).is_ok()).collect();
    for start in 0..ids.len() {
        let mut above = parent[start];
        while above != NONE && is_hidden[above as usize] {
            above = parent[above as usize];
        }
        // All hidden ones on the way now point past each other, so that none is walked through twice.
        let mut at = number(start);
        while at != NONE && (at as usize == start || is_hidden[at as usize]) && parent[at as usize] != above {
            at = std::mem::replace(&mut parent[at as usize], above);
        }
    }
    let mut kept = 0_u32;
    let new_index: Vec<u32> = is_hidden
        .iter()
        .map(|&hidden| {
            let new = if hidden { NONE } else { kept };
            kept += u32::from(!hidden);
            new
        })
        .collect();
    for (index, &new) in new_index.iter().enumerate() {
        if new != NONE {
            ids[new as usize] = ids[index];
            parent[new as usize] = new_index.get(parent[index] as usize).copied().unwrap_or(NONE);
        }
    }
    ids.truncate(kept as usize);
    parent.truncate(kept as usize);
}

#[cfg(test)]
mod tests;
