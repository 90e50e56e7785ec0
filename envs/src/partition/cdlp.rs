//! CDLP for one task and one target: the best cut under the present state of the queues.

use super::Frontier;
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

/// CDLP for one task and one server of class `server`: the candidate that completes first; of equal ones the
/// one with the least device time.
///
/// Only cuts that use the server compete here: whether the task stays local is the choice of a target, compare
/// with [`local_choice`].
///
/// # Complexity
/// O(k) for k candidates, no allocation. It stops as soon as neither the device time, nor the least upload, nor
/// the least service of the candidates left could complete sooner.
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
pub fn best_cut(frontier: &Frontier, server: usize, state: &QueueState) -> Choice {
    let mut best = completion(frontier, Frontier::EDGE_ONLY, server, state);
    for candidate in 1..frontier.local() {
        let ready = (state.device_wait + frontier.device_time(candidate)).max(state.uplink_wait);
        let start = (ready + frontier.least_upload(candidate) / state.rate + state.propagation).max(state.server_wait);
        if start + frontier.least_edge_time(candidate, server) + state.return_time >= best.completion {
            break;
        }
        let choice = completion(frontier, candidate, server, state);
        if choice.completion < best.completion {
            best = choice;
        }
    }
    best
}
