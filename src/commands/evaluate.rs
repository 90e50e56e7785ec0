//! `evaluate`.

use std::process::ExitCode;

use anyhow::bail;
use mec_experiments::contest;
use mec_experiments::files::RunFolder;
use mec_experiments::plan::Plan;
use mec_experiments::reporter::Reporter;
use mec_experiments::study;
use mec_experiments::table::{json_table, text_table};

use super::print;
use crate::cli::EvaluateArgs;

/// Compares the agents of a run or a study with its schemes again.
pub fn run(args: &EvaluateArgs) -> anyhow::Result<ExitCode> {
    let mut changes = args.changes.clone();
    changes.extend(args.episodes.map(|episodes| format!("comparison.episodes={episodes}")));
    changes.extend(args.seed.map(|seed| format!("comparison.first_seed={seed}")));
    changes.extend(args.device.map(|device| format!("device={device}")));
    let mut reporter = if args.quiet { Reporter::quiet() } else { Reporter::bars() };
    let (folder, which) = (RunFolder::open(&args.folder)?, args.checkpoint.into());
    let schemes = match Plan::read(&folder.config(), &changes)? {
        Plan::Experiment(_) => contest::evaluate(&args.folder, which, &changes, &mut reporter)?,
        Plan::Study(_) => study::evaluate(&args.folder, which, &changes, &mut reporter)?,
        Plan::Search(_) | Plan::Sweep(_) => {
            let folder = args.folder.display();
            bail!(
                "{folder} holds a search or a sweep; accepted is the folder of a run or a study, such as one in its runs/"
            )
        }
    };
    print(&if args.json { json_table(&schemes) } else { text_table(&schemes) })
}
