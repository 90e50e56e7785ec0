//! `Contest`: the comparison of learned agents with schemes, on the same episodes.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mec_agents::agent::{Algorithm, Learner};
use mec_agents::checkpoint;
use mec_agents::device::{self, Device};
use mec_agents::spec::EnvSpec;
use mec_agents::state::StateDict;
use mec_envs::offload::{OffloadForm, Setting};
use mec_envs::rng::stream;
use mec_envs::schemes::Scheme;

use crate::comparison::{SchemeSummary, sort_by_latency};
use crate::config::{ComparisonConfig, ExperimentConfig};
use crate::error::RunError;
use crate::evaluate::{HeldOut, policy_episodes, scheme_episodes};
use crate::files::{Checkpoint, RunFolder};
use crate::registry::{AlgorithmVisitor, FormVisitor};
use crate::reporter::Reporter;
use crate::scores::{EpisodeOutcome, Scores};
use crate::tuned;

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
    let mut config = ExperimentConfig::read(&folder.config(), changes)?;
    let setting = Arc::new(Setting::new(config.scenario.clone())?);
    config.comparison = tuned::settled(&config.comparison, &setting, config.evaluation.first_seed)?;
    let name = config.algorithm.name();
    let mut learned = Vec::new();
    for (index, &seed) in config.seeds.iter().enumerate() {
        let path = folder.checkpoint(name, seed, which);
        // A run that was stopped has not trained every seed.
        if index > 0 && !path.exists() {
            reporter.note(&format!("seed {seed} was not trained: there is no {}", path.display()));
        } else {
            learned.push(Learned::load(seed, path)?);
        }
    }
    let setting = Arc::new(Setting::new(config.compared_scenario())?);
    let device = device::open(config.device)?;
    let contestant = Contestant { label: name, config: &config, device: &device, learned };
    let schemes = Contest::of(&config, &setting)?.hold(&[contestant], &AtomicBool::new(false), reporter)?;
    Ok(schemes.unwrap_or_default())
}

/// An agent that was trained.
#[derive(Debug)]
pub(crate) struct Learned {
    /// Seed of its training.
    pub(crate) seed: u64,
    /// Its checkpoint, for messages.
    pub(crate) path: PathBuf,
    /// What the checkpoint holds.
    pub(crate) state: StateDict,
}

impl Learned {
    /// Reads the agent from its checkpoint.
    pub(crate) fn load(seed: u64, path: PathBuf) -> Result<Self, RunError> {
        Ok(Self { seed, state: checkpoint::load(&path)?, path })
    }
}

/// A method in a comparison: its agents, of all training seeds.
pub(crate) struct Contestant<'a> {
    /// Its name in the comparison.
    pub(crate) label: &'a str,
    /// How it was trained.
    pub(crate) config: &'a ExperimentConfig,
    pub(crate) device: &'a Device,
    pub(crate) learned: Vec<Learned>,
}

/// The comparison of learned agents with schemes, on the same episodes.
pub(crate) struct Contest<'a> {
    comparison: &'a ComparisonConfig,
    schemes: Vec<Scheme>,
    setting: &'a Arc<Setting>,
    /// Of the resamples of the intervals.
    seed: u64,
}

impl<'a> Contest<'a> {
    /// The comparison that a configuration asks for, in the setting of its comparison.
    pub(crate) fn of(config: &'a ExperimentConfig, setting: &'a Arc<Setting>) -> Result<Self, RunError> {
        Ok(Self { comparison: &config.comparison, schemes: config.schemes()?, setting, seed: config.seeds[0] })
    }

    /// Everybody's summary, fastest first; `None` when `stop` ended it early.
    pub(crate) fn hold(
        self,
        contestants: &[Contestant<'_>],
        stop: &AtomicBool,
        reporter: &mut Reporter,
    ) -> Result<Option<Vec<SchemeSummary>>, RunError> {
        let agents: usize = contestants.iter().map(|contestant| contestant.learned.len()).sum();
        reporter.episodes("comparison", (self.schemes.len() + agents) as u64 * self.comparison.episodes);
        let (mut done, mut entrants) = (0, Vec::new());
        let mut advance = |seeds: &Range<u64>| {
            done += seeds.end - seeds.start;
            reporter.at(done);
            !stop.load(Ordering::Relaxed)
        };
        for contestant in contestants {
            let mut of_method = Vec::new();
            for learned in &contestant.learned {
                for seeds in self.portions() {
                    of_method.extend(contestant.episodes(learned, self.setting, seeds.clone())?);
                    if !advance(&seeds) {
                        return Ok(None);
                    }
                }
            }
            entrants.extend(Entrant::of(contestant.label, &of_method, self.seed).map(Entrant::highlighted));
        }
        for (name, scheme) in self.comparison.schemes.iter().zip(&self.schemes) {
            let mut of_scheme = Vec::new();
            for seeds in self.portions() {
                of_scheme.extend(outcomes(0, &scheme_episodes(scheme, self.setting, seeds.clone())?));
                if !advance(&seeds) {
                    return Ok(None);
                }
            }
            entrants.extend(Entrant::of(name, &of_scheme, self.seed));
        }
        reporter.end();
        let mut summaries = self.compared(entrants);
        sort_by_latency(&mut summaries);
        Ok(Some(summaries))
    }

    /// The summaries, each with its place beside the baseline and the target.
    fn compared(&self, entrants: Vec<Entrant>) -> Vec<SchemeSummary> {
        let named = |name: &Option<String>| {
            let found = entrants.iter().find(|entrant| Some(&entrant.summary.scheme) == name.as_ref());
            found.map(|entrant| entrant.scores.clone())
        };
        let (baseline, target) = (named(&self.comparison.baseline), named(&self.comparison.target));
        let beside = |entrant: Entrant| entrant.beside(baseline.as_ref(), target.as_ref(), self.seed);
        entrants.into_iter().map(beside).collect()
    }

    /// The seeds of the episodes, in portions after which there is time to stop.
    fn portions(&self) -> impl Iterator<Item = Range<u64>> + use<> {
        let first = self.comparison.first_seed;
        let end = first + self.comparison.episodes;
        (first..end).step_by(PORTION as usize).map(move |start| start..end.min(start + PORTION))
    }
}

/// A method or scheme with all its episodes.
struct Entrant {
    summary: SchemeSummary,
    scores: Scores,
}

impl Entrant {
    /// `None` when the episodes hold no task.
    fn of(label: &str, episodes: &[EpisodeOutcome], seed: u64) -> Option<Self> {
        // A stream for each, so that its intervals do not depend on who else is compared.
        let rng = &mut stream(seed, &format!("bootstrap-{label}"));
        let summary = SchemeSummary::from_episodes(label, episodes, rng)?;
        Some(Self { summary, scores: Scores::of(episodes) })
    }

    fn highlighted(mut self) -> Self {
        self.summary.highlighted = true;
        self
    }

    /// Its summary, compared with the scores of a baseline and a target.
    fn beside(self, baseline: Option<&Scores>, target: Option<&Scores>, seed: u64) -> SchemeSummary {
        let Self { summary, scores } = self;
        let rng = |what: &str| stream(seed, &format!("{what}-{}", summary.scheme));
        SchemeSummary {
            improvement: baseline.and_then(|other| scores.improvement_over(other, &mut rng("improvement"))),
            latency_difference_s: baseline.and_then(|other| scores.difference_from(other, &mut rng("difference"))),
            optimality_gap: target.and_then(|other| scores.gap_to(other, &mut rng("gap"))),
            ..summary
        }
    }
}

impl Contestant<'_> {
    /// Episodes of one of its agents.
    fn episodes(
        &self,
        learned: &Learned,
        setting: &Arc<Setting>,
        seeds: Range<u64>,
    ) -> Result<Vec<EpisodeOutcome>, RunError> {
        let Self { config, device, .. } = *self;
        let job = EvaluateState { config, setting, device, state: &learned.state, seeds };
        let episodes = config.form.accept(job).map_err(|error| match error {
            RunError::Checkpoint(source) => RunError::Mismatch { path: learned.path.clone(), source },
            other => other,
        })?;
        Ok(outcomes(learned.seed, &episodes))
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
