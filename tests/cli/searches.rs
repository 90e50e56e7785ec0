//! Searches for hyperparameters.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use mec_gym::agents::checkpoint;
use mec_gym::envs::rng::stream;
use mec_gym::experiments::config::ExperimentConfig;
use tempfile::TempDir;

use crate::files::check_whole;
use crate::reproducible::timeless;
use crate::resuming::killed_until_finished;
use crate::{Answer, contents, csv_rows, manifest, mec_gym, read, smoke};

/// Five trials on two rungs of 200 and 600 steps: 5, then 1 and the base.
fn tiny() -> String {
    format!(
        r#"
name = "tiny"
base = "{}"

[runtime]
steps = 600
evaluate_every = 200
progress_every = 200
checkpoint_every = 150

[scenario]
horizon_s = 2.0

[tune]
method = "halving"
trials = 5
eta = 3
seed = 4

[space]
"algorithm.actor_lr" = {{ log_uniform = [1e-4, 1e-2] }}
"algorithm.batch_size" = {{ choice = [16, 32] }}
"algorithm.gamma" = {{ uniform = [0.5, 0.95] }}
"#,
        smoke()
    )
}

fn file(home: &Path) -> PathBuf {
    let path = home.join("tiny.toml");
    fs::write(&path, tiny()).unwrap();
    path
}

/// Runs the search into `home/search`.
fn search(home: &Path, more: &[&str]) -> (PathBuf, Answer) {
    let (file, out) = (file(home), home.join("search"));
    let arguments = ["tune", file.to_str().unwrap(), "--quiet", "--out", out.to_str().unwrap()];
    let answer = mec_gym(&[&arguments, more].concat());
    (out, answer)
}

/// One search, one training at a time, that nobody writes into, and how long it took.
fn shared() -> &'static (TempDir, PathBuf, serde_json::Value, Duration) {
    static SEARCH: OnceLock<(TempDir, PathBuf, serde_json::Value, Duration)> = OnceLock::new();
    SEARCH.get_or_init(|| {
        let home = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let (out, answer) = search(home.path(), &["--jobs", "1", "--json"]);
        let answer = answer.done().json();
        (home, out, answer, start.elapsed())
    })
}

fn assert_same(search: &Path, what: &str) {
    let first = &shared().1;
    let trials = |search: &Path| timeless(&search.join("trials.csv"), &["seconds"]);
    assert_eq!(trials(search), trials(first), "{what}");
    assert_eq!(read(&search.join("best.toml")), read(&first.join("best.toml")), "{what}");
    assert_eq!(manifest(search)["status"], "finished", "{what}");
    for trial in 0..5 {
        let eval = format!("runs/trial{trial}-seed1/eval.csv");
        assert_eq!(timeless(&search.join(&eval), &["run_id"]), timeless(&first.join(&eval), &["run_id"]), "{what}");
    }
}

#[test]
fn the_best_are_promoted_with_the_base_and_the_winner_can_be_run() {
    let (_home, out, json, _) = shared();
    let (header, rows) = csv_rows(&out.join("trials.csv"));
    let expected = "trial,rung,steps,seeds,algorithm.actor_lr,algorithm.batch_size,algorithm.gamma,latency_mean_s,\
                    seconds,status";
    assert_eq!(header.join(","), expected);
    assert_eq!(rows.iter().filter(|row| row[1] == "0" && row[2] == "200").count(), 5);
    let reached = |row: &Vec<String>| row[7].parse::<f64>().unwrap();
    let mut first: Vec<(f64, &str)> = rows[..5].iter().map(|row| (reached(row), row[0].as_str())).collect();
    first.sort_by(|left, right| left.0.total_cmp(&right.0));
    let best_first = first[0].1;
    let promoted: Vec<&str> = rows[..5].iter().filter(|row| row[9] == "promoted").map(|row| row[0].as_str()).collect();
    assert!(promoted.contains(&"0") && promoted.contains(&best_first), "{rows:?}");
    assert!(promoted.len() <= 2 && rows.len() == 5 + promoted.len(), "{rows:?}");
    assert!(rows[5..].iter().all(|row| row[1] == "1" && row[2] == "600" && row[9] == "finished"), "{rows:?}");
    assert!(rows.iter().all(|row| row[8].parse::<f64>().unwrap() > 0.0), "{rows:?}");
    // The base is what the file says, and the winner is never worse.
    assert_eq!(rows[0][4..7], ["0.0003", "32", "0.9"]);
    let winner = rows[5..].iter().min_by(|left, right| reached(left).total_cmp(&reached(right))).unwrap();
    assert!(reached(winner) <= reached(rows[5..].iter().find(|row| row[0] == "0").unwrap()));
    assert_eq!(json["trials"][0]["trial"].to_string(), winner[0]);
    let best = ExperimentConfig::read(&out.join("best.toml"), &[]).unwrap();
    let base = ExperimentConfig::read(smoke().as_ref(), &[]).unwrap();
    assert_eq!((best.name.as_str(), best.runtime.steps, best.comparison), ("tiny-best", 600, base.comparison));
    let text = read(&out.join("best.toml"));
    assert!(text.starts_with(&format!("# Trial {} of 5: mean latency ", winner[0])), "{text}");
    assert!(text.contains(&format!("actor_lr = {}\n", winner[4])), "{text}");
    check_whole(out);
}

#[test]
fn a_search_is_reported_by_its_trials_and_has_no_curves_to_watch() {
    let (home, out, ..) = shared();
    let (search, page) = (out.to_str().unwrap(), home.path().join("search.html"));
    mec_gym(&["report", search, "--out", page.to_str().unwrap()]).done();
    let text = read(&page);
    assert!(text.contains("Download trials.csv") && text.contains("algorithm.actor_lr"), "{text}");
    mec_gym(&["watch", search]).refused(1, &["holds a search", "accepted is the folder of a run or a study"]);
}

/// What is promoted goes on as if it had never paused, so that no rung is paid twice.
#[test]
fn a_trial_that_paused_ends_with_the_bits_of_one_that_did_not() {
    let (_home, out, ..) = shared();
    let paused = out.join("runs/trial0-seed1");
    assert_eq!(manifest(&paused)["resumed"].as_array().unwrap().len(), 1);
    let home = tempfile::tempdir().unwrap();
    let (config, whole) = (paused.join("config.toml"), home.path().join("run"));
    mec_gym(&["train", config.to_str().unwrap(), "--quiet", "--out", whole.to_str().unwrap()]).done();
    assert_eq!(timeless(&paused.join("eval.csv"), &["run_id"]), timeless(&whole.join("eval.csv"), &["run_id"]));
    for which in ["best", "last"] {
        let name = format!("ckpt/dsaco-seed1-{which}.safetensors");
        let sum = |run: &Path| checkpoint::load(&run.join(&name)).unwrap().checksum();
        assert_eq!(sum(&paused), sum(&whole), "{name}");
    }
    // What is reached is the mean latency of the best evaluation by return, that of the untrained agent aside.
    let (_, rows) = csv_rows(&whole.join("eval.csv"));
    let mut figures: BTreeMap<u64, BTreeMap<String, f64>> = BTreeMap::new();
    for row in rows {
        figures.entry(row[4].parse().unwrap()).or_default().insert(row[6].clone(), row[7].parse().unwrap());
    }
    figures.remove(&0).unwrap();
    let best = figures.values().fold(None, |best: Option<&BTreeMap<String, f64>>, point| match best {
        Some(best) if best["return"] >= point["return"] => Some(best),
        _ => Some(point),
    });
    let trials = csv_rows(&out.join("trials.csv")).1;
    let row = trials.iter().find(|row| row[0] == "0" && row[1] == "1").unwrap();
    assert_eq!(row[7].parse::<f64>().unwrap(), best.unwrap()["latency_mean_s"]);
}

#[test]
fn the_number_of_jobs_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (out, answer) = search(home.path(), &["--jobs", "3"]);
    let table = answer.done().out;
    assert!(table.starts_with("trial  steps  latency (s)  actor_lr"), "{table}");
    assert_same(&out, "three at a time");
    mec_gym(&["plot", out.to_str().unwrap()]).refused(1, &["search"]);
    mec_gym(&["evaluate", out.to_str().unwrap()]).refused(1, &["search"]);
}

#[test]
fn a_search_that_is_killed_again_and_again_finds_the_same() {
    let mut rng = stream(9, "kills");
    let home = tempfile::tempdir().unwrap();
    let (file, out) = (file(home.path()), home.path().join("search"));
    let begin = ["tune", file.to_str().unwrap(), "--quiet", "--jobs", "2", "--out", out.to_str().unwrap()];
    let kills = killed_until_finished(&begin, &out, shared().3, &mut rng);
    assert!(kills >= 2, "{kills} kills prove little");
    assert_same(&out, &format!("{kills} kills"));
    check_whole(&out);
    let before = contents(&out);
    let again = mec_gym(&["resume", out.to_str().unwrap()]).done();
    assert!(again.err.contains("is finished: there is nothing to resume"), "{}", again.err);
    assert_eq!(contents(&out), before);
}

#[cfg(unix)]
#[test]
fn a_search_stops_with_checkpoints_and_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let (file, out) = (file(home.path()), home.path().join("search"));
    let arguments = ["tune", file.to_str().unwrap(), "--quiet", "--jobs", "2", "--out", out.to_str().unwrap()];
    // On the second rung.
    let answer = crate::stopping::interrupt(&arguments, "INT", || out.join("trials.csv").is_file());
    assert_eq!((answer.code, answer.out.as_str()), (130, ""), "{}", answer.err);
    assert_eq!(manifest(&out)["status"], "stopped");
    check_whole(&out);
    mec_gym(&["resume", out.to_str().unwrap(), "--quiet"]).done();
    assert_same(&out, "stopped");
}

#[test]
fn a_trial_that_diverges_is_the_worst_and_the_search_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let space = "space={'algorithm.critic_lr' = {choice = [1e30]}}";
    let change = ["--set", space, "--set", "tune.trials=2", "--set", "tune.method=random", "--jobs", "2"];
    let (out, answer) = search(home.path(), &change);
    answer.done();
    let rows = csv_rows(&out.join("trials.csv")).1;
    let of = |column: usize| rows.iter().map(|row| row[column].as_str()).collect::<Vec<_>>();
    assert_eq!((of(0), of(7)), (vec!["0", "1"], vec!["finished", "diverged"]));
    assert!(rows[0][5].parse::<f64>().is_ok() && rows[1][5].is_empty(), "{rows:?}");
    assert!(read(&out.join("best.toml")).starts_with("# Trial 0 of 2"));

    let all = ["--set", "algorithm.critic_lr=1e30", "--set", "seeds=[1, 2]", "--force"];
    let (out, answer) = search(home.path(), &[&change[..], &all].concat());
    answer.refused(1, &["the trainings of all 2 trials diverged", "narrow the space"]);
    assert!(!out.join("best.toml").exists() && manifest(&out)["status"] == "failed");
    mec_gym(&["resume", out.to_str().unwrap(), "--quiet"]).refused(1, &["all 2 trials diverged"]);
}

#[test]
fn what_is_no_search_or_cannot_be_one_is_refused_before_anything_is_written() {
    let home = tempfile::tempdir().unwrap();
    let refused: &[(&str, &[&str])] = &[
        ("space.algorithm.gama={uniform=[0, 1]}", &["space.\"algorithm.gama\"", "`gama`", "`gamma`"]),
        ("space.algorithm.gamma={log_uniform=[0, 0.5]}", &["log_uniform is [0, 0.5]", "above 0"]),
        ("space.algorithm.gamma={uniform=[0.5, 0.5]}", &["uniform is [0.5, 0.5]", "the lower one first"]),
        ("space.algorithm.gamma={choice=[3.5]}", &["trial 1: ", "gamma is 3.5", "below 1"]),
        ("space.algorithm.body.kind={choice=['mlp']}", &["space.\"algorithm.body.kind\"", "prior_scale"]),
        ("tune.trials=0", &["tune.trials is 0", "2 to 10000"]),
        ("runtime.steps=0", &["runtime.steps is 0"]),
    ];
    for (change, parts) in refused {
        let (out, answer) = search(home.path(), &["--set", change]);
        answer.refused(1, parts);
        assert!(!out.exists(), "{change}");
    }
    mec_gym(&["tune", &smoke()]).refused(1, &["smoke.toml", "nothing to search", "[space]"]);
    let file = file(home.path());
    mec_gym(&["run", file.to_str().unwrap()]).refused(1, &["tiny.toml asks for a search", "mec-gym tune"]);
    let taken = home.path().join("file");
    fs::write(&taken, "x").unwrap();
    let below = taken.join("search");
    for out in [&below, &taken, Path::new("/proc/search")] {
        mec_gym(&["tune", file.to_str().unwrap(), "--out", out.to_str().unwrap()])
            .refused(1, &["run folder", out.to_str().unwrap()]);
    }
}
