//! The published schemes that split one task on an idle system: what CDLP is compared with.

use super::min_cut::FlowNetwork;
use super::{Cut, CutCost};
use crate::dnn::LayerGraph;
use crate::processor::Processor;
use crate::units::{BytesPerSecond, Seconds};

/// The link that the rivals assume: nobody else uses it, nothing waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IdleSystem {
    /// Uplink rate, B/s; more than 0.
    pub rate: BytesPerSecond,
    /// Time that every upload takes besides its bytes, s; at least 0.
    pub propagation: Seconds,
    /// Time until the result is back, s; at least 0. Nothing comes back when the device did everything.
    pub return_time: Seconds,
}

impl IdleSystem {
    /// Latency of a cut when nothing waits.
    pub fn latency(&self, cost: &CutCost) -> Seconds {
        if cost.upload.0 == 0.0 {
            return cost.device;
        }
        cost.device + cost.upload / self.rate + self.propagation + cost.edge + self.return_time
    }
}

/// A scheme's answer: the cut and its cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Which layers stay on the device.
    pub cut: Cut,
    /// What that costs.
    pub cost: CutCost,
}

impl Split {
    pub(super) fn of(cut: Cut, graph: &LayerGraph, device: &Processor, server: &Processor) -> Self {
        let cost = cut.cost(graph, device, server);
        Self { cut, cost }
    }
}

/// Everything on the device.
pub fn device_only(graph: &LayerGraph, device: &Processor, server: &Processor) -> Split {
    Split::of(Cut::prefix(graph, graph.len()), graph, device, server)
}

/// Everything on the server.
pub fn edge_only(graph: &LayerGraph, device: &Processor, server: &Processor) -> Split {
    Split::of(Cut::prefix(graph, 0), graph, device, server)
}

/// Neurosurgeon: the best split of the chain of layers, on an idle system.
///
/// Kang et al., "Neurosurgeon: collaborative intelligence between the cloud and mobile edge", ASPLOS 2017, DOI
/// 10.1145/3037697.3037698. It knows chains only; a graph is taken in topological order and split after one of
/// its layers, each crossing tensor counted once. Of equal splits the one with fewer layers on the device.
///
/// # Complexity
/// O(n (n + e)) for n layers and e edges.
pub fn neurosurgeon(graph: &LayerGraph, device: &Processor, server: &Processor, idle: &IdleSystem) -> Split {
    let mut best = edge_only(graph, device, server);
    for layers in 1..=graph.len() {
        let split = Split::of(Cut::prefix(graph, layers), graph, device, server);
        if idle.latency(&split.cost) < idle.latency(&best.cost) {
            best = split;
        }
    }
    best
}

/// DADS: the best of all cuts of the graph, on an idle system, as a minimum s-t cut.
///
/// Hu, Bao, Wang, Liu, "Dynamic adaptive DNN surgery for inference acceleration on the edge", INFOCOM 2019, DOI
/// 10.1109/INFOCOM.2019.8737614 (their light-load algorithm). A layer behind the cut costs its server time (arc
/// from the source), one before it its device time (arc to the sink). Each tensor has a node of its own, reached
/// from its producer by an arc of its sending time and left to every consumer by arcs without bound, so it counts
/// once however many consumers it has. Arcs without bound from consumer to producer keep the cut closed.
/// Propagation and return, the same for every true split, decide last whether to split at all.
///
/// # Complexity
/// That of the minimum cut: O(n^2 e) at worst for n layers and e edges.
pub fn dads(graph: &LayerGraph, device: &Processor, server: &Processor, idle: &IdleSystem) -> Split {
    let layers = graph.len();
    let (source, sink, input) = (2 * layers, 2 * layers + 1, 2 * layers + 2);
    let mut network = FlowNetwork::new(2 * layers + 3);
    network.add(source, input, (graph.input_bytes() / idle.rate).0);
    for layer in 0..layers {
        network.add(source, layer, server.layer_time(graph, layer).0);
        network.add(layer, sink, device.layer_time(graph, layer).0);
        if graph.reads_input(layer) {
            network.add(input, layer, f64::INFINITY);
        }
        if !graph.successors(layer).is_empty() {
            network.add(layer, layers + layer, (graph.layers()[layer].output_bytes / idle.rate).0);
        }
    }
    for (from, to) in graph.edges() {
        network.add(layers + from, to, f64::INFINITY);
        network.add(to, from, f64::INFINITY);
    }
    let mut on_device = network.source_side(source, sink);
    on_device.truncate(layers);
    let split = Split::of(Cut::trusted(graph, on_device), graph, device, server);
    let local = device_only(graph, device, server);
    if idle.latency(&local.cost) <= idle.latency(&split.cost) { local } else { split }
}
