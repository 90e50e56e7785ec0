//! `watch`.

use std::collections::BTreeSet;
use std::io::{IsTerminal, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use mec_experiments::error::RunError;
use mec_experiments::files::{RunFolder, RunLock};
use mec_experiments::manifest::{Manifest, Status};
use mec_experiments::plan::Plan;
use mec_experiments::record::Record;

use super::watch_screen::{Scene, Screen, Wish};
use super::{STOPPED, print};
use crate::cli::WatchArgs;

/// Time between two looks at the files.
const PERIOD: Duration = Duration::from_secs(1);
/// Longest sleep without a look at Ctrl-C and the keys.
const NAP: Duration = Duration::from_millis(50);

/// Shows what a run writes until it ends, or whoever watches has seen enough.
pub fn run(args: &WatchArgs) -> anyhow::Result<ExitCode> {
    let watched = Watched::open(&args.folder)?;
    let first = watched.look()?;
    check_metric(&first.record, &args.metric)?;
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed)).context("cannot listen for Ctrl-C")?;
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let seen = if stdout().is_terminal() && stdin().is_terminal() && !dumb {
        watched.on_screen(first, &args.metric, &stop)?
    } else {
        watched.in_lines(first, &args.metric, &stop)?
    };
    match seen {
        Seen::End(phase) => print(&format!("{} {}\n", args.folder.display(), phase.said())),
        Seen::Enough => Ok(ExitCode::SUCCESS),
        Seen::Stopped => Ok(ExitCode::from(STOPPED)),
    }
}

/// Refuses a figure that the evaluations do not have, as soon as there are some.
fn check_metric(record: &Record, metric: &str) -> anyhow::Result<()> {
    let metrics = record.metrics();
    if !metrics.is_empty() && !metrics.contains(&metric) {
        bail!("--metric: the evaluations have no {metric:?}; accepted are {}", metrics.join(", "))
    }
    Ok(())
}

/// Why watching ended.
enum Seen {
    /// The run goes on no more.
    End(Phase),
    /// A key was pressed.
    Enough,
    /// Ctrl-C.
    Stopped,
}

/// Where a run stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    GoesOn,
    Ended(Status),
    /// Its process went away without a word.
    Abandoned,
}

impl Phase {
    fn said(self) -> &'static str {
        match self {
            Self::GoesOn | Self::Ended(Status::Running) => "goes on",
            Self::Ended(Status::Finished) => "is finished",
            Self::Ended(Status::Stopped) => "was stopped: mec-gym resume goes on with it",
            Self::Ended(Status::Failed) => "failed: run.json says why",
            Self::Abandoned => "was killed: mec-gym resume goes on with it",
        }
    }
}

/// What one look at the files shows.
struct Look {
    phase: Phase,
    record: Record,
}

/// A run or a study that is watched.
struct Watched {
    folder: RunFolder,
    plan: Plan,
}

impl Watched {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let folder = RunFolder::open(path)?;
        let plan = Plan::read(&folder.config(), &[])?;
        if matches!(plan, Plan::Search(_) | Plan::Sweep(_)) {
            bail!(
                "{} holds a search or a sweep; accepted is the folder of a run or a study, such as one in its runs/",
                path.display()
            )
        }
        Ok(Self { folder, plan })
    }

    fn look(&self) -> Result<Look, RunError> {
        // The phase first: what is read behind an end is everything.
        let phase = self.phase()?;
        Ok(Look { phase, record: Record::read(&self.folder, &self.plan)? })
    }

    fn phase(&self) -> Result<Phase, RunError> {
        // The lock first: whoever ends a run says so before giving it back.
        let held = RunLock::is_held(&self.folder);
        Ok(match Manifest::read(&self.folder)?.status {
            Status::Running if held => Phase::GoesOn,
            Status::Running => Phase::Abandoned,
            status => Phase::Ended(status),
        })
    }

    /// A line for every evaluation, once.
    fn in_lines(&self, first: Look, metric: &str, stop: &AtomicBool) -> anyhow::Result<Seen> {
        let mut told = BTreeSet::new();
        let mut look = first;
        loop {
            check_metric(&look.record, metric)?;
            let lines = new_lines(&look.record, metric, &mut told);
            print(&lines)?;
            if look.phase != Phase::GoesOn {
                return Ok(Seen::End(look.phase));
            }
            let until = Instant::now() + PERIOD;
            while Instant::now() < until {
                if stop.load(Ordering::Relaxed) {
                    return Ok(Seen::Stopped);
                }
                sleep(NAP);
            }
            look = self.look()?;
        }
    }

    /// Curves that are drawn anew, until the run ends.
    fn on_screen(&self, first: Look, metric: &str, stop: &AtomicBool) -> anyhow::Result<Seen> {
        let mut screen = Screen::open()?;
        let mut look = first;
        let mut metric = metric.to_owned();
        loop {
            screen.draw(&self.scene(&look, &metric))?;
            if look.phase != Phase::GoesOn {
                return Ok(Seen::End(look.phase));
            }
            let until = Instant::now() + PERIOD;
            while Instant::now() < until {
                match screen.wish(NAP)? {
                    Some(Wish::End) => return Ok(Seen::Enough),
                    Some(Wish::Stop) => return Ok(Seen::Stopped),
                    Some(Wish::NextMetric) => {
                        metric = next_metric(&look.record, metric);
                        screen.draw(&self.scene(&look, &metric))?;
                    }
                    Some(Wish::Redraw) => screen.draw(&self.scene(&look, &metric))?,
                    None if stop.load(Ordering::Relaxed) => return Ok(Seen::Stopped),
                    None => {}
                }
            }
            look = self.look()?;
        }
    }

    fn scene<'l>(&self, look: &'l Look, metric: &'l str) -> Scene<'l> {
        Scene {
            title: self.folder.path().display().to_string(),
            metric,
            labels: &look.record.learned,
            curves: look.record.curves(metric),
            steps: self.steps(&look.record),
        }
    }

    /// Environment steps of all trainings: done, and in the end.
    fn steps(&self, record: &Record) -> (u64, u64) {
        let done = record.trained_steps();
        let planned = match &self.plan {
            Plan::Experiment(config) => config.seeds.len() as u64 * config.runtime.steps,
            Plan::Study(config) => {
                config.seeds.len() as u64 * config.methods.values().map(|method| method.runtime.steps).sum::<u64>()
            }
            Plan::Search(_) | Plan::Sweep(_) => 0,
        };
        (done.min(planned), planned)
    }
}

fn new_lines(record: &Record, metric: &str, told: &mut BTreeSet<(String, u64, u64)>) -> String {
    let mut lines = String::new();
    for curve in record.curves(metric) {
        for (step, value) in curve.points {
            if told.insert((curve.label.to_owned(), curve.seed, step)) {
                lines += &format!("{} seed {}: {step} steps, {metric} {value:.4}\n", curve.label, curve.seed);
            }
        }
    }
    lines
}

/// The figure behind this one, and the first behind the last.
fn next_metric(record: &Record, metric: String) -> String {
    let metrics = record.metrics();
    let next = metrics.iter().position(|name| *name == metric).map_or(0, |index| index + 1);
    metrics.get(next).or(metrics.first()).map_or(metric, |name| (*name).to_owned())
}
