//! A learner goes on from a checkpoint as if nothing had happened, and damaged files are refused.

use std::fs;
use std::path::PathBuf;

use mec_agents::agent::{Algorithm, Learner};
use mec_agents::checkpoint::{CheckpointError, FORMAT, load, save, to_bytes};
use mec_agents::device::Device;
use mec_agents::nn::BodyConfig;
use mec_agents::random::RandomConfig;
use mec_agents::sac::{SacConfig, SacLearner};
use mec_agents::spec::EnvSpec;
use mec_agents::transition::Transitions;
use mec_envs::gym::{ActionLayout, Part};
use mec_envs::rng::stream;
use rand::RngExt;

fn spec(options: usize) -> EnvSpec {
    let observation = vec![Part::new("global", &[2]), Part::new("options", &[options, 3])];
    EnvSpec { observation, action: ActionLayout { heads: vec![options], continuous: 0 } }
}

fn config(body: BodyConfig) -> SacConfig {
    SacConfig { batch_size: 8, learning_starts: 16, buffer_capacity: 64, body, ..SacConfig::default() }
}

fn scorer() -> SacConfig {
    config(BodyConfig::Scorer { hidden: vec![8, 8], prior_scale: 1.0, q_prior_scale: 1.0 })
}

fn built(config: &SacConfig, options: usize, seed: u64) -> SacLearner {
    config.build(&spec(options), &Device::flex(), seed).unwrap()
}

fn experience(options: usize, rows: usize) -> Transitions {
    let mut rng = stream(2, "experience");
    let dim = spec(options).obs_dim();
    let mut draw = |len: usize| (0..len).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f32>>();
    Transitions {
        observations: draw(rows * dim),
        next_observations: draw(rows * dim),
        rewards: draw(rows),
        actions: (0..rows).map(|row| (row % options) as f32).collect(),
        terminated: (0..rows).map(|row| row % 5 == 0).collect(),
        truncated: vec![false; rows],
        env: vec![0; rows],
        ..Transitions::default()
    }
}

fn trained() -> SacLearner {
    let mut learner = built(&scorer(), 4, 1);
    learner.add(&experience(4, 32));
    learner.train(5).unwrap();
    learner
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.safetensors");
    (folder, path)
}

#[test]
fn a_loaded_learner_makes_the_same_next_update() {
    let (_folder, path) = folder();
    let original = trained();
    save(&path, &original.state()).unwrap();
    // Another seed: everything that matters must come from the file. Both fill an empty replay.
    let mut learners = [built(&scorer(), 4, 1), built(&scorer(), 4, 77)];
    for learner in &mut learners {
        learner.load_state(&load(&path).unwrap()).unwrap();
        assert_eq!(learner.state().checksum(), original.state().checksum());
        learner.add(&experience(4, 32));
        learner.train(3).unwrap();
    }
    assert_eq!(learners[0].state().checksum(), learners[1].state().checksum());
    assert_ne!(learners[0].state().checksum(), original.state().checksum());
}

#[test]
fn the_file_is_plain_safetensors_and_leaves_no_temporary_one() {
    let (folder, path) = folder();
    save(&path, &trained().state()).unwrap();
    save(&path, &trained().state()).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let bytes = fs::read(&path).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("actor/embed/weight").unwrap().shape(), [6, 8]);
    assert!(tensors.tensor("adam/critic_2/0/moment_1").is_ok());
    assert_eq!(bytes, to_bytes(&trained().state()), "equal learners give equal files");
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let (_folder, path) = folder();
    let bytes = to_bytes(&trained().state());
    for len in (0..bytes.len()).step_by(997).chain([7, 8, 9, bytes.len() - 1]) {
        fs::write(&path, &bytes[..len]).unwrap();
        let error = load(&path).unwrap_err();
        assert!(matches!(error, CheckpointError::Damaged { .. }), "{len} bytes: {error}");
        assert!(error.to_string().contains("agent.safetensors") && error.to_string().contains("expected"));
    }
}

#[test]
fn a_flipped_byte_is_refused_wherever_it_is() {
    let (_folder, path) = folder();
    let bytes = to_bytes(&trained().state());
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize + 8;
    // A sample of the header, and of the data.
    for place in (0..header).step_by(7).chain((header..bytes.len()).step_by(499)).chain([bytes.len() - 1]) {
        for flip in [1_u8, 0x80] {
            let mut damaged = bytes.clone();
            damaged[place] ^= flip;
            fs::write(&path, &damaged).unwrap();
            assert!(load(&path).is_err(), "byte {place}");
        }
    }
}

/// Only the number differs, which no digest has: lengths and content stay right.
#[test]
fn a_file_of_another_format_is_refused_with_the_one_found_and_the_one_accepted() {
    let (_folder, path) = folder();
    let bytes = to_bytes(&trained().state());
    let mark = br#"{\"format\":"#;
    let place = bytes.windows(mark.len()).position(|window| window == mark).unwrap() + mark.len();
    assert_eq!(bytes[place..place + 2], *format!("{FORMAT},").as_bytes());
    for other in [FORMAT - 1, FORMAT + 1] {
        let mut patched = bytes.clone();
        patched.splice(place..=place, other.to_string().into_bytes());
        fs::write(&path, patched).unwrap();
        let error = load(&path).unwrap_err().to_string();
        let parts =
            ["agent.safetensors".to_owned(), format!("format {other}, of"), format!("format {FORMAT}, the only")];
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
}

#[test]
fn the_state_of_another_shape_or_method_is_refused_and_changes_nothing() {
    let mut learner = built(&config(BodyConfig::mlp(&[8, 8])), 4, 1);
    let before = learner.state().checksum();
    let wider = built(&config(BodyConfig::mlp(&[8, 9])), 4, 1).state();
    for other in [wider, trained().state()] {
        let error = learner.load_state(&other).unwrap_err();
        assert!(matches!(&error, CheckpointError::Value { name, .. } if name == "config/body"), "{error}");
    }
    let mut odd = learner.state();
    odd.insert_array("actor/layer0/weight", &[1, 2], vec![0.0_f32; 2]);
    let error = learner.load_state(&odd).unwrap_err();
    assert!(matches!(&error, CheckpointError::Shape { found, expected, .. } if found != expected), "{error}");
    let random = RandomConfig::default().build(&spec(4), &Device::flex(), 0).unwrap().state();
    assert!(matches!(learner.load_state(&random), Err(CheckpointError::Kind { .. })));
    assert_eq!(learner.state().checksum(), before);
}

#[test]
fn a_scorer_trained_on_few_options_serves_more() {
    let mut larger = built(&scorer(), 9, 5);
    larger.load_state(&trained().state()).unwrap();
    larger.add(&experience(9, 32));
    larger.train(2).unwrap();
}

#[test]
fn a_missing_file_is_an_error_that_names_it() {
    let error = load(&PathBuf::from("no/such/agent.safetensors")).unwrap_err();
    assert!(error.to_string().contains("no/such/agent.safetensors"), "{error}");
    let unwritable = save(&PathBuf::from("no/such/agent.safetensors"), &trained().state()).unwrap_err();
    assert!(matches!(unwritable, CheckpointError::Io { .. }));
}
