//! `resume`.

use std::process::ExitCode;

use mec_experiments::reporter::Reporter;
use mec_experiments::run::resume;
use serde_json::json;

use super::print_json;
use super::train::{stop_on_ctrl_c, tell};
use crate::cli::ResumeArgs;

/// Goes on with the run in a folder.
pub fn run(args: &ResumeArgs) -> anyhow::Result<ExitCode> {
    let stop = stop_on_ctrl_c()?;
    let mut reporter = if args.quiet { Reporter::quiet() } else { Reporter::bars() };
    if let Some(report) = resume(&args.folder, &stop, &mut reporter)? {
        return tell(&report, args.json, &reporter);
    }
    reporter.note(&format!("The run in {} is finished: there is nothing to resume", args.folder.display()));
    if args.json {
        print_json(&json!({ "folder": args.folder, "status": "finished" }))?;
    }
    Ok(ExitCode::SUCCESS)
}
