//! `run` and `train`.

use std::io::{Write, stderr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, anyhow, bail};
use mec_experiments::config::ExperimentConfig;
use mec_experiments::error::RunError;
use mec_experiments::files::RunFolder;
use mec_experiments::manifest::{After, Manifest, Status};
use mec_experiments::plan::Plan;
use mec_experiments::reporter::Reporter;
use mec_experiments::run::{RunOptions, RunReport, run as carry_out};
use mec_experiments::sweep::{SweepReport, sweep_json, sweep_text};
use mec_experiments::table::{json_table, text_table};
use mec_experiments::{study, sweep};
use serde_json::json;

use super::{STOPPED, print, print_json};
use crate::cli::RunArgs;

/// Carries out the run or the study of a configuration, by default the main job.
pub fn run(path: Option<&Path>, args: &RunArgs, compare: bool) -> anyhow::Result<ExitCode> {
    let changes = changes(args);
    let plan = match path {
        Some(path) => Plan::read(path, &changes)?,
        None => Plan::Experiment(ExperimentConfig::main_job(&changes)?),
    };
    match plan {
        Plan::Experiment(_) if args.jobs.is_some() => {
            bail!("--jobs is for studies, and this is one run, whose seeds are trained one after another")
        }
        Plan::Experiment(config) => {
            let work = |options: &RunOptions<'_>, reporter: &mut Reporter| carry_out(&config, options, reporter);
            start(&config.name, args, compare, work, tell)
        }
        Plan::Study(config) => {
            let work = |options: &RunOptions<'_>, reporter: &mut Reporter| {
                study::run(&config, options, jobs(args.jobs), reporter)
            };
            start(&config.name, args, compare, work, tell)
        }
        Plan::Sweep(_) if !compare => {
            bail!("a sweep compares; accepted is mec-gym run {}", path.unwrap_or(Path::new("")).display())
        }
        Plan::Sweep(config) => {
            let work = |options: &RunOptions<'_>, reporter: &mut Reporter| {
                sweep::run(&config, options, jobs(args.jobs), reporter)
            };
            start(&config.study.name, args, compare, work, tell_sweep)
        }
        Plan::Search(_) => {
            let path = path.unwrap_or(Path::new("")).display();
            bail!("{path} asks for a search, as it has tune or space; accepted is mec-gym tune {path}")
        }
    }
}

/// Does the work in its folder, and tells what came of it.
fn start<R>(
    name: &str,
    args: &RunArgs,
    compare: bool,
    work: impl FnOnce(&RunOptions<'_>, &mut Reporter) -> Result<R, RunError>,
    tell: impl FnOnce(&R, bool, &Reporter) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let folder = args.out.clone().unwrap_or_else(|| RunFolder::free(name));
    let stop = stop_on_ctrl_c()?;
    let options = RunOptions { folder: &folder, force: args.force, compare, stop: &stop };
    let mut reporter = if args.quiet { Reporter::quiet() } else { Reporter::bars() };
    let report = work(&options, &mut reporter)?;
    tell(&report, args.json, &reporter)
}

/// What the command line puts over a configuration.
pub(super) fn changes(args: &RunArgs) -> Vec<String> {
    let mut changes = args.changes.clone();
    changes.extend(args.seed.map(|seed| format!("seeds=[{seed}]")));
    changes.extend(args.device.map(|device| format!("device={device}")));
    changes.extend(args.tensorboard.then(|| "tensorboard=true".to_owned()));
    changes.extend(args.actors.map(|actors| format!("runtime.actors={actors}")));
    changes
}

/// Trainings at a time: as many as there are cores, unless the user says otherwise.
pub(super) fn jobs(wanted: Option<u64>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    wanted.map_or_else(cores, |jobs| usize::try_from(jobs).unwrap_or(usize::MAX))
}

/// Prints what came of a run; `json` asks for the comparison, or of a run without one for its folder, status and seeds.
/// That trainings of a study failed is an error, after its table.
pub(super) fn tell(report: &RunReport, json: bool, reporter: &Reporter) -> anyhow::Result<ExitCode> {
    let (folder, manifest) = (report.folder.path(), &report.manifest);
    if json && manifest.after == After::Comparison {
        print(&json_table(&report.schemes))?;
    } else if json {
        print_json(&json!({ "folder": folder, "status": manifest.status, "seeds": manifest.seeds }))?;
    } else if !report.schemes.is_empty() {
        print(&text_table(&report.schemes))?;
    }
    end(folder, manifest, reporter)
}

/// Prints what came of a sweep: what everybody reached at every point.
pub(super) fn tell_sweep(report: &SweepReport, json: bool, reporter: &Reporter) -> anyhow::Result<ExitCode> {
    print(&if json { sweep_json(&report.rows) } else { sweep_text(&report.rows) })?;
    end(report.folder.path(), &report.manifest, reporter)
}

/// The last words, and the exit code.
fn end(folder: &Path, manifest: &Manifest, reporter: &Reporter) -> anyhow::Result<ExitCode> {
    reporter.note(&format!("Everything is in {}", folder.display()));
    match (manifest.status, &manifest.error) {
        (Status::Failed, Some(error)) => Err(anyhow!("{error}; mec-gym resume {} tries them again", folder.display())),
        (Status::Stopped, _) => Ok(ExitCode::from(STOPPED)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// A flag that the first Ctrl-C sets; the second one ends the program at once.
pub(super) fn stop_on_ctrl_c() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let handler = move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(STOPPED));
        }
        // A closed standard error must not keep the program from stopping.
        let _ = writeln!(stderr(), "\nStopping, with checkpoints; Ctrl-C again ends at once.");
    };
    ctrlc::set_handler(handler).context("cannot listen for Ctrl-C")?;
    Ok(stop)
}
