//! `report`, `watch` and event files.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::{contents, copied_run, csv_rows, files_below, mec_gym, program, read, run_smoke, shared_run, smoke};

#[test]
fn a_report_is_one_page_beside_the_files_or_where_it_is_wanted() {
    let (_home, run) = copied_run();
    let before = contents(&run);
    let answer = mec_gym(&["report", run.to_str().unwrap()]).done();
    let page = run.join("report.html");
    assert_eq!(answer.out, format!("{}\n", page.display()));
    let text = read(&page);
    assert!(text.starts_with("<!doctype html>") && text.contains("central-greedy") && text.ends_with("</html>\n"));
    let out = run.join("other.html");
    mec_gym(&["report", run.to_str().unwrap(), "--out", out.to_str().unwrap()]).done();
    assert_eq!(read(&out), text);
    fs::remove_file(page).unwrap();
    fs::remove_file(out).unwrap();
    assert_eq!(contents(&run), before, "nothing else is touched");
}

#[test]
fn reports_of_nothing_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().to_str().unwrap();
    mec_gym(&["report", folder]).refused(1, &["holds no run", "run.json"]);
    mec_gym(&["report", &format!("{folder}/none")]).refused(1, &["none is no folder", "accepted"]);
    let run = shared_run().to_str().unwrap();
    mec_gym(&["report", run, "--out", &format!("{folder}/no/report.html")]).refused(1, &["no/report.html"]);
    assert_eq!(files_below(home.path()).len(), 0);
}

#[test]
fn watching_a_finished_run_tells_its_evaluations_and_ends() {
    let before = contents(shared_run());
    let run = shared_run().to_str().unwrap();
    let answer = mec_gym(&["watch", run]).done();
    let lines: Vec<&str> = answer.out.lines().collect();
    assert_eq!(lines.len(), 4, "{}", answer.out);
    for (line, step) in lines.iter().zip([0, 600, 1200]) {
        assert!(line.starts_with(&format!("dsaco seed 1: {step} steps, latency_mean_s 0.")), "{line}");
    }
    assert_eq!(lines[3], format!("{run} is finished"));
    let other = mec_gym(&["watch", run, "--metric", "success_rate"]).done();
    assert!(other.out.contains("1200 steps, success_rate 0.") || other.out.contains("1200 steps, success_rate 1."));
    assert_eq!(contents(shared_run()), before);
}

#[test]
fn a_run_is_watched_until_it_ends() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("run");
    let (smoke, folder) = (smoke(), out.to_str().unwrap());
    let arguments = ["train", &smoke, "--quiet", "--set", "runtime.steps=3600", "--out", folder];
    let mut training = program().args(arguments).stdout(Stdio::null()).spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(60);
    while !out.join("eval.csv").exists() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(10));
    }
    let answer = mec_gym(&["watch", folder]).done();
    assert!(training.wait().unwrap().success());
    let steps = |line: &str| line.split([':', ' ']).filter_map(|word| word.parse::<u64>().ok()).nth(1);
    let found: Vec<u64> = answer.out.lines().filter_map(steps).collect();
    assert_eq!(found, [0, 600, 1200, 1800, 2400, 3000, 3600], "each once: {}", answer.out);
    assert!(answer.out.ends_with("run is finished\n"), "{}", answer.out);
}

#[test]
fn what_cannot_be_watched_is_refused_and_a_run_that_was_killed_is_not_waited_for() {
    let home = tempfile::tempdir().unwrap();
    mec_gym(&["watch", home.path().to_str().unwrap()]).refused(1, &["is no run folder", "run.json"]);
    let (_home, run) = copied_run();
    let folder = run.to_str().unwrap();
    mec_gym(&["watch", folder, "--metric", "speed"]).refused(1, &["--metric", "\"speed\"", "latency_mean_s"]);
    let manifest = read(&run.join("run.json")).replace("\"status\": \"finished\"", "\"status\": \"running\"");
    fs::write(run.join("run.json"), manifest).unwrap();
    let answer = mec_gym(&["watch", folder]).done();
    assert!(answer.out.ends_with("was killed: mec-gym resume goes on with it\n"), "{}", answer.out);
}

#[test]
fn event_files_are_written_when_they_are_asked_for_and_change_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("run");
    run_smoke(&out, &["--tensorboard"]).done();
    let events: Vec<_> = files_below(&out.join("tb/dsaco-seed1"));
    assert_eq!(events.len(), 1, "{events:?}");
    let bytes = fs::read(&events[0]).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    for tag in ["brain.Event:2", "rollout/ep_rew_mean", "train/actor_loss", "eval/mean_reward", "eval/latency_mean_s"] {
        assert!(text.contains(tag), "{tag}");
    }
    assert_eq!(csv_rows(&out.join("comparison.csv")), csv_rows(&shared_run().join("comparison.csv")));
    assert!(!shared_run().join("tb").exists());
    run_smoke(&out, &["--force"]).done();
    assert!(!out.join("tb").exists(), "a new run in its place leaves nothing of it");
}
