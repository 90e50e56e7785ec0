//! Minimum s-t cut by Dinic's algorithm.

use std::collections::VecDeque;

/// A flow network with non-negative real capacities.
pub(super) struct FlowNetwork {
    /// Arcs leaving each node, as positions in `arcs`.
    leaving: Vec<Vec<usize>>,
    /// Arcs in pairs: `arc ^ 1` runs the other way.
    arcs: Vec<Arc>,
}

struct Arc {
    to: usize,
    /// Capacity that is left.
    left: f64,
}

impl FlowNetwork {
    /// A network of `nodes` nodes without arcs.
    pub(super) fn new(nodes: usize) -> Self {
        Self { leaving: vec![Vec::new(); nodes], arcs: Vec::new() }
    }

    /// Adds an arc; infinity is a capacity.
    pub(super) fn add(&mut self, from: usize, to: usize, capacity: f64) {
        self.leaving[from].push(self.arcs.len());
        self.leaving[to].push(self.arcs.len() + 1);
        self.arcs.push(Arc { to, left: capacity });
        self.arcs.push(Arc { to: from, left: 0.0 });
    }

    /// The nodes on the source's side of a minimum cut between `source` and `sink`.
    ///
    /// Dinic, "Algorithm for solution of a problem of maximum flow in networks with power estimation", Soviet
    /// Math. Doklady 11, 1970: blocking flows along shortest paths. Every path empties at least one arc exactly,
    /// so rounding cannot keep it from ending.
    ///
    /// # Complexity
    /// O(n^2 m) for n nodes and m arcs; far less on layer graphs.
    pub(super) fn source_side(mut self, source: usize, sink: usize) -> Vec<bool> {
        loop {
            let level = self.levels(source);
            if level[sink].is_none() {
                return level.iter().map(Option::is_some).collect();
            }
            let mut next = vec![0; self.leaving.len()];
            while let Some(path) = self.path(&level, &mut next, source, sink) {
                let bottleneck = path.iter().map(|&arc| self.arcs[arc].left).fold(f64::INFINITY, f64::min);
                assert!(bottleneck.is_finite(), "a path of infinite capacity joins source and sink");
                for arc in path {
                    self.arcs[arc].left -= bottleneck;
                    self.arcs[arc ^ 1].left += bottleneck;
                }
            }
        }
    }

    /// Distance of each node from the source along arcs with capacity left.
    fn levels(&self, source: usize) -> Vec<Option<usize>> {
        let mut level = vec![None; self.leaving.len()];
        level[source] = Some(0);
        let mut queue = VecDeque::from([(source, 0)]);
        while let Some((node, distance)) = queue.pop_front() {
            for &arc in &self.leaving[node] {
                let Arc { to, left } = self.arcs[arc];
                if left > 0.0 && level[to].is_none() {
                    level[to] = Some(distance + 1);
                    queue.push_back((to, distance + 1));
                }
            }
        }
        level
    }

    /// The next path of a blocking flow; `next` remembers for each node which arcs lead nowhere.
    fn path(&self, level: &[Option<usize>], next: &mut [usize], source: usize, sink: usize) -> Option<Vec<usize>> {
        let mut path: Vec<usize> = Vec::new();
        let mut node = source;
        while node != sink {
            let step = self.leaving[node][next[node]..].iter().position(|&arc| {
                let Arc { to, left } = self.arcs[arc];
                left > 0.0 && level[to].is_some() && level[to] == level[node].map(|distance| distance + 1)
            });
            if let Some(skipped) = step {
                next[node] += skipped;
                let arc = self.leaving[node][next[node]];
                path.push(arc);
                node = self.arcs[arc].to;
            } else {
                next[node] = self.leaving[node].len();
                node = self.arcs[path.pop()? ^ 1].to;
                next[node] += 1;
            }
        }
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimum_cut_of_a_worked_example() {
        // Reference: Cormen, Leiserson, Rivest, Stein, Introduction to Algorithms, figure 26.6: flow 23.
        let mut network = FlowNetwork::new(6);
        let arcs = [
            (0, 1, 16.0),
            (0, 2, 13.0),
            (2, 1, 4.0),
            (1, 3, 12.0),
            (3, 2, 9.0),
            (2, 4, 14.0),
            (4, 3, 7.0),
            (3, 5, 20.0),
            (4, 5, 4.0),
        ];
        arcs.iter().for_each(|&(from, to, capacity)| network.add(from, to, capacity));
        let side = network.source_side(0, 5);
        let crossing = arcs.iter().filter(|&&(from, to, _)| side[from] && !side[to]);
        assert_eq!(crossing.map(|(_, _, capacity)| capacity).sum::<f64>(), 23.0);
    }
}
