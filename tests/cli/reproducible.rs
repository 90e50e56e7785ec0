//! What lockstep promises, through the command line.

use std::path::Path;

use mec_gym::agents::checkpoint;

use crate::{csv_rows, mec_gym, run_smoke, shared_run};

/// Rows of a table without the columns that tell of clocks, or of the run itself.
pub fn timeless(path: &Path, clocks: &[&str]) -> Vec<Vec<String>> {
    let (header, rows) = csv_rows(path);
    assert!(!rows.is_empty(), "{}", path.display());
    let kept: Vec<usize> = (0..header.len()).filter(|&column| !clocks.contains(&header[column].as_str())).collect();
    rows.into_iter().map(|row| kept.iter().map(|&column| row[column].clone()).collect()).collect()
}

fn assert_same_results(run: &Path, what: &str) {
    let first = shared_run();
    for which in ["best", "last"] {
        let name = format!("ckpt/dsaco-seed1-{which}.safetensors");
        let state = |run: &Path| checkpoint::load(&run.join(&name)).unwrap().checksum();
        assert_eq!(state(run), state(first), "{what}: {name}");
        assert_eq!(std::fs::read(run.join(&name)).unwrap(), std::fs::read(first.join(&name)).unwrap(), "{what}");
    }
    let idle = ["time/time_elapsed", "time/fps", "dist/actor_idle", "dist/learner_idle"];
    let tables: [(&str, &[&str]); 5] = [
        ("eval.csv", &["run_id"]),
        ("progress.csv", &idle),
        ("monitor/dsaco-seed1-env0.monitor.csv", &["t"]),
        ("monitor/dsaco-seed1-env1.monitor.csv", &["t"]),
        ("comparison.csv", &[]),
    ];
    for (name, clocks) in tables {
        assert_eq!(timeless(&run.join(name), clocks), timeless(&first.join(name), clocks), "{what}: {name}");
    }
}

#[test]
fn neither_the_number_of_actors_nor_serial_mode_changes_a_bit() {
    let home = tempfile::tempdir().unwrap();
    let variants: [&[&str]; 4] =
        [&["--actors", "1"], &["--actors", "4"], &["--set", "runtime.mode=serial"], &["--actors", "2"]];
    for (number, flags) in variants.into_iter().enumerate() {
        let run = home.path().join(number.to_string());
        run_smoke(&run, flags).done();
        assert_same_results(&run, &flags.join(" "));
    }
}

#[test]
fn the_configuration_of_a_run_repeats_it() {
    let home = tempfile::tempdir().unwrap();
    let run = home.path().join("again");
    let config = shared_run().join("config.toml");
    mec_gym(&["run", config.to_str().unwrap(), "--quiet", "--out", run.to_str().unwrap()]).done();
    assert_same_results(&run, "config.toml");
    assert_eq!(crate::read(&run.join("config.toml")), crate::read(&config));
}

#[test]
fn another_seed_is_another_training() {
    let home = tempfile::tempdir().unwrap();
    let run = home.path().join("other");
    run_smoke(&run, &["--seed", "2"]).done();
    let other = checkpoint::load(&run.join("ckpt/dsaco-seed2-last.safetensors")).unwrap();
    let first = checkpoint::load(&shared_run().join("ckpt/dsaco-seed1-last.safetensors")).unwrap();
    assert_ne!(other.checksum(), first.checksum());
}
