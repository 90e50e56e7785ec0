//! Every scheme that cuts one network, behind one interface.

use super::rivals::Split;
use super::{
    Cut, CutCost, Frontier, IdleSystem, QueueState, best_cut, dads, dads_heavy, device_only, edge_only, exhaustive,
    local_choice, neurosurgeon,
};
use crate::dnn::LayerGraph;
use crate::processor::Processor;
use crate::units::Seconds;

/// One network between a device and a server.
#[derive(Clone, Debug)]
pub struct Problem<'a> {
    graph: &'a LayerGraph,
    device: &'a Processor,
    server: &'a Processor,
    frontier: Frontier,
}

impl<'a> Problem<'a> {
    /// The problem, with the [exact frontier](Frontier::exact) of its cuts; processors must be
    /// [valid](Processor::validate).
    pub fn new(graph: &'a LayerGraph, device: &'a Processor, server: &'a Processor) -> Self {
        Self { graph, device, server, frontier: Frontier::exact(graph, device, &[server]) }
    }

    /// The cuts worth considering.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// A cut and what it costs here.
    pub fn split(&self, cut: Cut) -> Split {
        Split::of(cut, self.graph, self.device, self.server)
    }
}

/// When a task with a cut of this cost completes in a state of the queues, from now.
pub fn latency(cost: &CutCost, state: &QueueState) -> Seconds {
    let ready = state.device_wait + cost.device;
    // Only the cut that leaves everything on the device uploads nothing.
    if cost.upload.0 == 0.0 {
        return ready;
    }
    let arrival = ready.max(state.uplink_wait) + cost.upload / state.rate + state.propagation;
    arrival.max(state.server_wait) + cost.edge + state.return_time
}

/// A scheme that cuts one network for one device and one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioner {
    /// CDLP for one task: the best of all cuts in the present state, from the [frontier](Frontier::exact).
    Cdlp,
    /// Everything on the device.
    DeviceOnly,
    /// Everything on the server.
    EdgeOnly,
    /// The best split of the chain of layers on an idle system: [`neurosurgeon`].
    Neurosurgeon,
    /// The best of all cuts on an idle system, as a minimum cut: [`dads`], light load.
    Dads,
    /// The cut of highest throughput: [`dads_heavy`].
    DadsHeavy,
    /// The best of all cuts in the present state, by trying each: [`exhaustive`].
    Exhaustive,
}

impl Partitioner {
    /// Every scheme, ours first.
    pub const ALL: [Self; 7] = [
        Self::Cdlp,
        Self::DeviceOnly,
        Self::EdgeOnly,
        Self::Neurosurgeon,
        Self::Dads,
        Self::DadsHeavy,
        Self::Exhaustive,
    ];

    /// Its name, as in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cdlp => "cdlp",
            Self::DeviceOnly => "device-only",
            Self::EdgeOnly => "edge-only",
            Self::Neurosurgeon => "neurosurgeon",
            Self::Dads => "dads",
            Self::DadsHeavy => "dads-heavy",
            Self::Exhaustive => "exhaustive",
        }
    }

    /// Its cut and what that costs.
    ///
    /// # Returns
    /// `None` only of [`Partitioner::Exhaustive`], for graphs of too many cuts.
    ///
    /// # Example
    /// ```
    /// use mec_envs::{dnn::zoo, partition::*, processor::named, units::*};
    /// let graph = zoo::load("squeezenet")?;
    /// let state = QueueState {
    ///     device_wait: Seconds::ZERO,
    ///     uplink_wait: Seconds::ZERO,
    ///     rate: BytesPerSecond::from_mbit(20.0),
    ///     propagation: Seconds(0.002),
    ///     server_wait: Seconds(0.05),
    ///     return_time: Seconds(0.002),
    /// };
    /// let problem = Problem::new(&graph, named("phone")?, named("nvidia-t4")?);
    /// let ours = Partitioner::Cdlp.split(&problem, &state).ok_or("CDLP always has an answer")?;
    /// for rival in Partitioner::ALL.into_iter().filter_map(|scheme| scheme.split(&problem, &state)) {
    ///     assert!(latency(&ours.cost, &state) <= latency(&rival.cost, &state) + Seconds(1e-9));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split(self, problem: &Problem, state: &QueueState) -> Option<Split> {
        let Problem { graph, device, server, frontier } = problem;
        let &QueueState { rate, propagation, return_time, .. } = state;
        let idle = IdleSystem { rate, propagation, return_time };
        let candidate = |at: usize| problem.split(frontier.cut(at).clone());
        Some(match self {
            Self::Cdlp => candidate(cdlp(frontier, state)),
            Self::DeviceOnly => device_only(graph, device, server),
            Self::EdgeOnly => edge_only(graph, device, server),
            Self::Neurosurgeon => neurosurgeon(graph, device, server, &idle),
            Self::Dads => dads(graph, device, server, &idle),
            Self::DadsHeavy => candidate(dads_heavy(frontier, 0, &idle)),
            Self::Exhaustive => problem.split(exhaustive(graph, device, server, |cost| latency(cost, state))?),
        })
    }
}

fn cdlp(frontier: &Frontier, state: &QueueState) -> usize {
    let (local, split) = (local_choice(frontier, state.device_wait), best_cut(frontier, 0, state));
    if local.completion <= split.completion { local.candidate } else { split.candidate }
}
