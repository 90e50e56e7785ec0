//! `export`: what it writes, and what it refuses.

#[cfg(feature = "onnx")]
#[path = "../../examples/policy_fixtures/cases.rs"]
mod cases;

use std::fs;
use std::path::Path;

use mec_gym::agents::checkpoint;
use serde_json::Value;

use crate::{contents, copied_run, mec_gym, run_smoke, shared_run};

const BEST: &str = "ckpt/dsaco-seed1-best.safetensors";

fn export(source: &Path, out: &Path, more: &[&str]) -> crate::Answer {
    let arguments = ["export", source.to_str().unwrap(), "--out", out.to_str().unwrap()];
    mec_gym(&[&arguments, more].concat())
}

/// The header of a safetensors file: its length in 8 bytes, then JSON; and the data behind it.
fn safetensors(path: &Path) -> (Value, Vec<u8>) {
    let bytes = fs::read(path).unwrap();
    let (length, rest) = bytes.split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
    (serde_json::from_slice(&rest[..length]).unwrap(), rest[length..].to_vec())
}

#[test]
fn the_weights_of_the_actor_leave_bit_for_bit_with_what_they_are() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("policy.safetensors");
    let answer = export(shared_run(), &out, &[]).done().out;
    assert!(answer.contains("policy.safetensors: 6 arrays") && answer.contains(BEST), "{answer}");
    let (mut header, data) = safetensors(&out);
    let metadata = header.as_object_mut().unwrap().remove("__metadata__").unwrap();
    let metadata: Value = serde_json::from_str(metadata["mec_gym_policy"].as_str().unwrap()).unwrap();
    assert_eq!(metadata["kind"], "sac");
    assert_eq!(metadata["network"], serde_json::json!({"kind": "scorer", "prior_scale": 10.0}));
    assert_eq!(metadata["action"]["continuous"], 0);
    let stored = checkpoint::load(&shared_run().join(BEST)).unwrap();
    let of_actor = stored.arrays().keys().filter(|name| name.starts_with("actor/")).count();
    assert_eq!(header.as_object().unwrap().len(), of_actor);
    for (name, entry) in header.as_object().unwrap() {
        let shape: Vec<usize> = serde_json::from_value(entry["shape"].clone()).unwrap();
        let place: [usize; 2] = serde_json::from_value(entry["data_offsets"].clone()).unwrap();
        let weights = stored.array::<f32>(&format!("actor/{name}"), &shape).unwrap();
        let bytes: Vec<u8> = weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
        assert!(data[place[0]..place[1]] == bytes, "{name}");
    }
}

#[test]
fn a_run_and_its_checkpoint_give_the_same_file_and_last_another() {
    let home = tempfile::tempdir().unwrap();
    let before = contents(shared_run());
    for ending in ["onnx", "safetensors"] {
        let out = |name: &str| home.path().join(format!("{name}.{ending}"));
        export(shared_run(), &out("run"), &[]).done();
        export(&shared_run().join(BEST), &out("file"), &[]).done();
        export(shared_run(), &out("seed"), &["--seed", "1", "--checkpoint", "best"]).done();
        export(shared_run(), &out("last"), &["--checkpoint", "last"]).done();
        let bytes = |name| fs::read(out(name)).unwrap();
        assert!(bytes("run") == bytes("file") && bytes("run") == bytes("seed"));
        assert_eq!(bytes("run").len(), bytes("last").len());
    }
    assert_eq!(contents(shared_run()), before);
}

#[test]
fn a_file_that_is_there_needs_force_and_the_checkpoint_itself_is_never_replaced() {
    let (_home, run) = copied_run();
    let out = run.join("policy.onnx");
    fs::write(&out, "mine").unwrap();
    export(&run, &out, &[]).refused(1, &["policy.onnx is there already", "--force"]);
    assert_eq!(fs::read(&out).unwrap(), b"mine");
    export(&run, &out, &["--force"]).done();
    assert_ne!(fs::read(&out).unwrap(), b"mine");
    let before = contents(&run);
    export(&run, &run.join(BEST), &["--force"]).refused(1, &[BEST, "checkpoint itself"]);
    assert_eq!(contents(&run), before);
}

#[test]
fn what_cannot_be_exported_is_refused_and_leaves_nothing() {
    let (home, run) = copied_run();
    let checkpoint = run.join(BEST);
    let out = home.path().join("policy.onnx");
    let refuse = |source: &Path, more: &[&str], parts: &[&str]| {
        export(source, &out, more).refused(1, parts);
        assert!(!out.exists());
    };
    for name in ["policy", "policy.pt", "policy.ONNX"] {
        export(&run, &home.path().join(name), &[]).refused(1, &["--out", name, ".onnx or .safetensors"]);
        assert!(!home.path().join(name).exists());
    }
    export(&run, Path::new("/missing/policy.onnx"), &[]).refused(1, &["/missing/policy.onnx"]);
    refuse(Path::new("/missing/run"), &[], &["/missing/run", "No such file"]);
    refuse(home.path(), &[], &["run.json"]);
    refuse(&run, &["--seed", "7"], &["--seed 7", "no such training", "accepted is 1"]);
    refuse(&checkpoint, &["--seed", "1"], &["--seed 1", BEST, "no run folder"]);
    refuse(&checkpoint, &["--checkpoint", "last"], &["--checkpoint", BEST, "no run folder"]);
    refuse(&run.join("config.toml"), &[], &["config.toml", "expected"]);
    let whole = fs::read(&checkpoint).unwrap();
    for position in [0, 400, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[position] ^= 0x10;
        fs::write(&checkpoint, &flipped).unwrap();
        refuse(&run, &[], &[BEST, "expected"]);
    }
    fs::write(&checkpoint, &whole[..whole.len() / 2]).unwrap();
    refuse(&checkpoint, &[], &[BEST, "expected"]);
    fs::remove_dir_all(run.join("ckpt")).unwrap();
    refuse(&run, &[], &["seed 1", "left no agent", BEST]);
    fs::remove_file(run.join("config.toml")).unwrap();
    refuse(&run, &[], &["config.toml", "No such file"]);
    mec_gym(&["export", run.to_str().unwrap()]).refused(2, &["--out"]);
}

#[test]
fn a_run_of_several_seeds_asks_for_one() {
    let home = tempfile::tempdir().unwrap();
    let (run, out) = (home.path().join("run"), home.path().join("policy.onnx"));
    let short = ["--set", "seeds=[3, 4]", "--set", "runtime.steps=240", "--set", "runtime.evaluate_every=240"];
    run_smoke(&run, &short).done();
    export(&run, &out, &[]).refused(1, &["several trainings", "--seed", "3, 4"]);
    let answer = export(&run, &out, &["--seed", "4"]).done().out;
    assert!(answer.contains("dsaco-seed4-best"), "{answer}");
}

#[test]
fn a_method_that_cannot_be_exported_is_named_with_those_that_can() {
    let home = tempfile::tempdir().unwrap();
    let (run, out) = (home.path().join("run"), home.path().join("policy.onnx"));
    run_smoke(&run, &["--set", "algorithm={name = 'uniform'}", "--set", "runtime.steps=100"]).done();
    export(&run, &out, &[]).refused(1, &["uniform-seed1-best", "kind \"random\"", "cannot be exported", "sac"]);
    assert!(!out.exists());
}

#[cfg(feature = "onnx")]
mod onnx {
    use super::cases::{Case, Fixture, cases};
    use super::*;
    use mec_gym::envs::onnx::{Data, Halves, OnnxFile, Tensor, Weights};

    const ROWS: usize = 300;

    /// The outputs of an ONNX file, by name.
    fn evaluate(path: &Path, fixture: &Fixture) -> Vec<Tensor> {
        let rows = fixture.rows;
        let file = OnnxFile::open(path).unwrap().with_dims(&[("batch".to_owned(), rows as u32)]).unwrap();
        let program = Halves::new(file, Weights::Stored).unwrap().whole().unwrap();
        let tensor =
            |name: &str, columns: usize, data| Tensor { name: name.to_owned(), dims: vec![rows, columns], data };
        let observations = Data::F32(fixture.observations.clone());
        let masks = Data::Bool(fixture.masks.clone());
        let spec = &fixture.spec;
        let inputs =
            [tensor("observation", spec.obs_dim(), observations), tensor("mask", spec.action.choices(), masks)];
        program.run(&inputs[..1 + usize::from(!fixture.masks.is_empty())]).unwrap()
    }

    fn floats<'a>(outputs: &'a [Tensor], name: &str, columns: usize) -> &'a [f32] {
        let tensor = outputs.iter().find(|tensor| tensor.name == name).unwrap();
        assert_eq!(tensor.dims, [ROWS, columns]);
        let Data::F32(data) = &tensor.data else { panic!("{name} is {:?}", tensor.data) };
        data
    }

    fn check(path: &Path, case: &Case) {
        let fixture = case.fixture(ROWS);
        let action = &fixture.spec.action;
        let (codes, heads) = (action.codes(), action.heads.len());
        let outputs = evaluate(path, &fixture);
        let actions = floats(&outputs, "action", codes);
        for (row, (found, expected)) in actions.chunks(codes).zip(fixture.actions.chunks(codes)).enumerate() {
            assert_eq!(found[..heads], expected[..heads], "{}, row {row}", case.name);
            for (found, expected) in found[heads..].iter().zip(&expected[heads..]) {
                assert!((found - expected).abs() < 1e-5, "{}, row {row}: {found} {expected}", case.name);
            }
        }
        if action.continuous > 0 {
            let means = floats(&outputs, "mean", action.continuous).chunks(action.continuous);
            for (found, mean) in actions.chunks(codes).zip(means) {
                assert!(found[heads..].iter().zip(mean).all(|(found, mean)| (found - mean.tanh()).abs() < 1e-6));
            }
        }
        if heads > 0 {
            let (choices, logits) = (action.choices(), floats(&outputs, "logits", action.choices()));
            let best = |row: usize| {
                let open = (0..action.heads[0]).filter(|choice| fixture.masks[row * choices + choice]);
                open.map(|choice| logits[row * choices + choice]).fold(f32::NEG_INFINITY, f32::max)
            };
            for (row, found) in actions.chunks(codes).enumerate() {
                let chosen = row * choices + found[0] as usize;
                assert!(logits[chosen] == best(row) || best(row) == f32::NEG_INFINITY, "{}, row {row}", case.name);
            }
        }
    }

    #[test]
    fn another_runtime_takes_the_same_actions_from_the_exported_file() {
        let home = tempfile::tempdir().unwrap();
        for case in cases() {
            let out = home.path().join(format!("{}.onnx", case.name));
            let stored = home.path().join(format!("{}.safetensors", case.name));
            checkpoint::save(&stored, &case.state).unwrap();
            export(&stored, &out, &[]).done();
            check(&out, &case);
        }
    }

    #[test]
    fn another_runtime_takes_the_same_actions_as_the_agent_of_a_run() {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("policy.onnx");
        export(shared_run(), &out, &[]).done();
        let state = checkpoint::load(&shared_run().join(BEST)).unwrap();
        check(&out, &Case { name: "run".to_owned(), state });
    }
}
