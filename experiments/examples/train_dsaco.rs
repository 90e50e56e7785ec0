//! Trains DSACO on a scenario of one's own from code, and writes its learning curve and all other files of a run:
//! `cargo run --release -p mec-experiments --example train_dsaco`.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use mec_envs::units::Seconds;
use mec_experiments::config::ExperimentConfig;
use mec_experiments::reporter::Reporter;
use mec_experiments::run::{RunOptions, run};
use mec_experiments::table::text_table;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Start from the main job and change what the experiment is about: here, fresher telemetry.
    let mut config = ExperimentConfig::main_job(&[])?;
    config.name = "fresh-telemetry".to_owned();
    config.seeds = vec![1];
    config.runtime.steps = 20_000;
    config.scenario.telemetry.delay_s = Seconds(0.5);
    config.comparison.schemes = vec!["nearest".to_owned(), "central-greedy".to_owned()];

    let stop = AtomicBool::new(false);
    let options = RunOptions { folder: Path::new("results/fresh-telemetry"), force: true, compare: true, stop: &stop };
    let report = run(&config, &options, &mut Reporter::bars())?;
    print!("{}", text_table(&report.schemes));
    println!("learning curve: {}", report.folder.path().join("learning_curve.svg").display());
    Ok(())
}
