//! The search for the cuts worth keeping: dynamic programming over the states of a walk, then one selection.

use super::ideals::{State, Walk};
use crate::dnn::LayerGraph;

/// Comparisons of two cuts before the search gives up: some seconds.
const MAX_COMPARISONS: u64 = 1_000_000_000;

/// Cuts held at once before the search gives up.
const MAX_CUTS: usize = 500_000;

/// Partial cuts held at once before some are given up that matter next to nothing.
const TRIM_AT: usize = 1000;

/// How often that may happen: each time spends its share of the tolerance.
const MAX_TRIMS: u32 = 20;

/// Cuts with their costs, `width` numbers each: device time, upload, time per server.
pub(super) struct CostedCuts {
    /// The costs, cut after cut.
    pub(super) costs: Vec<f64>,
    width: usize,
    /// The last layer each keeps on the device.
    last: Vec<Link>,
    kept: KeptLayers,
}

/// Layers kept on the device as linked lists that share their beginnings: (the list before, the layer).
#[derive(Default)]
struct KeptLayers(Vec<(Link, u32)>);

/// A list in [`KeptLayers`]: the position of its last layer, or [`NOTHING`].
type Link = u32;

/// The empty list.
const NOTHING: Link = Link::MAX;

impl KeptLayers {
    /// The list `before` with one more layer; `None` beyond 2^32 entries.
    fn push(&mut self, before: Link, layer: usize) -> Option<Link> {
        self.0.push((before, u32::try_from(layer).ok()?));
        Link::try_from(self.0.len() - 1).ok().filter(|&link| link != NOTHING)
    }
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

/// Every cut that can be non-dominated (and some more) and what is left of `tolerance`, or `None` beyond the bounds
/// above; at most half of the tolerance is spent.
///
/// Two partial cuts in the same state can be completed in the same ways, at the same further cost. So one that is
/// no better anywhere than another in its state can be dropped at once without loss. A partial cut whose live
/// tensors are all made behind the cut is complete: everything after it is behind the cut too.
///
/// Where the partial cuts become many, those [`covered`] by others of their state are dropped as well: equal further
/// costs keep them covered, and being covered within d by what is itself covered within e is being covered within
/// (1 + d) (1 + e) - 1. The shares of all [`MAX_TRIMS`] times stay below half of the tolerance together.
pub(super) fn all_but_dominated(graph: &LayerGraph, times: &Times, tolerance: f64) -> Option<(CostedCuts, f64)> {
    search(graph, times, tolerance, TRIM_AT)
}

fn search(graph: &LayerGraph, times: &Times, tolerance: f64, trim_at: usize) -> Option<(CostedCuts, f64)> {
    let walk = Walk::new(graph)?;
    let share = (1.0 + 0.5 * tolerance).powf(1.0 / f64::from(MAX_TRIMS)) - 1.0;
    let found = CostedCuts::new(times.width());
    let mut search = Search { times, comparisons: 0, found, share, trims: 0, trim_at };
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
    let spent = (1.0 + share).powf(f64::from(search.trims));
    let rest = if search.trims == 0 { tolerance } else { (1.0 + tolerance) / spent - 1.0 };
    Some((search.found, rest))
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
    /// No cuts, at `width` numbers each.
    pub(super) fn new(width: usize) -> Self {
        Self { costs: Vec::new(), width, last: Vec::new(), kept: KeptLayers::default() }
    }

    /// Adds a cut; too many layers altogether lose the cut, as the only harm.
    pub(super) fn push(&mut self, on_device: &[bool], costs: &[f64]) {
        debug_assert_eq!(costs.len(), self.width);
        let mut layers = (0..on_device.len()).filter(|&layer| on_device[layer]);
        if let Some(last) = layers.try_fold(NOTHING, |before, layer| self.kept.push(before, layer)) {
            self.last.push(last);
            self.costs.extend(costs);
        }
    }

    /// For each of `layers` layers whether the cut at `at` keeps it on the device.
    pub(super) fn members(&self, at: usize, layers: usize) -> Vec<bool> {
        let mut on_device = vec![false; layers];
        let mut last = self.last[at];
        while last != NOTHING {
            let (before, layer) = self.kept.0[last as usize];
            on_device[layer as usize] = true;
            last = before;
        }
        on_device
    }

    /// Number of cuts.
    pub(super) fn len(&self) -> usize {
        self.last.len()
    }

    fn cost(&self, at: usize) -> &[f64] {
        &self.costs[at * self.width..][..self.width]
    }

    /// The non-dominated ones by ascending device time, each distinct cost once; `None` beyond the bounds above.
    pub(super) fn non_dominated(self) -> Option<Self> {
        let order = pareto(&vec![0; self.len()], &self.costs, self.width, &mut 0)?;
        Some(self.select(&order))
    }

    /// Few of them by ascending device time, such that each one left out is `covered` by one that stays.
    pub(super) fn cover(self, tolerance: f64) -> Self {
        let cost = |at: usize| self.cost(at);
        let edge = |at: usize| cost(at)[2..].iter().sum::<f64>();
        let mut order: Vec<usize> = (0..self.len()).collect();
        // A cut is covered by one that uploads less: those come first.
        order.sort_unstable_by(|&a, &b| {
            let by_device = || cost(a)[0].total_cmp(&cost(b)[0]);
            cost(a)[1].total_cmp(&cost(b)[1]).then_with(by_device).then_with(|| edge(a).total_cmp(&edge(b)))
        });
        let mut kept: Vec<usize> = Vec::new();
        for at in order {
            if !kept.iter().rev().any(|&other| covered(cost(at), cost(other), tolerance)) {
                kept.push(at);
            }
        }
        // Of equal device times (by rounding) the local cut, which uploads nothing, comes last.
        kept.sort_unstable_by(|&a, &b| cost(a)[0].total_cmp(&cost(b)[0]).then(cost(b)[1].total_cmp(&cost(a)[1])));
        self.select(&kept)
    }

    fn select(self, order: &[usize]) -> Self {
        Self {
            costs: order.iter().flat_map(|&at| self.cost(at)).copied().collect(),
            width: self.width,
            last: order.iter().map(|&at| self.last[at]).collect(),
            kept: self.kept,
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
    // The local cut covers no other: a task sent to a server keeps the best cut that uses the server.
    let (more, offloads) = (1.0 + tolerance, by[1] > 0.0 || left_out[1] == 0.0);
    let (own_device, device) = (by[0], left_out[0]);
    let fits = |(own, other): (&f64, &f64)| {
        own_device + own <= more * (device + other) && *own <= other + tolerance * (device + other)
    };
    offloads
        && own_device <= more * device
        && by[1] <= more * left_out[1]
        && by[2..].iter().zip(&left_out[2..]).all(fits)
}

/// Of the partial cuts in `order`, sorted by state, those that no other one of their state covers; `width` is that of a
/// cut's costs. `None` once `comparisons` passes its bound.
fn trim(
    order: Vec<usize>,
    partial: &Partial,
    (width, tolerance): (usize, f64),
    comparisons: &mut u64,
) -> Option<Vec<usize>> {
    let cost = |at: usize| &partial.costs[at * width..][..width];
    let mut kept: Vec<usize> = Vec::new();
    for group in order.chunk_by(|&a, &b| partial.states[a] == partial.states[b]) {
        let mut group = group.to_vec();
        // A cut is covered by one that uploads less: those come first.
        group.sort_by(|&a, &b| cost(a)[1].total_cmp(&cost(b)[1]).then(cost(a)[0].total_cmp(&cost(b)[0])));
        let first = kept.len();
        for at in group {
            let covers = |&other: &usize| covered(cost(at), cost(other), tolerance);
            let rivals = &kept[first..];
            let found = rivals.iter().rev().position(covers);
            *comparisons += found.map_or(rivals.len(), |at| at + 1) as u64;
            if *comparisons > MAX_COMPARISONS {
                return None;
            }
            if found.is_none() {
                kept.push(at);
            }
        }
    }
    Some(kept)
}

/// Partial cuts after some layer.
#[derive(Default)]
struct Partial {
    states: Vec<State>,
    costs: Vec<f64>,
    /// The last layer each keeps on the device.
    last: Vec<Link>,
}

struct Search<'a> {
    times: &'a Times,
    comparisons: u64,
    found: CostedCuts,
    /// What one trim may spend of the tolerance.
    share: f64,
    trims: u32,
    /// Number of partial cuts from which on the next trim pays.
    trim_at: usize,
}

impl Search<'_> {
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
        self.found.last.push(last);
    }

    /// Keeps `layer` on the device; `None` beyond 2^32 choices.
    fn keep(&mut self, grown: &mut Partial, layer: usize, state: State, cost: &[f64], last: Link) -> Option<()> {
        let last = self.found.kept.push(last, layer)?;
        let costs = if layer + 1 == self.times.device.len() {
            self.found.last.push(last);
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
        let mut order = pareto(&grown.states, &grown.costs, width, &mut self.comparisons)?;
        if self.share > 0.0 && self.trims < MAX_TRIMS && order.len() > self.trim_at {
            order = trim(order, grown, (width, self.share), &mut self.comparisons)?;
            self.trims += 1;
            self.trim_at = self.trim_at.max(2 * order.len());
        }
        if order.len() + self.found.last.len() > MAX_CUTS {
            return None;
        }
        Some(Partial {
            states: order.iter().map(|&at| grown.states[at]).collect(),
            costs: order.iter().flat_map(|&at| grown.costs[at * width..][..width].iter().copied()).collect(),
            last: order.iter().map(|&at| grown.last[at]).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::dnn::{INPUT, Layer, LayerKind, Node};
    use crate::rng::{Prng, stream};
    use crate::units::{Bytes, Flop};

    /// A graph of ten layers, each of which reads about one earlier layer in three.
    fn graph(rng: &mut Prng) -> LayerGraph {
        let nodes = (0..10).map(|at| {
            let mut inputs: Vec<String> = (0..at).filter(|_| rng.random_bool(0.3)).map(|v| format!("v{v}")).collect();
            if inputs.is_empty() {
                inputs.push(INPUT.into());
            }
            let output_bytes = Bytes(rng.random_range(1.0..2.0));
            let (flop, param_bytes, kind) = (Flop(0.0), Bytes(0.0), LayerKind::Convolution);
            Node {
                layer: Layer { name: format!("v{at}"), op: "Conv".into(), kind, flop, param_bytes, output_bytes },
                inputs,
            }
        });
        LayerGraph::new("random", Bytes(1.5), nodes.collect()).unwrap()
    }

    #[test]
    fn what_is_trimmed_stays_covered_within_the_tolerance_that_was_spent() {
        let mut rng = stream(11, "trim");
        let mut dropped = 0;
        for _ in 0..200 {
            let graph = graph(&mut rng);
            let mut draw = || (0..graph.len()).map(|_| rng.random_range(1.0..2.0)).collect::<Vec<f64>>();
            let times = Times { device: draw(), servers: vec![draw(), draw()] };
            let (all, rest) = search(&graph, &times, 0.0, 1).unwrap();
            assert_eq!(rest, 0.0);
            for tolerance in [0.1, 0.5, 2.0] {
                let (kept, rest) = search(&graph, &times, tolerance, 1).unwrap();
                assert!(rest > 0.0 && rest <= tolerance);
                // What was not left was spent; a last bit for rounding.
                let spent = (1.0 + tolerance) / (1.0 + rest) - 1.0 + 1e-12;
                assert!(spent <= 0.5 * tolerance + 1e-9);
                for at in 0..all.len() {
                    assert!((0..kept.len()).any(|other| covered(all.cost(at), kept.cost(other), spent)));
                }
                dropped += all.len() - kept.len();
            }
        }
        assert!(dropped > 1000, "{dropped} cuts were trimmed: too few to show anything");
    }
}
