//! [`Queues`]: the backlogs of a set as they grow while its tasks are placed one after the other.

use pulp::{Arch, Simd, WithSimd};

use super::placement::Placement;
use super::task_set::{DeviceBacklog, PendingTask, TaskSet};
use super::timeline::first_free;
use crate::partition::cdlp::{Offer, larger, least_costly};
use crate::partition::frontier::Columns;
use crate::partition::{Frontier, QueueState, completion};
use crate::units::Seconds;

/// The backlogs of devices and servers. Servers take jobs in the order of the placements here, so what it expects of
/// a task is exact for the first and an estimate for all others.
#[derive(Clone, Debug, Default)]
pub(super) struct Queues {
    /// What the processor at hand can do.
    arch: Arch,
    devices: Vec<DeviceBacklog>,
    /// Server after server, until when each executor is taken, s.
    executors: Vec<f64>,
    /// For each server where its executors end.
    ends: Vec<usize>,
    /// For each server until its first executor is free.
    waits: Vec<Seconds>,
}

impl Queues {
    /// Starts from the state of the set.
    pub(super) fn reset(&mut self, set: &TaskSet) {
        self.devices.clear();
        self.devices.extend_from_slice(set.devices());
        self.executors.clear();
        self.ends.clear();
        self.waits.clear();
        for server in set.servers() {
            self.executors.extend(server.executors.iter().map(|free| free.0));
            self.ends.push(self.executors.len());
            self.waits.push(server.wait());
        }
    }

    /// For each target the cut that costs least: its completion, if a second of service counts as `weight` seconds.
    pub(super) fn offers(&self, set: &TaskSet, task: usize, weight: f64, offers: &mut [Offer]) {
        self.arch.dispatch(Scan { queues: self, set, task, weight, offers });
    }

    /// Puts a task into the queues on its way.
    pub(super) fn place(&mut self, set: &TaskSet, task: usize, placement: Placement) {
        let PendingTask { frontier, device, return_time } = set.tasks()[task];
        let Placement { target, candidate } = placement;
        let backlog = &mut self.devices[device];
        let time = frontier.device_time(candidate);
        let Some(m) = target.checked_sub(1) else {
            backlog.processor += time;
            return;
        };
        let (server, uplink) = (&set.servers()[m], set.uplink(device, m));
        let direct = time == Seconds::ZERO;
        let mut state = backlog.queued(uplink, return_time + uplink.return_delay, self.waits[m]);
        if direct {
            state = QueueState { device_wait: Seconds::ZERO, uplink_wait: backlog.uplink_now, ..state };
        }
        let choice = completion(frontier, candidate, server.class, &state);
        if direct {
            backlog.uplink_now = choice.upload_end;
        } else {
            backlog.processor = choice.device_end;
        }
        backlog.uplink = backlog.uplink.max(choice.upload_end);
        let executors = &mut self.executors[self.ends[m] - server.executors.len()..self.ends[m]];
        *first_free(executors) = (choice.server_start + frontier.edge_time(candidate, server.class)).0;
        self.waits[m] = Seconds(*first_free(executors));
    }
}

/// [`Queues::offers`], compiled once for every width of vectors; the results are equal to the last bit.
struct Scan<'a> {
    queues: &'a Queues,
    set: &'a TaskSet<'a>,
    task: usize,
    weight: f64,
    offers: &'a mut [Offer],
}

impl WithSimd for Scan<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { queues, set, task, weight, offers } = self;
        let PendingTask { frontier, device, return_time } = set.tasks()[task];
        let backlog = &queues.devices[device];
        let candidate = frontier.local();
        offers[0] = Offer { candidate, cost: (backlog.processor + frontier.device_time(candidate)).0 };
        let servers = set.servers().iter().zip(set.uplinks(device)).zip(&queues.waits);
        for (out, ((server, uplink), &wait)) in offers[1..].iter_mut().zip(servers) {
            let state = backlog.queued(uplink, return_time + uplink.return_delay, wait);
            *out = offer(frontier.columns(server.class), &state, backlog.uplink_now, weight);
        }
    }
}

/// The best cut for one server, the whole network among them, which needs no processor.
#[inline(always)]
fn offer(columns: Columns<'_>, state: &QueueState, uplink_now: Seconds, weight: f64) -> Offer {
    let split = least_costly(columns, state, weight);
    let (upload, service) = (columns.upload[0][Frontier::EDGE_ONLY], columns.edge[0][Frontier::EDGE_ONLY]);
    let arrival = uplink_now.0 + upload / state.rate.0 + state.propagation.0;
    let whole = larger(arrival, state.server_wait.0) + weight * service;
    let best = if whole <= split.cost { Offer { candidate: Frontier::EDGE_ONLY, cost: whole } } else { split };
    Offer { cost: best.cost + state.return_time.0, ..best }
}
