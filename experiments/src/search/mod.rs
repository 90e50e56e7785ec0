//! [`run`]: a [`SearchConfig`] becomes a folder with every trial, and the configuration that won; [`resume`] goes on
//! with one.
//!
//! Each trial is trained with each seed in a run of its own, in `runs/trial<n>-seed<k>/`. It has the whole budget in its
//! configuration and is paused where a rung ends, behind an evaluation: one that is promoted goes on from there, with
//! the same bits in serial and lockstep mode as if it had never paused. What a search finds does not depend on how many
//! trainings there are at a time, nor on what interrupts it.
//!
//! # Design
//! Nothing about the search itself is stored: which trials are promoted follows from the evaluations that lie in their
//! folders, so that there is nothing to be out of step with them after a crash. A trial that diverges is the worst of
//! its rung; anything else that goes wrong, such as a full disk, ends the search, because it says nothing about values.

mod config;
mod halving;
mod space;
mod trial;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mec_agents::device;
use mec_envs::offload::Setting;

use crate::custody::{Custody, Ending};
use crate::error::RunError;
use crate::files::{RunFolder, write_atomic};
use crate::manifest::{After, Manifest, Status};
use crate::pool::{Ended, Pool, PooledRun, tidy};
use crate::reporter::Reporter;
use crate::run::{RunOptions, check_method};
use crate::statistics::mean;
use trial::{reached, seconds, write_trials};

pub use config::{SearchConfig, SearchMethod, TuneConfig};
pub use halving::{Rung, promoted, rungs};
pub use space::{Distribution, Space};
pub use trial::{Trial, TrialRow, TrialStatus, trials_table};

/// What came of a search.
#[derive(Debug)]
pub struct SearchReport {
    /// The folder.
    pub folder: RunFolder,
    /// The manifest, whose status says whether the search is finished or was stopped.
    pub manifest: Manifest,
    /// The trials of the last rung, the best first; empty when the search was stopped.
    pub ranked: Vec<TrialRow>,
}

/// Carries out a search with `jobs` trainings at a time, and writes `trials.csv` and `best.toml` into the folder; what
/// `options` say of a comparison does not matter.
///
/// # Errors
/// [`RunError`] when a trial does not fit, before anything is written; when all trials diverge; and when one fails for
/// another reason.
pub fn run(
    config: &SearchConfig,
    options: &RunOptions<'_>,
    jobs: usize,
    reporter: &mut Reporter,
) -> Result<SearchReport, RunError> {
    let search = Search::of(config, options.stop, jobs)?;
    let (text, experiment) = (config.to_toml(), &config.experiment);
    let mut manifest = Manifest::start(&experiment.name, &text, &experiment.seeds, &experiment.device.to_string())?;
    manifest.after = After::Nothing;
    search.to_the_end(Custody::begin(options.folder, options.force, manifest, text)?, reporter)
}

/// Goes on with the search in a folder that was killed or stopped, or that failed. `None` when it is finished already.
///
/// # Errors
/// [`RunError`] when the folder is no search's, another process is at it, or its configuration was changed; nothing is
/// then changed. Otherwise as [`run`].
pub fn resume(
    folder: &Path,
    stop: &AtomicBool,
    jobs: usize,
    reporter: &mut Reporter,
) -> Result<Option<SearchReport>, RunError> {
    let custody = Custody::reopen(folder)?;
    if custody.manifest.status == Status::Finished {
        return Ok(None);
    }
    let place = custody.folder.config().display().to_string();
    let config = SearchConfig::parse(&custody.config()?, &place, folder, &[])?;
    Search::of(&config, stop, jobs)?.to_the_end(custody, reporter).map(Some)
}

/// A search that is carried out.
struct Search<'a> {
    config: &'a SearchConfig,
    trials: Vec<Trial>,
    rungs: Vec<Rung>,
    stop: &'a AtomicBool,
    jobs: usize,
}

impl<'a> Search<'a> {
    /// The trials of a search, found to fit.
    fn of(config: &'a SearchConfig, stop: &'a AtomicBool, jobs: usize) -> Result<Self, RunError> {
        let trials = config.trials()?;
        let setting = Arc::new(Setting::new(config.experiment.scenario.clone())?);
        let device = device::open(config.experiment.device)?;
        for trial in &trials {
            let label = format!("trial {}", trial.number);
            check_method(&trial.config, &setting, &device)
                .map_err(|source| RunError::Part { label, source: Box::new(source) })?;
        }
        let runtime = &config.experiment.runtime;
        let rungs = rungs(&config.tune, runtime.steps, runtime.evaluate_every);
        Ok(Self { config, trials, rungs, stop, jobs })
    }

    fn to_the_end(&self, custody: Custody, reporter: &mut Reporter) -> Result<SearchReport, RunError> {
        let (folder, manifest, ranked) = custody.through(|custody| {
            let ranked = self.carry_out(&custody.folder, reporter)?;
            let ending = if ranked.is_some() { Ending::Finished } else { Ending::Stopped };
            Ok((ending, ranked.unwrap_or_default()))
        })?;
        Ok(SearchReport { folder, manifest, ranked })
    }

    /// The trials of the last rung, the best first; `None` when the search was stopped.
    fn carry_out(&self, folder: &RunFolder, reporter: &mut Reporter) -> Result<Option<Vec<TrialRow>>, RunError> {
        let mut rows: Vec<TrialRow> = Vec::new();
        let mut going: Vec<usize> = (0..self.trials.len()).collect();
        for (number, rung) in self.rungs.iter().enumerate() {
            let pause = (number + 1 < self.rungs.len()).then_some(rung.steps);
            reporter.training(&format!("rung {} of {}", number + 1, self.rungs.len()), self.budget(&going, rung));
            let Some(diverged) = self.train(folder, &going, pause, reporter)? else { return Ok(None) };
            reporter.end();
            let objective = |&trial: &usize| match diverged.contains(&trial) {
                true => Ok((trial, None)),
                false => Ok((trial, self.objective(folder, trial, pause)?)),
            };
            let objectives = going.iter().map(objective).collect::<Result<Vec<_>, RunError>>()?;
            let next = self.rungs.get(number + 1).map(|next| promoted(&objectives, next.trials));
            for (trial, latency_mean_s) in objectives {
                let status = match &next {
                    _ if latency_mean_s.is_none() => TrialStatus::Diverged,
                    None => TrialStatus::Finished,
                    Some(next) if next.contains(&trial) => TrialStatus::Promoted,
                    Some(_) => TrialStatus::Dropped,
                };
                rows.push(self.row(folder, (trial, number), latency_mean_s, status)?);
            }
            write_trials(&folder.trials(), &self.config.space, &rows)?;
            going = next.unwrap_or_default();
        }
        let mut ranked: Vec<TrialRow> = rows.into_iter().filter(|row| row.status == TrialStatus::Finished).collect();
        ranked.sort_by(|left, right| left.objective().total_cmp(&right.objective()).then(left.trial.cmp(&right.trial)));
        let Some(best) = ranked.first() else { return Err(RunError::AllDiverged { trials: self.trials.len() }) };
        self.write_best(folder, best, &ranked)?;
        Ok(Some(ranked))
    }

    /// Environment steps that these trials have done at the end of a rung.
    fn budget(&self, trials: &[usize], rung: &Rung) -> u64 {
        (trials.len() * self.config.experiment.seeds.len()) as u64 * rung.steps
    }

    /// Trains these trials to where they pause, and gives those that diverged; `None` when the search was stopped.
    fn train(
        &self,
        folder: &RunFolder,
        trials: &[usize],
        pause: Option<u64>,
        reporter: &Reporter,
    ) -> Result<Option<BTreeSet<usize>>, RunError> {
        let (mut runs, mut of_trial) = (Vec::new(), Vec::new());
        for &trial in trials {
            for &seed in &self.config.experiment.seeds {
                let run = self.training(folder, trial, seed, pause);
                if !waits(&run)? {
                    runs.push(run);
                    of_trial.push(trial);
                }
            }
        }
        let ended = Pool { jobs: self.jobs, stop: self.stop, reporter }.carry_out(&runs);
        if self.stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut diverged = BTreeSet::new();
        for ((ended, run), trial) in ended.into_iter().zip(runs).zip(of_trial) {
            match ended {
                Ended::Arrived | Ended::Stopped => {}
                Ended::Failed(RunError::Diverged { .. }) => drop(diverged.insert(trial)),
                Ended::Failed(error) => return Err(RunError::Part { label: run.name, source: Box::new(error) }),
            }
        }
        Ok(Some(diverged))
    }

    /// One training of a trial. It is judged on the episodes of the evaluation alone.
    fn training(&self, folder: &RunFolder, trial: usize, seed: u64, pause: Option<u64>) -> PooledRun {
        let mut config = self.trials[trial].config.clone();
        config.name = format!("trial{trial}");
        config.seeds = vec![seed];
        config.comparison.schemes.clear();
        let folder = folder.run(&format!("trial{trial}-seed{seed}"));
        PooledRun { name: format!("trial {trial} seed {seed}"), folder, config, pause }
    }

    /// Its trainings' folders.
    fn runs(&self, folder: &RunFolder, trial: usize) -> Vec<RunFolder> {
        let seeds = &self.config.experiment.seeds;
        seeds.iter().map(|seed| RunFolder::at(&folder.run(&format!("trial{trial}-seed{seed}")))).collect()
    }

    /// What a trial reached, on average over its seeds; `None` when it has not come so far.
    fn objective(&self, folder: &RunFolder, trial: usize, pause: Option<u64>) -> Result<Option<f64>, RunError> {
        let config = &self.trials[trial].config;
        let of_seed = |run: &RunFolder| reached(run, config, pause);
        let reached = self.runs(folder, trial).iter().map(of_seed).collect::<Result<Option<Vec<f64>>, _>>()?;
        Ok(reached.map(|reached| mean(&reached)))
    }

    fn row(
        &self,
        folder: &RunFolder,
        (trial, rung): (usize, usize),
        latency_mean_s: Option<f64>,
        status: TrialStatus,
    ) -> Result<TrialRow, RunError> {
        let steps = self.rungs[rung].steps;
        let mut took = 0.0;
        for run in self.runs(folder, trial) {
            took += seconds(&run, steps)?;
        }
        let Trial { settings, .. } = &self.trials[trial];
        let drawn = |key: &String| settings.iter().find(|(drawn, _)| drawn == key).map(|(_, value)| value.clone());
        let settings = self.config.space.keys().map(|key| drawn(key).or_else(|| self.config.base_value(key))).collect();
        let seeds = self.config.experiment.seeds.len();
        Ok(TrialRow { trial, rung, steps, seeds, settings, latency_mean_s, seconds: took, status })
    }

    /// Writes the configuration that won, ready to be run.
    fn write_best(&self, folder: &RunFolder, best: &TrialRow, ranked: &[TrialRow]) -> Result<(), RunError> {
        let mut config = self.trials[best.trial].config.clone();
        config.name = format!("{}-best", config.name);
        let base = ranked
            .iter()
            .find(|row| row.trial == 0)
            .map_or("which diverged".to_owned(), |base| format!("of {:.4} s", base.objective()));
        let about = format!(
            "# Trial {} of {}: mean latency {:.4} s on the {} episodes of its evaluation; trial 0, the base, {base}.\n",
            best.trial,
            self.trials.len(),
            best.objective(),
            config.evaluation.episodes,
        );
        Ok(write_atomic(&folder.best(), (about + &config.to_toml()).as_bytes())?)
    }
}

/// Whether a training has come to where it pauses, or beyond, and nothing has to be done about it.
fn waits(run: &PooledRun) -> Result<bool, RunError> {
    let folder = RunFolder::at(&run.folder);
    let arrived = run.pause.is_some() && reached(&folder, &run.config, run.pause)?.is_some();
    if !arrived || Manifest::read(&folder)?.status == Status::Running {
        return Ok(false);
    }
    tidy(&folder).map(|()| true)
}
