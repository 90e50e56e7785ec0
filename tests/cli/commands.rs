//! Each command on good input.

use std::fs;

use serde_json::Value;

use crate::files::{check_png, check_svg};
use crate::{
    contents, copied_run, csv_rows, files_below, manifest, mec_gym, program, read, run_smoke, shared_run, smoke,
};

/// The comparison's row of the agent.
fn agent(schemes: &Value) -> &Value {
    schemes.as_array().unwrap().iter().find(|scheme| scheme["scheme"] == "dsaco").unwrap()
}

#[test]
fn results_go_to_standard_output_and_progress_to_standard_error() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("run");
    let answer = mec_gym(&["run", &smoke(), "--out", out.to_str().unwrap()]).done();
    let lines: Vec<&str> = answer.out.lines().collect();
    assert_eq!(lines.len(), 3 + 6, "{}", answer.out);
    assert!(lines[0].contains("scheme") && lines[0].contains("p99") && lines[1].contains("J/task"), "{}", answer.out);
    assert_eq!(lines.iter().filter(|line| line.starts_with("* dsaco ")).count(), 1);
    assert!(answer.err.contains("dsaco seed 1: 600/1200 steps, held out: "), "{}", answer.err);
    assert!(answer.err.contains(&format!("Everything is in {}", out.display())), "{}", answer.err);
}

#[test]
fn quiet_is_quiet_and_json_is_json() {
    let home = tempfile::tempdir().unwrap();
    let answer = run_smoke(&home.path().join("run"), &["--json"]).done();
    assert_eq!(answer.err, "");
    let schemes = answer.json();
    assert_eq!(schemes.as_array().unwrap().len(), 6);
    assert_eq!(agent(&schemes)["highlighted"], true);
    assert_eq!(agent(&schemes)["episodes"], 2);
}

#[test]
fn train_is_run_without_the_comparison() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("run");
    let answer = mec_gym(&["train", &smoke(), "--quiet", "--out", out.to_str().unwrap()]).done();
    assert_eq!((answer.out.as_str(), answer.err.as_str()), ("", ""));
    assert!(out.join("ckpt/dsaco-seed1-last.safetensors").is_file() && out.join("learning_curve.png").is_file());
    assert!(!out.join("comparison.csv").exists() && !out.join("comparison.png").exists());
    assert_eq!(manifest(&out)["status"], "finished");
    let compared = mec_gym(&["evaluate", out.to_str().unwrap(), "--quiet", "--json"]).done().json();
    let original = mec_gym(&["evaluate", shared_run().to_str().unwrap(), "--quiet", "--json"]).done().json();
    assert_eq!(compared, original, "the training was the same");
}

#[test]
fn evaluate_repeats_the_comparison_of_the_run_and_changes_nothing() {
    let before = contents(shared_run());
    let run = shared_run().to_str().unwrap();
    let schemes = mec_gym(&["evaluate", run, "--quiet", "--json"]).done().json();
    let (header, rows) = csv_rows(&shared_run().join("comparison.csv"));
    assert_eq!(rows.len(), 6);
    for row in rows {
        let scheme = schemes.as_array().unwrap().iter().find(|scheme| scheme["scheme"] == row[0].as_str()).unwrap();
        for (column, cell) in header.iter().zip(&row).skip(1) {
            let found = match column.strip_suffix("_low_s").or(column.strip_suffix("_high_s")) {
                Some(name) if column.ends_with("_low_s") => &scheme[format!("{name}_s")]["low"],
                Some(name) => &scheme[format!("{name}_s")]["high"],
                None => match column.strip_suffix("_low").or(column.strip_suffix("_high")) {
                    Some(name) if column.ends_with("_low") => &scheme[name]["low"],
                    Some(name) => &scheme[name]["high"],
                    None if scheme[column].is_object() => &scheme[column]["value"],
                    None => &scheme[column],
                },
            };
            assert_eq!(found.as_f64(), cell.parse().ok(), "{} {column}", row[0]);
        }
    }
    assert_eq!(contents(shared_run()), before);
    let longer = mec_gym(&["evaluate", run, "--quiet", "--json", "--episodes", "3", "--seed", "7"]).done().json();
    assert_eq!(agent(&longer)["episodes"], 3);
    let last = mec_gym(&["evaluate", run, "--quiet", "--checkpoint", "last"]).done();
    assert!(last.out.contains("* dsaco"), "{}", last.out);
}

#[test]
fn plot_draws_the_same_pictures_again() {
    let (_home, run) = copied_run();
    let pictures = ["learning_curve.svg", "learning_curve.png", "comparison.svg", "comparison.png"];
    let before = contents(&run);
    for picture in pictures {
        fs::remove_file(run.join(picture)).unwrap();
    }
    let answer = mec_gym(&["plot", run.to_str().unwrap()]).done();
    assert_eq!(answer.out, pictures.map(|picture| format!("{}\n", run.join(picture).display())).concat());
    assert_eq!(contents(&run), before);
    check_png(&run.join("comparison.png"));
    check_svg(&run.join("learning_curve.svg"));
}

#[test]
fn models_are_listed_with_sizes_and_cuts() {
    let models = mec_gym(&["models", "--json"]).done().json();
    let models = models.as_array().unwrap();
    assert!(models.len() >= 8);
    let table = mec_gym(&["models"]).done().out;
    for model in models {
        let keys: Vec<&String> = model.as_object().unwrap().keys().collect();
        let mut expected = ["name", "layers", "gflop", "params_mb", "input_bytes", "cuts", "candidates"];
        expected.sort_unstable();
        assert_eq!(keys, expected);
        assert!(model["gflop"].as_f64().unwrap() > 0.0 && model["params_mb"].as_f64().unwrap() > 0.0);
        if let Some(cuts) = model["cuts"].as_f64() {
            assert!(model["candidates"].as_f64().unwrap() <= cuts, "{model}");
        }
        assert!(table.contains(model["name"].as_str().unwrap()));
    }
}

#[test]
fn a_model_is_shown_layer_by_layer() {
    for summary in mec_gym(&["models", "--json"]).done().json().as_array().unwrap() {
        let name = summary["name"].as_str().unwrap();
        let model = mec_gym(&["models", name, "--json"]).done().json();
        let layers = model["layers"].as_array().unwrap();
        assert_eq!(summary["layers"], layers.len());
        assert_eq!(summary["input_bytes"], model["input_bytes"]);
        let sum = |key: &str| layers.iter().map(|layer| layer[key].as_f64().unwrap()).sum::<f64>();
        assert!((sum("flop") / 1e9 - summary["gflop"].as_f64().unwrap()).abs() < 1e-9 * sum("flop"));
        assert!((sum("param_bytes") / 1e6 - summary["params_mb"].as_f64().unwrap()).abs() < 1e-6);
        let mut has_source = vec![false; layers.len()];
        for edge in model["edges"].as_array().unwrap() {
            let (from, to) = (edge[0].as_u64().unwrap() as usize, edge[1].as_u64().unwrap() as usize);
            assert!(from < to && to < layers.len(), "{name}: {edge}");
            has_source[to] = true;
        }
        for layer in model["reads_input"].as_array().unwrap() {
            has_source[layer.as_u64().unwrap() as usize] = true;
        }
        for (id, layer) in layers.iter().enumerate() {
            assert!(layer["id"] == id && layer["name"].is_string() && layer["op"].is_string(), "{name}: {layer}");
            assert!(layer["output_bytes"].as_f64().unwrap() > 0.0 && has_source[id], "{name}: {layer}");
        }
        let table = mec_gym(&["models", name]).done().out;
        assert_eq!(table.lines().count(), layers.len() + 1);
    }
}

#[test]
fn without_a_command_the_main_job_runs_in_a_free_folder_below_results() {
    let home = tempfile::tempdir().unwrap();
    let tiny = [
        "runtime.steps=100",
        "runtime.evaluate_every=100",
        "scenario.horizon_s=2",
        "evaluation.episodes=1",
        "comparison.episodes=1",
        "comparison.schemes=['nearest', 'device-only']",
    ];
    for expected in ["default", "default-2"] {
        let mut command = program();
        command.current_dir(home.path()).arg("--quiet");
        for change in tiny {
            command.args(["--set", change]);
        }
        let answer = crate::Answer::of(&command.output().unwrap()).done();
        assert!(answer.out.contains("nearest") && answer.out.contains("* dsaco"), "{}", answer.out);
        let run = home.path().join("results").join(expected);
        assert_eq!(manifest(&run)["status"], "finished");
        assert!(read(&run.join("config.toml")).contains("steps = 100"));
    }
}

#[test]
fn force_replaces_a_run_and_keeps_what_is_not_its_own() {
    let (_home, run) = copied_run();
    fs::write(run.join("notes.md"), "mine").unwrap();
    let old = manifest(&run)["command"].clone();
    run_smoke(&run, &["--force", "--seed", "4"]).done();
    assert_eq!(manifest(&run)["seeds"], serde_json::json!([4]));
    assert_ne!(manifest(&run)["command"], old);
    assert_eq!(read(&run.join("notes.md")), "mine");
    let kept: Vec<_> = files_below(&run.join("ckpt"));
    assert!(kept.iter().all(|path| path.to_str().unwrap().contains("seed4")), "{kept:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_reader_who_has_had_enough_is_no_failure() {
    for (command, closed) in
        [("models --json", ">&-"), ("simulate --policy nearest", "2>/dev/full"), ("models", "2>&-")]
    {
        let program = env!("CARGO_BIN_EXE_mec-gym");
        let shell = format!("'{program}' {command} {closed}");
        let output = std::process::Command::new("sh").args(["-c", &shell]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let piped = format!("('{}' models --json; echo $? >&2) | head -1", env!("CARGO_BIN_EXE_mec-gym"));
    let output = std::process::Command::new("sh").args(["-c", &piped]).output().unwrap();
    assert_eq!(output.stderr, b"0\n");
}

#[test]
fn every_command_explains_itself() {
    for command in ["run", "train", "evaluate", "export", "simulate", "models", "partition", "plot"] {
        assert!(mec_gym(&["--help"]).done().out.contains(&format!("  {command} ")));
        assert!(mec_gym(&[command, "--help"]).done().out.contains("Usage: mec-gym"));
    }
    assert!(mec_gym(&["simulate", "--help"]).done().out.contains("central-greedy"));
    assert!(mec_gym(&["--version"]).done().out.starts_with("mec-gym "));
}
