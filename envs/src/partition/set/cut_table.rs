//! [`CutTable`]: for every task of a set the best cut for every target, in the present state.

use super::placement::Placement;
use super::queues::Queues;
use super::task_set::TaskSet;
use crate::partition::cdlp::Offer;
use crate::units::Seconds;

/// A cut and what to expect of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TargetCut {
    /// Position in the task's frontier.
    pub candidate: usize,
    /// When the result is back, from now.
    pub completion: Seconds,
}

/// CDLP for every task of a set and every target: the best cut as if the task were alone in the present state.
///
/// The table keeps its buffers from one set to the next.
///
/// # Example
/// ```
/// use mec_envs::{dnn::zoo, partition::*, processor::named, units::*};
/// let graph = zoo::load("squeezenet")?;
/// let frontier = Frontier::new(&graph, named("phone")?, &[named("xeon-6248")?]);
/// let tasks = [PendingTask { frontier: &frontier, device: 0, return_time: Seconds(0.002) }];
/// let devices = [DeviceBacklog::default()];
/// let uplinks =
///     [Uplink { rate: BytesPerSecond::from_mbit(40.0), propagation: Seconds(0.002), return_delay: Seconds::ZERO }];
/// let mut table = CutTable::default();
/// let layers = [0.0, 0.2].map(|wait| {
///     let servers = [ServerBacklog { class: 0, executors: vec![Seconds(wait)] }];
///     TaskSet::new(&tasks, &devices, &uplinks, &servers).map(|set| {
///         table.fill(&set);
///         frontier.device_layers(table.cut(0, 1).candidate)
///     })
/// });
/// let [idle, busy] = layers;
/// assert!(idle? < busy?); // the server fills up: the cut moves towards the device
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct CutTable {
    targets: usize,
    offers: Vec<Offer>,
    queues: Queues,
}

impl CutTable {
    /// Works out the best cuts of a set in place of what the table held.
    ///
    /// Each completes, to the last bit, when [`TaskSet::expect`] says, and no other cut for that target sooner. Of cuts
    /// whose service ends equally soon the one with the least device time is taken.
    ///
    /// # Complexity
    /// O(n m k) for n tasks, m servers and k candidates; no allocation once the buffers have grown to the set.
    pub fn fill(&mut self, set: &TaskSet) {
        self.targets = set.targets();
        self.queues.reset(set);
        self.offers.resize(set.tasks().len() * self.targets, Offer::default());
        for (task, offers) in self.offers.chunks_exact_mut(self.targets).enumerate() {
            self.queues.offers(set, task, 1.0, offers);
        }
    }

    /// The best cut of a task for one target: 0 for its device, m for server m - 1 of the set.
    ///
    /// # Panics
    /// If the table holds no such task or target.
    pub fn cut(&self, task: usize, target: usize) -> TargetCut {
        let Offer { candidate, cost } = self.offers(task)[target];
        TargetCut { candidate, completion: Seconds(cost) }
    }

    /// The placement with which a task alone would complete first, and when; of equal ones the first.
    ///
    /// # Panics
    /// If the table holds no such task.
    pub fn best(&self, task: usize) -> (Placement, Seconds) {
        let (placement, cost) = cheapest(self.offers(task));
        (placement, Seconds(cost))
    }

    fn offers(&self, task: usize) -> &[Offer] {
        &self.offers[task * self.targets..][..self.targets]
    }
}

/// The target and cut that costs least, and that cost; of equal ones the first.
pub(super) fn cheapest(offers: &[Offer]) -> (Placement, f64) {
    let mut best = (Placement::default(), f64::INFINITY);
    for (target, offer) in offers.iter().enumerate() {
        if offer.cost < best.1 {
            best = (Placement { target, candidate: offer.candidate }, offer.cost);
        }
    }
    best
}
