//! `Contest`: the comparison of learned agents with schemes, on the same episodes.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mec_agents::agent::{Algorithm, Learner};
use mec_agents::checkpoint;
use mec_agents::device::{self, Device};
use mec_agents::spec::EnvSpec;
use mec_agents::state::StateDict;
use mec_envs::offload::{OffloadForm, Setting};
use mec_envs::rng::stream;

use crate::comparison::{EpisodeOutcome, SchemeSummary, sort_by_latency};
use crate::config::ExperimentConfig;
use crate::error::RunError;
use crate::evaluate::{HeldOut, policy_episodes, scheme_episodes};
use crate::files::{Checkpoint, RunFolder};
use crate::registry::{AlgorithmVisitor, FormVisitor};
use crate::reporter::Reporter;

/// Episodes of a comparison between looks at the stop flag: enough for every core.
const PORTION: u64 = 64;

/// Compares the agents of a run folder with its schemes again, on `episodes` episodes from `first_seed` on, without
/// changing the folder.
///
/// # Errors
/// [`RunError`] when the folder is no run's, or its checkpoints do not fit its configuration.
pub fn evaluate(
    folder: &Path,
    which: Checkpoint,
    changes: &[String],
    reporter: &mut Reporter,
) -> Result<Vec<SchemeSummary>, RunError> {
    let folder = RunFolder::open(folder)?;
    let config = ExperimentConfig::read(&folder.config(), changes)?;
    let name = config.algorithm.name();
    let mut learned = Vec::new();
    for (index, &seed) in config.seeds.iter().enumerate() {
        let path = folder.checkpoint(name, seed, which);
        // A run that was stopped has not trained every seed.
        if index > 0 && !path.exists() {
            reporter.note(&format!("seed {seed} was not trained: there is no {}", path.display()));
        } else {
            learned.push((seed, checkpoint::load(&path)?));
        }
    }
    let setting = Arc::new(Setting::new(config.compared_scenario())?);
    let device = device::open(config.device)?;
    let contest = Contest { config: &config, setting: &setting, device: &device, folder: &folder, which };
    Ok(contest.hold(&learned, &AtomicBool::new(false), reporter)?.unwrap_or_default())
}

/// The comparison of learned agents with schemes, on the same episodes.
pub(crate) struct Contest<'a> {
    pub(crate) config: &'a ExperimentConfig,
    pub(crate) setting: &'a Arc<Setting>,
    pub(crate) device: &'a Device,
    pub(crate) folder: &'a RunFolder,
    pub(crate) which: Checkpoint,
}

impl Contest<'_> {
    /// Everybody's summary, fastest first; `None` when `stop` ended it early.
    pub(crate) fn hold(
        &self,
        learned: &[(u64, StateDict)],
        stop: &AtomicBool,
        reporter: &mut Reporter,
    ) -> Result<Option<Vec<SchemeSummary>>, RunError> {
        let comparison = &self.config.comparison;
        let schemes = self.config.schemes()?;
        reporter.episodes("comparison", (schemes.len() + learned.len()) as u64 * comparison.episodes);
        let mut rng = stream(self.config.seeds[0], "bootstrap");
        let (mut done, mut summaries, mut of_agent) = (0, Vec::new(), Vec::new());
        let mut advance = |seeds: &Range<u64>| {
            done += seeds.end - seeds.start;
            reporter.at(done);
            !stop.load(Ordering::Relaxed)
        };
        for (seed, state) in learned {
            for seeds in self.portions() {
                of_agent.extend(self.agent(*seed, state, seeds.clone())?);
                if !advance(&seeds) {
                    return Ok(None);
                }
            }
        }
        if let Some(mut summary) = SchemeSummary::from_episodes(self.config.algorithm.name(), &of_agent, &mut rng) {
            summary.highlighted = true;
            summaries.push(summary);
        }
        for (name, scheme) in comparison.schemes.iter().zip(&schemes) {
            let mut of_scheme = Vec::new();
            for seeds in self.portions() {
                of_scheme.extend(outcomes(0, &scheme_episodes(scheme, self.setting, seeds.clone())?));
                if !advance(&seeds) {
                    return Ok(None);
                }
            }
            summaries.extend(SchemeSummary::from_episodes(name, &of_scheme, &mut rng));
        }
        reporter.end();
        sort_by_latency(&mut summaries);
        Ok(Some(summaries))
    }

    /// Episodes of the agent that was trained with `seed`.
    fn agent(&self, seed: u64, state: &StateDict, seeds: Range<u64>) -> Result<Vec<EpisodeOutcome>, RunError> {
        let Self { config, setting, device, .. } = *self;
        let job = EvaluateState { config, setting, device, state, seeds };
        let episodes = config.form.accept(job).map_err(|error| match error {
            RunError::Checkpoint(source) => {
                RunError::Mismatch { path: self.folder.checkpoint(config.algorithm.name(), seed, self.which), source }
            }
            other => other,
        })?;
        Ok(outcomes(seed, &episodes))
    }

    /// The seeds of the episodes, in portions after which there is time to stop.
    fn portions(&self) -> impl Iterator<Item = Range<u64>> + use<> {
        let first = self.config.comparison.first_seed;
        let end = first + self.config.comparison.episodes;
        (first..end).step_by(PORTION as usize).map(move |start| start..end.min(start + PORTION))
    }
}

fn outcomes(seed: u64, episodes: &[HeldOut]) -> Vec<EpisodeOutcome> {
    episodes.iter().map(|episode| episode.outcome(seed)).collect()
}

struct EvaluateState<'a> {
    config: &'a ExperimentConfig,
    setting: &'a Arc<Setting>,
    device: &'a Device,
    state: &'a StateDict,
    seeds: Range<u64>,
}

impl FormVisitor for EvaluateState<'_> {
    type Output = Result<Vec<HeldOut>, RunError>;

    fn visit<E: OffloadForm>(self) -> Self::Output {
        self.config.algorithm.accept(EvaluateForm::<E> { job: self, form: std::marker::PhantomData })
    }
}

struct EvaluateForm<'a, E> {
    job: EvaluateState<'a>,
    form: std::marker::PhantomData<E>,
}

impl<E: OffloadForm> AlgorithmVisitor for EvaluateForm<'_, E> {
    type Output = Result<Vec<HeldOut>, RunError>;

    fn visit<A: Algorithm>(self, algorithm: &A) -> Self::Output {
        let EvaluateState { setting, device, state, seeds, .. } = self.job;
        let spec = EnvSpec::of(&E::new(Arc::clone(setting)));
        let mut learner = algorithm.build(&spec, device, 0)?;
        learner.load_state(state)?;
        Ok(policy_episodes::<E, _>(&learner.policy(), setting, seeds)?)
    }
}
