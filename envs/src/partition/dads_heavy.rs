//! DADS' mode for heavy load.

use super::{Frontier, IdleSystem};
use crate::units::Seconds;

/// DADS under heavy load: the candidate of highest throughput when one task follows another on a server of class
/// `server`, which is the one whose longest stage of device, link and server is shortest; of equal ones the one of
/// least latency.
///
/// Hu et al. (see [`dads`](super::dads)) minimise `max(device, transfer, edge)` too, prove it NP-hard, and take the
/// minimum cut, at most three times as slow. Here it is in its best form: the maximum grows with each stage, so the
/// best of all cuts is on the [exact frontier](Frontier::exact), which is small for real networks.
///
/// # Complexity
/// O(k) for k candidates.
pub fn dads_heavy(frontier: &Frontier, server: usize, idle: &IdleSystem) -> usize {
    let stages = |at: usize| {
        let transfer = frontier.upload(at) / idle.rate;
        (frontier.device_time(at), transfer, frontier.edge_time(at, server))
    };
    let longest = |at: usize| {
        let (device, transfer, edge) = stages(at);
        device.max(transfer).max(edge)
    };
    let latency = |at: usize| {
        let (device, transfer, edge) = stages(at);
        let both_ways = if at == frontier.local() { Seconds::ZERO } else { idle.propagation + idle.return_time };
        device + transfer + edge + both_ways
    };
    let order =
        |a: &usize, b: &usize| longest(*a).0.total_cmp(&longest(*b).0).then(latency(*a).0.total_cmp(&latency(*b).0));
    (0..frontier.len()).min_by(order).unwrap_or(Frontier::EDGE_ONLY)
}
