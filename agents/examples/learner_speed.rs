//! Measures gradient updates per second of soft actor-critic, on one thread and on two:
//! `cargo run --release -p mec-agents --example learner_speed [part of a name]`.
//!
//! Sizes: a dispatching problem (8 global features, 5 to 9 options of 14 features, scorer of [64, 64]) and a
//! continuous one (40 observations, 8 actions, perceptrons of [256, 256]).

use std::time::Instant;

use mec_agents::agent::{Algorithm, Learner};
use mec_agents::device::Device;
use mec_agents::nn::BodyConfig;
use mec_agents::sac::SacConfig;
use mec_agents::spec::EnvSpec;
use mec_agents::transition::Transitions;
use mec_envs::gym::{ActionLayout, Part};
use mec_envs::rng::{Prng, stream};
use rand::RngExt;

/// As in the `mec-gym` program, which is faster with it. burn copies each new matrix that the allocator did not align to
/// 64 bytes; this one aligns many of them so, but not all.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for options in [5, 9] {
        let parts =
            vec![Part::new("global", &[8]), Part::new("options", &[options, 14]), Part::new("prior", &[options])];
        let spec = EnvSpec { observation: parts, action: ActionLayout { heads: vec![options], continuous: 0 } };
        let body = BodyConfig::Scorer { hidden: vec![64, 64], prior_scale: 1.0, q_prior_scale: 1.0 };
        for batch_size in [128, 256] {
            let config = SacConfig { batch_size, body: body.clone(), ..SacConfig::default() };
            measure(&format!("scorer, {options} options, batch {batch_size}"), &config, &spec)?;
        }
    }
    let spec =
        EnvSpec { observation: vec![Part::new("", &[40])], action: ActionLayout { heads: vec![], continuous: 8 } };
    measure("continuous, [256, 256], batch 256", &SacConfig::default(), &spec)
}

fn measure(name: &str, config: &SacConfig, spec: &EnvSpec) -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).is_some_and(|part| !name.contains(&part)) {
        return Ok(());
    }
    for threads in [1, 2] {
        let mut learner = SacConfig { threads, ..config.clone() }.build(spec, &Device::flex(), 1)?;
        learner.add(&experience(spec, 5_000));
        learner.train(20)?;
        let mut rates: Vec<f64> = Vec::new();
        for _ in 0..15 {
            let start = Instant::now();
            learner.train(20)?;
            rates.push(20.0 / start.elapsed().as_secs_f64());
        }
        rates.sort_by(f64::total_cmp);
        println!("{name}, {threads} thread(s): median {:.0} updates/s, best {:.0}", rates[7], rates[14]);
    }
    Ok(())
}

fn experience(spec: &EnvSpec, rows: usize) -> Transitions {
    let mut rng = stream(1, "experience");
    let uniform = |rng: &mut Prng, len: usize| (0..len).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f32>>();
    let heads = &spec.action.heads;
    let action = |rng: &mut Prng| match heads.first() {
        Some(&choices) => vec![rng.random_range(0..choices) as f32],
        None => uniform(rng, spec.action.continuous),
    };
    Transitions {
        observations: uniform(&mut rng, rows * spec.obs_dim()),
        next_observations: uniform(&mut rng, rows * spec.obs_dim()),
        masks: vec![true; rows * spec.action.choices()],
        next_masks: vec![true; rows * spec.action.choices()],
        actions: (0..rows).flat_map(|_| action(&mut rng)).collect(),
        rewards: uniform(&mut rng, rows),
        terminated: vec![false; rows],
        truncated: vec![false; rows],
        env: vec![0; rows],
    }
}
