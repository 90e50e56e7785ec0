//! Sweeps: a study at every point of some axes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use mec_gym::envs::rng::stream;
use tempfile::TempDir;

use crate::files::check_whole;
use crate::resuming::killed_until_finished;
use crate::{Answer, csv_rows, manifest, mec_gym, read};

/// Two axes that meet in the scenario itself, on one of which a method is trained once, in seconds.
const TINY: &str = r#"
name = "tiny"
seeds = [1, 2]

[runtime]
envs = 2
steps = 200
round = 4
evaluate_every = 200
progress_every = 200
checkpoint_every = 100

[evaluation]
episodes = 1

[comparison]
episodes = 2
schemes = ["central-greedy", "forecasting-greedy=0.5", "forecasting-greedy=tuned"]
baseline = "forecasting-greedy=tuned"

[methods.dsaco.algorithm]
name = "dsaco"
batch_size = 32
buffer_capacity = 2000
learning_starts = 100
replay_ratio = 0.25
body = { kind = "scorer", hidden = [16, 16], prior_scale = 10.0 }

[scenario]
preset = "default"
name = "tiny"
horizon_s = 2.0

[axes.load]
label = "Tasks per device (1/s)"
points = [{ at = 1, set = { "devices.*.rate_hz" = 1.0 } }, { at = 2 }]

[axes.moved]
label = "Report delay (s)"
trained_at = 2
points = [{ at = 0, set = { "telemetry.delay_s" = 0.0 } }, { at = 2 }, { at = 8, scale = { "telemetry.delay_s" = 4.0 } }]
"#;

const FEWER_SERVERS: &str = "axes.moved.points=[{at=2},{at=4,set={\"servers.2.count\"=1}}]";

/// Runs the sweep into `home/sweep`.
fn sweep(home: &Path, more: &[&str]) -> (PathBuf, Answer) {
    let (file, out) = (home.join("tiny.toml"), home.join("sweep"));
    fs::write(&file, TINY).unwrap();
    let arguments = ["run", file.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let answer = mec_gym(&[&arguments, more].concat());
    (out, answer)
}

/// One sweep, one training at a time, that nobody writes into; its answer as JSON, and how long it took.
fn shared() -> &'static (TempDir, PathBuf, serde_json::Value, Duration) {
    static SWEEP: OnceLock<(TempDir, PathBuf, serde_json::Value, Duration)> = OnceLock::new();
    SWEEP.get_or_init(|| {
        let home = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let (out, answer) = sweep(home.path(), &["--jobs", "1", "--json", "--quiet"]);
        let answer = answer.done().json();
        (home, out, answer, start.elapsed())
    })
}

/// `(axis, at, scheme)` to the rest of the row.
fn table(sweep: &Path) -> BTreeMap<(String, String, String), Vec<String>> {
    let (_, rows) = csv_rows(&sweep.join("sweep.csv"));
    let key = |row: &[String]| (row[0].clone(), row[1].clone(), row[3].clone());
    rows.into_iter().map(|row| (key(&row), row[4..].to_vec())).collect()
}

#[test]
fn everybody_stands_at_every_point_in_one_table() {
    let (_home, out, json, _) = shared();
    let table = table(out);
    assert_eq!(table.len(), 5 * 4, "five points, four schemes and methods");
    let of = |axis: &str, at: &str, scheme: &str| &table[&(axis.to_owned(), at.to_owned(), scheme.to_owned())];
    for scheme in ["dsaco", "central-greedy", "forecasting-greedy=tuned"] {
        assert_eq!(of("load", "2", scheme), of("moved", "2", scheme), "the same scenario");
        assert_ne!(of("load", "1", scheme), of("load", "2", scheme));
        assert_ne!(of("moved", "0", scheme), of("moved", "8", scheme));
    }
    let folders = fs::read_dir(out.join("runs")).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(folders.len(), 2, "what is the same is trained once, and one axis at one point: {folders:?}");
    assert_eq!(json.as_array().unwrap().len(), 20);
    assert_eq!(json[0]["summary"]["highlighted"], true, "{}", json[0]);
    let (_, rows) = csv_rows(&out.join("sweep.csv"));
    for row in rows.iter().filter(|row| row[3] == "forecasting-greedy=tuned") {
        assert!(row[2].starts_with("forecasting-greedy=") && !row[2].ends_with("tuned"), "{row:?}");
    }
    assert!(rows.iter().filter(|row| row[3] != "forecasting-greedy=tuned").all(|row| row[2] == row[3]));
    for picture in ["load.svg", "load.png", "moved.svg", "moved.png"] {
        assert!(out.join("axes").join(picture).is_file(), "{picture}");
    }
    let picture = read(&out.join("axes/moved.svg"));
    assert!(picture.contains("Report delay (s)") && picture.contains("dsaco  ") && picture.contains("trained at 2"));
    check_whole(out);
}

/// The agents that an axis tests elsewhere are those that it trained, as they can be found in its folder.
#[test]
fn the_row_of_a_point_without_training_is_what_its_agents_reach_there() {
    let (_home, out, ..) = shared();
    let agents = out.join("runs/load-2");
    let change = "scenario.telemetry.delay_s=8";
    let arguments = ["evaluate", agents.to_str().unwrap(), "--quiet", "--json", "--set", change];
    let alone = mec_gym(&arguments).done().json();
    let dsaco = alone.as_array().unwrap().iter().find(|row| row["scheme"] == "dsaco").unwrap();
    let row = &table(out)[&("moved".to_owned(), "8".to_owned(), "dsaco".to_owned())];
    assert_eq!(row[0], dsaco["latency_mean_s"]["value"].to_string());
}

#[test]
fn neither_jobs_nor_kills_change_the_table() {
    let (_home, first, _, time) = shared();
    let home = tempfile::tempdir().unwrap();
    let (out, answer) = sweep(home.path(), &["--jobs", "2"]);
    let answer = answer.done();
    assert!(answer.out.contains("* dsaco ") && answer.out.contains("  load "), "{}", answer.out);
    assert!(answer.err.contains("moved-8 (5 of 5)"), "{}", answer.err);
    assert_eq!(read(&out.join("sweep.csv")), read(&first.join("sweep.csv")));
    let killed = home.path().join("killed");
    let file = home.path().join("tiny.toml");
    let begin = ["run", file.to_str().unwrap(), "--quiet", "--jobs", "2", "--out", killed.to_str().unwrap()];
    let kills = killed_until_finished(&begin, &killed, *time, &mut stream(7, "kills"));
    assert!(kills >= 2, "{kills} kills prove little");
    assert_eq!(read(&killed.join("sweep.csv")), read(&first.join("sweep.csv")), "{kills} kills");
    assert_eq!(manifest(&killed)["status"], "finished");
    let again = mec_gym(&["resume", killed.to_str().unwrap()]).done();
    assert!(again.err.contains("is finished: there is nothing to resume"), "{}", again.err);
    // The pictures come from the table alone.
    fs::remove_dir_all(killed.join("axes")).unwrap();
    fs::remove_dir_all(killed.join("runs")).unwrap();
    mec_gym(&["plot", killed.to_str().unwrap()]).done();
    assert_eq!(read(&killed.join("axes/load.svg")), read(&first.join("axes/load.svg")));
    let (path, page) = (killed.to_str().unwrap(), killed.join("page.html"));
    mec_gym(&["report", path, "--out", page.to_str().unwrap()]).done();
    for part in ["sweep.csv", "Report delay (s)", "Along load", "Tasks per device (1/s)", "share of tasks in time"] {
        assert!(read(&page).contains(part), "{part}");
    }
    for command in [&["evaluate", path][..], &["watch", path]] {
        mec_gym(command).refused(1, &["holds a search or a sweep", "runs/"]);
    }
}

#[test]
fn a_point_that_fails_leaves_the_others_alone_and_is_tried_again() {
    let home = tempfile::tempdir().unwrap();
    let in_the_way = home.path().join("sweep/runs/load-1");
    let (out, answer) = sweep(home.path(), &["--set", "axes.moved.points=[{at=2}]", "--quiet", "--jobs", "2"]);
    answer.done();
    fs::remove_dir_all(&in_the_way).unwrap();
    fs::write(&in_the_way, "mine").unwrap();
    // As if it had been stopped before that point.
    let rows = read(&out.join("sweep.csv"));
    let without: String =
        rows.lines().filter(|line| !line.starts_with("load,1,")).map(|line| format!("{line}\n")).collect();
    fs::write(out.join("sweep.csv"), without).unwrap();
    let manifest_file = out.join("run.json");
    fs::write(&manifest_file, read(&manifest_file).replace("\"finished\"", "\"stopped\"")).unwrap();
    mec_gym(&["resume", out.to_str().unwrap(), "--quiet"])
        .refused(1, &["1 of 3 points failed", "load-1: ", "mec-gym resume"]);
    assert!(read(&out.join("sweep.csv")).contains("\nload,2,"));
    fs::remove_file(&in_the_way).unwrap();
    mec_gym(&["resume", out.to_str().unwrap(), "--quiet"]).done();
    assert_eq!(read(&out.join("sweep.csv")), rows);
}

#[test]
fn agents_go_to_other_numbers_of_servers() {
    let home = tempfile::tempdir().unwrap();
    let (out, answer) = sweep(home.path(), &["--quiet", "--set", FEWER_SERVERS, "--set", "seeds=[1]"]);
    answer.done();
    assert!(table(&out).contains_key(&("moved".to_owned(), "4".to_owned(), "dsaco".to_owned())));
}

#[test]
fn mistakes_in_a_sweep_are_refused_with_place_and_what_is_accepted() {
    let home = tempfile::tempdir().unwrap();
    let refused: &[(&str, &[&str])] = &[
        ("axes={}", &["axes is empty", "[axes.load]"]),
        ("axes.load.points=[]", &["axes.load: points is empty"]),
        (
            "axes.load.points=[{at=1,set={\"servers.9.count\"=1}}]",
            &["axes.load: the point at 1: servers.9", "3 entries"],
        ),
        ("axes.moved.trained_at=3", &["axes.moved: trained_at is 3", "one of the points"]),
        ("methods.dsaco.algorithm.gamma=2", &["gamma is 2"]),
        ("axes.load.colour=1", &["`colour`", "`label`"]),
    ];
    for (change, parts) in refused {
        let (out, answer) = sweep(home.path(), &["--set", change]);
        answer.refused(1, parts);
        assert!(!out.exists(), "{change}");
    }
    let file = home.path().join("tiny.toml");
    mec_gym(&["train", file.to_str().unwrap()]).refused(1, &["a sweep compares", "mec-gym run"]);
}
