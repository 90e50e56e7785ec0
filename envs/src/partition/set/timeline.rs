//! [`Timeline`]: when the tasks of a set complete under given placements, event by event.

use super::parts::Parts;
use super::placement::Placement;
use super::task_set::TaskSet;
use crate::units::Seconds;

/// When the tasks of a set complete under given placements. Keeps its buffers from one evaluation to the next.
///
/// # Dynamics
/// Those of the simulator ([`World`](crate::offload::World)) on expected times and with constant rates:
///
/// 1. a device's processor takes its tasks in the order of the set, those without layers on it left out;
/// 2. its uplink takes tensors in the order in which they are ready (tensors ready at once in the order of the set,
///    then what the processor makes, in that same order);
/// 3. a server takes jobs in the order of their arrival (equal ones in the order of the set) and gives each to the
///    executor that is free first.
///
/// # Example
/// ```
/// use mec_envs::{dnn::zoo, partition::*, processor::named, units::*};
/// let graph = zoo::load("alexnet")?;
/// let frontier = Frontier::new(&graph, named("phone")?, &[named("nvidia-t4")?]);
/// let task = PendingTask { frontier: &frontier, device: 0, return_time: Seconds::ZERO };
/// let (tasks, devices) = ([task, task], [DeviceBacklog::default()]);
/// let set = TaskSet::new(&tasks, &devices, &[], &[])?;
/// let mut timeline = Timeline::default();
/// let sum = timeline.evaluate(&set, &[Placement { target: 0, candidate: frontier.local() }; 2]);
/// let alone = frontier.device_time(frontier.local());
/// assert_eq!(timeline.completions(), [alone, alone + alone]); // one after the other
/// assert_eq!(sum, alone + (alone + alone));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    completions: Vec<Seconds>,
    parts: Vec<Parts>,
    /// For each device until when its processor is taken, then until when its uplink is.
    processor: Vec<f64>,
    uplink: Vec<f64>,
    /// (server, arrival, task), by server and arrival.
    jobs: Vec<(usize, f64, usize)>,
    executors: Vec<f64>,
}

impl Timeline {
    /// Works out when every task completes; returns the sum of these times, from now.
    ///
    /// # Panics
    /// Unless there is one placement per task, each with a target and a candidate that the task has.
    ///
    /// # Complexity
    /// O(d + n (log n + c)) for n tasks, d devices and c executors per server; no allocation once the buffers have
    /// grown to the set.
    pub fn evaluate(&mut self, set: &TaskSet, placements: &[Placement]) -> Seconds {
        assert_eq!(placements.len(), set.tasks().len(), "one placement per task");
        self.parts.clear();
        self.parts.extend(placements.iter().enumerate().map(|(task, &placement)| Parts::of(set, task, placement)));
        self.completions.clear();
        self.completions.resize(placements.len(), Seconds::ZERO);
        self.pass_devices(set, placements);
        self.pass_servers(set);
        self.completions.iter().copied().sum()
    }

    /// When each task of the last evaluation completes, from now.
    pub fn completions(&self) -> &[Seconds] {
        &self.completions
    }

    fn pass_devices(&mut self, set: &TaskSet, placements: &[Placement]) {
        self.processor.clear();
        self.processor.extend(set.devices().iter().map(|device| device.processor.0));
        self.uplink.clear();
        self.uplink.extend(set.devices().iter().map(|device| device.uplink_now.0));
        self.jobs.clear();
        for (task, (parts, placement)) in self.parts.iter().zip(placements).enumerate() {
            let device = set.tasks()[task].device;
            if parts.is_direct(placement.target) {
                self.uplink[device] += parts.send;
                self.jobs.push((placement.target - 1, self.uplink[device] + parts.propagation, task));
            } else {
                self.processor[device] += parts.device;
                self.completions[task] = Seconds(self.processor[device]);
            }
        }
        for (task, (parts, placement)) in self.parts.iter().zip(placements).enumerate() {
            if placement.target > 0 && !parts.is_direct(placement.target) {
                let device = set.tasks()[task].device;
                let free = self.uplink[device].max(set.devices()[device].uplink.0);
                self.uplink[device] = self.completions[task].0.max(free) + parts.send;
                self.jobs.push((placement.target - 1, self.uplink[device] + parts.propagation, task));
            }
        }
    }

    fn pass_servers(&mut self, set: &TaskSet) {
        self.jobs.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        let mut at = 0;
        for (server, backlog) in set.servers().iter().enumerate() {
            self.executors.clear();
            self.executors.extend(backlog.executors.iter().map(|free| free.0));
            while let Some(&(_, arrival, task)) = self.jobs.get(at).filter(|job| job.0 == server) {
                let free = first_free(&mut self.executors);
                let end = arrival.max(*free) + self.parts[task].service;
                *free = end;
                self.completions[task] = Seconds(end + self.parts[task].back);
                at += 1;
            }
        }
    }
}

/// The executor that is free first.
pub(super) fn first_free(executors: &mut [f64]) -> &mut f64 {
    let first = executors.iter_mut().reduce(|first, next| if *next < *first { next } else { first });
    first.expect("a validated server has an executor")
}
