//! Runs that are killed, stopped or broken, and go on.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mec_gym::agents::checkpoint;
use mec_gym::envs::rng::rand::RngExt;
use mec_gym::envs::rng::{Prng, stream};
use tempfile::TempDir;

use crate::files::check_whole;
use crate::reproducible::timeless;
use crate::{Answer, contents, csv_rows, files_below, manifest, mec_gym, program, read, run_smoke, smoke};

/// Two short trainings after each other, with checkpoints that are near enough for every kill to find a new one.
const SHORT: [&str; 8] = [
    "--set",
    "seeds=[1, 2]",
    "--set",
    "runtime.checkpoint_every=150",
    "--set",
    "runtime.steps=900",
    "--set",
    "runtime.evaluate_every=300",
];

/// The run of it that nobody interrupted, and how long it took.
fn whole() -> (&'static Path, Duration) {
    static RUN: OnceLock<(TempDir, Duration)> = OnceLock::new();
    let (home, took) = RUN.get_or_init(|| {
        let home = tempfile::tempdir().unwrap();
        let start = Instant::now();
        run_smoke(&home.path().join("run"), &SHORT).done();
        (home, start.elapsed())
    });
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    (PATH.get_or_init(|| home.path().join("run")), *took)
}

/// Starts the program and kills it after this time; whether it was killed, or else what it answered.
fn killed_after(arguments: &[&str], time: Duration) -> Option<Answer> {
    let mut child = program().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while start.elapsed() < time {
        if child.try_wait().unwrap().is_some() {
            return Some(Answer::of(&child.wait_with_output().unwrap()));
        }
        sleep(Duration::from_millis(2));
    }
    // SIGKILL on Unix.
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

/// Begins what takes `whole` of time in `folder` and goes on with it, killed at random moments, until it is finished;
/// gives the number of kills.
pub fn killed_until_finished(begin: &[&str], folder: &Path, whole: Duration, rng: &mut Prng) -> usize {
    let resume = ["resume", folder.to_str().unwrap(), "--quiet", "--jobs", "2"];
    let is_begun = || folder.join("config.toml").exists();
    let (mut kills, mut longer) = (0, 1.0);
    while kills < 8 {
        let begins = !is_begun();
        if begins {
            let _ = fs::remove_dir_all(folder);
        }
        let time = whole.mul_f64(longer * rng.random_range(0.05..0.25));
        match killed_after(if begins { begin } else { &resume }, time) {
            Some(answer) => {
                answer.done();
                return kills;
            }
            // Killed before there was anything to go on from, which proves nothing: the machine is slower than it was.
            None if !is_begun() => longer *= 1.5,
            None => kills += 1,
        }
    }
    mec_gym(&resume).done();
    kills
}

/// Kills the run and whatever resumes it at random moments, and lets it end in the end; gives the number of kills that left
/// a training to go on with.
fn killed_and_resumed(run: &Path, more: &[&str], rng: &mut Prng) -> usize {
    let (smoke, folder) = (smoke(), run.to_str().unwrap());
    let begin = [&["run", &smoke, "--quiet", "--out", folder][..], &SHORT, more].concat();
    let resume = ["resume", folder, "--quiet"];
    let mut kills = 0;
    for attempt in 0..12 {
        let arguments = if run.join("config.toml").exists() { &resume[..] } else { &begin[..] };
        if attempt > 0 && arguments[0] == "run" {
            // Killed before there was anything to go on from.
            let _ = fs::remove_dir_all(run);
        }
        let time = whole().1.mul_f64(rng.random_range(0.0..0.6));
        match killed_after(arguments, time) {
            Some(answer) => {
                answer.done();
                return kills;
            }
            None => kills += usize::from(run.join("ckpt/resume.safetensors").exists()),
        }
    }
    mec_gym(&resume).done();
    kills
}

/// Everything that the two runs left is the same, times aside.
fn assert_same(run: &Path, what: &str) {
    let first = whole().0;
    let names = |run: &Path| -> BTreeSet<PathBuf> {
        files_below(run).iter().map(|path| path.strip_prefix(run).unwrap().to_owned()).collect()
    };
    assert_eq!(names(run), names(first), "{what}");
    for name in names(first) {
        let text = name.to_str().unwrap();
        let (path, other) = (run.join(&name), first.join(&name));
        match name.extension().unwrap().to_str().unwrap() {
            "safetensors" => assert_eq!(fs::read(&path).unwrap(), fs::read(&other).unwrap(), "{what}: {text}"),
            "csv" => {
                let clocks = ["run_id", "time/time_elapsed", "time/fps", "dist/actor_idle", "dist/learner_idle", "t"];
                assert_eq!(timeless(&path, &clocks), timeless(&other, &clocks), "{what}: {text}");
            }
            _ => {}
        }
    }
    assert_eq!(read(&run.join("config.toml")), read(&first.join("config.toml")));
    assert_eq!(manifest(run)["status"], "finished");
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_with_the_same_bits() {
    let mut rng = stream(1, "kills");
    let mut kills = 0;
    for number in 0..2 {
        let home = tempfile::tempdir().unwrap();
        let run = home.path().join("run");
        let of_this = killed_and_resumed(&run, &[], &mut rng);
        assert!(of_this == 0 || !manifest(&run)["resumed"].as_array().unwrap().is_empty());
        kills += of_this;
        assert_same(&run, &format!("run {number}, {kills} kills"));
        check_whole(&run);
        let times = csv_rows(&run.join("monitor/dsaco-seed2-env0.monitor.csv")).1;
        let times: Vec<f64> = times.iter().map(|row| row[2].parse().unwrap()).collect();
        assert!(times.is_sorted(), "{times:?}");
    }
    assert!(kills >= 3, "{kills} kills prove little");
}

#[test]
fn a_free_run_that_is_killed_loses_and_doubles_nothing() {
    let mut rng = stream(2, "kills");
    let home = tempfile::tempdir().unwrap();
    let run = home.path().join("run");
    killed_and_resumed(&run, &["--set", "runtime.mode=free_running"], &mut rng);
    check_whole(&run);
    let rows = csv_rows(&run.join("eval.csv")).1;
    assert_eq!(rows.iter().map(|row| &row[1..7]).collect::<BTreeSet<_>>().len(), rows.len(), "no figure twice");
    let progress = csv_rows(&run.join("progress.csv")).1;
    for seed in ["1", "2"] {
        let of_seed: Vec<_> = progress.iter().filter(|row| row[1] == seed).collect();
        let steps: Vec<u64> = of_seed.iter().map(|row| row[2].parse().unwrap()).collect();
        assert!(steps.windows(2).all(|pair| pair[0] < pair[1]) && *steps.last().unwrap() >= 900, "{steps:?}");
        let episodes: usize = of_seed.last().unwrap()[5].parse().unwrap();
        let monitor = |env| run.join(format!("monitor/dsaco-seed{seed}-env{env}.monitor.csv"));
        let rows = |path: PathBuf| if path.exists() { csv_rows(&path).1.len() } else { 0 };
        assert_eq!(rows(monitor(0)) + rows(monitor(1)), episodes, "an episode per row");
    }
}

/// A run that ended early, by Ctrl-C, at some point of its first training.
#[cfg(unix)]
fn stopped(home: &Path) -> PathBuf {
    let run = home.join("run");
    let (smoke, folder) = (smoke(), run.to_str().unwrap());
    let arguments = [&["run", &smoke, "--quiet", "--out", folder][..], &SHORT].concat();
    let answer = crate::stopping::interrupt(&arguments, "INT", || run.join("ckpt/resume.safetensors").is_file());
    assert_eq!(answer.code, 130, "{}", answer.err);
    run
}

#[cfg(unix)]
#[test]
fn a_stopped_run_goes_on_and_a_finished_one_says_that_it_is() {
    let home = tempfile::tempdir().unwrap();
    let run = stopped(home.path());
    assert_eq!(manifest(&run)["status"], "stopped");
    let table = mec_gym(&["resume", run.to_str().unwrap(), "--quiet", "--json"]).done().json();
    assert!(table.as_array().unwrap().iter().any(|row| row["scheme"] == "dsaco"), "{table}");
    assert_same(&run, "stopped");
    assert_eq!(manifest(&run)["resumed"].as_array().unwrap().len(), 1);
    let before = contents(&run);
    let again = mec_gym(&["resume", run.to_str().unwrap()]).done();
    assert!(again.err.contains("is finished: there is nothing to resume"), "{}", again.err);
    assert_eq!(contents(&run), before);
    let json = mec_gym(&["resume", run.to_str().unwrap(), "--json", "--quiet"]).done().json();
    assert_eq!(json["status"], "finished");
}

#[cfg(unix)]
#[test]
fn what_cannot_be_resumed_is_refused_by_name_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let run = stopped(home.path());
    let folder = run.to_str().unwrap();
    let point = run.join("ckpt/resume.safetensors");
    let refused = |parts: &[&str]| {
        let before = contents(&run);
        mec_gym(&["resume", folder, "--quiet"]).refused(1, parts);
        assert_eq!(contents(&run), before, "{parts:?}");
    };
    mec_gym(&["resume", home.path().to_str().unwrap()]).refused(1, &["is no run folder", "run.json"]);

    let whole = fs::read(&point).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    for bytes in [&damaged[..], &whole[..whole.len() / 2], b""] {
        fs::write(&point, bytes).unwrap();
        refused(&["resume.safetensors", "expected"]);
    }
    checkpoint::save(&point, &checkpoint::load(&run.join("ckpt/dsaco-seed1-best.safetensors")).unwrap()).unwrap();
    refused(&["resume.safetensors", "does not belong"]);
    fs::remove_file(&point).unwrap();
    refused(&["resume.safetensors is missing", "--force"]);
    fs::write(&point, &whole).unwrap();

    let config = read(&run.join("config.toml"));
    fs::write(run.join("config.toml"), config.replace("gamma = 0.9", "gamma = 0.8")).unwrap();
    refused(&["config.toml was changed", "SHA-256"]);
    fs::remove_file(run.join("config.toml")).unwrap();
    refused(&["config.toml"]);
    fs::write(run.join("config.toml"), config).unwrap();

    let progress = read(&run.join("progress.csv"));
    fs::write(run.join("progress.csv"), progress.lines().next().unwrap().to_owned() + "\n").unwrap();
    let rows: u64 =
        checkpoint::load(&point).unwrap().value::<serde_json::Value>("resume/done").unwrap()["progress_rows"]
            .as_u64()
            .unwrap();
    if rows > 0 {
        let answer = mec_gym(&["resume", folder, "--quiet"]);
        answer.refused(1, &["progress.csv: it has 0 whole rows"]);
    }
    fs::write(run.join("progress.csv"), progress).unwrap();
    mec_gym(&["resume", folder, "--quiet"]).done();
    assert_same(&run, "after all refusals");
}

#[cfg(unix)]
#[test]
fn a_run_that_goes_on_is_neither_resumed_nor_replaced() {
    let home = tempfile::tempdir().unwrap();
    let run = home.path().join("run");
    let (smoke, folder) = (smoke(), run.to_str().unwrap());
    let arguments = ["run", &smoke, "--quiet", "--out", folder, "--set", "runtime.steps=100000000"];
    let answer = crate::stopping::interrupt(&arguments, "INT", || {
        let trains = run.join("progress.csv").is_file() && csv_rows(&run.join("progress.csv")).1.len() > 1;
        if trains {
            mec_gym(&["resume", folder]).refused(1, &["another process is carrying out the run"]);
            mec_gym(&["run", &smoke, "--quiet", "--out", folder, "--force"]).refused(1, &["another process"]);
        }
        trains
    });
    assert_eq!(answer.code, 130, "{}", answer.err);
    check_whole(&run);
}
