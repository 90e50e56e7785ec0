//! The search for all non-dominated cuts: dynamic programming over the states of a walk.

use super::ideals::{State, Walk};
use crate::dnn::LayerGraph;

/// Comparisons of two partial cuts before the search gives up, about a second.
const MAX_COMPARISONS: u64 = 400_000_000;

/// Partial cuts held at once before the search gives up.
const MAX_PARTIAL: usize = 200_000;

/// Cuts with their costs, `width` numbers each: device time, upload, one time per server.
pub(super) struct CostedCuts {
    /// For each cut which layers stay on the device.
    pub(super) cuts: Vec<Vec<bool>>,
    /// The costs, cut after cut.
    pub(super) costs: Vec<f64>,
}

/// Time of every layer on the device and on each server, s.
pub(super) struct Times {
    pub(super) device: Vec<f64>,
    pub(super) servers: Vec<Vec<f64>>,
}

impl Times {
    /// Numbers that a cut costs: device time, upload, one time per server.
    pub(super) fn width(&self) -> usize {
        2 + self.servers.len()
    }
}

/// Every non-dominated cut, each distinct cost once, by ascending device time; `None` beyond the bounds above.
///
/// Two partial cuts in the same state can be completed in the same ways, at the same further cost. So one that is
/// no better anywhere than another in its state can be dropped at once: the result is exact.
pub(super) fn non_dominated(graph: &LayerGraph, times: &Times) -> Option<CostedCuts> {
    let walk = Walk::new(graph)?;
    let mut search = Search { times, width: times.width(), comparisons: 0, kept: Vec::new() };
    let mut partial = Partial { states: vec![walk.start], costs: vec![0.0; times.width()], last: vec![NOTHING] };
    for (layer, step) in walk.steps.iter().enumerate() {
        let mut grown = Grown::default();
        for (parent, &state) in partial.states.iter().enumerate() {
            let cost = &partial.costs[parent * search.width..][..search.width];
            search.send(&mut grown, (parent, layer), step.send(state, cost[1]), cost);
            if let Some(state) = step.keep_on_device(state) {
                search.keep(&mut grown, (parent, layer), state, cost);
            }
        }
        partial = search.prune(grown, &partial, layer)?;
    }
    let cuts = partial.last.iter().map(|&last| search.members(last, graph.len())).collect();
    Some(CostedCuts { cuts, costs: partial.costs })
}

/// The order of the cuts worth keeping among `count` with `width` costs each: by state and cost ascending, none
/// that another of its state matches or beats everywhere. `None` once `comparisons` passes its bound.
pub(super) fn pareto(states: &[State], costs: &[f64], width: usize, comparisons: &mut u64) -> Option<Vec<usize>> {
    let cost = |at: usize| &costs[at * width..][..width];
    let mut order: Vec<usize> = (0..states.len()).collect();
    order.sort_unstable_by(|&a, &b| {
        let by_cost = || cost(a).iter().zip(cost(b)).map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne());
        states[a].cmp(&states[b]).then_with(|| by_cost().unwrap_or(a.cmp(&b)))
    });
    let mut kept: Vec<usize> = Vec::new();
    let mut group = 0;
    for at in order {
        if kept.last().is_some_and(|&last| states[last] != states[at]) {
            group = kept.len();
        }
        // The latest kept ones are the nearest in device time, and the likeliest to dominate.
        let beaten = |&other: &usize| cost(other).iter().zip(cost(at)).all(|(other, this)| other <= this);
        let rivals = &kept[group..];
        let found = rivals.iter().rev().position(beaten);
        *comparisons += found.map_or(rivals.len(), |at| at + 1) as u64;
        if *comparisons > MAX_COMPARISONS {
            return None;
        }
        if found.is_none() {
            kept.push(at);
        }
    }
    Some(kept)
}

/// The end of a list of kept layers.
const NOTHING: u32 = u32::MAX;

/// Partial cuts after some layer.
struct Partial {
    states: Vec<State>,
    costs: Vec<f64>,
    /// The last layer kept on the device, as a position in [`Search::kept`].
    last: Vec<u32>,
}

/// Partial cuts after one more layer, before pruning.
#[derive(Default)]
struct Grown {
    states: Vec<State>,
    costs: Vec<f64>,
    /// The partial cut each grew from, and whether the layer stays on the device.
    origins: Vec<(usize, bool)>,
}

struct Search<'a> {
    times: &'a Times,
    width: usize,
    comparisons: u64,
    /// Kept layers as linked lists that share their tails: (the list before, the layer).
    kept: Vec<(u32, u32)>,
}

impl Search<'_> {
    fn send(&self, grown: &mut Grown, (parent, layer): (usize, usize), (state, upload): (State, f64), cost: &[f64]) {
        grown.states.push(state);
        grown.costs.extend([cost[0], upload]);
        grown.costs.extend(cost[2..].iter().zip(&self.times.servers).map(|(time, server)| time + server[layer]));
        grown.origins.push((parent, false));
    }

    fn keep(&self, grown: &mut Grown, (parent, layer): (usize, usize), state: State, cost: &[f64]) {
        grown.states.push(state);
        grown.costs.push(cost[0] + self.times.device[layer]);
        grown.costs.extend(&cost[1..]);
        grown.origins.push((parent, true));
    }

    fn prune(&mut self, grown: Grown, before: &Partial, layer: usize) -> Option<Partial> {
        let order = pareto(&grown.states, &grown.costs, self.width, &mut self.comparisons)?;
        if order.len() > MAX_PARTIAL {
            return None;
        }
        let mut partial = Partial { states: Vec::new(), costs: Vec::new(), last: Vec::new() };
        for at in order {
            let (parent, stays) = grown.origins[at];
            let mut last = before.last[parent];
            if stays {
                self.kept.push((last, u32::try_from(layer).ok()?));
                last = u32::try_from(self.kept.len() - 1).ok()?;
            }
            partial.states.push(grown.states[at]);
            partial.costs.extend(&grown.costs[at * self.width..][..self.width]);
            partial.last.push(last);
        }
        Some(partial)
    }

    fn members(&self, mut last: u32, layers: usize) -> Vec<bool> {
        let mut on_device = vec![false; layers];
        while last != NOTHING {
            let (before, layer) = self.kept[last as usize];
            on_device[layer as usize] = true;
            last = before;
        }
        on_device
    }
}
