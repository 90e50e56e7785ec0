//! Trains one agent and writes what happens into the run folder.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use mec_agents::actor::EpisodeReport;
use mec_agents::agent::{Algorithm, Learner};
use mec_agents::checkpoint;
use mec_agents::device::Device;
use mec_agents::runtime::{Observer, ObserverError, Outcome, Progress, train};
use mec_agents::spec::EnvSpec;
use mec_agents::state::StateDict;
use mec_envs::offload::{OffloadForm, Setting};
use mec_envs::rng::derive_seed;

use crate::comparison::mean_load_balance;
use crate::config::ExperimentConfig;
use crate::error::RunError;
use crate::eval::{EvalFile, EvalPoint};
use crate::evaluate::{HeldOut, policy_episodes};
use crate::files::{Checkpoint, FileError, RunFolder};
use crate::monitor::{Episode, MonitorFile};
use crate::progress::{ProgressFile, ProgressRow};
use crate::reporter::Reporter;

/// Episodes over which `progress.csv` averages, as in SB3.
const WINDOW: usize = 100;

/// Where the trainings of a run write.
#[derive(Debug)]
pub struct RunFiles {
    /// The folder.
    pub folder: RunFolder,
    /// `progress.csv`.
    pub progress: ProgressFile,
    /// `eval.csv`.
    pub eval: EvalFile,
}

impl RunFiles {
    /// Writes the figures of held-out episodes after `step` steps of training with this seed.
    ///
    /// # Errors
    /// [`FileError`] when they cannot be written.
    pub fn write_evaluation(
        &mut self,
        algo: &str,
        setting: &Setting,
        seed: u64,
        step: u64,
        episodes: &[HeldOut],
    ) -> Result<(), FileError> {
        for held_out in episodes {
            let scenario = &setting.scenario.name;
            let point = EvalPoint { algo, scenario, seed, step, episode: held_out.episode };
            let mut figures = held_out.metrics.list();
            figures.push(("return", held_out.episode_return));
            self.eval.episode(&point, &figures)?;
        }
        self.eval.flush()
    }
}

/// One training of a run.
#[derive(Debug)]
pub struct Job<'a> {
    /// The whole run.
    pub config: &'a ExperimentConfig,
    /// Its scenario, worked out.
    pub setting: &'a Arc<Setting>,
    /// Seed of this training.
    pub seed: u64,
    /// What the learner computes on.
    pub device: &'a Device,
    /// Set when the run should end.
    pub stop: &'a AtomicBool,
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
    /// Trains `algorithm` on environments of form `E`; writes monitors, progress, evaluations and checkpoints.
    ///
    /// # Errors
    /// [`RunError`]: the first of any kind.
    pub fn train<A: Algorithm, E: OffloadForm>(
        &self,
        algorithm: &A,
        files: &mut RunFiles,
        reporter: &mut Reporter,
    ) -> Result<Trained, RunError> {
        let name = self.config.algorithm.name();
        let spec = EnvSpec::of(&E::new(Arc::clone(self.setting)));
        let mut learner = algorithm.build(&spec, self.device, derive_seed(self.seed, "learner"))?;
        reporter.training(&format!("{name} seed {}", self.seed), self.config.runtime.steps);
        let mut watch = Watch::<E>::new(self, name, files, reporter);
        let make = |_| E::new(Arc::clone(self.setting));
        let trained = train(&mut learner, make, &self.config.runtime, derive_seed(self.seed, "runtime"), &mut watch);
        // Whatever ended the training: what it has learned is saved first.
        let finished = watch.finish(&learner);
        let last = files.folder.checkpoint(name, self.seed, Checkpoint::Last);
        let saved = checkpoint::save(&last, &learner.state());
        reporter.end();
        let outcome = trained?;
        let best = finished?;
        saved?;
        Ok(Trained { best, outcome })
    }
}

/// Watches a training: writes its files, keeps the best agent, shows progress.
struct Watch<'a, E> {
    job: &'a Job<'a>,
    name: &'static str,
    files: &'a mut RunFiles,
    reporter: &'a Reporter,
    start: (SystemTime, Instant),
    monitors: BTreeMap<usize, MonitorFile>,
    recent: VecDeque<EpisodeReport>,
    last_progress: (u64, f64),
    best: Option<(f64, StateDict)>,
    form: std::marker::PhantomData<E>,
}

impl<'a, E: OffloadForm> Watch<'a, E> {
    fn new(job: &'a Job<'a>, name: &'static str, files: &'a mut RunFiles, reporter: &'a Reporter) -> Self {
        Self {
            job,
            name,
            files,
            reporter,
            start: (SystemTime::now(), Instant::now()),
            monitors: BTreeMap::new(),
            recent: VecDeque::new(),
            last_progress: (0, 0.0),
            best: None,
            form: std::marker::PhantomData,
        }
    }

    fn finish<L: Learner>(self, learner: &L) -> Result<StateDict, RunError> {
        for monitor in self.monitors.into_values() {
            monitor.finish()?;
        }
        self.files.eval.flush()?;
        match self.best {
            Some((_, best)) => Ok(best),
            None => {
                let state = learner.state();
                checkpoint::save(&self.files.folder.checkpoint(self.name, self.job.seed, Checkpoint::Best), &state)?;
                Ok(state)
            }
        }
    }

    /// Mean of a figure over the recent episodes.
    fn recent_mean(&self, figure: impl Fn(&EpisodeReport) -> f64) -> Option<f64> {
        let sum: f64 = self.recent.iter().map(&figure).sum();
        (!self.recent.is_empty()).then(|| sum / self.recent.len() as f64)
    }

    fn recent_metric(&self, name: &str) -> Option<f64> {
        let find = |report: &EpisodeReport| {
            report.metrics.iter().find(|(other, _)| *other == name).map_or(f64::NAN, |found| found.1)
        };
        self.recent_mean(find)
    }

    /// Over the recent episodes in which work was sent.
    fn recent_load_balance(&self) -> Option<f64> {
        let figures = self.recent.iter().flat_map(|report| &report.metrics);
        let balances = figures.filter(|(name, _)| *name == "load_balance").map(|(_, value)| *value);
        Some(mean_load_balance(balances)).filter(|balance| !balance.is_nan())
    }

    fn row(&self, progress: &Progress) -> ProgressRow {
        let metric = |name: &str| Some(progress.metrics.get(name)).filter(|value| value.is_finite());
        let (steps, seconds) = (progress.env_steps - self.last_progress.0, progress.seconds - self.last_progress.1);
        ProgressRow {
            algo: self.name.to_owned(),
            seed: self.job.seed,
            total_timesteps: progress.env_steps,
            time_elapsed: Some(progress.seconds),
            fps: (seconds > 0.0).then(|| steps as f64 / seconds),
            episodes: Some(progress.episodes),
            ep_rew_mean: self.recent_mean(|report| report.episode_return),
            ep_len_mean: self.recent_mean(|report| report.length as f64),
            success_rate: self.recent_metric("success_rate"),
            actor_loss: metric("train/actor_loss"),
            critic_loss: metric("train/critic_loss"),
            ent_coef: metric("train/ent_coef"),
            ent_coef_loss: metric("train/ent_coef_loss"),
            entropy: metric("train/entropy"),
            target_entropy: metric("train/target_entropy"),
            q_mean: metric("train/q_mean"),
            learning_rate: metric("train/learning_rate"),
            n_updates: Some(progress.updates),
            policy_lag: metric("dist/policy_lag"),
            replay_ratio: metric("dist/replay_ratio"),
            queue_depth: metric("dist/queue_depth"),
            actor_idle: metric("dist/actor_idle"),
            learner_idle: metric("dist/learner_idle"),
            latency_mean_s: self.recent_metric("latency_mean_s"),
            latency_p95_s: self.recent_metric("latency_p95_s"),
            offload_ratio: self.recent_metric("offload_ratio"),
            energy_j: self.recent_metric("energy_j"),
            load_balance: self.recent_load_balance(),
        }
    }
}

impl<E: OffloadForm, L: Learner> Observer<L> for Watch<'_, E> {
    fn on_episode(&mut self, episode: &EpisodeReport) -> Result<(), ObserverError> {
        let names: Vec<&str> = episode.metrics.iter().map(|(name, _)| *name).collect();
        let monitor = match self.monitors.entry(episode.env) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let path = self.files.folder.monitor(self.name, self.job.seed, episode.env);
                let env_id = format!("mec-gym/{}-{}-v1", self.job.setting.scenario.name, self.job.config.form.name());
                entry.insert(MonitorFile::create(&path, &env_id, self.start.0, &names)?)
            }
        };
        // The monotonic clock, so that times never fall within a file, whatever happens to the clock on the wall.
        let elapsed_s = episode.ended.saturating_duration_since(self.start.1).as_secs_f64();
        let row = Episode { reward: episode.episode_return, length: episode.length as usize, elapsed_s };
        let figures: Vec<f64> = episode.metrics.iter().map(|(_, value)| *value).collect();
        monitor.episode(&row, &figures)?;
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(episode.clone());
        Ok(())
    }

    fn on_progress(&mut self, progress: &Progress) -> Result<(), ObserverError> {
        let row = self.row(progress);
        self.files.progress.row(&row)?;
        self.last_progress = (progress.env_steps, progress.seconds);
        self.reporter.at(progress.env_steps);
        Ok(())
    }

    fn on_evaluate(&mut self, steps: u64, policy: &L::Policy, learner: &L) -> Result<(), ObserverError> {
        let evaluation = &self.job.config.evaluation;
        let seeds = evaluation.first_seed..evaluation.first_seed + evaluation.episodes;
        let episodes = policy_episodes::<E, L::Policy>(policy, self.job.setting, seeds)?;
        self.files.write_evaluation(self.name, self.job.setting, self.job.seed, steps, &episodes)?;
        let mean = |figure: fn(&HeldOut) -> f64| episodes.iter().map(figure).sum::<f64>() / episodes.len() as f64;
        let episode_return = mean(|held_out| held_out.episode_return);
        let latency = mean(|held_out| held_out.metrics.latency_mean_s);
        let success = mean(|held_out| held_out.metrics.success_rate);
        self.reporter.message(steps, format!("held out: {latency:.3} s, {:.1} % in time", 100.0 * success));
        if self.best.as_ref().is_none_or(|(best, _)| episode_return > *best) {
            let state = learner.state();
            let path = self.files.folder.checkpoint(self.name, self.job.seed, Checkpoint::Best);
            checkpoint::save(&path, &state)?;
            self.best = Some((episode_return, state));
        }
        Ok(())
    }

    fn should_stop(&self) -> bool {
        self.job.stop.load(Ordering::Relaxed)
    }
}
