//! The files of a run.

use std::collections::BTreeSet;
use std::path::Path;

use mec_gym::agents::checkpoint;
use mec_gym::experiments::config::ExperimentConfig;
use mec_gym::experiments::manifest::sha256_hex;
use mec_gym::experiments::plan::Plan;

use crate::{contents, csv_rows, files_below, manifest, read, shared_run};

#[test]
fn a_run_leaves_every_file_and_nothing_else() {
    let names: BTreeSet<String> = files_below(shared_run())
        .iter()
        .map(|path| path.strip_prefix(shared_run()).unwrap().to_str().unwrap().to_owned())
        .collect();
    let expected = [
        "ckpt/dsaco-seed1-best.safetensors",
        "ckpt/dsaco-seed1-last.safetensors",
        "comparison.csv",
        "comparison.png",
        "comparison.svg",
        "config.toml",
        "eval.csv",
        "learning_curve.png",
        "learning_curve.svg",
        "monitor/dsaco-seed1-env0.monitor.csv",
        "monitor/dsaco-seed1-env1.monitor.csv",
        "progress.csv",
        "run.json",
    ];
    assert_eq!(names, expected.map(str::to_owned).into());
}

#[test]
fn the_manifest_says_what_is_needed_to_repeat_the_run() {
    let manifest = manifest(shared_run());
    let config = read(&shared_run().join("config.toml"));
    assert_eq!(manifest["status"], "finished");
    assert!(manifest["error"].is_null());
    assert_eq!(manifest["config_sha256"], sha256_hex(config.as_bytes()));
    assert_eq!(manifest["seeds"], serde_json::json!([1]));
    assert_eq!(manifest["config"]["runtime"]["steps"], 1200);
    assert_eq!(manifest["device"], "cpu");
    assert!(manifest["cores"].as_u64().unwrap() >= 1);
    assert!(manifest["versions"]["burn"].is_string() && manifest["versions"]["mec-gym"].is_string());
    assert!(manifest["command"].as_array().unwrap().iter().any(|word| word == "--out"));
    let (start, end) = (manifest["start"].as_str().unwrap(), manifest["end"].as_str().unwrap());
    assert!(start <= end && start.ends_with('Z'), "{start} {end}");
    let run_id = manifest["run_id"].as_str().unwrap();
    assert!(run_id.starts_with(&format!("smoke-{}-", &sha256_hex(config.as_bytes())[..8])), "{run_id}");
}

#[test]
fn the_resolved_configuration_reads_back_complete() {
    let path = shared_run().join("config.toml");
    let config = ExperimentConfig::read(&path, &[]).unwrap();
    assert_eq!(config, ExperimentConfig::read(crate::smoke().as_ref(), &[]).unwrap());
    assert_eq!(config.to_toml(), read(&path));
}

#[test]
fn monitors_have_the_layout_of_stable_baselines() {
    for env in 0..2 {
        let path = shared_run().join(format!("monitor/dsaco-seed1-env{env}.monitor.csv"));
        let text = read(&path);
        let first = text.lines().next().unwrap();
        let about: serde_json::Value = serde_json::from_str(first.strip_prefix('#').unwrap()).unwrap();
        assert!(about["t_start"].as_f64().unwrap() > 1.7e9);
        assert_eq!(about["env_id"], "mec-gym/smoke-task-v1");
        let (header, rows) = csv_rows(&path);
        assert_eq!(header[..5], ["r", "l", "t", "tasks", "latency_mean_s"]);
        assert!(!rows.is_empty());
        for row in rows {
            assert!(row.iter().all(|cell| cell.parse::<f64>().unwrap().is_finite()), "{row:?}");
            assert!(row[1].parse::<u64>().is_ok() && row[1] == row[3], "a step per task: {row:?}");
        }
    }
}

#[test]
fn progress_has_its_fixed_columns_and_reaches_the_end() {
    let (header, rows) = csv_rows(&shared_run().join("progress.csv"));
    let expected = "algo,seed,time/total_timesteps,time/time_elapsed,time/fps,time/episodes,rollout/ep_rew_mean,\
        rollout/ep_len_mean,rollout/success_rate,rollout/exploration_rate,train/actor_loss,train/critic_loss,\
        train/ent_coef,train/ent_coef_loss,train/entropy,train/target_entropy,train/q_mean,train/approx_kl,\
        train/clip_fraction,train/explained_variance,train/fitness,train/learning_rate,train/n_updates,\
        dist/policy_lag,dist/replay_ratio,dist/queue_depth,dist/actor_idle,dist/learner_idle,mec/latency_mean_s,mec/latency_p95_s,\
        mec/offload_ratio,mec/energy_j,mec/load_balance";
    assert_eq!(header.join(","), expected);
    let steps: Vec<u64> = rows.iter().map(|row| row[2].parse().unwrap()).collect();
    assert!(steps.is_sorted() && *steps.last().unwrap() >= 1200, "{steps:?}");
}

#[test]
fn evaluations_are_tidy() {
    let (header, rows) = csv_rows(&shared_run().join("eval.csv"));
    assert_eq!(header.join(","), "run_id,algo,scenario,seed,step,episode,metric,value");
    let run_id = manifest(shared_run())["run_id"].as_str().unwrap().to_owned();
    let key = |row: &Vec<String>| (row[1].clone(), row[3].clone(), row[4].clone(), row[5].clone(), row[6].clone());
    assert_eq!(rows.iter().map(key).collect::<BTreeSet<_>>().len(), rows.len(), "no figure twice");
    assert!(rows.iter().all(|row| row[0] == run_id && row[2] == "smoke" && row[7].parse::<f64>().is_ok()));
    let steps: BTreeSet<&str> = rows.iter().filter(|row| row[1] == "dsaco").map(|row| row[4].as_str()).collect();
    assert_eq!(steps, BTreeSet::from(["0", "600", "1200"]));
    let algos: BTreeSet<&str> = rows.iter().map(|row| row[1].as_str()).collect();
    let expected = ["central-greedy", "device-only", "dsaco", "forecasting-greedy=0.5", "nearest", "random"];
    assert_eq!(algos, BTreeSet::from(expected));
}

#[test]
fn checkpoints_load() {
    for which in ["best", "last"] {
        let state = checkpoint::load(&shared_run().join(format!("ckpt/dsaco-seed1-{which}.safetensors"))).unwrap();
        assert!(!state.arrays().is_empty());
    }
}

#[test]
fn pictures_are_whole() {
    for picture in ["learning_curve", "comparison"] {
        check_png(&shared_run().join(picture).with_extension("png"));
        check_svg(&shared_run().join(picture).with_extension("svg"));
    }
}

/// Signature at the start and the last chunk at the end.
pub fn check_png(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.ends_with(b"IEND\xaeB`\x82"), "{}", path.display());
}

/// Every element is closed, in order, and there is one root.
pub fn check_svg(path: &Path) {
    let text = read(path);
    let mut open: Vec<&str> = Vec::new();
    let mut roots = 0;
    for part in text.split('<').skip(1) {
        let (tag, content) = part.split_once('>').unwrap_or_else(|| panic!("{}: <{part}", path.display()));
        assert_eq!(tag.matches('"').count() % 2, 0, "{}: <{tag}>", path.display());
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{}", path.display());
        } else if !tag.starts_with(['?', '!']) {
            roots += usize::from(open.is_empty());
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
        assert!(!content.contains('&') || content.contains(';'), "{}: {content}", path.display());
    }
    assert!(open.is_empty() && roots == 1 && text.contains("<svg"), "{}: {open:?}", path.display());
}

/// Whatever lies in the folder of a run that ended early is whole.
pub fn check_whole(run: &Path) {
    for (path, bytes) in contents(run) {
        let extension = path.extension().unwrap_or_else(|| panic!("left behind: {}", path.display()));
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(!name.starts_with('.') && !name.ends_with(".tmp"), "left behind: {}", path.display());
        match extension.to_str().unwrap() {
            "safetensors" => drop(checkpoint::load(&path).unwrap()),
            "png" => check_png(&path),
            "svg" => check_svg(&path),
            "csv" => {
                assert!(bytes.ends_with(b"\n"), "{}", path.display());
                csv_rows(&path);
            }
            "toml" => drop(Plan::read(&path, &[]).unwrap()),
            "json" => drop(manifest(run)),
            _ => panic!("left behind: {}", path.display()),
        }
    }
}
