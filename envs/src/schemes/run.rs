//! Runs a scheme through an episode.

use std::ops::ControlFlow;

use super::Scheme;
use crate::gym::EnvError;
use crate::offload::{EpisodeMetrics, Offload, TaskRecord};
use crate::rng::stream;

/// One episode of a scheme.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// Its figures.
    pub metrics: EpisodeMetrics,
    /// Sum of the rewards.
    pub episode_return: f64,
    /// Every task that the episode answers for.
    pub tasks: Vec<TaskRecord>,
}

/// Runs `scheme` through one episode: the one that `reset(Some(seed))` of an environment starts, so that equal seeds
/// give every scheme and every agent the same tasks, links and foreign load.
///
/// # Errors
/// [`EnvError`] when the scheme decides on something that does not exist.
pub fn run_episode(offload: &mut Offload, scheme: &Scheme, seed: u64) -> Result<Episode, EnvError> {
    watch_episode(offload, scheme, seed, |_| ControlFlow::Continue(()))
}

/// As [`run_episode`], with someone who looks on: `watch` sees the episode at its first decision and after each one,
/// and may end it early.
///
/// # Errors
/// As [`run_episode`].
pub fn watch_episode(
    offload: &mut Offload,
    scheme: &Scheme,
    seed: u64,
    mut watch: impl FnMut(&Offload) -> ControlFlow<()>,
) -> Result<Episode, EnvError> {
    offload.reset(Some(seed));
    let mut rng = stream(seed, scheme.name());
    let (mut turn, mut episode_return) = (0, 0.0);
    let mut goes_on = watch(offload).is_continue();
    while goes_on && !offload.is_over() {
        let decision = scheme.decide(offload, turn, &mut rng).ok_or(EnvError::ResetNeeded)?;
        let outcome = offload.decide(decision)?;
        episode_return += offload.reward(&outcome);
        turn += 1;
        goes_on = watch(offload).is_continue();
    }
    let tasks = offload.world().map_or(Vec::new(), |world| world.accounted().to_vec());
    Ok(Episode { metrics: offload.metrics(), episode_return, tasks })
}
