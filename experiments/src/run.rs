//! [`run`]: a configuration becomes a run folder with everything in it.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mec_agents::agent::{Algorithm, Learner};
use mec_agents::checkpoint;
use mec_agents::device::{self, Device, DeviceKind};
use mec_agents::spec::EnvSpec;
use mec_agents::state::StateDict;
use mec_envs::offload::{OffloadForm, Setting};
use mec_envs::rng::stream;

use crate::comparison::{EpisodeOutcome, SchemeSummary, sort_by_latency};
use crate::config::ExperimentConfig;
use crate::error::RunError;
use crate::eval::EvalFile;
use crate::evaluate::{HeldOut, policy_episodes, scheme_episodes};
use crate::files::{Checkpoint, Reserve, RunFolder, write_atomic};
use crate::manifest::{Manifest, Status};
use crate::pictures;
use crate::progress::ProgressFile;
use crate::registry::{AlgorithmVisitor, FormVisitor};
use crate::reporter::Reporter;
use crate::table::write_csv_table;
use crate::training::{Job, RunFiles, Trained};

/// Episodes of a comparison between looks at the stop flag: enough for every core.
const PORTION: u64 = 64;

/// How to carry out a run, beside what its configuration says.
#[derive(Debug)]
pub struct RunOptions<'a> {
    /// The run folder.
    pub folder: &'a Path,
    /// Whether an earlier run in that folder may be replaced.
    pub force: bool,
    /// Whether to compare with schemes after the training.
    pub compare: bool,
    /// Set from outside to end the run; checkpoints are still written.
    pub stop: &'a AtomicBool,
}

/// What came of a run.
#[derive(Debug)]
pub struct RunReport {
    /// The run folder.
    pub folder: RunFolder,
    /// The comparison, fastest first; empty when there was none.
    pub schemes: Vec<SchemeSummary>,
    /// The run was ended from outside.
    pub stopped: bool,
}

/// Carries out a run: trains every seed, compares, and writes everything into the run folder.
///
/// # Errors
/// [`RunError`]; from the moment there is a folder, its manifest says that the run failed, and why.
pub fn run(
    config: &ExperimentConfig,
    options: &RunOptions<'_>,
    reporter: &mut Reporter,
) -> Result<RunReport, RunError> {
    config.validate()?;
    let setting = Arc::new(Setting::new(config.scenario.clone())?);
    let compared = match config.comparison.split {
        None => Arc::clone(&setting),
        Some(_) => Arc::new(Setting::new(config.compared_scenario())?),
    };
    let device = device::open(config.device)?;
    config.form.accept(Buildable { config, setting: &setting, device: &device })?;
    let folder = RunFolder::create(options.folder, options.force)?;
    let text = config.to_toml();
    let mut manifest = Manifest::start(&config.name, &text, &config.seeds, &device_name(config.device, &device))?;
    manifest.write(&folder)?;
    let reserve = Reserve::take(folder.path());
    let result = write_atomic(&folder.config(), text.as_bytes()).map_err(RunError::from).and_then(|()| {
        let settings = [&setting, &compared];
        let started = Started { config, settings, device: &device, folder: &folder, options };
        started.carry_out(&manifest.run_id, reporter)
    });
    match &result {
        Ok(report) if report.stopped => manifest.end(Status::Stopped, None),
        Ok(_) => manifest.end(Status::Finished, None),
        Err(error) => manifest.end(Status::Failed, Some(error.to_string())),
    }
    drop(reserve);
    let written = manifest.write(&folder);
    let report = result?;
    written?;
    Ok(report)
}

/// What the learner computes on, also when that was left open.
fn device_name(kind: DeviceKind, device: &Device) -> String {
    if kind == DeviceKind::Auto { format!("auto: {device:?}") } else { kind.to_string() }
}

/// A run with its folder.
struct Started<'a> {
    config: &'a ExperimentConfig,
    /// Of the training and of the comparison.
    settings: [&'a Arc<Setting>; 2],
    device: &'a Device,
    folder: &'a RunFolder,
    options: &'a RunOptions<'a>,
}

impl Started<'_> {
    fn carry_out(&self, run_id: &str, reporter: &mut Reporter) -> Result<RunReport, RunError> {
        self.folder.make_checkpoint_folder()?;
        let progress = ProgressFile::create(&self.folder.progress())?;
        let eval = EvalFile::create(&self.folder.eval(), run_id)?;
        let mut files = RunFiles { folder: self.folder.clone(), progress, eval };
        self.evaluate_schemes(&mut files)?;
        let mut learned = Vec::new();
        for &seed in &self.config.seeds {
            let (config, [setting, _]) = (self.config, self.settings);
            let job = Job { config, setting, seed, device: self.device, stop: self.options.stop };
            let trained = config.form.accept(TrainJob { job: &job, files: &mut files, reporter })?;
            learned.push((seed, trained.best));
            if self.is_stopped() {
                break;
            }
        }
        files.progress.finish()?;
        files.eval.finish()?;
        let mut stopped = self.is_stopped();
        let mut schemes = Vec::new();
        if self.options.compare && !stopped {
            let Self { config, settings: [_, setting], device, folder, .. } = *self;
            let contest = Contest { config, setting, device, folder, which: Checkpoint::Best };
            match contest.hold(&learned, self.options.stop, reporter)? {
                Some(compared) => schemes = compared,
                None => stopped = true,
            }
        }
        if !schemes.is_empty() {
            write_csv_table(&self.folder.comparison(), &schemes)?;
        }
        pictures::draw(self.folder, self.config)?;
        Ok(RunReport { folder: self.folder.clone(), schemes, stopped })
    }

    fn is_stopped(&self) -> bool {
        self.options.stop.load(Ordering::Relaxed)
    }

    /// The levels that the learning curve is read against: the schemes on the same held-out episodes, at step 0.
    fn evaluate_schemes(&self, files: &mut RunFiles) -> Result<(), RunError> {
        let evaluation = &self.config.evaluation;
        let seeds = evaluation.first_seed..evaluation.first_seed + evaluation.episodes;
        for (name, scheme) in self.config.comparison.schemes.iter().zip(self.config.schemes()?) {
            if self.is_stopped() {
                break;
            }
            let episodes = scheme_episodes(&scheme, self.settings[0], seeds.clone())?;
            files.write_evaluation(name, self.settings[0], 0, 0, &episodes)?;
        }
        Ok(())
    }
}

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
struct Contest<'a> {
    config: &'a ExperimentConfig,
    setting: &'a Arc<Setting>,
    device: &'a Device,
    folder: &'a RunFolder,
    which: Checkpoint,
}

impl Contest<'_> {
    /// Everybody's summary, fastest first; `None` when `stop` ended it early.
    fn hold(
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

/// Checks that the method fits the environment, before anything is written.
struct Buildable<'a> {
    config: &'a ExperimentConfig,
    setting: &'a Arc<Setting>,
    device: &'a Device,
}

impl FormVisitor for Buildable<'_> {
    type Output = Result<(), RunError>;

    fn visit<E: OffloadForm>(self) -> Self::Output {
        let spec = EnvSpec::of(&E::new(Arc::clone(self.setting)));
        self.config.algorithm.accept(Build { spec: &spec, device: self.device })
    }
}

struct Build<'a> {
    spec: &'a EnvSpec,
    device: &'a Device,
}

impl AlgorithmVisitor for Build<'_> {
    type Output = Result<(), RunError>;

    fn visit<A: Algorithm>(self, algorithm: &A) -> Self::Output {
        Ok(algorithm.build(self.spec, self.device, 0).map(|_| ())?)
    }
}

struct TrainJob<'a> {
    job: &'a Job<'a>,
    files: &'a mut RunFiles,
    reporter: &'a mut Reporter,
}

impl FormVisitor for TrainJob<'_> {
    type Output = Result<Trained, RunError>;

    fn visit<E: OffloadForm>(self) -> Self::Output {
        self.job.config.algorithm.accept(TrainForm::<E> { job: self, form: std::marker::PhantomData })
    }
}

struct TrainForm<'a, E> {
    job: TrainJob<'a>,
    form: std::marker::PhantomData<E>,
}

impl<E: OffloadForm> AlgorithmVisitor for TrainForm<'_, E> {
    type Output = Result<Trained, RunError>;

    fn visit<A: Algorithm>(self, algorithm: &A) -> Self::Output {
        let TrainJob { job, files, reporter } = self.job;
        job.train::<A, E>(algorithm, files, reporter)
    }
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
