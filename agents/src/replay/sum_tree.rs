//! [`SumTree`]: draws in proportion to weights that change.

use std::io;

use super::column::{Column, Reserve};

/// Weights by index, and the sums of them that make draws and changes cost a step per doubling of their number.
///
/// A node holds the sum of its two children, computed anew whenever one changes: no error builds up, and the sums
/// depend on the weights alone, not on how they came about.
#[derive(Debug)]
pub(super) struct SumTree {
    /// The root at 1, the children of i at 2i and 2i + 1, weight i at `leaves + i`.
    nodes: Column<f64>,
    leaves: usize,
}

impl SumTree {
    /// `len` weights, 1 or more, all 0.
    ///
    /// # Errors
    /// When the system has not that much memory.
    pub(super) fn new(len: usize) -> io::Result<Self> {
        let leaves = len.next_power_of_two();
        Ok(Self { nodes: Column::new(2 * leaves, 1, Reserve::All)?, leaves })
    }

    /// The sum of all weights.
    pub(super) fn total(&self) -> f64 {
        self.nodes.entries()[1]
    }

    /// The weights from the first one on, more of them than there are indices.
    pub(super) fn weights(&self) -> &[f64] {
        &self.nodes.entries()[self.leaves..]
    }

    /// Changes a weight, to 0 or more. O(log n).
    pub(super) fn set(&mut self, index: usize, weight: f64) {
        let nodes = self.nodes.entries_mut();
        let mut node = self.leaves + index;
        nodes[node] = weight;
        while node > 1 {
            node /= 2;
            nodes[node] = nodes[2 * node] + nodes[2 * node + 1];
        }
    }

    /// Sets the first weights to these and the others to 0. O(n).
    pub(super) fn fill(&mut self, weights: &[f64]) {
        let (leaves, nodes) = (self.leaves, self.nodes.entries_mut());
        nodes[leaves..leaves + weights.len()].copy_from_slice(weights);
        nodes[leaves + weights.len()..].fill(0.0);
        for node in (1..leaves).rev() {
            nodes[node] = nodes[2 * node] + nodes[2 * node + 1];
        }
    }

    /// For each mass the first index whose weight and those before it sum to more, of those that have a weight;
    /// the last of them for a mass at or beyond the total. O(log n) each.
    ///
    /// # Design
    /// All of them a level at a time: the waits for the memory overlap.
    pub(super) fn find(&self, masses: &mut [f64], indices: &mut [u32]) {
        let nodes = self.nodes.entries();
        indices.fill(1);
        for _ in 0..self.leaves.ilog2() {
            for (mass, node) in masses.iter_mut().zip(indices.iter_mut()) {
                let children = 2 * *node as usize;
                let (left, right) = (nodes[children], nodes[children + 1]);
                // Rounding may leave more mass than the right side has, but must not lead to an index without weight.
                let goes_right = *mass >= left && right > 0.0;
                *mass -= if goes_right { left } else { 0.0 };
                *node = 2 * *node + u32::from(goes_right);
            }
        }
        // A replay has at most 2^30 slots, so that all nodes have a number of 31 bits.
        indices.iter_mut().for_each(|node| *node -= self.leaves as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mec_envs::rng::stream;
    use rand::RngExt;

    /// Weights 3, 0, 1, 4, 2: their sums are 3, 3, 4, 8, 10.
    #[test]
    fn masses_find_the_index_that_a_sum_by_hand_gives() {
        let mut tree = SumTree::new(5).unwrap();
        for (index, weight) in [3.0, 0.0, 1.0, 4.0, 2.0].into_iter().enumerate() {
            tree.set(index, weight);
        }
        assert_eq!(tree.total(), 10.0);
        let mut found = [0; 10];
        tree.find(&mut [0.0, 2.9, 3.0, 3.9, 4.0, 7.9, 8.0, 9.9, 10.0, 1e9], &mut found);
        assert_eq!(found, [0, 0, 2, 2, 3, 3, 4, 4, 4, 4]);
        assert_eq!(tree.weights()[..5], [3.0, 0.0, 1.0, 4.0, 2.0]);
    }

    #[test]
    fn a_tree_agrees_with_a_scan_after_any_changes() {
        let mut rng = stream(1, "tree");
        for len in [1, 2, 7, 64, 100] {
            let (mut tree, mut weights) = (SumTree::new(len).unwrap(), vec![0.0; len]);
            for _ in 0..300 {
                // Small whole numbers: their sums are exact in any order.
                let (index, weight) = (rng.random_range(0..len), f64::from(rng.random_range(0..5_u32)));
                (weights[index], _) = (weight, tree.set(index, weight));
                let total: f64 = weights.iter().sum();
                assert_eq!(tree.total(), total);
                if total > 0.0 {
                    let mass = f64::from(rng.random_range(0..total as u32)) + 0.5;
                    let mut sum = 0.0;
                    let scan = weights.iter().position(|weight| (sum += weight, sum > mass).1);
                    let mut found = [0];
                    tree.find(&mut [mass], &mut found);
                    assert_eq!(Some(found[0] as usize), scan);
                }
            }
            let mut filled = SumTree::new(len).unwrap();
            filled.set(len - 1, 9.0);
            filled.fill(&weights);
            assert_eq!(filled.nodes.entries(), tree.nodes.entries());
        }
    }
}
