//! `resume`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use mec_experiments::files::RunFolder;
use mec_experiments::plan::Plan;
use mec_experiments::reporter::Reporter;
use mec_experiments::run::resume;
use mec_experiments::{search, study, sweep};
use serde_json::json;

use super::train::{jobs, stop_on_ctrl_c, tell, tell_sweep};
use super::{print_json, tune};
use crate::cli::ResumeArgs;

/// Goes on with the run, the study, the sweep or the search in a folder.
pub fn run(args: &ResumeArgs) -> anyhow::Result<ExitCode> {
    let folder = RunFolder::open(&args.folder)?;
    // A folder whose configuration cannot be read is refused as a run's, which tells whether it was changed.
    let plan = Plan::read(&folder.config(), &[]).ok();
    let stop = stop_on_ctrl_c()?;
    let mut reporter = if args.quiet { Reporter::quiet() } else { Reporter::bars() };
    match plan {
        Some(Plan::Study(_)) => {
            if let Some(report) = study::resume(&args.folder, &stop, jobs(args.jobs), &mut reporter)? {
                return tell(&report, args.json, &reporter);
            }
        }
        Some(Plan::Sweep(_)) => {
            if let Some(report) = sweep::resume(&args.folder, &stop, jobs(args.jobs), &mut reporter)? {
                return tell_sweep(&report, args.json, &reporter);
            }
        }
        Some(Plan::Search(config)) => {
            if let Some(report) = search::resume(&args.folder, &stop, jobs(args.jobs), &mut reporter)? {
                return tune::tell(&report, &config.space, args.json, &reporter);
            }
        }
        _ if args.jobs.is_some() => {
            bail!("--jobs is for studies, searches and sweeps, and {} is one run", args.folder.display())
        }
        _ => {
            if let Some(report) = resume(&args.folder, &stop, &mut reporter)? {
                return tell(&report, args.json, &reporter);
            }
        }
    }
    finished(&args.folder, args.json, &reporter)
}

fn finished(folder: &Path, json: bool, reporter: &Reporter) -> anyhow::Result<ExitCode> {
    reporter.note(&format!("The run in {} is finished: there is nothing to resume", folder.display()));
    if json {
        print_json(&json!({ "folder": folder, "status": "finished" }))?;
    }
    Ok(ExitCode::SUCCESS)
}
