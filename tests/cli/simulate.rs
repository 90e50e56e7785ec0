//! `simulate`, and the events file against the model.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::{Answer, csv_rows, mec_gym, read, smoke};

const HEADER: &str = "task,user,model,target,cut,arrival_s,decision_s,device_start_s,device_end_s,upload_start_s,\
    upload_end_s,server_start_s,server_end_s,completion_s,latency_s,deadline_s,success";

/// Times are rounded to nanoseconds; a difference of two of them is off by at most two.
const TOLERANCE: f64 = 2.5e-9;

fn simulate(policy: &str, seed: &str, events: &Path) -> String {
    let smoke = smoke();
    let fixed = ["simulate", "--episodes", "1", "--json", "--config", &smoke, "--events", events.to_str().unwrap()];
    mec_gym(&[&fixed[..], &["--policy", policy, "--seed", seed]].concat()).done().out
}

#[test]
fn equal_seeds_give_equal_bytes() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    let once = simulate("random", "5", &path("a.csv"));
    assert_eq!(simulate("random", "5", &path("b.csv")), once);
    assert_ne!(simulate("random", "6", &path("c.csv")), once);
    assert_eq!(read(&path("a.csv")), read(&path("b.csv")));
    assert_ne!(read(&path("a.csv")), read(&path("c.csv")));
}

#[test]
fn nothing_is_in_two_places_at_a_time() {
    let home = tempfile::tempdir().unwrap();
    for (number, policy) in ["random", "central-greedy", "edge-only", "device-only"].into_iter().enumerate() {
        let path = home.path().join(format!("{number}.csv"));
        let metrics: serde_json::Value = serde_json::from_str(&simulate(policy, "11", &path)).unwrap();
        let (header, rows) = csv_rows(&path);
        assert_eq!(header.join(","), HEADER);
        let at = |name: &str| header.iter().position(|column| column == name).unwrap();
        let number = |row: &[String], name: &str| row[at(name)].parse::<f64>().unwrap();
        let mut busy: BTreeMap<(&str, String), Vec<(f64, f64)>> = BTreeMap::new();
        for (task, row) in rows.iter().enumerate() {
            assert_eq!(row[0], task.to_string(), "each task once, in order of arrival");
            for (resource, owner) in [("device", "user"), ("upload", "user"), ("server", "target")] {
                let (start, end) = (&row[at(&format!("{resource}_start_s"))], &row[at(&format!("{resource}_end_s"))]);
                assert_eq!(start.is_empty(), end.is_empty(), "{row:?}");
                if !start.is_empty() {
                    let interval = (start.parse().unwrap(), end.parse().unwrap());
                    assert!(number(row, "decision_s") <= interval.0 + TOLERANCE && interval.0 <= interval.1, "{row:?}");
                    assert!(interval.1 <= number(row, "completion_s") + TOLERANCE, "{row:?}");
                    busy.entry((resource, row[at(owner)].clone())).or_default().push(interval);
                }
            }
            let latency = number(row, "completion_s") - number(row, "arrival_s");
            assert!((latency - number(row, "latency_s")).abs() < TOLERANCE, "{row:?}");
            let in_time = number(row, "latency_s") <= number(row, "deadline_s");
            assert_eq!(row[at("success")], u8::from(in_time).to_string(), "{row:?}");
            let local = row[at("target")] == "device";
            assert_eq!(row[at("upload_start_s")].is_empty(), local, "{row:?}");
            assert_eq!(row[at("server_start_s")].is_empty(), local, "{row:?}");
        }
        // The smoke scenario's servers have one executor each.
        for ((resource, owner), mut intervals) in busy {
            intervals.sort_by(|left, right| left.0.total_cmp(&right.0));
            let apart = intervals.windows(2).all(|pair| pair[0].1 <= pair[1].0 + TOLERANCE);
            assert!(apart, "{policy}: {resource} of {owner} overlaps");
        }
        check_metrics(&metrics, &rows, &number);
    }
}

/// The printed figures are those of the rows.
fn check_metrics(metrics: &serde_json::Value, rows: &[Vec<String>], number: &impl Fn(&[String], &str) -> f64) {
    let mean = |name: &str| rows.iter().map(|row| number(row, name)).sum::<f64>() / rows.len() as f64;
    let figure = |name: &str| metrics[name].as_f64().unwrap();
    assert_eq!(figure("tasks") as usize, rows.len());
    assert!((figure("latency_mean_s") - mean("latency_s")).abs() < TOLERANCE);
    assert!((figure("success_rate") - mean("success")).abs() < 1e-12);
    let offloaded = rows.iter().filter(|row| row[3] != "device").count() as f64 / rows.len() as f64;
    assert!((figure("offload_ratio") - offloaded).abs() < 1e-12);
}

#[test]
fn several_episodes_are_numbered_through_and_pooled() {
    let home = tempfile::tempdir().unwrap();
    let events = home.path().join("events.csv");
    let fixed = ["simulate", "--policy", "nearest", "--episodes", "3", "--seed", "2", "--json"];
    let answer = mec_gym(&[&fixed[..], &["--config", &smoke(), "--events", events.to_str().unwrap()]].concat()).done();
    let metrics = answer.json();
    let episodes = metrics["per_episode"].as_array().unwrap();
    assert_eq!(episodes.iter().map(|one| one["seed"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 3, 4]);
    let tasks: f64 = episodes.iter().map(|one| one["tasks"].as_f64().unwrap()).sum();
    assert_eq!(csv_rows(&events).1.len() as f64, tasks);
    assert_eq!(metrics["tasks"].as_f64(), Some(tasks));
}

#[test]
fn the_table_says_what_was_simulated() {
    let table = mec_gym(&["simulate", "--policy", "nearest", "--config", &smoke(), "--set", "scenario.noise_cv=0"]);
    let table = table.done().out;
    assert!(table.starts_with("nearest on scenario \"smoke\", 5 s: 1 episodes, seeds 0 to 0\n"), "{table}");
    assert!(table.contains("latency_mean_s"), "{table}");
}

/// `simulate` of the smoke scenario with a picture.
fn gantt(path: &Path, more: &[&str]) -> Answer {
    let smoke = smoke();
    let fixed = ["simulate", "--policy", "central-greedy", "--config", &smoke, "--gantt", path.to_str().unwrap()];
    mec_gym(&[&fixed, more].concat())
}

#[test]
fn an_episode_is_drawn_with_names_lanes_and_legend() {
    let home = tempfile::tempdir().unwrap();
    let (svg, png) = (home.path().join("episode.svg"), home.path().join("episode.png"));
    let answer = gantt(&svg, &["--from", "1", "--to", "3"]).done();
    assert!(answer.out.contains("latency_mean_s"), "{}", answer.out);
    let drawn = read(&svg);
    let parts = ["central-greedy on scenario \"smoke\", seed 0", "1 to 3 s of 5 s", "server-4", "mini-pc", "device 29"];
    let legend =
        ["alexnet", "vgg-19", "other tenants", "deadline met", "deadline missed", "report: made", "Time in the"];
    for part in parts.iter().chain(&legend) {
        let escaped = part.replace('"', "&quot;");
        assert!(drawn.contains(part) || drawn.contains(&escaped), "{part} is not in the picture");
    }
    gantt(&svg, &["--to", "1e300"]).done();
    assert!(read(&svg).contains("other tenants"), "a picture ends with the last result");
    gantt(&png, &[]).done();
    assert_eq!(fs::read(&png).unwrap()[..8], *b"\x89PNG\r\n\x1a\n");
}

#[test]
fn equal_seeds_give_equal_pictures_and_a_picture_changes_no_figure() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    let once = gantt(&path("a.svg"), &["--seed", "3", "--episodes", "2"]).done().out;
    gantt(&path("b.svg"), &["--seed", "3"]).done();
    gantt(&path("c.svg"), &["--seed", "4"]).done();
    assert_eq!(read(&path("a.svg")), read(&path("b.svg")));
    assert_ne!(read(&path("a.svg")), read(&path("c.svg")));
    let smoke = smoke();
    let bare = ["simulate", "--policy", "central-greedy", "--config", &smoke, "--seed", "3", "--episodes", "2"];
    assert_eq!(mec_gym(&bare).done().out, once);
}

#[test]
fn a_picture_that_cannot_be_made_is_refused_before_anything_is_written() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.svg");
    gantt(&home.path().join("a.jpg"), &[]).refused(1, &["--gantt", "a.jpg", ".svg or .png"]);
    gantt(&home.path().join("a"), &[]).refused(1, &["--gantt", ".svg or .png"]);
    gantt(Path::new("/missing/a.svg"), &[]).refused(1, &["--gantt", "/missing/a.svg", "No such file"]);
    gantt(&path, &["--from", "3", "--to", "2"]).refused(1, &["--to is 2", "after --from, which is 3"]);
    gantt(&path, &["--from", "3", "--to", "3"]).refused(1, &["--to is 3", "after --from"]);
    gantt(&path, &["--from", "5"]).refused(1, &["--from is 5", "before the end of the episode", "5 s"]);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn frames_show_every_moment_and_the_metrics_follow() {
    let smoke = smoke();
    let fixed = ["simulate", "--policy", "central-greedy", "--config", &smoke];
    let shown = mec_gym(&[&fixed[..], &["--render", "ansi", "--speed", "0"]].concat()).done().out;
    let bare = mec_gym(&fixed).done().out;
    let frames = shown.strip_suffix(&bare).expect("the same metrics as without frames");
    assert!(!frames.contains('\x1b'), "no terminal, no escape sequences");
    let frames: Vec<&str> = frames.trim_end().split("central-greedy on scenario").skip(1).collect();
    // 5 s in slots of 0.1 s, almost all with a task.
    assert!((40..=51).contains(&frames.len()), "{} frames", frames.len());
    assert!(frames.iter().all(|frame| frame.contains("BELIEVED WAIT") && frame.contains("jetson-agx-xavier")));
    let last = frames.last().unwrap();
    let tasks = bare.lines().find_map(|line| line.strip_prefix("tasks")).unwrap().trim();
    assert!(last.contains(" 5.0 s of 5 s\n") && last.contains(&format!("\n{tasks} tasks")), "{last}");
    assert!(frames.iter().all(|frame| frame.lines().all(|line| line.chars().count() <= 80)));
}

#[test]
fn a_show_keeps_to_the_clock() {
    let (smoke, start) = (smoke(), Instant::now());
    let fixed = ["simulate", "--policy", "nearest", "--config", &smoke, "--render", "ansi"];
    mec_gym(&[&fixed[..], &["--speed", "5"]].concat()).done();
    assert!(start.elapsed() >= Duration::from_millis(900), "5 s at five times the speed: {:?}", start.elapsed());
}

#[cfg(target_os = "linux")]
#[test]
fn events_can_go_to_a_device_which_stays_one() {
    let answer = mec_gym(&["simulate", "--policy", "nearest", "--config", &smoke(), "--events", "/dev/stdout"]).done();
    assert!(answer.out.starts_with(HEADER), "{}", &answer.out[..200]);
    mec_gym(&["simulate", "--policy", "nearest", "--config", &smoke(), "--events", "/dev/full"])
        .refused(1, &["/dev/full", "No space left"]);
    assert!(!Path::new("/dev/full").is_file());
}

#[test]
fn the_bound_is_the_same_for_every_scheme_and_below_the_mean_of_each() {
    let smoke = smoke();
    let with = |policy: &str, more: &[&str]| {
        let fixed = ["simulate", "--episodes", "2", "--seed", "3", "--json", "--config", &smoke, "--policy", policy];
        mec_gym(&[&fixed[..], more].concat()).done().json()
    };
    let bounds = ["random", "rolling-horizon", "clairvoyant-greedy"].map(|policy| {
        let metrics = with(policy, &["--bound"]);
        let bound = metrics["latency_bound_s"].as_f64().unwrap();
        assert!(0.0 < bound && bound < metrics["latency_mean_s"].as_f64().unwrap(), "{policy}: {bound}");
        bound
    });
    assert!(bounds.iter().all(|bound| *bound == bounds[0]), "{bounds:?}");
    assert!(with("random", &[]).get("latency_bound_s").is_none());
}
