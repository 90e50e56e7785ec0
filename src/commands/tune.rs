//! `tune`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use mec_experiments::files::RunFolder;
use mec_experiments::manifest::Status;
use mec_experiments::plan::Plan;
use mec_experiments::reporter::Reporter;
use mec_experiments::run::RunOptions;
use mec_experiments::search::{self, SearchReport, Space, TrialRow, trials_table};
use serde_json::{Map, json};

use super::train::{changes, jobs, stop_on_ctrl_c};
use super::{STOPPED, print, print_json};
use crate::cli::RunArgs;

/// Carries out the search of a configuration.
pub fn run(path: &Path, args: &RunArgs) -> anyhow::Result<ExitCode> {
    let Plan::Search(config) = Plan::read(path, &changes(args))? else {
        bail!("{}: there is nothing to search; accepted is a configuration with [space]", path.display())
    };
    let folder = args.out.clone().unwrap_or_else(|| RunFolder::free(&config.experiment.name));
    let stop = stop_on_ctrl_c()?;
    let options = RunOptions { folder: &folder, force: args.force, compare: false, stop: &stop };
    let mut reporter = if args.quiet { Reporter::quiet() } else { Reporter::bars() };
    let report = search::run(&config, &options, jobs(args.jobs), &mut reporter)?;
    tell(&report, &config.space, args.json, &reporter)
}

/// Prints what came of a search: the trials of its last rung, the best first.
pub(super) fn tell(report: &SearchReport, space: &Space, json: bool, reporter: &Reporter) -> anyhow::Result<ExitCode> {
    let folder = report.folder.path();
    if json {
        let trials: Vec<_> = report.ranked.iter().map(|row| of_trial(row, space)).collect();
        print_json(&json!({ "folder": folder, "status": report.manifest.status, "trials": trials }))?;
    } else if !report.ranked.is_empty() {
        print(&trials_table(space, &report.ranked))?;
    }
    if report.manifest.status == Status::Finished {
        reporter.note(&format!("mec-gym run {} trains and compares the best", report.folder.best().display()));
    }
    reporter.note(&format!("Everything is in {}", folder.display()));
    Ok(if report.manifest.status == Status::Stopped { ExitCode::from(STOPPED) } else { ExitCode::SUCCESS })
}

fn of_trial(row: &TrialRow, space: &Space) -> serde_json::Value {
    let settings: Map<String, serde_json::Value> =
        space.keys().zip(&row.settings).map(|(key, value)| (key.clone(), json!(value))).collect();
    let TrialRow { trial, steps, seeds, latency_mean_s, seconds, .. } = row;
    json!({
        "trial": trial,
        "steps": steps,
        "seeds": seeds,
        "latency_mean_s": latency_mean_s,
        "seconds": seconds,
        "settings": settings,
    })
}
