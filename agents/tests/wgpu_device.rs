//! Soft actor-critic learns on a wgpu device as it does on the CPU.
//!
//! Needs the cargo feature `wgpu` and a Vulkan driver; Mesa's software driver (package `mesa-vulkan-drivers` on
//! Debian) is enough: `cargo test -p mec-agents --features wgpu --test wgpu_device`.
#![cfg(feature = "wgpu")]

use mec_agents::agent::{ActMode, Algorithm, Learner, ObservationBatch, Policy};
use mec_agents::device::{Device, DeviceKind, open};
use mec_agents::nn::{BodyConfig, Norm};
use mec_agents::runtime::{Mode, RuntimeConfig, train};
use mec_agents::sac::SacConfig;
use mec_agents::spec::EnvSpec;
use mec_agents::transition::Transitions;
use mec_envs::gym::probe::{Probe, Rung};
use mec_envs::gym::{ActionLayout, Part, TimeLimit};
use mec_envs::rng::stream;

const ROWS: usize = 32;
const DIM: usize = 7;

fn config(body: BodyConfig) -> SacConfig {
    SacConfig {
        batch_size: 8,
        learning_starts: 16,
        max_grad_norm: Some(1.0),
        critic_lr: 1e-2,
        body,
        critic_norm: Norm::Layer,
        ..SacConfig::default()
    }
}

fn experience(action: &ActionLayout) -> Transitions {
    let observation = |row: usize| (0..DIM).map(move |column| ((row * DIM + column) as f32).sin());
    let heads = |row: usize| action.heads.iter().map(move |choices| (row % choices) as f32);
    let entries = |row: usize| (0..action.continuous).map(move |entry| ((row + 5 * entry) as f32).cos());
    Transitions {
        observations: (0..ROWS).flat_map(observation).collect(),
        next_observations: (1..=ROWS).flat_map(observation).collect(),
        // In the first row all of the first head are closed.
        masks: (0..ROWS * action.choices()).map(|at| at % 5 != 3 && at >= 3).collect(),
        next_masks: (0..ROWS * action.choices()).map(|at| at % 4 != 1).collect(),
        actions: (0..ROWS).flat_map(|row| heads(row).chain(entries(row))).collect(),
        rewards: (0..ROWS).map(|row| (row % 3) as f32).collect(),
        terminated: (0..ROWS).map(|row| row % 10 == 9).collect(),
        truncated: vec![false; ROWS],
        env: vec![0; ROWS],
    }
}

/// Figures of the last of twenty updates, and what the policy then does.
fn trained(config: &SacConfig, spec: &EnvSpec, device: &Device) -> Vec<f64> {
    let mut learner = config.build(spec, device, 1).unwrap();
    let rows = experience(&spec.action);
    learner.add(&rows);
    let metrics = learner.train(20).unwrap();
    let masks = (!rows.masks.is_empty()).then_some(&rows.masks[..]);
    let (batch, mut actions) = (ObservationBatch { rows: ROWS, observations: &rows.observations, masks }, Vec::new());
    learner.policy().act(&batch, ActMode::Greedy, &mut stream(1, "actions"), &mut actions);
    let figures =
        ["train/critic_loss", "train/actor_loss", "train/q_mean", "train/td_error", "train/entropy", "train/ent_coef"];
    let figures = figures.map(|name| metrics.get(name));
    figures.into_iter().chain(actions.into_iter().map(f64::from)).collect()
}

#[test]
fn twenty_updates_agree_with_the_cpu() {
    let wgpu = open(DeviceKind::Wgpu).expect("a Vulkan driver is installed");
    let scorer = BodyConfig::Scorer { hidden: vec![8, 8], prior_scale: 1.0, q_prior_scale: 1.0 };
    let options = vec![Part::new("global", &[1]), Part::new("options", &[3, 2])];
    let flat = vec![Part::new("", &[DIM])];
    for (body, observation, heads, continuous) in [
        (scorer, options, vec![3], 0),
        (BodyConfig::mlp(&[8, 8]), flat.clone(), vec![], 2),
        (BodyConfig::mlp(&[8, 8]), flat, vec![3, 2], 1),
    ] {
        let spec = EnvSpec { observation, action: ActionLayout { heads, continuous } };
        let config = config(body);
        let [found, expected] = [&wgpu, &Device::flex()].map(|device| trained(&config, &spec, device));
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-2 * (1.0 + expected.abs()), "{found} is not {expected}: {spec:?}");
        }
    }
}

/// Twenty updates in one call are twenty calls of one, and ten that go on from what was stored: the first few of each
/// learner are done operation by operation, and the others come out of a recording.
#[test]
fn updates_in_a_row_and_after_a_checkpoint_give_the_same_bits() {
    let wgpu = open(DeviceKind::Wgpu).expect("a Vulkan driver is installed");
    let spec =
        EnvSpec { observation: vec![Part::new("", &[DIM])], action: ActionLayout { heads: vec![], continuous: 2 } };
    let config = config(BodyConfig::mlp(&[8, 8]));
    let learner = || {
        let mut learner = config.build(&spec, &wgpu, 1).unwrap();
        learner.add(&experience(&spec.action));
        learner
    };
    let (mut in_a_row, mut one_by_one, mut resumed) = (learner(), learner(), learner());
    in_a_row.train(20).unwrap();
    for update in 0..20 {
        if update == 10 {
            let mut state = one_by_one.state();
            one_by_one.write_memory(&mut state);
            resumed.load_state(&state).unwrap();
            resumed.read_memory(&state).unwrap();
            resumed.train(10).unwrap();
        }
        one_by_one.train(1).unwrap();
    }
    assert_eq!(one_by_one.state().checksum(), in_a_row.state().checksum());
    assert_eq!(resumed.state().checksum(), in_a_row.state().checksum());
}

/// The learner computes on the device and the actors on the CPU: in every mode, and to the same bits where the mode promises
/// them.
#[test]
fn runtimes_train_a_learner_on_the_device_with_actors_on_the_cpu() {
    let wgpu = open(DeviceKind::Wgpu).expect("a Vulkan driver is installed");
    let make_env = |_| TimeLimit::new(Probe::continuous(Rung::Match), 5);
    let trained = |mode, actors| {
        let config = SacConfig { replay_ratio: 0.5, learning_starts: 20, ..config(BodyConfig::mlp(&[8])) };
        let mut learner = config.build(&EnvSpec::of(&make_env(0)), &wgpu, 1).unwrap();
        let runtime = RuntimeConfig { mode, actors, envs: 3, steps: 60, round: 2, ..RuntimeConfig::default() };
        let outcome = train(&mut learner, make_env, &runtime, 1, &mut ()).unwrap();
        assert_eq!((outcome.env_steps, outcome.updates), (60, 20), "{mode:?}");
        learner.state().checksum()
    };
    let serial = trained(Mode::Serial, 1);
    assert_eq!([1, 2, 3].map(|actors| trained(Mode::Lockstep, actors)), [(); 3].map(|()| serial.clone()));
    // Its bits depend on timing; that it makes all its steps and updates is what it promises.
    trained(Mode::FreeRunning, 2);
}
