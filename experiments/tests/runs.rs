//! Runs of the library, seen by what they leave in their folders.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use mec_experiments::config::ExperimentConfig;
use mec_experiments::progress::ProgressRow;
use mec_experiments::reporter::Reporter;
use mec_experiments::run::{RunOptions, RunReport, run};

/// The smoke configuration with changes.
fn smoke(changes: &[&str]) -> ExperimentConfig {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/smoke.toml");
    let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
    ExperimentConfig::read(&path, &changes).unwrap()
}

/// A run in a new folder, with or without comparison.
fn carried_out(config: &ExperimentConfig, compare: bool) -> (tempfile::TempDir, RunReport) {
    let home = tempfile::tempdir().unwrap();
    let folder: PathBuf = home.path().join("run");
    let options = RunOptions { folder: &folder, force: false, compare, stop: &AtomicBool::new(false) };
    let report = run(config, &options, &mut Reporter::quiet()).unwrap();
    (home, report)
}

#[test]
fn times_of_a_monitor_are_those_of_its_file_and_never_fall() {
    let (_home, report) = carried_out(&smoke(&["scenario.horizon_s=1"]), false);
    for env in 0..2 {
        let text = std::fs::read_to_string(report.folder.monitor("dsaco", 1, env)).unwrap();
        let rows = text.lines().skip(2).map(|row| row.split(',').nth(2).unwrap().parse().unwrap());
        let times: Vec<f64> = rows.collect();
        assert!(times.len() > 3 && times.is_sorted(), "{times:?}");
        assert!(times.windows(2).any(|pair| pair[0] < pair[1]), "{times:?}");
    }
}

#[test]
fn progress_tells_the_learning_rate() {
    let config = smoke(&["runtime.evaluate_every=0", "algorithm.actor_lr=0.002"]);
    let (_home, report) = carried_out(&config, false);
    let rows = csv::Reader::from_path(report.folder.progress()).unwrap().into_deserialize::<ProgressRow>();
    let last = rows.map(Result::unwrap).last().unwrap();
    assert_eq!(last.learning_rate, Some(0.002));
}
