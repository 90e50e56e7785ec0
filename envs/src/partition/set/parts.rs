//! [`Parts`]: what a placement asks of each queue on its way.

use super::placement::Placement;
use super::task_set::{PendingTask, TaskSet};

/// What a placement asks of the queues on its way, s.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Parts {
    /// Time on the device's processor.
    pub(super) device: f64,
    /// Time on the device's uplink.
    pub(super) send: f64,
    /// From the uplink to the server.
    pub(super) propagation: f64,
    /// Time on the server.
    pub(super) service: f64,
    /// From the server back.
    pub(super) back: f64,
}

impl Parts {
    /// What `placement` asks for; for target 0 the device's time alone.
    ///
    /// # Panics
    /// If the task has no such target or candidate, or a local cut goes to a server, or a split to the device.
    pub(super) fn of(set: &TaskSet, task: usize, placement: Placement) -> Self {
        let PendingTask { frontier, device, return_time } = set.tasks()[task];
        let Placement { target, candidate } = placement;
        let fits = candidate < frontier.len() && (candidate == frontier.local()) == (target == 0);
        assert!(fits, "task {task}: candidate {candidate} of {} does not fit target {target}", frontier.len());
        let time = frontier.device_time(candidate).0;
        if target == 0 {
            return Self { device: time, ..Self::default() };
        }
        let uplink = set.uplink(device, target - 1);
        Self {
            device: time,
            send: (frontier.upload(candidate) / uplink.rate).0,
            propagation: uplink.propagation.0,
            service: frontier.edge_time(candidate, set.servers()[target - 1].class).0,
            back: (return_time + uplink.return_delay).0,
        }
    }

    /// Whether the task goes to the uplink at once.
    pub(super) fn is_direct(&self, target: usize) -> bool {
        target > 0 && self.device == 0.0
    }
}
