//! [`run`]: a configuration becomes a run folder with everything in it; [`resume`] goes on with one.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mec_agents::agent::Algorithm;
use mec_agents::checkpoint::CheckpointError;
use mec_agents::device::{self, Device, DeviceKind};
use mec_agents::spec::EnvSpec;
use mec_envs::offload::{OffloadForm, Setting};

use crate::comparison::SchemeSummary;
use crate::config::ExperimentConfig;
use crate::contest::{Contest, Contestant, Learned};
use crate::custody::{Custody, Ending};
use crate::error::RunError;
use crate::eval::EvalFile;
use crate::evaluate::write_levels;
use crate::files::{Checkpoint, FileError, RunFolder};
use crate::manifest::{After, Manifest, Status};
use crate::pictures::{self, Pictured};
use crate::progress::ProgressFile;
use crate::registry::{AlgorithmVisitor, FormVisitor};
use crate::reporter::Reporter;
use crate::resume_point::{Done, ResumePoint, TrainingPoint};
use crate::table::write_csv_table;
use crate::training::{Job, RunFiles, Trained};
use crate::tuned;

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
    /// The manifest, whose status says whether the run is finished or was stopped.
    pub manifest: Manifest,
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
    run_until(config, options, None, reporter)
}

/// As [`run`], to `pause` environment steps of its first training, if that is given: the run then stops behind its first
/// evaluation there or later, and can be resumed.
pub(crate) fn run_until(
    config: &ExperimentConfig,
    options: &RunOptions<'_>,
    pause: Option<u64>,
    reporter: &mut Reporter,
) -> Result<RunReport, RunError> {
    let parts = Parts::of(config)?;
    let comparison = tuned::settled(&config.comparison, &parts.setting, config.evaluation.first_seed)?;
    let config = &ExperimentConfig { comparison, ..config.clone() };
    let text = config.to_toml();
    let mut manifest = Manifest::start(&config.name, &text, &config.seeds, &device_name(config.device, &parts.device))?;
    manifest.after = if options.compare { After::Comparison } else { After::Nothing };
    let custody = Custody::begin(options.folder, options.force, manifest, text)?;
    Started { config, parts: &parts, stop: options.stop, pause }.to_the_end(custody, None, reporter)
}

/// Goes on with the run in a folder that was killed or stopped, or that failed, as if nothing had happened: in serial
/// and lockstep mode, what it writes is the same to the bit as what it would have written, times aside. `None` when the
/// run is finished already.
///
/// # Errors
/// [`RunError`] when the folder is no run's or another process is at it, when its configuration was changed, and when
/// where it can go on is missing or damaged; nothing is then changed. Otherwise as [`run`].
pub fn resume(folder: &Path, stop: &AtomicBool, reporter: &mut Reporter) -> Result<Option<RunReport>, RunError> {
    resume_until(folder, stop, None, reporter)
}

/// As [`resume`], to `pause` environment steps as in [`run_until`].
pub(crate) fn resume_until(
    folder: &Path,
    stop: &AtomicBool,
    pause: Option<u64>,
    reporter: &mut Reporter,
) -> Result<Option<RunReport>, RunError> {
    let custody = Custody::reopen(folder)?;
    if custody.manifest.status == Status::Finished {
        // Of a process that was killed at the very end.
        return remove_point(&custody.folder).map(|()| None);
    }
    let config = ExperimentConfig::parse(&custody.config()?, &custody.folder.config().display().to_string(), &[])?;
    let parts = Parts::of(&config)?;
    let point = last_point(&custody.folder, &config)?;
    if !custody.manifest.is_of_this_build() {
        reporter
            .note("note: another build of mec-gym began this run; it may go on differently than it would have there");
    }
    Started { config: &config, parts: &parts, stop, pause }.to_the_end(custody, point, reporter).map(Some)
}

/// Refuses a method that does not fit its environment.
pub(crate) fn check_method(config: &ExperimentConfig, setting: &Arc<Setting>, device: &Device) -> Result<(), RunError> {
    config.form.accept(Buildable { config, setting, device })
}

/// Where the run in a folder can go on; `None` for its beginning, if it was ended before it trained.
fn last_point(folder: &RunFolder, config: &ExperimentConfig) -> Result<Option<ResumePoint>, RunError> {
    let path = folder.resume();
    if path.is_file() {
        return match ResumePoint::load(&path) {
            Ok(point) => Ok(Some(point)),
            Err(error @ (CheckpointError::Io { .. } | CheckpointError::Damaged { .. })) => Err(error.into()),
            Err(source) => Err(RunError::Mismatch { path, source }),
        };
    }
    let trained = |&seed: &u64| folder.checkpoint(config.algorithm.name(), seed, Checkpoint::Best).exists();
    if config.seeds.iter().any(trained) {
        return Err(RunError::NoResumePoint { path });
    }
    Ok(None)
}

/// Removes what a finished run needs no more.
fn remove_point(folder: &RunFolder) -> Result<(), RunError> {
    let path = folder.resume();
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::on("remove", &path)(error).into()),
        _ => Ok(()),
    }
}

/// What the learner computes on, also when that was left open.
fn device_name(kind: DeviceKind, device: &Device) -> String {
    if kind == DeviceKind::Auto { format!("auto: {device:?}") } else { kind.to_string() }
}

/// What a configuration needs, found to be there and to fit before anything is written.
struct Parts {
    /// Of the training.
    setting: Arc<Setting>,
    /// Of the comparison.
    compared: Arc<Setting>,
    device: Device,
}

impl Parts {
    fn of(config: &ExperimentConfig) -> Result<Self, RunError> {
        config.validate()?;
        let setting = Arc::new(Setting::new(config.scenario.clone())?);
        let compared = match config.comparison.split {
            None => Arc::clone(&setting),
            Some(_) => Arc::new(Setting::new(config.compared_scenario())?),
        };
        let device = device::open(config.device)?;
        check_method(config, &setting, &device)?;
        Ok(Self { setting, compared, device })
    }
}

/// A run that is carried out.
struct Started<'a> {
    config: &'a ExperimentConfig,
    parts: &'a Parts,
    stop: &'a AtomicBool,
    /// Environment steps at which it pauses.
    pause: Option<u64>,
}

impl Started<'_> {
    /// Carries the run out from `point`, and keeps its manifest.
    fn to_the_end(
        &self,
        custody: Custody,
        point: Option<ResumePoint>,
        reporter: &mut Reporter,
    ) -> Result<RunReport, RunError> {
        let (folder, manifest, schemes) = custody.through(|custody| {
            let schemes = self.carry_out(point, custody, reporter)?;
            let ending = if schemes.is_some() { Ending::Finished } else { Ending::Stopped };
            Ok((ending, schemes.unwrap_or_default()))
        })?;
        if manifest.status == Status::Finished {
            remove_point(&folder)?;
        }
        Ok(RunReport { folder, schemes, manifest })
    }

    /// The comparison, empty if none is asked for; `None` when the run was stopped.
    fn carry_out(
        &self,
        point: Option<ResumePoint>,
        custody: &mut Custody,
        reporter: &mut Reporter,
    ) -> Result<Option<Vec<SchemeSummary>>, RunError> {
        let Custody { folder, manifest, .. } = custody;
        folder.make_checkpoint_folder()?;
        let (done, training) = point.map_or((None, None), |point| (Some(point.done), point.training));
        let trainings = done.as_ref().map_or(0, |done| done.trainings);
        let Some(mut files) = self.open_files(folder, done, &manifest.run_id)? else {
            return Ok(None);
        };
        let learned = self.train_all(trainings, training, &mut files, reporter);
        manifest.warnings.clone_from(&files.warnings);
        let learned = learned?;
        files.progress.finish()?;
        files.eval.finish()?;
        let schemes = match (learned, manifest.after) {
            (None, _) => None,
            (Some(_), After::Nothing) => Some(Vec::new()),
            (Some(learned), After::Comparison) => {
                let Self { config, parts, stop, .. } = *self;
                let contestant = Contestant { label: config.algorithm.name(), config, device: &parts.device, learned };
                Contest::of(config, &parts.compared)?.hold(&[contestant], stop, reporter)?
            }
        };
        if let Some(schemes) = schemes.as_ref().filter(|schemes| !schemes.is_empty()) {
            write_csv_table(&folder.comparison(), schemes)?;
        }
        if self.pause.is_none() {
            pictures::draw(folder, &Pictured::of(self.config))?;
        }
        Ok(schemes)
    }

    /// The tables: cut back to what they held when so much was done, or new, with the levels of the schemes. `None` when
    /// the run was stopped before these were complete, so that it can only begin anew.
    fn open_files(&self, folder: &RunFolder, done: Option<Done>, run_id: &str) -> Result<Option<RunFiles>, RunError> {
        let (progress, eval, folder) = (folder.progress(), folder.eval(), folder.clone());
        if let Some(Done { progress_rows, eval_rows, warnings, .. }) = done {
            let progress = ProgressFile::append(&progress, progress_rows)?;
            let eval = EvalFile::append(&eval, run_id, eval_rows)?;
            return Ok(Some(RunFiles { folder, progress, eval, warnings }));
        }
        let (progress, mut eval) = (ProgressFile::create(&progress)?, EvalFile::create(&eval, run_id)?);
        let (evaluation, setting) = (&self.config.evaluation, &self.parts.setting);
        write_levels(&mut eval, &self.config.comparison, evaluation, setting, self.stop)?;
        if self.is_stopped() {
            return Ok(None);
        }
        let mut files = RunFiles { folder, progress, eval, warnings: Vec::new() };
        files.save_point(0, None)?;
        Ok(Some(files))
    }

    /// The best agent of every seed; `None` when the run was stopped. The first `trainings` are done.
    fn train_all(
        &self,
        trainings: usize,
        mut from: Option<TrainingPoint>,
        files: &mut RunFiles,
        reporter: &mut Reporter,
    ) -> Result<Option<Vec<Learned>>, RunError> {
        let (config, Parts { setting, device, .. }) = (self.config, self.parts);
        let mut learned = Vec::new();
        for (index, &seed) in config.seeds.iter().enumerate() {
            let path = files.folder.checkpoint(config.algorithm.name(), seed, Checkpoint::Best);
            if index < trainings {
                learned.push(Learned::load(seed, path)?);
                continue;
            }
            let job = Job { config, setting, index, device, stop: self.stop, pause: self.pause };
            let job = TrainJob { job: &job, files: &mut *files, reporter: &mut *reporter, from: from.take() };
            let Trained { best, outcome } = config.form.accept(job)?;
            if outcome.stopped {
                return Ok(None);
            }
            learned.push(Learned { seed, path, state: best });
            files.save_point(index + 1, None)?;
            if self.is_stopped() {
                return Ok(None);
            }
        }
        Ok(Some(learned))
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
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
    from: Option<TrainingPoint>,
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
        let TrainJob { job, files, reporter, from } = self.job;
        job.train::<A, E>(algorithm, files, reporter, from)
    }
}
