//! One episode of the default scenario by hand, then an agent trained on it:
//! `cargo run --release --example quickstart`.

use std::sync::Arc;

use mec_gym::agents::{agent::Algorithm, device::Device, runtime, sac::SacConfig, spec::EnvSpec};
use mec_gym::envs::gym::{Env, Space};
use mec_gym::envs::offload::{OffloadEnv, OffloadForm, Scenario, Setting};
use mec_gym::envs::rng::stream;
use mec_gym::experiments::evaluate::policy_episodes;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An environment: real networks, heterogeneous devices and servers, imperfect knowledge.
    let setting = Arc::new(Setting::new(Scenario::preset("default")?)?);
    let mut env = OffloadEnv::new(Arc::clone(&setting));
    let mut rng = stream(7, "random policy");
    env.reset(Some(1));
    loop {
        let action = env.action_space().sample(&mut rng);
        if env.step(&action)?.is_last() {
            break;
        }
    }
    println!("random: {:.3} s per task", env.offload().metrics().latency_mean_s);

    // An agent: soft actor-critic, trained in lockstep by two actor threads.
    let config: SacConfig = toml::from_str(include_str!("quickstart.toml"))?;
    let mut learner = config.build(&EnvSpec::of(&env), &Device::flex(), 1)?;
    let runtime = runtime::RuntimeConfig { actors: 2, steps: 8_000, ..Default::default() };
    runtime::train(&mut learner, |_| OffloadEnv::new(Arc::clone(&setting)), &runtime, 1, &mut ())?;

    // Judged on the episode from above, which it has not seen.
    let policy = mec_gym::agents::agent::Learner::policy(&learner);
    let episode = &policy_episodes::<OffloadEnv, _>(&policy, &setting, 1..2)?[0];
    println!("agent:  {:.3} s per task", episode.metrics.latency_mean_s);
    Ok(())
}
