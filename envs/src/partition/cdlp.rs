//! CDLP for one task and one target: the best cut under the present state of the queues.

use super::Frontier;
use super::frontier::{Columns, LANES};
use crate::units::{BytesPerSecond, Seconds};

/// What waits between a device and one server, as believed at the moment of the decision; times count from now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueueState {
    /// Until the device can start on the task, s; at least 0.
    pub device_wait: Seconds,
    /// Until the device's uplink is free, s; at least 0.
    pub uplink_wait: Seconds,
    /// Uplink rate to the server, B/s; at rate 0 nothing ever completes.
    pub rate: BytesPerSecond,
    /// Time that every upload takes besides its bytes (propagation, backhaul), s; at least 0.
    pub propagation: Seconds,
    /// Until an executor of the server is free, s; at least 0.
    pub server_wait: Seconds,
    /// From the end of the service until the result is back, s; at least 0.
    pub return_time: Seconds,
}

/// A candidate and when its parts end, from now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Position in the [`Frontier`].
    pub candidate: usize,
    /// When the device is done with its part, s.
    pub device_end: Seconds,
    /// When the upload has left the device's uplink, s; propagation comes after it.
    pub upload_end: Seconds,
    /// When the server starts, s.
    pub server_start: Seconds,
    /// When the result is back on the device, s.
    pub completion: Seconds,
}

/// When the parts of a given candidate end on a server of class `server`.
///
/// `completion = max(max(device_wait + a, uplink_wait) + B / rate + propagation, server_wait) + s + return_time`.
/// For the local candidate use [`local_choice`].
/// `docs/model.md`, equation 48.
#[inline(always)]
pub fn completion(frontier: &Frontier, candidate: usize, server: usize, state: &QueueState) -> Choice {
    let device_end = state.device_wait + frontier.device_time(candidate);
    let upload_end = device_end.max(state.uplink_wait) + frontier.upload(candidate) / state.rate;
    let server_start = (upload_end + state.propagation).max(state.server_wait);
    let completion = server_start + frontier.edge_time(candidate, server) + state.return_time;
    Choice { candidate, device_end, upload_end, server_start, completion }
}

/// The choice to keep the whole task on the device, which is free after `device_wait`.
pub fn local_choice(frontier: &Frontier, device_wait: Seconds) -> Choice {
    let candidate = frontier.local();
    let end = device_wait + frontier.device_time(candidate);
    Choice { candidate, device_end: end, upload_end: end, server_start: end, completion: end }
}

/// CDLP for one task and one server of class `server`: the candidate whose service ends first; of equal ones the
/// one with the least device time.
///
/// Only cuts that use the server compete here: whether the task stays local is the choice of a target, compare
/// with [`local_choice`].
///
/// # Complexity
/// O(k) for k candidates, no allocation.
///
/// # Example
/// ```
/// use mec_envs::{dnn::zoo, partition::*, processor::named, units::*};
/// let graph = zoo::load("alexnet")?;
/// let frontier = Frontier::new(&graph, named("raspberry-pi-4")?, &[named("nvidia-t4")?]);
/// let mut state = QueueState {
///     device_wait: Seconds::ZERO,
///     uplink_wait: Seconds::ZERO,
///     rate: BytesPerSecond::from_mbit(20.0),
///     propagation: Seconds(0.002),
///     server_wait: Seconds::ZERO,
///     return_time: Seconds(0.002),
/// };
/// let idle = best_cut(&frontier, 0, &state);
/// state.server_wait = Seconds(0.2); // the server fills up: the cut moves towards the device
/// let busy = best_cut(&frontier, 0, &state);
/// assert!(busy.candidate >= idle.candidate && busy.completion > idle.completion);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[inline(always)]
pub fn best_cut(frontier: &Frontier, server: usize, state: &QueueState) -> Choice {
    let best = least_costly(frontier.columns(server), state, 1.0);
    completion(frontier, best.candidate, server, state)
}

/// A candidate and what it costs, s.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Offer {
    pub(super) candidate: usize,
    pub(super) cost: f64,
}

/// The candidate that costs least; of equal ones the first. A candidate costs the time until its service starts, and
/// the service times `weight`: with weight 1, to the last bit, what [`completion`] adds up before the return.
///
/// # Design
/// With tasks and states of all kinds a scan that stops early, or branches on each comparison, spends most of its time
/// on branches that the processor guessed wrong. This one has no branch but its end: each lane keeps its own best and
/// where that was, and the lanes are compared last. Positions are kept as floats of the same width as costs, from 2^52
/// on, where a float's low bits are the whole number that it stands for. Not inlined, it would wait for the state to
/// pass through memory.
#[inline(always)]
pub(super) fn least_costly(columns: Columns<'_>, state: &QueueState, weight: f64) -> Offer {
    let mut best = [f64::INFINITY; LANES];
    let (mut found, mut first) = ([FIRST; LANES], FIRST);
    for ((device, upload), edge) in columns.device.iter().zip(columns.upload).zip(columns.edge) {
        let mut cost = [0.0; LANES];
        for lane in 0..LANES {
            let ready = larger(state.device_wait.0 + device[lane], state.uplink_wait.0);
            let arrival = ready + upload[lane] / state.rate.0 + state.propagation.0;
            cost[lane] = larger(arrival, state.server_wait.0) + weight * edge[lane];
        }
        for lane in 0..LANES {
            found[lane] = if cost[lane] < best[lane] { first } else { found[lane] };
            best[lane] = smaller(cost[lane], best[lane]);
        }
        first += LANES as f64;
    }
    let cost = best.into_iter().fold(f64::INFINITY, smaller);
    let mut position = f64::INFINITY;
    for lane in 0..LANES {
        let here = if best[lane] == cost { found[lane] + lane as f64 } else { f64::INFINITY };
        position = smaller(here, position);
    }
    Offer { candidate: (position.to_bits() - FIRST.to_bits()) as usize, cost }
}

/// Position 0 in a scan: 2^52.
const FIRST: f64 = 4_503_599_627_370_496.0;

/// One instruction, unlike [`f64::max`] with its rule for numbers that are none.
pub(super) fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// One instruction, unlike [`f64::min`].
fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}
