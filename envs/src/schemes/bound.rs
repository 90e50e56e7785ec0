//! [`lower_bound`]: the latency that no policy goes below, whatever it knows.

use crate::offload::{Offload, World};

/// For each task of an episode, in order of arrival, a latency that it has at least, s, whoever decides and whatever is
/// decided for it and for all others: no scheme, no agent and no clairvoyant is faster, and none has a lower mean over
/// the same tasks. The episode is that of [`run_episode`](super::run_episode) with this seed; afterwards `offload` must be
/// reset.
///
/// It is the least latency, over all targets in reach and all cuts, of the task *alone* in the episode: its decision
/// falls at the end of its slot, and it meets the episode's own noise, rates and foreign load, and no other task.
///
/// # What it relaxes
/// Tasks of the episode do not queue for each other on processors, radios, bands and servers; every network is in memory;
/// and for devices that move, backhauls cost nothing. With one task, places that stand still and no memory it is the exact
/// optimum.
///
/// # Why it is a bound
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
///   arrival; the former is the monotonicity of Kiefer and Wolfowitz 1955, *On the theory of queues with many servers*, Trans. AMS 78. Foreign
///   jobs come at the same times with the same work in any case.
/// - Server, shared: with another job present all others are served no faster, so by any time each has been served no more,
///   and no fewer are left; hence more jobs never let one leave sooner. Nor does a later arrival: had the task left sooner
///   for it, the foreign jobs would by then have been served at least as much as if it had come sooner, the server would
///   have worked no more in all, and so the task would have been served no more.
/// - Memory: loading takes 0 or more.
/// - Return: as the way.
///
/// The policy chooses a target and a cut of the frontier; the least over all of them is at most what it chose.
///
/// # Example
/// ```
/// use mec_envs::offload::{Offload, Scenario, Setting};
/// use mec_envs::schemes::{Scheme, lower_bound, run_episode};
/// let mut offload = Offload::new(Setting::new(Scenario::default())?.into());
/// let least = lower_bound(&mut offload, 1);
/// let episode = run_episode(&mut offload, &Scheme::ClairvoyantGreedy, 1)?;
/// assert_eq!(least.len(), episode.tasks.len());
/// assert!(least.iter().zip(&episode.tasks).all(|(least, task)| *least <= task.latency() + 1e-9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Complexity
/// O(targets x cuts) simulated uploads and services per task.
pub fn lower_bound(offload: &mut Offload, seed: u64) -> Vec<f64> {
    offload.reset(Some(seed));
    let world = offload.world_mut().expect("a reset starts an episode");
    let mut latencies = Vec::new();
    while !world.is_over() {
        let arrival = world.tasks()[world.decided()].arrival;
        latencies.push(soonest(world) - arrival);
        world.leave_out();
    }
    latencies
}

/// When the next task completes alone, with the target and cut that are best for it, s.
fn soonest(world: &mut World) -> f64 {
    let (targets, local) = (world.setting().targets(), world.next_frontier().local());
    let mut soonest = world.alone(0, local);
    for target in 1..targets {
        for candidate in 0..local {
            soonest = soonest.min(world.alone(target, candidate));
        }
    }
    soonest
}
