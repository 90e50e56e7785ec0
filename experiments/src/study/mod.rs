//! [`run`]: a [`StudyConfig`] becomes a folder with every training, and all methods in one table; [`resume`] goes on
//! with one.
//!
//! Every method is trained with every seed in a run of its own, in `runs/<label>-seed<k>/`, so many at a time; a run
//! that is finished is never repeated. Whatever ends a study early, what is compared in the end is the same to the bit
//! in serial and lockstep mode, however many trainings there were at a time.
//!
//! # Design
//! A training that fails leaves the others alone. Methods are then compared by the seeds that they have, as the table
//! says, the study is `failed`, and resuming it tries again what failed. A method that lost all of its seeds is left
//! out.

mod config;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mec_agents::device::{self, Device};
use mec_envs::offload::Setting;

use crate::comparison::SchemeSummary;
use crate::config::ComparisonConfig;
use crate::contest::{Contest, Contestant, Learned};
use crate::convergence::{convergence, write_convergence};
use crate::custody::{Custody, Ending};
use crate::error::RunError;
use crate::eval::{EvalFile, EvalPoint, read_eval};
use crate::evaluate::write_levels;
use crate::files::{Checkpoint, RunFolder};
use crate::manifest::{After, Manifest, Status};
use crate::pictures::{self, Pictured};
use crate::pool::{Ended, Pool, PooledRun};
use crate::reporter::Reporter;
use crate::run::{RunOptions, RunReport, check_method};
use crate::table::write_csv_table;
use crate::tuned;

pub use config::{MethodConfig, StudyConfig};

/// Carries out a study with `jobs` trainings at a time: trains every method with every seed, compares them all, and
/// writes everything into the folder. The report of a study of which trainings failed has the comparison of the others,
/// and says so in its manifest.
///
/// # Errors
/// [`RunError`] when a method does not fit, before anything is written, or the files of the study cannot be written.
pub fn run(
    config: &StudyConfig,
    options: &RunOptions<'_>,
    jobs: usize,
    reporter: &mut Reporter,
) -> Result<RunReport, RunError> {
    let setting = Study::of(config, options.stop, jobs)?.setting;
    let comparison = tuned::settled(&config.comparison, &setting, config.evaluation.first_seed)?;
    let config = &StudyConfig { comparison, ..config.clone() };
    let study = Study::of(config, options.stop, jobs)?;
    let text = config.to_toml();
    let mut manifest = Manifest::start(&config.name, &text, &config.seeds, &config.device.to_string())?;
    manifest.after = if options.compare { After::Comparison } else { After::Nothing };
    study.to_the_end(Custody::begin(options.folder, options.force, manifest, text)?, reporter)
}

/// Goes on with the study in a folder that was killed or stopped, or of which trainings failed. `None` when it is finished
/// already.
///
/// # Errors
/// [`RunError`] when the folder is no study's, another process is at it, or its configuration was changed; nothing is
/// then changed. Otherwise as [`run`].
pub fn resume(
    folder: &Path,
    stop: &AtomicBool,
    jobs: usize,
    reporter: &mut Reporter,
) -> Result<Option<RunReport>, RunError> {
    let custody = Custody::reopen(folder)?;
    if custody.manifest.status == Status::Finished {
        return Ok(None);
    }
    let config = StudyConfig::parse(&custody.config()?, &custody.folder.config().display().to_string(), &[])?;
    Study::of(&config, stop, jobs)?.to_the_end(custody, reporter).map(Some)
}

/// Compares the agents of a study again, as [`contest::evaluate`](crate::contest::evaluate) those of a run.
///
/// # Errors
/// [`RunError`] when the folder is no study's, or its checkpoints do not fit its configuration.
pub fn evaluate(
    folder: &Path,
    which: Checkpoint,
    changes: &[String],
    reporter: &mut Reporter,
) -> Result<Vec<SchemeSummary>, RunError> {
    let folder = RunFolder::open(folder)?;
    let never = AtomicBool::new(false);
    let mut config = StudyConfig::read(&folder.config(), changes)?;
    let setting = Study::of(&config, &never, 1)?.setting;
    config.comparison = tuned::settled(&config.comparison, &setting, config.evaluation.first_seed)?;
    Ok(compare_agents(&config, (&folder, which), &never, reporter)?.unwrap_or_default())
}

/// The comparison that a study asks for, whose schemes have their numbers, with the agents in the folder of another one of
/// the same methods; `None` when it was stopped.
pub(crate) fn compare_agents(
    config: &StudyConfig,
    (agents, which): (&RunFolder, Checkpoint),
    stop: &AtomicBool,
    reporter: &mut Reporter,
) -> Result<Option<Vec<SchemeSummary>>, RunError> {
    let study = Study::of(config, stop, 1)?;
    let mut trained = Vec::new();
    for training in trainings(config) {
        let path = training.checkpoint(agents, which);
        if path.exists() {
            trained.push(training);
        } else {
            reporter.note(&format!("{} was not trained: there is no {}", training.name(), path.display()));
        }
    }
    study.compare(agents, &trained, which, reporter)
}

/// Refuses a study of which a method does not fit its scenario.
pub(crate) fn check(config: &StudyConfig) -> Result<(), RunError> {
    Study::of(config, &AtomicBool::new(false), 1).map(|_| ())
}

/// What the pictures of a study are about.
pub fn pictured(config: &StudyConfig) -> Pictured<'_> {
    Pictured {
        learned: config.methods.keys().map(String::as_str).collect(),
        scenario: &config.scenario.name,
        episodes: config.comparison.episodes,
    }
}

/// The folders of all trainings of a study in `folder`, each with the label of its method; those of trainings that have
/// not begun are not there yet.
pub fn training_folders<'c>(config: &'c StudyConfig, folder: &RunFolder) -> Vec<(&'c str, RunFolder)> {
    trainings(config).iter().map(|training| (training.label, training.folder(folder))).collect()
}

/// One training of a study.
struct Training<'a> {
    config: &'a StudyConfig,
    label: &'a str,
    seed: u64,
}

impl Training<'_> {
    fn name(&self) -> String {
        format!("{} seed {}", self.label, self.seed)
    }

    fn folder(&self, study: &RunFolder) -> RunFolder {
        RunFolder::at(&study.run(&format!("{}-seed{}", self.label, self.seed)))
    }

    fn checkpoint(&self, study: &RunFolder, which: Checkpoint) -> std::path::PathBuf {
        self.folder(study).checkpoint(self.config.methods[self.label].algorithm.name(), self.seed, which)
    }

    /// Its run. The study evaluates the schemes, once for all.
    fn pooled(&self, study: &RunFolder) -> PooledRun {
        let mut config = self.config.experiment(self.label, &[self.seed]);
        config.comparison = ComparisonConfig { schemes: Vec::new(), baseline: None, target: None, ..config.comparison };
        PooledRun { name: self.name(), folder: self.folder(study).path().to_owned(), config, pause: None }
    }
}

/// All trainings of a study: methods take turns, so that every method has an agent early.
fn trainings(config: &StudyConfig) -> Vec<Training<'_>> {
    let of_seed = |&seed: &u64| config.methods.keys().map(move |label| Training { config, label, seed });
    config.seeds.iter().flat_map(of_seed).collect()
}

/// A study that is carried out.
struct Study<'a> {
    config: &'a StudyConfig,
    /// Of the trainings.
    setting: Arc<Setting>,
    /// Of the comparison.
    compared: Arc<Setting>,
    device: Device,
    stop: &'a AtomicBool,
    jobs: usize,
}

impl<'a> Study<'a> {
    /// What the configuration needs, found to be there and to fit.
    fn of(config: &'a StudyConfig, stop: &'a AtomicBool, jobs: usize) -> Result<Self, RunError> {
        let base = config.base();
        let setting = Arc::new(Setting::new(base.scenario.clone())?);
        let compared = match base.comparison.split {
            None => Arc::clone(&setting),
            Some(_) => Arc::new(Setting::new(base.compared_scenario())?),
        };
        let device = device::open(config.device)?;
        for label in config.methods.keys() {
            let fits = check_method(&config.experiment(label, &config.seeds), &setting, &device);
            let label = format!("methods.{label}");
            fits.map_err(|source| RunError::Part { label, source: Box::new(source) })?;
        }
        Ok(Self { config, setting, compared, device, stop, jobs })
    }

    fn to_the_end(&self, custody: Custody, reporter: &mut Reporter) -> Result<RunReport, RunError> {
        let (folder, manifest, schemes) = custody.through(|custody| self.carry_out(custody, reporter))?;
        Ok(RunReport { folder, schemes, manifest })
    }

    fn carry_out(
        &self,
        custody: &mut Custody,
        reporter: &mut Reporter,
    ) -> Result<(Ending, Vec<SchemeSummary>), RunError> {
        let stopped = || Ok((Ending::Stopped, Vec::new()));
        let Custody { folder, manifest, .. } = custody;
        let trainings = trainings(self.config);
        let ended = self.train(&trainings, folder, reporter);
        if self.is_stopped() {
            return stopped();
        }
        let failures = failures(&trainings, &ended);
        let arrived = trainings.into_iter().zip(&ended).filter(|(_, ended)| matches!(ended, Ended::Arrived));
        let trained: Vec<Training<'_>> = arrived.map(|(training, _)| training).collect();
        if trained.is_empty() {
            return Ok((Ending::Failed(failures.expect("each of them arrives or fails")), Vec::new()));
        }
        self.write_eval(&trained, folder, &manifest.run_id)?;
        self.write_convergence(folder)?;
        let compared = match manifest.after {
            After::Nothing => Some(Vec::new()),
            After::Comparison => self.compare(folder, &trained, Checkpoint::Best, reporter)?,
        };
        let Some(schemes) = compared.filter(|_| !self.is_stopped()) else { return stopped() };
        if !schemes.is_empty() {
            write_csv_table(&folder.comparison(), &schemes)?;
        }
        pictures::draw(folder, &pictured(self.config))?;
        Ok((failures.map_or(Ending::Finished, Ending::Failed), schemes))
    }

    fn train(&self, trainings: &[Training<'_>], folder: &RunFolder, reporter: &mut Reporter) -> Vec<Ended> {
        let runs: Vec<PooledRun> = trainings.iter().map(|training| training.pooled(folder)).collect();
        let steps = runs.iter().map(|run| run.config.runtime.steps).sum();
        reporter.training("trainings", steps);
        let ended = Pool { jobs: self.jobs, stop: self.stop, reporter }.carry_out(&runs);
        reporter.end();
        ended
    }

    /// Writes the evaluations of all trainings into one table, the levels of the schemes first.
    fn write_eval(&self, trained: &[Training<'_>], folder: &RunFolder, run_id: &str) -> Result<(), RunError> {
        let mut eval = EvalFile::create(&folder.eval(), run_id)?;
        let StudyConfig { comparison, evaluation, .. } = self.config;
        write_levels(&mut eval, comparison, evaluation, &self.setting, self.stop)?;
        for training in trained {
            for row in read_eval(&training.folder(folder).eval())? {
                let (algo, scenario) = (training.label, row.scenario.as_str());
                let point = EvalPoint { algo, scenario, seed: row.seed, step: row.step, episode: row.episode };
                eval.episode(&point, &[(&row.metric, row.value)])?;
            }
        }
        Ok(eval.finish()?)
    }

    fn write_convergence(&self, folder: &RunFolder) -> Result<(), RunError> {
        let StudyConfig { comparison, methods, seeds, .. } = self.config;
        let (rows, methods): (_, Vec<&str>) =
            (read_eval(&folder.eval())?, methods.keys().map(String::as_str).collect());
        let found = convergence(&rows, &methods, comparison.baseline.as_deref(), seeds[0]);
        Ok(write_convergence(&folder.convergence(), &found)?)
    }

    /// The comparison of all methods; `None` when the study was stopped.
    fn compare(
        &self,
        folder: &RunFolder,
        trained: &[Training<'_>],
        which: Checkpoint,
        reporter: &mut Reporter,
    ) -> Result<Option<Vec<SchemeSummary>>, RunError> {
        let base = self.config.base();
        let of_label = |label: &String| self.config.experiment(label, &self.config.seeds);
        let configs: Vec<_> = self.config.methods.keys().map(of_label).collect();
        let mut contestants = Vec::new();
        for (label, config) in self.config.methods.keys().zip(&configs) {
            let own = trained.iter().filter(|training| training.label == label);
            let load = |training: &Training<'_>| Learned::load(training.seed, training.checkpoint(folder, which));
            let learned = own.map(load).collect::<Result<_, _>>()?;
            contestants.push(Contestant { label, config, device: &self.device, learned });
        }
        Contest::of(&base, &self.compared)?.hold(&contestants, self.stop, reporter)
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Which trainings failed, and why.
fn failures(trainings: &[Training<'_>], ended: &[Ended]) -> Option<String> {
    let reason = |(training, ended): (&Training<'_>, &Ended)| match ended {
        Ended::Failed(error) => Some(format!("{}: {error}", training.name())),
        Ended::Arrived | Ended::Stopped => None,
    };
    let reasons: Vec<String> = trainings.iter().zip(ended).filter_map(reason).collect();
    let all = trainings.len();
    (!reasons.is_empty()).then(|| format!("{} of {all} trainings failed: {}", reasons.len(), reasons.join("; ")))
}
