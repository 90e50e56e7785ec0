//! [`lower_bound`]: the latency that no policy goes below, whatever it knows.

mod prices;

use std::sync::Arc;

use crate::offload::{Offload, Setting, TaskRecord, World};
use crate::system::server::Discipline;
use prices::{Prices, Way};

/// How often prices are adjusted, and the first step; by round n a step is down to 1 / (1 + n / [`ROUNDS_OF_STEP`]) of it.
const ROUNDS: u32 = 100;
const FIRST_STEP: f64 = 0.5;
const ROUNDS_OF_STEP: f64 = 20.0;

/// How long time is priced, in horizons.
const PRICED: f64 = 2.0;

/// What an episode takes at least, whoever decides and whatever is decided, s.
#[derive(Clone, Debug, PartialEq)]
pub struct LowerBound {
    /// Latency of each task, in order of arrival.
    pub latencies_s: Vec<f64>,
    /// Latency of all tasks together, if they all complete; at least the sum of [`latencies_s`](Self::latencies_s).
    pub total_s: f64,
}

impl LowerBound {
    /// A mean latency that no policy goes below on those of an episode's tasks that complete, s; NaN when none does.
    pub fn mean_s(&self, tasks: &[TaskRecord]) -> f64 {
        let completes = |task: &&TaskRecord| task.completion.is_finite();
        let number = tasks.iter().filter(completes).count();
        if number == self.latencies_s.len() {
            return self.total_s / number as f64;
        }
        let pairs = tasks.iter().zip(&self.latencies_s).filter(|(task, _)| completes(task));
        pairs.map(|(_, latency)| latency).sum::<f64>() / number as f64
    }
}

/// What every policy needs at least for the episode that [`run_episode`](super::run_episode) runs with this seed: no
/// scheme, no agent and no clairvoyant is faster. Afterwards `offload` must be reset.
///
/// A latency for each task, and a total for all.
///
/// - Of a task: the least, over all targets in reach and all cuts, if it is *alone* in the episode. Its decision falls at
///   the end of its slot, and it meets the episode's own noise, rates and foreign load, and no other task.
/// - Of all together: a device computes one whole network at a time, and a server as many tasks as it has executors. The
///   total comes from the Lagrangian dual of these constraints (Fisher 1981, DOI 10.1287/mnsc.27.1.1; with slots of
///   time, Dyer and Wolsey 1990, DOI 10.1016/0166-218X(90)90104-K).
///
/// # What it relaxes
/// Each task alone: tasks of the episode do not queue for each other on processors, radios, bands and servers; every
/// network is in memory; for devices that move, backhauls cost nothing. With one task, places that stand still and no memory
/// it is the exact optimum. The total counts more: whole networks queue on their device, and tasks on servers that are first
/// come, first served, in whatever order is best. It still leaves out queues at radios, bands and shared servers, and parts
/// of networks on devices.
///
/// # Why a task is not faster
/// Take any decisions, and one task with its target and cut in them. What precedes a stage only moves its start back, and
/// each stage ends no sooner when it starts later or has more to do:
///
/// - Processor: it serves one task at a time in turn, so the task's part starts at its decision or later.
/// - Radio: the upload starts when the tensor is ready or later, at the link's rate or, on a shared band, at a part of
///   it. The end of an upload is the time at which the integral of a rate of 0 or more reaches its bytes (equation 19 of
///   `docs/model.md`), and does not fall with a later start or a lower rate.
/// - Way: of a device that stands still one server receives everything, so the path to the executing server adds the same;
///   of one that moves, propagation is the least that any path adds.
/// - Server, first come first served: when executors are free never falls with more jobs before, and never with a later
///   arrival; the former is the monotonicity of Kiefer and Wolfowitz 1955, *On the theory of queues with many servers*,
///   Trans. AMS 78. Foreign jobs come at the same times with the same work in any case.
/// - Server, shared: with another job present all others are served no faster, so by any time each has been served no more,
///   and no fewer are left; hence more jobs never let one leave sooner. Nor does a later arrival: had the task left sooner
///   for it, the foreign jobs would by then have been served at least as much as if it had come sooner, the server would
///   have worked no more in all, and so the task would have been served no more.
/// - Memory: loading takes 0 or more.
/// - Return: as the way.
///
/// The policy chooses a target and a cut of the frontier; the least over all of them is at most what it chose.
///
/// # Why all together are not faster
/// Put any price of 0 or more on a second of each device and of each executor of a first-come-first-served server, by time.
/// In any episode, what is worked there at any time is at most the capacity, so all tasks pay at most what the capacity
/// costs. Hence the sum of completions is at least the sum of completions and payments, less the cost of the capacity. A
/// whole network on a device, and a service on an executor, is one stretch of work that starts no sooner than if the
/// task were alone, and a fixed time or more comes after it. So a task's completion and payment are at least the least over
/// all ways and all later starts, which is found exactly, since the sum is linear in the start between slots. Any prices
/// give a bound; they are raised where tasks would buy more than there is and lowered elsewhere (a subgradient), and the
/// best of all rounds counts. The first round is free, and gives the sum of tasks alone.
///
/// # Example
/// ```
/// use mec_envs::offload::{Offload, Scenario, Setting};
/// use mec_envs::schemes::{Scheme, lower_bound, run_episode};
/// let mut offload = Offload::new(Setting::new(Scenario::default())?.into());
/// let least = lower_bound(&mut offload, 1);
/// let episode = run_episode(&mut offload, &Scheme::ClairvoyantGreedy, 1)?;
/// assert!(least.latencies_s.iter().zip(&episode.tasks).all(|(least, task)| *least <= task.latency() + 1e-9));
/// assert!(least.mean_s(&episode.tasks) <= episode.metrics.latency_mean_s);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Complexity
/// O(targets x cuts) simulated uploads and services per task, and per round O(targets x cuts) prices per task.
pub fn lower_bound(offload: &mut Offload, seed: u64) -> LowerBound {
    offload.reset(Some(seed));
    let setting = Arc::clone(offload.setting());
    let world = offload.world_mut().expect("a reset starts an episode");
    let (mut arrivals, mut ways) = (Vec::new(), Vec::new());
    while !world.is_over() {
        arrivals.push(world.tasks()[world.decided()].arrival);
        ways.push(ways_of_next(world, &setting));
        world.leave_out();
    }
    let soonest = |ways: &Vec<Way>| ways.iter().map(Way::soonest).fold(f64::INFINITY, f64::min);
    let latencies_s: Vec<f64> = ways.iter().zip(&arrivals).map(|(ways, arrival)| soonest(ways) - arrival).collect();
    let total_s = completions(&setting, &ways) - arrivals.iter().sum::<f64>();
    LowerBound { total_s: total_s.max(latencies_s.iter().sum()), latencies_s }
}

/// How the next task can complete if it is alone.
fn ways_of_next(world: &mut World, setting: &Setting) -> Vec<Way> {
    let (user, local) = (world.tasks()[world.decided()].user, world.next_frontier().local());
    let remote = (1..setting.targets()).flat_map(|target| (0..local).map(move |candidate| (target, candidate)));
    let shares = |m: usize| {
        let group = &setting.scenario.servers[setting.servers[m].group];
        group.discipline == Discipline::ProcessorSharing
    };
    let way = |(target, candidate)| {
        let alone = world.alone(target, candidate);
        let place = match alone.server {
            None => Some(user),
            Some(m) => (!shares(m)).then_some(setting.devices.len() + m),
        };
        Way { place, start: alone.start, work: alone.work, rest: alone.rest }
    };
    std::iter::once((0, local)).chain(remote).map(way).collect()
}

/// What the completions of all tasks sum to at least, s: the best that prices find.
fn completions(setting: &Setting, tasks: &[Vec<Way>]) -> f64 {
    let executors = setting.servers.iter().map(|server| server.executors as f64);
    let capacities = setting.devices.iter().map(|_| 1.0).chain(executors).collect();
    let mut prices = Prices::free(capacities, PRICED * setting.scenario.horizon_s.0);
    let mut best = f64::NEG_INFINITY;
    for round in 0..ROUNDS {
        let paid: f64 = tasks.iter().map(|ways| prices.sell(ways)).sum();
        best = best.max(paid - prices.value());
        prices.adjust(FIRST_STEP / (1.0 + f64::from(round) / ROUNDS_OF_STEP));
    }
    best
}
