//! Sets of tasks that all wait for each other, and from them how many tasks each holds up.

use super::{Links, NONE};

/// The strongly connected components, numbered so that a component comes after all those it waits for.
#[derive(Debug)]
pub(super) struct Components {
    /// Each node's component.
    of: Vec<u32>,
    /// The nodes, component after component.
    members: Vec<u32>,
    /// Where each component's members begin, and one past the last.
    starts: Vec<u32>,
}

impl Components {
    /// Tarjan's algorithm with a stack of its own in place of recursion.
    pub(super) fn of(links: &Links) -> Self {
        let len = links.len();
        let mut found = Self { of: vec![NONE; len], members: Vec::with_capacity(len), starts: vec![0] };
        // The order in which nodes were first seen, from 1; 0 is unseen. Lowered in place to Tarjan's low link.
        let mut low = vec![0_u32; len];
        let mut seen = 0_u32;
        let mut open: Vec<u32> = Vec::new();
        // The path from the first node to the current: node, its order, the next link to follow.
        let mut path: Vec<(u32, u32, u32)> = Vec::new();
        for start in 0..u32::try_from(len).unwrap_or(NONE) {
            if low[start as usize] == 0 {
                seen += 1;
                low[start as usize] = seen;
                open.push(start);
                path.push((start, seen, 0));
            }
            while let Some((node, order, next)) = path.last_mut() {
                let (node, order) = (*node, *order);
                if let Some(&target) = links.of(node as usize).get(*next as usize) {
                    *next += 1;
                    if low[target as usize] == 0 {
                        seen += 1;
                        low[target as usize] = seen;
                        open.push(target);
                        path.push((target, seen, 0));
                    } else if found.of[target as usize] == NONE {
                        low[node as usize] = low[node as usize].min(low[target as usize]);
                    }
                    continue;
                }
                path.pop();
                if let Some(&(above, ..)) = path.last() {
                    low[above as usize] = low[above as usize].min(low[node as usize]);
                }
                if low[node as usize] == order {
                    found.close(&mut open, node);
                }
            }
        }
        found
    }

    /// Makes everything on `open` from `first` on one component.
    fn close(&mut self, open: &mut Vec<u32>, first: u32) {
        let number = u32::try_from(self.starts.len() - 1).unwrap_or(NONE);
        while let Some(node) = open.pop() {
            self.of[node as usize] = number;
            self.members.push(node);
            if node == first {
                break;
            }
        }
        self.starts.push(u32::try_from(self.members.len()).unwrap_or(NONE));
    }

    /// The number of each node's component.
    pub(super) fn into_numbers(self) -> Vec<u32> {
        self.of
    }

    /// Whether two nodes are in one component.
    pub(super) fn same(&self, a: u32, b: u32) -> bool {
        self.of[a as usize] == self.of[b as usize]
    }

    /// The components that contain a circle: of several nodes, or of one that waits for itself.
    pub(super) fn circular<'a>(&'a self, links: &'a Links) -> impl Iterator<Item = &'a [u32]> + 'a {
        (0..self.len()).map(|component| self.members(component)).filter(|members| {
            members.len() > 1 || members.iter().any(|&node| links.of(node as usize).contains(&node))
        })
    }

    /// For each node how many others wait for it; `NONE` for those that `steps_max` steps did not suffice for.
    pub(super) fn count_blocks(&self, holders: &Links, waiters: &Links, steps_max: u64) -> Vec<u32> {
        let mut counts = vec![0; self.len()];
        // Whether everybody above waits for one component only, so that no two of them have a waiter in common.
        let mut is_plain = vec![true; self.len()];
        let mut walk = Walk { seen_for: Vec::new(), next: Vec::new(), steps_left: steps_max };
        // Who waits has the greater number, so all of its own waiters have been counted already.
        for component in (0..self.len()).rev() {
            let mut direct: Vec<u32> = self.neighbours(component, waiters).collect();
            direct.sort_unstable();
            direct.dedup();
            is_plain[component] = direct
                .iter()
                .all(|&above| is_plain[above as usize] && self.waits_for_one(above as usize, holders));
            let count = if direct.len() <= 1 || is_plain[component] {
                direct.iter().try_fold(0_u32, |sum, &above| {
                    let behind = counts[above as usize];
                    (behind != NONE).then(|| sum + behind + self.size(above as usize))
                })
            } else {
                walk.count(self, component, waiters)
            };
            counts[component] = count.unwrap_or(NONE);
        }
        let of_node = |&component: &u32| match counts[component as usize] {
            NONE => NONE,
            behind => behind + self.size(component as usize) - 1,
        };
        self.of.iter().map(of_node).collect()
    }

    /// Whether all links that leave the component go to one and the same other.
    fn waits_for_one(&self, component: usize, holders: &Links) -> bool {
        let mut targets = self.neighbours(component, holders);
        targets.next().is_none_or(|first| targets.all(|target| target == first))
    }

    /// The other components that the links of this one lead to, with repetitions.
    fn neighbours<'a>(&'a self, component: usize, links: &'a Links) -> impl Iterator<Item = u32> + 'a {
        self.members(component)
            .iter()
            .flat_map(|&node| links.of(node as usize))
            .map(|&node| self.of[node as usize])
            .filter(move |&other| other as usize != component)
    }

    fn members(&self, component: usize) -> &[u32] {
        &self.members[self.starts[component] as usize..self.starts[component + 1] as usize]
    }

    fn size(&self, component: usize) -> u32 {
        self.starts[component + 1] - self.starts[component]
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }
}

/// Counts by going to every waiter once.
struct Walk {
    /// The component that each was last counted for.
    seen_for: Vec<u32>,
    next: Vec<u32>,
    steps_left: u64,
}

impl Walk {
    fn count(&mut self, components: &Components, start: usize, waiters: &Links) -> Option<u32> {
        let mark = u32::try_from(start).ok()?;
        let mut total = 0;
        // Most graphs need no walk at all.
        self.seen_for.resize(components.len(), NONE);
        self.next.clear();
        self.next.push(mark);
        self.seen_for[start] = mark;
        while let Some(at) = self.next.pop() {
            for above in components.neighbours(at as usize, waiters) {
                self.steps_left = self.steps_left.checked_sub(1)?;
                if self.seen_for[above as usize] != mark {
                    self.seen_for[above as usize] = mark;
                    total += components.size(above as usize);
                    self.next.push(above);
                }
            }
        }
        Some(total)
    }
}
