//! [`optimum`]: the best placements of a small set, by branch and bound.

use super::domains::{Alternative, Domains, Mode};
use super::placement::Placement;
use super::planner::Planner;
use super::relaxation::{MAX_TASKS, Relaxation};
use super::task_set::TaskSet;
use super::timeline::Timeline;
use crate::units::Seconds;

/// The best placements of a set, as far as the search has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimum {
    /// One placement per task.
    pub placements: Vec<Placement>,
    /// The sum of completions under them, from now.
    pub sum: Seconds,
    /// No placements have a smaller sum than this, up to a relative 10^-9; equal to [`sum`](Self::sum) if the search
    /// came to its end.
    pub lower_bound: Seconds,
    /// Nodes of the search tree that were visited.
    pub nodes: usize,
}

/// The set is too large to search.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the set has {found} tasks; the exact optimum is for up to {accepted}")]
pub struct TooManyTasks {
    /// Tasks of the set.
    pub found: usize,
    /// Most tasks accepted.
    pub accepted: usize,
}

/// Sums that differ by less than this share count as equal.
const TOLERANCE: f64 = 1e-9;

/// Evaluations spent on the plan that the search starts from.
const START: usize = 2000;

/// The placements of the least sum of completions, under the dynamics of the [`Timeline`]: the bound that a
/// [`Planner`] is measured against.
///
/// # Arguments
/// `nodes` bounds the search; `usize::MAX` lets it come to its end.
///
/// # Returns
/// The optimum up to a relative 10^-9, or, when the nodes ran out, the best placements found and a lower bound.
///
/// # Errors
/// [`TooManyTasks`] for more than 12 tasks.
///
/// # Complexity
/// Exponential in the tasks. For random sets of the [zoo](crate::dnn::zoo) and 3 servers some 0.3 ms for 6 tasks, 3 ms
/// for 8 and 30 ms for 10 on average; up to a thousand times that where many tasks share a device.
///
/// # Design
/// A node of the search tree leaves every task some of its placements. A relaxation that knows the contention at the
/// servers, and of a device's queues what is decided, bounds the sum from below, and drops placements that cannot be
/// part of anything better. Branches divide the placements of one task: by the queues of the device that they pass,
/// then by halves of the candidates.
///
/// # Example
/// ```
/// use mec_envs::{dnn::zoo, partition::*, processor::named, units::*};
/// let graph = zoo::load("alexnet")?;
/// let frontier = Frontier::new(&graph, named("phone")?, &[named("xeon-6248")?]);
/// let tasks = [PendingTask { frontier: &frontier, device: 0, return_time: Seconds(0.002) }; 3];
/// let devices = [DeviceBacklog::default()];
/// let uplinks = [Uplink { rate: BytesPerSecond(5e6), propagation: Seconds(0.002), return_delay: Seconds::ZERO }];
/// let servers = [ServerBacklog { class: 0, executors: vec![Seconds(0.02)] }];
/// let set = TaskSet::new(&tasks, &devices, &uplinks, &servers)?;
/// let best = optimum(&set, usize::MAX)?;
/// assert_eq!(best.lower_bound, best.sum);
/// assert!(Planner::default().decide(&set, 0).sum() >= best.sum);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn optimum(set: &TaskSet, nodes: usize) -> Result<Optimum, TooManyTasks> {
    let found = set.tasks().len();
    if found > MAX_TASKS {
        return Err(TooManyTasks { found, accepted: MAX_TASKS });
    }
    let mut planner = Planner::default();
    let start = planner.decide(set, START);
    let mut search = Search {
        set,
        timeline: Timeline::default(),
        relaxation: Relaxation::default(),
        best: (start.sum().0, start.placements().to_vec()),
        limit: nodes,
        nodes: 0,
        open: f64::INFINITY,
    };
    search.explore(Domains::all(set), 0.0);
    let (sum, placements) = search.best;
    Ok(Optimum { placements, sum: Seconds(sum), lower_bound: Seconds(search.open.min(sum)), nodes: search.nodes })
}

struct Search<'a> {
    set: &'a TaskSet<'a>,
    timeline: Timeline,
    relaxation: Relaxation,
    best: (f64, Vec<Placement>),
    limit: usize,
    nodes: usize,
    /// The least bound of a node that was not visited.
    open: f64,
}

impl Search<'_> {
    fn cutoff(&self) -> f64 {
        self.best.0 * (1.0 - TOLERANCE)
    }

    /// Visits every schedule in `domains` that could be better than the best so far; none is below `known`.
    fn explore(&mut self, mut domains: Domains, known: f64) {
        if self.nodes == self.limit {
            self.open = self.open.min(known);
            return;
        }
        self.nodes += 1;
        let bound = self.relaxation.bound(self.set, &domains, self.cutoff());
        if bound >= self.cutoff() {
            return;
        }
        self.narrow(&mut domains);
        if domains.0.iter().any(Vec::is_empty) {
            return;
        }
        let Some(task) = self.undecided(&domains) else {
            let placements: Vec<Placement> = domains.0.iter().map(|alternatives| alternatives[0].placement).collect();
            let sum = self.timeline.evaluate(self.set, &placements).0;
            if sum < self.best.0 {
                self.best = (sum, placements);
            }
            return;
        };
        for part in parts_of(&domains.0[task]) {
            let mut narrower = domains.clone();
            narrower.0[task] = part;
            self.explore(narrower, bound.max(known));
        }
    }

    /// Drops alternatives that cannot be part of anything better: even if all other tasks were as good as without
    /// this one, and this one as soon as without the others.
    fn narrow(&self, domains: &mut Domains) {
        let cutoff = self.cutoff();
        for (task, alternatives) in domains.0.iter_mut().enumerate() {
            let rest = self.relaxation.without(task);
            let mut alone = self.relaxation.alone(task).iter();
            alternatives.retain(|_| alone.next().is_some_and(|alone| rest + alone < cutoff));
        }
    }

    /// The task to branch on: one that shares its device if there is any, as only those make the bound inexact; of
    /// these one that may still run in different modes; of these the one with most alternatives.
    fn undecided(&self, domains: &Domains) -> Option<usize> {
        let device = |task: usize| self.set.tasks()[task].device;
        let tasks = 0..domains.0.len();
        let open = tasks.clone().filter(|&task| domains.0[task].len() > 1);
        open.max_by_key(|&task| {
            let shares = tasks.clone().any(|mate| mate != task && device(mate) == device(task));
            let alternatives = &domains.0[task];
            let mixed = alternatives.iter().any(|a| a.mode() != alternatives[0].mode());
            (shares, mixed, alternatives.len())
        })
    }
}

/// Two or more parts of some alternatives: by mode, then by halves of the candidates, then one by one.
fn parts_of(alternatives: &[Alternative]) -> Vec<Vec<Alternative>> {
    let part = |keep: &dyn Fn(&Alternative) -> bool| alternatives.iter().copied().filter(|a| keep(a)).collect();
    let first = alternatives[0].mode();
    if alternatives.iter().any(|alternative| alternative.mode() != first) {
        let parts = [Mode::Local, Mode::Direct, Mode::Split].map(|mode| part(&|a| a.mode() == mode));
        return parts.into_iter().filter(|part: &Vec<_>| !part.is_empty()).collect();
    }
    let candidate = |a: &Alternative| a.placement.candidate;
    let mut candidates: Vec<usize> = alternatives.iter().map(candidate).collect();
    candidates.sort_unstable();
    candidates.dedup();
    let middle = candidates[candidates.len() / 2];
    if candidates.len() > 1 {
        return vec![part(&|a| candidate(a) < middle), part(&|a| candidate(a) >= middle)];
    }
    alternatives.iter().map(|&alternative| vec![alternative]).collect()
}
