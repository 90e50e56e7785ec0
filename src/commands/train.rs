//! `run` and `train`.

use std::io::{Write, stderr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use mec_experiments::config::ExperimentConfig;
use mec_experiments::manifest::{After, Status};
use mec_experiments::reporter::Reporter;
use mec_experiments::run::{RunOptions, RunReport, run as carry_out};
use mec_experiments::table::{json_table, text_table};
use serde_json::json;

use super::{STOPPED, print, print_json};
use crate::cli::RunArgs;

/// Carries out the run of a configuration, by default that of the main job.
pub fn run(path: Option<&Path>, args: &RunArgs, compare: bool) -> anyhow::Result<ExitCode> {
    let mut changes = args.changes.clone();
    changes.extend(args.seed.map(|seed| format!("seeds=[{seed}]")));
    changes.extend(args.device.map(|device| format!("device={device}")));
    changes.extend(args.actors.map(|actors| format!("runtime.actors={actors}")));
    let config = match path {
        Some(path) => ExperimentConfig::read(path, &changes)?,
        None => ExperimentConfig::main_job(&changes)?,
    };
    let folder = args.out.clone().unwrap_or_else(|| config.free_folder());
    let stop = stop_on_ctrl_c()?;
    let options = RunOptions { folder: &folder, force: args.force, compare, stop: &stop };
    let mut reporter = if args.quiet { Reporter::quiet() } else { Reporter::bars() };
    let report = carry_out(&config, &options, &mut reporter)?;
    tell(&report, args.json, &reporter)
}

/// Prints what came of a run; `json` asks for the comparison, or of a run without one for its folder, status and seeds.
pub(super) fn tell(report: &RunReport, json: bool, reporter: &Reporter) -> anyhow::Result<ExitCode> {
    let (folder, manifest) = (report.folder.path(), &report.manifest);
    if json && manifest.after == After::Comparison {
        print(&json_table(&report.schemes))?;
    } else if json {
        print_json(&json!({ "folder": folder, "status": manifest.status, "seeds": manifest.seeds }))?;
    } else if !report.schemes.is_empty() {
        print(&text_table(&report.schemes))?;
    }
    reporter.note(&format!("Everything is in {}", folder.display()));
    Ok(if manifest.status == Status::Stopped { ExitCode::from(STOPPED) } else { ExitCode::SUCCESS })
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
