//! `evaluate`.

use std::process::ExitCode;

use mec_experiments::contest::evaluate;
use mec_experiments::reporter::Reporter;
use mec_experiments::table::{json_table, text_table};

use super::print;
use crate::cli::EvaluateArgs;

/// Compares the agents of a run folder with its schemes again.
pub fn run(args: &EvaluateArgs) -> anyhow::Result<ExitCode> {
    let mut changes = args.changes.clone();
    changes.extend(args.episodes.map(|episodes| format!("comparison.episodes={episodes}")));
    changes.extend(args.seed.map(|seed| format!("comparison.first_seed={seed}")));
    changes.extend(args.device.map(|device| format!("device={device}")));
    let mut reporter = if args.quiet { Reporter::quiet() } else { Reporter::bars() };
    let schemes = evaluate(&args.folder, args.checkpoint.into(), &changes, &mut reporter)?;
    print(&if args.json { json_table(&schemes) } else { text_table(&schemes) })
}
