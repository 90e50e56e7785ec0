//! Every scheme that cuts one network, behind one interface.

use super::rivals::Split;
use super::{
    CutCost, Frontier, IdleSystem, QueueState, best_cut, dads, dads_heavy, device_only, edge_only, exhaustive,
    local_choice, neurosurgeon,
};
use crate::dnn::LayerGraph;
use crate::processor::Processor;
use crate::units::Seconds;

/// One network between a device and a server, and the present state of what lies between them.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// The network.
    pub graph: &'a LayerGraph,
    /// The device; [valid](Processor::validate).
    pub device: &'a Processor,
    /// The server; [valid](Processor::validate).
    pub server: &'a Processor,
    /// What waits where, and the link.
    pub state: QueueState,
}

impl Problem<'_> {
    /// When a task with a cut of this cost completes in the present state, from now.
    pub fn latency(&self, cost: &CutCost) -> Seconds {
        let state = &self.state;
        let ready = state.device_wait + cost.device;
        // Only the cut that leaves everything on the device uploads nothing.
        if cost.upload.0 == 0.0 {
            return ready;
        }
        let arrival = ready.max(state.uplink_wait) + cost.upload / state.rate + state.propagation;
        arrival.max(state.server_wait) + cost.edge + state.return_time
    }

    /// The same system without anything that waits: what schemes see that know no load.
    pub fn idle(&self) -> IdleSystem {
        let QueueState { rate, propagation, return_time, .. } = self.state;
        IdleSystem { rate, propagation, return_time }
    }
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
    /// let problem = Problem { graph: &graph, device: named("phone")?, server: named("nvidia-t4")?, state };
    /// let ours = Partitioner::Cdlp.split(&problem).ok_or("CDLP always has an answer")?;
    /// for rival in Partitioner::ALL.into_iter().filter_map(|scheme| scheme.split(&problem)) {
    ///     assert!(problem.latency(&ours.cost) <= problem.latency(&rival.cost) + Seconds(1e-9));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split(self, problem: &Problem) -> Option<Split> {
        let Problem { graph, device, server, .. } = *problem;
        let idle = problem.idle();
        Some(match self {
            Self::Cdlp => cdlp(problem),
            Self::DeviceOnly => device_only(graph, device, server),
            Self::EdgeOnly => edge_only(graph, device, server),
            Self::Neurosurgeon => neurosurgeon(graph, device, server, &idle),
            Self::Dads => dads(graph, device, server, &idle),
            Self::DadsHeavy => dads_heavy(graph, device, server, &idle),
            Self::Exhaustive => {
                let cut = exhaustive(graph, device, server, |cost| problem.latency(cost))?;
                Split::of(cut, graph, device, server)
            }
        })
    }
}

fn cdlp(problem: &Problem) -> Split {
    let Problem { graph, device, server, state } = problem;
    let frontier = Frontier::exact(graph, device, &[server]);
    let (local, split) = (local_choice(&frontier, state.device_wait), best_cut(&frontier, 0, state));
    let best = if local.completion <= split.completion { local } else { split };
    Split::of(frontier.cut(best.candidate).clone(), graph, device, server)
}
