//! Trains one agent and writes what happens into the run folder.

mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mec_agents::agent::{Algorithm, Learner, TrainError};
use mec_agents::checkpoint;
use mec_agents::device::Device;
use mec_agents::runtime::{Outcome, resume, train};
use mec_agents::spec::EnvSpec;
use mec_agents::state::StateDict;
use mec_envs::offload::{OffloadForm, Setting};
use mec_envs::rng::derive_seed;

use crate::config::ExperimentConfig;
use crate::error::RunError;
use crate::eval::EvalFile;
use crate::files::{Checkpoint, RunFolder};
use crate::progress::ProgressFile;
use crate::reporter::Reporter;
use crate::resume_point::{Done, ResumePoint, TrainingPoint};
use crate::warning::Warning;
use watch::Watch;

/// Where the trainings of a run write.
#[derive(Debug)]
pub struct RunFiles {
    /// The folder.
    pub folder: RunFolder,
    /// `progress.csv`.
    pub progress: ProgressFile,
    /// `eval.csv`.
    pub eval: EvalFile,
    /// What a person should look at, so far.
    pub warnings: Vec<Warning>,
}

impl RunFiles {
    /// Writes where the run can go on: `trainings` are done, and this one is under way. The tables come first, so that
    /// they are never behind it.
    ///
    /// # Errors
    /// [`RunError`] when a file cannot be written.
    pub fn save_point(&mut self, trainings: usize, training: Option<TrainingPoint>) -> Result<(), RunError> {
        let (progress_rows, eval_rows) = (self.progress.sync()?, self.eval.sync()?);
        let done = Done { trainings, progress_rows, eval_rows, warnings: self.warnings.clone() };
        Ok(ResumePoint { done, training }.save(&self.folder.resume())?)
    }
}

/// One training of a run.
#[derive(Debug)]
pub struct Job<'a> {
    /// The whole run.
    pub config: &'a ExperimentConfig,
    /// Its scenario, worked out.
    pub setting: &'a Arc<Setting>,
    /// Which of the seeds this training has.
    pub index: usize,
    /// What the learner computes on.
    pub device: &'a Device,
    /// Set when the run should end.
    pub stop: &'a AtomicBool,
    /// Environment steps at which the run should end for now: behind the first evaluation there or later.
    pub pause: Option<u64>,
}

/// What a training leaves.
#[derive(Debug)]
pub struct Trained {
    /// State of the agent with the best evaluation.
    pub best: StateDict,
    /// How the training ended.
    pub outcome: Outcome,
}

impl Job<'_> {
    /// Seed of this training.
    pub fn seed(&self) -> u64 {
        self.config.seeds[self.index]
    }

    /// Trains `algorithm` on environments of form `E`, from the start or from a point where it was interrupted; writes
    /// monitors, progress, evaluations and checkpoints.
    ///
    /// # Errors
    /// [`RunError`]: the first of any kind. [`RunError::Diverged`] leaves the checkpoints as they were.
    pub fn train<A: Algorithm, E: OffloadForm>(
        &self,
        algorithm: &A,
        files: &mut RunFiles,
        reporter: &mut Reporter,
        from: Option<TrainingPoint>,
    ) -> Result<Trained, RunError> {
        let name = self.config.algorithm.name();
        let spec = EnvSpec::of(&E::new(Arc::clone(self.setting)));
        let mut learner = algorithm.build(&spec, self.device, derive_seed(self.seed(), "learner"))?;
        reporter.training(&format!("{name} seed {}", self.seed()), self.config.runtime.steps);
        let make = |_| E::new(Arc::clone(self.setting));
        let (config, folder) = (&self.config.runtime, files.folder.clone());
        let mut watch = Watch::<E>::new(self, files, reporter, &spec);
        let trained = match from {
            None => {
                watch.begin()?;
                train(&mut learner, make, config, derive_seed(self.seed(), "runtime"), &mut watch)
            }
            Some(TrainingPoint { run, best, seen }) => {
                watch.restore(best, seen)?;
                resume(&mut learner, make, config, &run, &mut watch)
            }
        };
        let (trained, kept) = (trained.map_err(RunError::from), watch.kept());
        let state = learner.state();
        let diverged = matches!(trained, Err(RunError::Train(TrainError::NotFinite { .. })));
        if diverged || state.not_finite("").is_some() {
            reporter.end();
            return Err(diverged_with(trained, &state, kept));
        }
        // Whatever ended the training: what it has learned is saved first.
        let finished = watch.finish(&state);
        let saved = checkpoint::save(&folder.checkpoint(name, self.seed(), Checkpoint::Last), &state);
        reporter.end();
        let outcome = trained?;
        let best = finished?;
        saved?;
        Ok(Trained { best, outcome })
    }
}

/// The error of a training whose numbers are none any more.
fn diverged_with(trained: Result<Outcome, RunError>, state: &StateDict, kept: Vec<PathBuf>) -> RunError {
    match trained {
        Err(error @ RunError::Diverged { .. }) => error,
        // Its message names the tensor.
        Err(RunError::Train(error @ TrainError::NotFinite { .. })) => RunError::diverged(error.to_string(), None, kept),
        Ok(_) | Err(_) => RunError::diverged("training diverged".to_owned(), state.not_finite(""), kept),
    }
}
