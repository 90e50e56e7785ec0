//! Ctrl-C and requests to terminate.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::files::check_whole;
use crate::{Answer, csv_rows, manifest, mec_gym, program, smoke};

/// How long the program may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} did not come");
        sleep(Duration::from_millis(20));
    }
}

/// Starts a run, waits until `ready`, sends the signal, and gives the answer.
pub fn interrupt(arguments: &[&str], signal: &str, mut ready: impl FnMut() -> bool) -> Answer {
    let mut command = program();
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    wait_until("the moment to stop", || {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself: {arguments:?}");
        ready()
    });
    send(signal, &child);
    let start = Instant::now();
    let answer = Answer::of(&child.wait_with_output().unwrap());
    assert!(start.elapsed() < PATIENCE, "it took {:?}", start.elapsed());
    answer
}

fn rows(path: &Path) -> usize {
    if path.is_file() { csv_rows(path).1.len() } else { 0 }
}

#[test]
fn a_training_stops_with_everything_saved() {
    let home = tempfile::tempdir().unwrap();
    for (mode, signal) in [("serial", "INT"), ("lockstep", "TERM"), ("free_running", "INT")] {
        let run = home.path().join(format!("{mode}-{signal}"));
        let (smoke, mode) = (smoke(), format!("runtime.mode={mode}"));
        let arguments = ["run", &smoke, "--out", run.to_str().unwrap(), "--set", &mode, "--set"];
        let arguments = [&arguments[..], &["runtime.steps=100000000", "--set", "runtime.evaluate_every=600"]].concat();
        let answer = interrupt(&arguments, signal, || rows(&run.join("progress.csv")) >= 4);
        assert_eq!(answer.code, 130, "{}", answer.err);
        assert!(answer.err.contains("Stopping") && answer.err.contains("Everything is in"), "{}", answer.err);
        assert_eq!(answer.out, "");
        assert_eq!(manifest(&run)["status"], "stopped");
        assert!(manifest(&run)["end"].is_string());
        for file in ["ckpt/dsaco-seed1-best.safetensors", "ckpt/dsaco-seed1-last.safetensors", "learning_curve.png"] {
            assert!(run.join(file).is_file(), "{mode} {signal}: {file}");
        }
        check_whole(&run);
        let last = mec_gym(&["evaluate", run.to_str().unwrap(), "--quiet", "--checkpoint", "last"]).done();
        assert!(last.out.contains("* dsaco"), "what was saved can be used");
        mec_gym(&["plot", run.to_str().unwrap()]).done();
    }
}

#[test]
fn a_comparison_stops_too_and_compares_nothing() {
    let home = tempfile::tempdir().unwrap();
    let run = home.path().join("run");
    let (smoke, folder) = (smoke(), run.to_str().unwrap());
    let many = "comparison.episodes=4000";
    let arguments = ["run", &smoke, "--out", folder, "--quiet", "--set", "runtime.steps=300", "--set", many];
    let answer = interrupt(&arguments, "INT", || run.join("ckpt/dsaco-seed1-last.safetensors").is_file());
    assert_eq!((answer.code, answer.out.as_str()), (130, ""), "{}", answer.err);
    assert_eq!(manifest(&run)["status"], "stopped");
    assert!(!run.join("comparison.csv").exists() && run.join("learning_curve.svg").is_file());
    check_whole(&run);
}

#[test]
fn a_stop_before_the_first_step_is_one_as_well() {
    let home = tempfile::tempdir().unwrap();
    let run = home.path().join("run");
    let (smoke, folder) = (smoke(), run.to_str().unwrap());
    let arguments = ["train", &smoke, "--out", folder, "--quiet", "--set", "evaluation.episodes=500"];
    let answer = interrupt(&arguments, "TERM", || run.join("eval.csv").is_file());
    assert_eq!(answer.code, 130, "{}", answer.err);
    assert_eq!(manifest(&run)["status"], "stopped");
    check_whole(&run);
}

#[test]
fn a_show_stops_at_once() {
    let smoke = smoke();
    let mut command = program();
    command.args(["simulate", "--policy", "nearest", "--config", &smoke, "--render", "ansi", "--speed", "0.01"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut frames = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    frames.read_line(&mut first).unwrap();
    assert!(first.starts_with("nearest on scenario"), "{first}");
    send("INT", &child);
    let start = Instant::now();
    let mut rest = String::new();
    frames.read_to_string(&mut rest).unwrap();
    let answer = Answer::of(&child.wait_with_output().unwrap());
    assert!(start.elapsed() < PATIENCE, "it took {:?}", start.elapsed());
    assert_eq!((answer.code, answer.err.as_str()), (130, ""));
    assert!(!rest.contains("latency_mean_s"), "{rest}");
}
