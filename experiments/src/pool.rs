//! [`Pool`]: runs beside each other, each in a folder of its own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::config::ExperimentConfig;
use crate::error::RunError;
use crate::files::{RunFolder, RunLock};
use crate::manifest::Status;
use crate::reporter::Reporter;
use crate::run::{RunOptions, resume_until, run_until};

/// A run that is one of many: it trains, and is compared by whoever has the others too.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PooledRun {
    /// How it is called in messages.
    pub(crate) name: String,
    /// Its folder, which may hold what an earlier process has done of it.
    pub(crate) folder: PathBuf,
    pub(crate) config: ExperimentConfig,
    /// Environment steps at which it pauses; without them it goes to its end.
    pub(crate) pause: Option<u64>,
}

/// How a run of a pool ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It is finished, or where it pauses.
    Arrived,
    /// The user stopped it, or it did not begin.
    Stopped,
    /// It failed, and the others go on.
    Failed(RunError),
}

/// Threads that carry out runs, one each at a time.
///
/// # Design
/// Runs share nothing but the processor: each has its own generators, files and threads, so that what it writes does not
/// depend on what runs beside it. A run is taken by the first thread that is free, in the order of the list.
pub(crate) struct Pool<'a> {
    /// Runs at the same time, 1 or more.
    pub(crate) jobs: usize,
    /// Set from outside to end all runs, with checkpoints.
    pub(crate) stop: &'a AtomicBool,
    pub(crate) reporter: &'a Reporter,
}

impl Pool<'_> {
    /// Carries all runs out, each from where it is, and tells how each ended.
    pub(crate) fn carry_out(&self, runs: &[PooledRun]) -> Vec<Ended> {
        let next = AtomicUsize::new(0);
        let ended: Mutex<Vec<Option<Ended>>> = Mutex::new(runs.iter().map(|_| None).collect());
        let work = || {
            while let Some((index, run)) = take(runs, &next) {
                let result = self.one(run);
                self.tell(run, &result);
                ended.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(result);
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.jobs.min(runs.len()) {
                scope.spawn(work);
            }
        });
        let ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
        ended.into_iter().map(|ended| ended.expect("the threads take every run")).collect()
    }

    fn one(&self, run: &PooledRun) -> Ended {
        if self.is_stopped() {
            return Ended::Stopped;
        }
        match self.go_on(run, &mut self.reporter.part(&run.name)) {
            Ok(Status::Stopped) if self.is_stopped() => Ended::Stopped,
            Ok(_) => Ended::Arrived,
            Err(error) => Ended::Failed(error),
        }
    }

    /// Begins the run, or goes on with it, and gives its status.
    fn go_on(&self, run: &PooledRun, reporter: &mut Reporter) -> Result<Status, RunError> {
        if is_begun(&RunFolder::at(&run.folder))? {
            let report = resume_until(&run.folder, self.stop, run.pause, reporter)?;
            return Ok(report.map_or(Status::Finished, |report| report.manifest.status));
        }
        // A process that was killed at the very beginning has left a manifest, and nothing else of use.
        let force = RunFolder::open(&run.folder).is_ok();
        let options = RunOptions { folder: &run.folder, force, compare: false, stop: self.stop };
        Ok(run_until(&run.config, &options, run.pause, reporter)?.manifest.status)
    }

    fn tell(&self, run: &PooledRun, ended: &Ended) {
        match ended {
            Ended::Arrived if run.pause.is_none() => self.reporter.note(&format!("{}: done", run.name)),
            Ended::Failed(error) => self.reporter.note(&format!("{}: failed: {error}", run.name)),
            Ended::Arrived | Ended::Stopped => {}
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn take<'r>(runs: &'r [PooledRun], next: &AtomicUsize) -> Option<(usize, &'r PooledRun)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, runs.get(index)?))
}

/// Whether the folder holds work that can go on.
pub(crate) fn is_begun(folder: &RunFolder) -> Result<bool, RunError> {
    if folder.manifest().is_file() {
        return Ok(folder.config().is_file());
    }
    if folder.path().is_dir() {
        tidy(folder)?;
    }
    Ok(false)
}

/// Removes what a process left in a folder that was killed, and that is no part of a run.
pub(crate) fn tidy(folder: &RunFolder) -> Result<(), RunError> {
    folder.sweep()?;
    // The lock leaves nothing behind when it is given back.
    drop(RunLock::take(folder)?);
    Ok(())
}
