//! [`Watch`]: what is written and shown of a training.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mec_agents::actor::EpisodeReport;
use mec_agents::agent::Learner;
use mec_agents::checkpoint;
use mec_agents::nn::SQUASHED_ENTROPY_MAX;
use mec_agents::runtime::{self, Observer, ObserverError, Progress};
use mec_agents::sac::{ALPHA_MAX, ALPHA_MIN};
use mec_agents::spec::EnvSpec;
use mec_agents::state::StateDict;
use mec_envs::offload::OffloadForm;

use super::{Job, RunFiles};
use crate::error::RunError;
use crate::evaluate::{HeldOut, policy_episodes, write_held_out};
use crate::files::{Checkpoint, FileError};
use crate::monitor::{Episode, MonitorFile};
use crate::progress::{PROGRESS_COLUMNS, ProgressRow};
use crate::reporter::Reporter;
use crate::resume_point::{Seen, TrainingPoint};
use crate::tensorboard::TensorBoard;
use crate::vitals::{Signs, Vitals};
use crate::warning::{Warning, WarningKind};
use crate::window::Window;

/// The share of its range within which a continuous entry counts as fixed.
const FIXED: f64 = 1e-4;

/// Watches a training: writes its files, keeps the best agent, shows progress, warns.
pub(super) struct Watch<'a, E> {
    job: &'a Job<'a>,
    name: &'static str,
    files: &'a mut RunFiles,
    reporter: &'a Reporter,
    /// When the training began, on the wall clock and on the monotonic one; the latter as if there had been no
    /// interruption.
    began: (SystemTime, Instant),
    /// Seconds that it was at work before this process took over.
    before_s: f64,
    monitors: BTreeMap<usize, MonitorFile>,
    /// When it is asked for.
    board: Option<TensorBoard>,
    window: Window,
    last_progress: (u64, f64),
    best: Option<(f64, StateDict)>,
    vitals: Vitals,
    entropy_bounds: [f64; 2],
    steps: u64,
    /// Whether a point to go on from was written.
    saved: bool,
    /// Steps of the last evaluation.
    evaluated: Option<u64>,
    form: std::marker::PhantomData<E>,
}

impl<'a, E: OffloadForm> Watch<'a, E> {
    pub(super) fn new(job: &'a Job<'a>, files: &'a mut RunFiles, reporter: &'a Reporter, spec: &EnvSpec) -> Self {
        Self {
            job,
            name: job.config.algorithm.name(),
            files,
            reporter,
            began: (SystemTime::now(), Instant::now()),
            before_s: 0.0,
            monitors: BTreeMap::new(),
            board: None,
            window: Window::default(),
            last_progress: (0, 0.0),
            best: None,
            vitals: Vitals::default(),
            entropy_bounds: entropy_bounds(spec),
            steps: 0,
            saved: false,
            evaluated: None,
            form: std::marker::PhantomData,
        }
    }

    /// Starts what a training from its beginning writes for TensorBoard, when that is asked for.
    pub(super) fn begin(&mut self) -> Result<(), FileError> {
        if self.job.config.tensorboard {
            self.board = Some(TensorBoard::create(&self.board_path(), self.began())?);
        }
        Ok(())
    }

    /// Goes on where a training was interrupted: its files are cut back to what they held then.
    pub(super) fn restore(&mut self, best: Option<StateDict>, seen: Seen) -> Result<(), RunError> {
        let Seen { began, elapsed_s, monitor_rows, window, last_progress, evaluated, best_return, vitals } = seen;
        self.began.0 = UNIX_EPOCH + began;
        self.before_s = elapsed_s;
        (self.window, self.last_progress, self.vitals, self.saved) = (window, last_progress, vitals, true);
        self.evaluated = evaluated;
        let metrics = E::new(Arc::clone(self.job.setting)).metrics();
        let names: Vec<&str> = metrics.iter().map(|(name, _)| *name).collect();
        for env in 0..self.job.config.runtime.envs {
            let path = self.files.folder.monitor(self.name, self.job.seed(), env);
            match monitor_rows.get(&env) {
                Some(&rows) => {
                    let monitor = MonitorFile::append(&path, &self.env_id(), self.began.0, &names, rows)?;
                    self.monitors.insert(env, monitor);
                }
                None if path.exists() => fs::remove_file(&path).map_err(FileError::on("remove", &path))?,
                None => {}
            }
        }
        if self.job.config.tensorboard {
            let training = (self.name, self.job.seed());
            let board = TensorBoard::restore(&self.board_path(), self.began(), &self.files.folder, training)?;
            self.board = Some(board);
        }
        if let Some((bits, state)) = best_return.zip(best) {
            checkpoint::save(&self.best_path(), &state)?;
            self.best = Some((f64::from_bits(bits), state));
        }
        Ok(())
    }

    /// Closes the files and gives the best agent: that of the end, whose state this is, when none was evaluated.
    pub(super) fn finish(self, state: &StateDict) -> Result<StateDict, RunError> {
        let path = self.best_path();
        for monitor in self.monitors.into_values() {
            monitor.finish()?;
        }
        self.files.eval.flush()?;
        match self.best {
            Some((_, best)) => Ok(best),
            None => {
                checkpoint::save(&path, state)?;
                Ok(state.clone())
            }
        }
    }

    /// The checkpoints of this training so far, the newest first.
    pub(super) fn kept(&self) -> Vec<PathBuf> {
        let point = self.saved.then(|| self.files.folder.resume());
        point.into_iter().chain(self.best.as_ref().map(|_| self.best_path())).collect()
    }

    fn board_path(&self) -> PathBuf {
        self.files.folder.tensorboard(self.name, self.job.seed())
    }

    /// When the training began, since the Unix epoch.
    fn began(&self) -> Duration {
        self.began.0.duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn best_path(&self) -> PathBuf {
        self.files.folder.checkpoint(self.name, self.job.seed(), Checkpoint::Best)
    }

    fn env_id(&self) -> String {
        format!("mec-gym/{}-{}-v1", self.job.setting.scenario.name, self.job.config.form.name())
    }

    /// Refuses to let a state with numbers that are none take the place of a good one.
    fn refuse_not_finite(&self, state: &StateDict) -> Result<(), RunError> {
        match state.not_finite("") {
            None => Ok(()),
            tensor => Err(RunError::diverged("training diverged".to_owned(), tensor, self.kept())),
        }
    }

    /// Whether the training has come to where it pauses.
    fn pauses(&self) -> bool {
        self.job.pause.zip(self.evaluated).is_some_and(|(pause, evaluated)| evaluated >= pause)
    }

    fn note(&self, message: &str) {
        self.reporter.note(&format!("warning: {} seed {}, step {}: {message}", self.name, self.job.seed(), self.steps));
    }

    fn warn(&mut self, kind: WarningKind, message: String) {
        self.note(&message);
        self.files.warnings.push(Warning { seed: self.job.seed(), step: self.steps, kind, message });
    }

    fn signs(&self, progress: &Progress) -> Signs {
        let metric = |name: &str| progress.metrics.get(name);
        Signs {
            offload_ratio: self.window.range_of("offload_ratio").unwrap_or([f64::NAN; 2]),
            entropy: metric("train/entropy"),
            // Closed choices leave less than all of them would.
            entropy_bounds: [
                self.entropy_bounds[0],
                known(metric("train/max_entropy")).unwrap_or(self.entropy_bounds[1]),
            ],
            target_entropy: metric("train/target_entropy"),
            temperature: metric("train/ent_coef"),
            temperature_bounds: [ALPHA_MIN, ALPHA_MAX],
            q_max: metric("train/q_max"),
            q_bound: metric("train/q_bound"),
        }
    }

    fn row(&self, progress: &Progress) -> ProgressRow {
        let (steps, seconds) = (progress.env_steps - self.last_progress.0, progress.seconds - self.last_progress.1);
        let mut row = ProgressRow {
            algo: self.name.to_owned(),
            seed: self.job.seed(),
            total_timesteps: progress.env_steps,
            time_elapsed: Some(progress.seconds),
            fps: (seconds > 0.0).then(|| steps as f64 / seconds),
            episodes: Some(progress.episodes),
            ep_rew_mean: self.window.mean_return(),
            ep_len_mean: self.window.mean_length(),
            success_rate: self.window.mean_of("success_rate"),
            latency_mean_s: self.window.mean_of("latency_mean_s"),
            latency_p95_s: self.window.mean_of("latency_p95_s"),
            offload_ratio: self.window.mean_of("offload_ratio"),
            energy_j: self.window.mean_of("energy_j"),
            load_balance: self.window.load_balance(),
            ..ProgressRow::default()
        };
        for column in PROGRESS_COLUMNS {
            let value = progress.metrics.get(column);
            if value.is_finite() {
                row.set(column, value);
            }
        }
        row.n_updates = Some(progress.updates);
        row
    }

    fn point<L: Learner>(&mut self, run: &runtime::Checkpoint<'_, L>) -> Result<TrainingPoint, RunError> {
        let run = run.state();
        let mut monitor_rows = BTreeMap::new();
        for (&env, monitor) in &mut self.monitors {
            monitor_rows.insert(env, monitor.sync()?);
        }
        let seen = Seen {
            began: self.began(),
            elapsed_s: self.before_s + self.began.1.elapsed().as_secs_f64(),
            monitor_rows,
            window: self.window.clone(),
            last_progress: self.last_progress,
            evaluated: self.evaluated,
            best_return: self.best.as_ref().map(|(best, _)| best.to_bits()),
            vitals: self.vitals.clone(),
        };
        Ok(TrainingPoint { run, best: self.best.as_ref().map(|(_, best)| best.clone()), seen })
    }
}

fn known(figure: f64) -> Option<f64> {
    figure.is_finite().then_some(figure)
}

/// The entropies that a policy can have, nat. Categorical heads have 0 at least; a continuous entry in [-1, 1] has no least
/// one, but when it is fixed to within [`FIXED`] of its range it tries nothing any more. Uniform heads have the most, and
/// entries of [`SQUASHED_ENTROPY_MAX`].
fn entropy_bounds(spec: &EnvSpec) -> [f64; 2] {
    let heads: f64 = spec.action.heads.iter().map(|&choices| (choices as f64).ln()).sum();
    let continuous = spec.action.continuous as f64;
    [continuous * (2.0 * FIXED).ln(), heads + continuous * SQUASHED_ENTROPY_MAX]
}

impl<E: OffloadForm, L: Learner> Observer<L> for Watch<'_, E> {
    fn on_episode(&mut self, episode: &EpisodeReport) -> Result<(), ObserverError> {
        if !self.monitors.contains_key(&episode.env) {
            let path = self.files.folder.monitor(self.name, self.job.seed(), episode.env);
            let names: Vec<&str> = episode.metrics.iter().map(|(name, _)| name.as_ref()).collect();
            let monitor = MonitorFile::create(&path, &self.env_id(), self.began.0, &names)?;
            self.monitors.insert(episode.env, monitor);
        }
        let monitor = self.monitors.get_mut(&episode.env).expect("it was just made");
        // By the monotonic clock of its stream, so that times never fall within a file, whatever the clock on the wall does.
        let elapsed_s = self.before_s + episode.ended_s;
        let row = Episode { reward: episode.episode_return, length: episode.length as usize, elapsed_s };
        let figures: Vec<f64> = episode.metrics.iter().map(|(_, value)| *value).collect();
        monitor.episode(&row, &figures)?;
        self.window.push(episode);
        Ok(())
    }

    fn on_progress(&mut self, progress: &Progress) -> Result<(), ObserverError> {
        let row = self.row(progress);
        self.files.progress.row(&row)?;
        self.board.as_mut().map_or(Ok(()), |board| board.report(&row))?;
        self.last_progress = (progress.env_steps, progress.seconds);
        self.steps = progress.env_steps;
        for (kind, message) in self.vitals.look(&self.signs(progress)) {
            self.warn(kind, message);
        }
        self.reporter.at(progress.env_steps);
        Ok(())
    }

    fn on_evaluate(&mut self, steps: u64, policy: &L::Policy, learner: &L) -> Result<(), ObserverError> {
        let evaluation = &self.job.config.evaluation;
        let seeds = evaluation.first_seed..evaluation.first_seed + evaluation.episodes;
        let episodes = policy_episodes::<E, L::Policy>(policy, self.job.setting, seeds)?;
        let mean = |figure: fn(&HeldOut) -> f64| episodes.iter().map(figure).sum::<f64>() / episodes.len() as f64;
        let episode_return = mean(|held_out| held_out.episode_return);
        let is_best = self.best.as_ref().is_none_or(|(best, _)| episode_return > *best);
        self.evaluated = Some(steps);
        let state = (is_best || self.pauses()).then(|| learner.state());
        // Before its figures count.
        state.as_ref().map_or(Ok(()), |state| self.refuse_not_finite(state))?;
        let point = (self.name, self.job.seed(), steps);
        write_held_out(&mut self.files.eval, point, self.job.setting, &episodes)?;
        if let Some(board) = &mut self.board {
            board.evaluation(steps, self.last_progress.1, episodes.iter().flat_map(HeldOut::figures))?;
        }
        let latency = mean(|held_out| held_out.metrics.latency_mean_s);
        let success = mean(|held_out| held_out.metrics.success_rate);
        self.reporter.message(steps, format!("held out: {latency:.3} s, {:.1} % in time", 100.0 * success));
        if let Some(state) = state.filter(|_| is_best) {
            checkpoint::save(&self.best_path(), &state)?;
            self.best = Some((episode_return, state));
        }
        Ok(())
    }

    fn on_checkpoint(&mut self, checkpoint: &runtime::Checkpoint<'_, L>) -> Result<(), ObserverError> {
        let point = self.point(checkpoint)?;
        match point.run.not_finite("learner/") {
            None => {}
            tensor => return Err(RunError::diverged("training diverged".to_owned(), tensor, self.kept()).into()),
        }
        self.files.save_point(self.job.index, Some(point))?;
        self.saved = true;
        Ok(())
    }

    fn on_replacement(&mut self, actor: usize, message: &str) -> Result<(), ObserverError> {
        self.warn(WarningKind::ActorReplaced, format!("actor {actor} panicked and was replaced: {message}"));
        Ok(())
    }

    fn on_silence(&mut self, actor: usize, waited: Duration) {
        let seconds = waited.as_secs_f64();
        self.note(&format!("the run waits for actor {actor}, whose environment has not answered for {seconds:.0} s"));
    }

    fn should_stop(&self) -> bool {
        self.pauses() || self.job.stop.load(Ordering::Relaxed)
    }
}
