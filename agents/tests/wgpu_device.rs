//! Soft actor-critic learns on a wgpu device as it does on the CPU.
//!
//! Needs the cargo feature `wgpu` and a Vulkan driver; Mesa's software driver (package `mesa-vulkan-drivers` on
//! Debian) is enough: `cargo test -p mec-agents --features wgpu --test wgpu_device`.
#![cfg(feature = "wgpu")]

use mec_agents::agent::{Algorithm, Learner};
use mec_agents::device::{Device, DeviceKind, open};
use mec_agents::nn::BodyConfig;
use mec_agents::sac::SacConfig;
use mec_agents::spec::EnvSpec;
use mec_agents::transition::Transitions;
use mec_envs::gym::{ActionLayout, Part};

fn metrics(device: &Device) -> [f64; 4] {
    let observation = vec![Part::new("global", &[1]), Part::new("options", &[3, 2])];
    let spec = EnvSpec { observation, action: ActionLayout { heads: vec![3], continuous: 0 } };
    let body = BodyConfig::Scorer { hidden: vec![8, 8], prior_scale: 1.0, q_prior_scale: 1.0 };
    let config = SacConfig {
        batch_size: 8,
        learning_starts: 16,
        max_grad_norm: Some(1.0),
        critic_lr: 1e-2,
        body,
        ..SacConfig::default()
    };
    let mut learner = config.build(&spec, device, 1).unwrap();
    let row = |row: usize| (0..7).map(move |column| ((row * 7 + column) as f32).sin());
    learner.add(&Transitions {
        observations: (0..32).flat_map(row).collect(),
        next_observations: (1..33).flat_map(row).collect(),
        actions: (0..32).map(|row| (row % 3) as f32).collect(),
        rewards: (0..32).map(|row| (row % 3) as f32).collect(),
        terminated: vec![false; 32],
        truncated: vec![false; 32],
        env: vec![0; 32],
        ..Transitions::default()
    });
    let metrics = learner.train(20).unwrap();
    ["train/critic_loss", "train/actor_loss", "train/entropy", "train/ent_coef"].map(|name| metrics.get(name))
}

#[test]
fn twenty_updates_agree_with_the_cpu() {
    let wgpu = open(DeviceKind::Wgpu).expect("a Vulkan driver is installed");
    let (found, expected) = (metrics(&wgpu), metrics(&Device::flex()));
    for (found, expected) in found.into_iter().zip(expected) {
        assert!((found - expected).abs() < 1e-2 * (1.0 + expected.abs()), "{found} is not {expected}");
    }
}
