//! DADS' mode for heavy load.

use super::{Frontier, IdleSystem, Split, device_only};
use crate::dnn::LayerGraph;
use crate::processor::Processor;
use crate::units::Seconds;

/// DADS under heavy load: the cut of highest throughput when one task follows another, which is the one whose
/// longest stage of device, link and server is shortest; of equal ones the one of least latency.
///
/// Hu et al. (see [`dads`](super::dads)) minimise `max(device, transfer, edge)` too, prove it NP-hard, and take the minimum cut, at
/// most three times as slow. Here it is in its best form: the maximum grows with each stage, so the best cut is on the
/// [frontier](Frontier::exact), which is small for real networks.
///
/// # Complexity
/// That of [`Frontier::exact`].
pub fn dads_heavy(graph: &LayerGraph, device: &Processor, server: &Processor, idle: &IdleSystem) -> Split {
    let frontier = Frontier::exact(graph, device, &[server]);
    let split = |at: usize| Split::of(frontier.cut(at).clone(), graph, device, server);
    let stage = |at: usize| {
        let transfer = frontier.upload(at) / idle.rate;
        frontier.device_time(at).max(transfer).max(frontier.edge_time(at, 0))
    };
    let longest: Vec<Seconds> = (0..frontier.len()).map(stage).collect();
    let least = longest.iter().copied().fold(Seconds(f64::INFINITY), Seconds::min);
    let equal = (0..frontier.len()).filter(|&at| longest[at] == least).map(split);
    let fastest = equal.min_by(|a, b| idle.latency(&a.cost).0.total_cmp(&idle.latency(&b.cost).0));
    fastest.unwrap_or_else(|| device_only(graph, device, server))
}
