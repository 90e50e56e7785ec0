//! Studies: several methods in one table.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use mec_gym::envs::rng::stream;
use tempfile::TempDir;

use crate::files::check_whole;
use crate::reproducible::timeless;
use crate::resuming::killed_until_finished;
use crate::{Answer, contents, csv_rows, files_below, manifest, mec_gym, read};

/// Two methods with two seeds each, in seconds.
const TINY: &str = r#"
name = "tiny"
seeds = [1, 2]

[runtime]
envs = 2
steps = 400
round = 4
evaluate_every = 200
progress_every = 200
checkpoint_every = 100

[evaluation]
episodes = 1

[comparison]
episodes = 2
schemes = ["nearest", "central-greedy"]
baseline = "central-greedy"
target = "nearest"

[methods.dsaco.algorithm]
name = "dsaco"
batch_size = 32
buffer_capacity = 2000
learning_starts = 100
replay_ratio = 0.25
body = { kind = "scorer", hidden = [16, 16], prior_scale = 10.0 }

[methods.floor]
runtime = { steps = 200 }
algorithm = { name = "uniform" }

[scenario]
preset = "default"
name = "tiny"
horizon_s = 2.0
"#;

/// The file of the study, beside which it runs.
fn file(home: &Path) -> PathBuf {
    let path = home.join("tiny.toml");
    fs::write(&path, TINY).unwrap();
    path
}

/// Runs the study into `home/study`.
fn study(home: &Path, more: &[&str]) -> (PathBuf, Answer) {
    let (file, out) = (file(home), home.join("study"));
    let arguments = ["run", file.to_str().unwrap(), "--quiet", "--out", out.to_str().unwrap()];
    let answer = mec_gym(&[&arguments, more].concat());
    (out, answer)
}

/// One study, one training at a time, that nobody writes into; its answer as JSON, and how long it took.
fn shared() -> &'static (TempDir, PathBuf, serde_json::Value, Duration) {
    static STUDY: OnceLock<(TempDir, PathBuf, serde_json::Value, Duration)> = OnceLock::new();
    STUDY.get_or_init(|| {
        let home = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let (out, answer) = study(home.path(), &["--jobs", "1", "--json"]);
        let answer = answer.done().json();
        (home, out, answer, start.elapsed())
    })
}

/// Everything that the studies left is the same, times aside.
fn assert_same(study: &Path, what: &str) {
    let first = &shared().1;
    let names = |study: &Path| -> BTreeSet<PathBuf> {
        files_below(study).iter().map(|path| path.strip_prefix(study).unwrap().to_owned()).collect()
    };
    assert_eq!(names(study), names(first), "{what}");
    for name in names(first) {
        let (path, other) = (study.join(&name), first.join(&name));
        match name.extension().unwrap().to_str().unwrap() {
            "csv" => {
                let clocks = ["run_id", "time/time_elapsed", "time/fps", "dist/actor_idle", "dist/learner_idle", "t"];
                assert_eq!(timeless(&path, &clocks), timeless(&other, &clocks), "{what}: {}", name.display());
            }
            "json" => {}
            _ => assert_eq!(fs::read(&path).unwrap(), fs::read(&other).unwrap(), "{what}: {}", name.display()),
        }
    }
    assert_eq!(manifest(study)["status"], "finished", "{what}");
}

#[test]
fn all_methods_and_schemes_stand_in_one_table() {
    let (_home, out, json, _) = shared();
    let rows = json.as_array().unwrap();
    let names: BTreeSet<&str> = rows.iter().map(|row| row["scheme"].as_str().unwrap()).collect();
    assert_eq!(names, BTreeSet::from(["central-greedy", "dsaco", "floor", "nearest"]));
    for row in rows {
        let learned = ["dsaco", "floor"].contains(&row["scheme"].as_str().unwrap());
        assert_eq!(
            (row["highlighted"].as_bool(), row["seeds"].as_u64()),
            (Some(learned), Some(1 + u64::from(learned)))
        );
    }
    let baseline = rows.iter().find(|row| row["scheme"] == "central-greedy").unwrap();
    let even = |value: f64| serde_json::json!({ "value": value, "low": value, "high": value });
    assert_eq!((&baseline["improvement"], &baseline["latency_difference_s"]), (&even(0.5), &even(0.0)));
    let target = rows.iter().find(|row| row["scheme"] == "nearest").unwrap();
    assert_eq!(target["optimality_gap"], even(0.0));
    assert!(rows.iter().all(|row| row["improvement"].is_object() && row["optimality_gap"].is_object()));
    assert_eq!(csv_rows(&out.join("comparison.csv")).1.len(), 4);
    for picture in ["learning_curve.svg", "learning_curve.png", "comparison.svg", "comparison.png"] {
        assert!(out.join(picture).is_file(), "{picture}");
    }
    let curve = read(&out.join("learning_curve.svg"));
    assert!(curve.contains("dsaco  ") && curve.contains("floor  ") && curve.contains("central-greedy  "), "{curve}");
    let (_, eval) = csv_rows(&out.join("eval.csv"));
    let points: BTreeSet<(&str, &str, &str)> = eval.iter().map(|row| (&*row[1], &*row[3], &*row[4])).collect();
    let expected = [
        ("central-greedy", "0", "0"),
        ("dsaco", "1", "0"),
        ("dsaco", "1", "200"),
        ("dsaco", "1", "400"),
        ("dsaco", "2", "0"),
        ("dsaco", "2", "200"),
        ("dsaco", "2", "400"),
        ("floor", "1", "0"),
        ("floor", "1", "200"),
        ("floor", "2", "0"),
        ("floor", "2", "200"),
        ("nearest", "0", "0"),
    ];
    assert_eq!(points, expected.into());
    let manifest = manifest(out);
    assert_eq!((manifest["status"].as_str(), &manifest["seeds"]), (Some("finished"), &serde_json::json!([1, 2])));
    assert_eq!(manifest["config"]["methods"]["floor"]["runtime"]["envs"], 2, "what it leaves to the study");
    check_whole(out);
}

#[test]
fn tasks_lost_to_an_empty_battery_have_failed_and_have_no_latency() {
    let home = tempfile::tempdir().unwrap();
    let changes = [
        "scenario={preset=\"drones\"}",
        "methods={floor={algorithm={name=\"uniform\"},runtime={steps=100}}}",
        "comparison.schemes=[\"central-greedy\",\"device-only\"]",
        "comparison.target=\"central-greedy\"",
        "comparison.episodes=6",
        "seeds=[1]",
    ];
    let changes: Vec<&str> = changes.iter().flat_map(|change| ["--set", change]).collect();
    let (out, answer) = study(home.path(), &changes);
    answer.done();
    let (header, rows) = csv_rows(&out.join("comparison.csv"));
    let of = |row: &[String], name: &str| -> f64 {
        row[header.iter().position(|column| column == name).unwrap()].parse().unwrap()
    };
    for row in &rows {
        assert!(of(row, "latency_mean_s").is_finite() && of(row, "latency_difference_high_s").is_finite(), "{row:?}");
    }
    let local = rows.iter().find(|row| row[0] == "device-only").unwrap();
    let alone = ["simulate", "--policy", "device-only", "--set", "scenario.preset=drones", "--seed", "2000000"];
    let alone = mec_gym(&[&alone[..], &["--episodes", "6", "--json"]].concat()).done().json();
    assert!(alone["lost"].as_f64().unwrap() > 0.0, "{alone}");
    for figure in ["latency_mean_s", "success_rate", "tasks"] {
        let expected = alone[figure].as_f64().unwrap();
        assert!((of(local, figure) - expected).abs() < 1e-9 * expected, "{figure}: {alone} {local:?}");
    }
    let per_episode = alone["per_episode"].as_array().unwrap();
    let lost: f64 = per_episode.iter().map(|episode| episode["lost"].as_f64().unwrap()).sum();
    assert_eq!(alone["lost"].as_f64(), Some(lost), "those that wait when the episode ends are lost, too");
}

/// The table of the study holds what the runs in it give on their own.
#[test]
fn a_run_of_a_study_is_a_run_like_others() {
    let (_home, out, json, _) = shared();
    let run = out.join("runs/floor-seed2");
    let arguments = ["evaluate", run.to_str().unwrap(), "--quiet", "--json", "--set", "comparison.schemes=['nearest']"];
    let alone = mec_gym(&arguments).done().json();
    let find = |table: &serde_json::Value, name: &str| {
        table.as_array().unwrap().iter().find(|row| row["scheme"] == name).unwrap().clone()
    };
    assert_eq!(find(&alone, "nearest")["latency_mean_s"]["value"], find(json, "nearest")["latency_mean_s"]["value"]);
    let again = mec_gym(&["evaluate", out.to_str().unwrap(), "--quiet", "--json"]).done().json();
    assert_eq!(&again, json);
    let other = mec_gym(&["evaluate", out.to_str().unwrap(), "--quiet", "--json", "--seed", "3000000"]).done().json();
    assert_ne!(&other, json);
    let home = tempfile::tempdir().unwrap();
    let model = home.path().join("x.onnx");
    mec_gym(&["export", out.to_str().unwrap(), "--out", model.to_str().unwrap()]).refused(1, &["many runs", "/runs"]);
}

#[test]
fn neither_the_number_of_jobs_nor_a_repetition_changes_a_bit() {
    let home = tempfile::tempdir().unwrap();
    let (out, answer) = study(home.path(), &["--jobs", "3"]);
    let table = answer.done().out;
    assert!(table.contains("* dsaco") && table.contains("* floor") && table.contains("  nearest"), "{table}");
    assert_same(&out, "three at a time");
    let again = home.path().join("again");
    let config = out.join("config.toml");
    mec_gym(&["run", config.to_str().unwrap(), "--quiet", "--out", again.to_str().unwrap()]).done();
    assert_same(&again, "config.toml");
    // A new study in its place leaves nothing of it.
    study(home.path(), &["--force", "--seed", "1", "--jobs", "2"]).1.done();
    assert!(!out.join("runs/floor-seed2").exists() && out.join("runs/floor-seed1/run.json").is_file());
}

#[test]
fn a_study_that_is_killed_again_and_again_ends_with_the_same_tables() {
    let mut rng = stream(7, "kills");
    let home = tempfile::tempdir().unwrap();
    let (file, out) = (file(home.path()), home.path().join("study"));
    let begin = ["run", file.to_str().unwrap(), "--quiet", "--jobs", "2", "--out", out.to_str().unwrap()];
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
fn a_study_stops_with_checkpoints_and_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let (file, out) = (file(home.path()), home.path().join("study"));
    let arguments = ["run", file.to_str().unwrap(), "--quiet", "--jobs", "2", "--out", out.to_str().unwrap()];
    let trains = |run: &str| out.join("runs").join(run).join("ckpt/resume.safetensors").is_file();
    let answer = crate::stopping::interrupt(&arguments, "INT", || trains("dsaco-seed1"));
    assert_eq!((answer.code, answer.out.as_str()), (130, ""), "{}", answer.err);
    assert_eq!(manifest(&out)["status"], "stopped");
    assert!(!out.join("comparison.csv").exists());
    check_whole(&out);
    mec_gym(&["resume", out.to_str().unwrap(), "--quiet"]).done();
    assert_same(&out, "stopped");
}

#[test]
fn a_training_that_fails_leaves_the_others_alone_and_is_tried_again() {
    let home = tempfile::tempdir().unwrap();
    let change = ["--set", "methods.dsaco.algorithm.critic_lr=1e30", "--jobs", "2"];
    let (out, answer) = study(home.path(), &change);
    assert!(answer.out.contains("* floor") && !answer.out.contains("dsaco"), "{}", answer.out);
    let parts = ["2 of 4 trainings failed", "dsaco seed 1: ", "dsaco seed 2: ", "diverged", "mec-gym resume"];
    answer.refused(1, &parts);
    let of_study = manifest(&out);
    assert_eq!(of_study["status"], "failed");
    assert!(of_study["error"].as_str().unwrap().contains("2 of 4 trainings failed"), "{of_study}");
    let status = |run: &str| manifest(&out.join("runs").join(run))["status"].clone();
    assert_eq!((status("dsaco-seed2"), status("floor-seed2")), ("failed".into(), "finished".into()));
    let before = contents(&out.join("runs/floor-seed1"));
    mec_gym(&["resume", out.to_str().unwrap(), "--quiet"]).refused(1, &parts);
    assert_eq!(contents(&out.join("runs/floor-seed1")), before, "it is not repeated");
    assert_eq!(manifest(&out.join("runs/dsaco-seed1"))["resumed"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_in_the_way_of_a_run_fails_it_alone_and_what_a_kill_left_does_not() {
    let home = tempfile::tempdir().unwrap();
    let (file, out) = (file(home.path()), home.path().join("study"));
    let arguments = ["run", file.to_str().unwrap(), "--out", out.to_str().unwrap(), "--jobs", "2"];
    let in_the_way = out.join("runs/floor-seed1");
    let answer = crate::stopping::interrupt(&arguments, "INT", || out.join("runs/dsaco-seed1").is_dir());
    assert_eq!(answer.code, 130, "{}", answer.err);
    if in_the_way.is_dir() {
        fs::remove_dir_all(&in_the_way).unwrap();
    }
    fs::write(&in_the_way, "mine").unwrap();
    let resume = ["resume", out.to_str().unwrap(), "--quiet"];
    mec_gym(&resume).refused(1, &["1 of 4 trainings failed", "floor seed 1: ", "runs/floor-seed1"]);
    let table = csv_rows(&out.join("comparison.csv")).1;
    let floor = table.iter().find(|row| row[0] == "floor").unwrap();
    assert_eq!(floor[14], "1", "compared by the seed that it has: {floor:?}");
    fs::remove_file(&in_the_way).unwrap();
    // What a kill leaves before a run has its manifest, and before it has its configuration.
    fs::create_dir(&in_the_way).unwrap();
    for left in [".lock", ".77-0-run.json", ".probe"] {
        fs::write(in_the_way.join(left), "").unwrap();
    }
    fs::remove_file(out.join("runs/dsaco-seed2/config.toml")).unwrap();
    mec_gym(&resume).done();
    assert_same(&out, "no file in the way any more");
}

#[test]
fn mistakes_in_a_study_are_refused_with_place_and_what_is_accepted() {
    let home = tempfile::tempdir().unwrap();
    let refused: &[(&str, &[&str])] = &[
        ("methods={}", &["--set methods={}", "methods is empty", "one method or more"]),
        ("methods.x.algorithm.name=dsac", &["`dsac`", "`dsaco`"]),
        ("methods.x={}", &["algorithm", "methods.x"]),
        ("methods.floor.label=a", &["`label`", "`algorithm`"]),
        ("methods.floor.runtime.stepz=4", &["`stepz`", "`steps`"]),
        ("methods.floor.runtime.steps=0", &["methods.floor: runtime.steps is 0", "1 or more"]),
        ("methods.dsaco.algorithm.gamma=2", &["methods.dsaco: algorithm: gamma is 2", "below 1"]),
        ("methods.nearest.algorithm.name=uniform", &["\"nearest\", as a scheme", "comparison.schemes"]),
        ("comparison.baseline=dsac", &["comparison.baseline is \"dsac\"", "a method, or one of comparison.schemes"]),
        ("algorithm.name=uniform", &["`algorithm`", "`methods`"]),
        ("runtime.steps=0", &["runtime.steps is 0"]),
        ("seeds=[]", &["seeds is empty"]),
        ("comparison.schemes=['nearst']", &["\"nearst\"", "nearest"]),
    ];
    for (change, parts) in refused {
        let (out, answer) = study(home.path(), &["--set", change]);
        answer.refused(1, parts);
        assert!(!out.exists(), "{change}");
    }
    let wrong = home.path().join("wrong.toml");
    fs::write(&wrong, "[methods.a.algorithm]\nname = \"uniform\"\n[runtime]\nstepz = 1\n").unwrap();
    mec_gym(&["run", wrong.to_str().unwrap()]).refused(1, &["wrong.toml: ", "line 4", "stepz", "`steps`"]);
    let odd = home.path().join("odd.toml");
    fs::write(&odd, "[methods.\"a b\".algorithm]\nname = \"uniform\"\n").unwrap();
    mec_gym(&["run", odd.to_str().unwrap()]).refused(1, &["odd.toml: ", "\"a b\"", "letters, digits"]);
    let (_, answer) = study(&home.path().join("."), &["--jobs", "0"]);
    assert_eq!(answer.code, 2);
    let smoke = crate::smoke();
    mec_gym(&["run", &smoke, "--jobs", "2", "--out", home.path().join("run").to_str().unwrap()])
        .refused(1, &["--jobs is for studies"]);
    assert!(!home.path().join("run").exists());
}
