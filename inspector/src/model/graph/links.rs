//! The edges of a graph, by the node they start from.

/// For each node the nodes it is linked to, in one array.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    /// Where each node's links begin, and one past the last.
    starts: Vec<u32>,
    targets: Vec<u32>,
}

impl Links {
    /// The links of `len` nodes from pairs of node and target, which are gone through twice.
    pub(super) fn build(len: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        // Counted two places further on: a start is moved on while its links are filled in, and so becomes the next one's.
        let mut starts = vec![0_u32; len + 2];
        for (node, _) in pairs.clone() {
            starts[node as usize + 2] += 1;
        }
        for index in 2..starts.len() {
            starts[index] += starts[index - 1];
        }
        let mut targets = vec![0; starts[len + 1] as usize];
        for (node, target) in pairs {
            let at = &mut starts[node as usize + 1];
            targets[*at as usize] = target;
            *at += 1;
        }
        starts.pop();
        Self { starts, targets }
    }

    /// The same links the other way.
    pub(super) fn reversed(&self) -> Self {
        let node_of = |node: usize| u32::try_from(node).unwrap_or(u32::MAX);
        let turned = |node| self.of(node).iter().map(move |&target| (target, node_of(node)));
        Self::build(self.len(), (0..self.len()).flat_map(turned))
    }

    /// What a node is linked to, in the order of the pairs.
    pub(super) fn of(&self, node: usize) -> &[u32] {
        &self.targets[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }
}
