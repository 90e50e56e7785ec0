//! Runs policies and schemes through held-out episodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mec_agents::agent::{ActMode, ObservationBatch, Policy};
use mec_envs::gym::{ActionSpace, EnvError, Space};
use mec_envs::offload::{EpisodeMetrics, Offload, OffloadForm, Setting, TaskRecord};
use mec_envs::rng::stream;
use mec_envs::schemes::{Scheme, lower_bound, run_episode};
use rayon::prelude::*;

use crate::config::{ComparisonConfig, EvaluationConfig, ExperimentError};
use crate::error::RunError;
use crate::eval::{EvalFile, EvalPoint};
use crate::files::FileError;
use crate::scores::EpisodeOutcome;

/// One held-out episode: its figures, its return, and every task.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldOut {
    /// Seed of the episode.
    pub episode: u64,
    /// Sum of the rewards.
    pub episode_return: f64,
    /// Figures of the episode.
    pub metrics: EpisodeMetrics,
    /// Every task that the episode answers for.
    pub tasks: Vec<TaskRecord>,
}

impl HeldOut {
    /// Names and values of its figures, the return last.
    pub fn figures(&self) -> Vec<(&'static str, f64)> {
        let mut figures = self.metrics.list();
        figures.push(("return", self.episode_return));
        figures
    }

    /// What a comparison needs of it; `seed` is the training's.
    pub fn outcome(&self, seed: u64) -> EpisodeOutcome {
        EpisodeOutcome {
            seed,
            episode: self.episode,
            latencies_s: self.tasks.iter().map(TaskRecord::latency).filter(|latency| latency.is_finite()).collect(),
            lost: self.tasks.iter().filter(|task| !task.latency().is_finite()).count(),
            succeeded: self.tasks.iter().filter(|task| task.success()).count(),
            offloaded: self.tasks.iter().filter(|task| task.target > 0).count(),
            energy_j: self.metrics.energy_j * self.tasks.len() as f64,
            load_balance: self.metrics.load_balance,
        }
    }
}

/// The episodes with these seeds under the policy's best actions, in parallel; equal seeds give the episodes that
/// [`scheme_episodes`] has.
///
/// # Errors
/// [`EnvError`] when the policy takes an action that is not open.
pub fn policy_episodes<E: OffloadForm, P: Policy>(
    policy: &P,
    setting: &Arc<Setting>,
    seeds: std::ops::Range<u64>,
) -> Result<Vec<HeldOut>, EnvError> {
    seeds.into_par_iter().map(|seed| policy_episode::<E, P>(&mut policy.clone(), setting, seed)).collect()
}

fn policy_episode<E: OffloadForm, P: Policy>(
    policy: &mut P,
    setting: &Arc<Setting>,
    seed: u64,
) -> Result<HeldOut, EnvError> {
    let mut env = E::new(Arc::clone(setting));
    let mut rng = stream(seed, "evaluation");
    let (mut flat, mut codes) = (Vec::new(), Vec::new());
    let mut observation = env.reset(Some(seed));
    let mut episode_return = 0.0;
    loop {
        flat.clear();
        env.observation_space().flatten_into(&observation, &mut flat);
        let batch = ObservationBatch { rows: 1, observations: &flat, masks: env.action_mask() };
        policy.act(&batch, ActMode::Greedy, &mut rng, &mut codes);
        let step = env.step(&env.action_space().decode(&codes))?;
        episode_return += step.reward;
        if step.is_last() {
            break;
        }
        observation = step.observation;
    }
    let offload = env.offload();
    let tasks = offload.world().map_or(Vec::new(), |world| world.accounted().to_vec());
    Ok(HeldOut { episode: seed, episode_return, metrics: offload.metrics(), tasks })
}

/// The episodes with these seeds under a scheme, in parallel.
///
/// # Errors
/// [`EnvError`] when the scheme decides on something that does not exist.
pub fn scheme_episodes(
    scheme: &Scheme,
    setting: &Arc<Setting>,
    seeds: std::ops::Range<u64>,
) -> Result<Vec<HeldOut>, EnvError> {
    let run = |seed: u64| {
        let episode = run_episode(&mut Offload::new(Arc::clone(setting)), scheme, seed)?;
        let (metrics, episode_return) = (episode.metrics, episode.episode_return);
        Ok(HeldOut { episode: seed, episode_return, metrics, tasks: episode.tasks })
    };
    seeds.into_par_iter().map(run).collect()
}

/// A mean latency that no policy goes below on the tasks of these episodes that complete, s, in parallel; NaN when none
/// does. See [`lower_bound`].
pub fn latency_bound(setting: &Arc<Setting>, episodes: &[HeldOut]) -> f64 {
    let of_episode = |episode: &HeldOut| {
        let least = lower_bound(&mut Offload::new(Arc::clone(setting)), episode.episode).mean_s(&episode.tasks);
        (least, episode.metrics.tasks - episode.metrics.lost)
    };
    let bounds: Vec<(f64, usize)> =
        episodes.par_iter().map(of_episode).filter(|(_, completed)| *completed > 0).collect();
    let total: f64 = bounds.iter().map(|(least, completed)| least * *completed as f64).sum();
    total / bounds.iter().map(|(_, completed)| completed).sum::<usize>() as f64
}

/// Writes the figures of held-out episodes under `(name, seed, steps)`: an algorithm or scheme, the seed of its training
/// and the environment steps that it was trained.
///
/// # Errors
/// [`FileError`] when they cannot be written.
pub fn write_held_out(
    eval: &mut EvalFile,
    (algo, seed, step): (&str, u64, u64),
    setting: &Setting,
    episodes: &[HeldOut],
) -> Result<(), FileError> {
    for held_out in episodes {
        let point = EvalPoint { algo, scenario: &setting.scenario.name, seed, step, episode: held_out.episode };
        eval.episode(&point, &held_out.figures())?;
    }
    eval.flush()
}

/// Writes the levels that a learning curve is read against: the schemes of the comparison on the episodes of the
/// evaluation, at step 0. Ends early when `stop` is set.
///
/// # Errors
/// [`RunError`] when a scheme is unknown or cannot decide, or the file not be written.
pub fn write_levels(
    eval: &mut EvalFile,
    comparison: &ComparisonConfig,
    evaluation: &EvaluationConfig,
    setting: &Arc<Setting>,
    stop: &AtomicBool,
) -> Result<(), RunError> {
    let seeds = evaluation.first_seed..evaluation.first_seed + evaluation.episodes;
    for name in &comparison.schemes {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let scheme = Scheme::named(name).map_err(ExperimentError::from)?;
        let episodes = scheme_episodes(&scheme, setting, seeds.clone())?;
        write_held_out(eval, (name, 0, 0), setting, &episodes)?;
    }
    Ok(())
}
