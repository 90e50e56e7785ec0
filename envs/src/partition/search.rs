//! The search for the cuts worth keeping: dynamic programming over the states of a walk, then one selection.

use super::ideals::{State, Walk};
use crate::dnn::LayerGraph;

/// Comparisons of two cuts before the search gives up: a few seconds.
const MAX_COMPARISONS: u64 = 2_000_000_000;

/// Cuts held at once before the search gives up.
const MAX_CUTS: usize = 500_000;

/// Cuts with their costs, as many numbers each as [`Times::width`] says: device time, upload, time per server.
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
    /// Numbers that a cut costs.
    pub(super) fn width(&self) -> usize {
        2 + self.servers.len()
    }
}

/// Every cut that can be non-dominated (and some more), or `None` beyond the bounds above.
///
/// Two partial cuts in the same state can be completed in the same ways, at the same further cost. So one that is
/// no better anywhere than another in its state can be dropped at once without loss. A partial cut whose live
/// tensors are all made behind the cut is complete: everything after it is behind the cut too.
pub(super) fn all_but_dominated(graph: &LayerGraph, times: &Times) -> Option<CostedCuts> {
    let walk = Walk::new(graph)?;
    let mut search = Search::new(times, graph.len());
    let mut partial = Partial { states: vec![walk.start], costs: vec![0.0; times.width()], last: vec![NOTHING] };
    for (layer, step) in walk.steps.iter().enumerate() {
        let mut grown = Partial::default();
        for (at, &state) in partial.states.iter().enumerate() {
            let cost = &partial.costs[at * times.width()..][..times.width()];
            let last = partial.last[at];
            search.send(&mut grown, layer, step.send(state, cost[1]), cost, last);
            if let Some(state) = step.keep_on_device(state) {
                search.keep(&mut grown, layer, state, cost, last)?;
            }
        }
        partial = search.prune(&grown)?;
    }
    Some(search.found)
}

/// Positions of the cuts worth keeping, by state and cost ascending: none that another one of its state matches or
/// beats in everything. `None` once `comparisons` passes its bound.
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

impl CostedCuts {
    fn cost(&self, at: usize, width: usize) -> &[f64] {
        &self.costs[at * width..][..width]
    }

    /// The non-dominated ones by ascending device time, each distinct cost once.
    pub(super) fn non_dominated(self, width: usize) -> Option<Self> {
        let order = pareto(&vec![0; self.cuts.len()], &self.costs, width, &mut 0)?;
        Some(self.select(order, width))
    }

    /// Few of them by ascending device time, such that each one left out is `covered` by one that stays.
    pub(super) fn cover(self, tolerance: f64, width: usize) -> Self {
        let mut order: Vec<usize> = (0..self.cuts.len()).collect();
        let cost = |at: usize| self.cost(at, width);
        // A cut is covered by one that uploads less: those come first.
        order.sort_unstable_by(|&a, &b| {
            let (a, b) = (cost(a), cost(b));
            a[1].total_cmp(&b[1])
                .then(a[0].total_cmp(&b[0]))
                .then(a[2..].iter().sum::<f64>().total_cmp(&b[2..].iter().sum()))
        });
        let mut kept: Vec<usize> = Vec::new();
        for at in order {
            if !kept.iter().rev().any(|&other| covered(cost(at), cost(other), tolerance)) {
                kept.push(at);
            }
        }
        // Of equal device times (by rounding) the local cut, which uploads nothing, comes last.
        kept.sort_unstable_by(|&a, &b| cost(a)[0].total_cmp(&cost(b)[0]).then(cost(b)[1].total_cmp(&cost(a)[1])));
        self.select(kept, width)
    }

    fn select(mut self, order: Vec<usize>, width: usize) -> Self {
        Self {
            costs: order.iter().flat_map(|&at| self.cost(at, width).to_vec()).collect(),
            cuts: order.into_iter().map(|at| std::mem::take(&mut self.cuts[at])).collect(),
        }
    }
}

/// Whether a cut is at most `1 + tolerance` times as slow as another, `left_out`, under *any* load.
///
/// With a, B, s for the costs of this cut, primes for the one left out and e for the tolerance, it asks for
/// `a <= (1 + e) a'`, `B <= (1 + e) B'`, and for every server class `a + s <= (1 + e) (a' + s')` and
/// `s <= s' + e (a' + s')`. The completion time is the largest of three sums (each plus constants): device wait +
/// a + B / rate + s, uplink wait + B / rate + s, and server wait + s. Term by term, this cut's sum exceeds the
/// other's by at most e (a' + B' / rate + s'), which is at most e times the other's completion time.
fn covered(left_out: &[f64], by: &[f64], tolerance: f64) -> bool {
    let more = 1.0 + tolerance;
    let (own_device, device) = (by[0], left_out[0]);
    let fits = |(own, other): (&f64, &f64)| {
        own_device + own <= more * (device + other) && *own <= other + tolerance * (device + other)
    };
    own_device <= more * device && by[1] <= more * left_out[1] && by[2..].iter().zip(&left_out[2..]).all(fits)
}

/// The end of a list of kept layers.
const NOTHING: u32 = u32::MAX;

/// Partial cuts after some layer.
#[derive(Default)]
struct Partial {
    states: Vec<State>,
    costs: Vec<f64>,
    /// The last layer kept on the device, as a position in [`Search::kept`].
    last: Vec<u32>,
}

struct Search<'a> {
    times: &'a Times,
    layers: usize,
    comparisons: u64,
    /// Kept layers as linked lists that share their tails: (the list before, the layer).
    kept: Vec<(u32, u32)>,
    found: CostedCuts,
}

impl<'a> Search<'a> {
    fn new(times: &'a Times, layers: usize) -> Self {
        let found = CostedCuts { cuts: Vec::new(), costs: Vec::new() };
        Self { times, layers, comparisons: 0, kept: Vec::new(), found }
    }

    /// Moves `layer` behind the cut, and the rest too if nothing else can follow.
    fn send(&mut self, grown: &mut Partial, layer: usize, (state, upload): (State, f64), cost: &[f64], last: u32) {
        if state != 0 {
            grown.states.push(state);
            grown.last.push(last);
            grown.costs.extend([cost[0], upload]);
            grown.costs.extend(cost[2..].iter().zip(&self.times.servers).map(|(time, server)| time + server[layer]));
            return;
        }
        self.found.costs.extend([cost[0], upload]);
        // Term by term in the order of the layers: equal to the last bit to the cost of the cut from scratch.
        let rest = cost[2..].iter().zip(&self.times.servers);
        self.found.costs.extend(rest.map(|(time, server)| server[layer..].iter().fold(*time, |sum, time| sum + time)));
        self.found.cuts.push(self.members(last));
    }

    /// Keeps `layer` on the device; `None` beyond 2^32 choices.
    fn keep(&mut self, grown: &mut Partial, layer: usize, state: State, cost: &[f64], last: u32) -> Option<()> {
        self.kept.push((last, u32::try_from(layer).ok()?));
        let last = u32::try_from(self.kept.len() - 1).ok().filter(|&last| last != NOTHING)?;
        let costs = if layer + 1 == self.layers {
            self.found.cuts.push(self.members(last));
            &mut self.found.costs
        } else {
            grown.states.push(state);
            grown.last.push(last);
            &mut grown.costs
        };
        costs.push(cost[0] + self.times.device[layer]);
        costs.extend(&cost[1..]);
        Some(())
    }

    fn prune(&mut self, grown: &Partial) -> Option<Partial> {
        let width = self.times.width();
        let order = pareto(&grown.states, &grown.costs, width, &mut self.comparisons)?;
        if order.len() + self.found.cuts.len() > MAX_CUTS {
            return None;
        }
        Some(Partial {
            states: order.iter().map(|&at| grown.states[at]).collect(),
            costs: order.iter().flat_map(|&at| grown.costs[at * width..][..width].iter().copied()).collect(),
            last: order.iter().map(|&at| grown.last[at]).collect(),
        })
    }

    fn members(&self, mut last: u32) -> Vec<bool> {
        let mut on_device = vec![false; self.layers];
        while last != NOTHING {
            let (before, layer) = self.kept[last as usize];
            on_device[layer as usize] = true;
            last = before;
        }
        on_device
    }
}
