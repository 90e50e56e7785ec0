//! An algorithm, a network head, an environment, a policy written by hand, and callbacks, all of one's own: they meet in
//! one training, and then on the offloading environment.

mod bandit;
mod callbacks;
mod dispatch;
mod gaussian_head;
mod shortest_queue;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use mec_gym::agents::agent::{Algorithm, Learner, Policy};
use mec_gym::agents::device::Device;
use mec_gym::agents::evaluate_policy::evaluate_policy;
use mec_gym::agents::runtime::{Mode, RuntimeConfig, train};
use mec_gym::agents::spec::EnvSpec;
use mec_gym::envs::gym::{Env, EnvError, TimeLimit, check_env};
use mec_gym::envs::offload::{OffloadEnv, OffloadForm, Scenario, Setting};
use mec_gym::experiments::evaluate::policy_episodes;

use bandit::BanditConfig;
use callbacks::Coach;
use dispatch::Dispatch;
use shortest_queue::ShortestQueue;

fn main() -> Result<(), Box<dyn Error>> {
    let level = Arc::new(AtomicU32::new(1));
    let make_env = |_| TimeLimit::new(Dispatch::new(Arc::clone(&level)), 50);
    check_env(|| make_env(0), 1, 1_000)?;

    // Two actor threads; equal seeds give equal bits.
    let config = BanditConfig::default();
    let mut learner = config.build(&EnvSpec::of(&make_env(0)), &Device::flex(), 1)?;
    let runtime =
        RuntimeConfig { mode: Mode::Lockstep, actors: 2, envs: 4, steps: 60_000, round: 8, ..Default::default() };
    let mut coach = Coach::new(Arc::clone(&level), -130.0);
    let outcome = train(&mut learner, make_env, &runtime, 1, &mut coach)?;
    println!("{}, after {} steps", coach.summary(), outcome.env_steps);
    if !outcome.stopped {
        return Err("the bandit did not reach the return that ends its training".into());
    }

    let by_hand = mean_return(&ShortestQueue, &mut make_env(0))?;
    let learned = mean_return(&learner.policy(), &mut make_env(0))?;
    println!("mean return: {learned:.1} learned, {by_hand:.1} of the shortest queue");

    // The same method on the default scenario; rewards of one task are minus its latency over a reference.
    let setting = Arc::new(Setting::new(Scenario::preset("default")?)?);
    let make_env = |_| OffloadEnv::new(Arc::clone(&setting));
    let mut learner = config.build(&EnvSpec::of(&make_env(0)), &Device::flex(), 1)?;
    train(&mut learner, make_env, &RuntimeConfig { steps: 8_000, ..runtime }, 1, &mut ())?;
    let episodes = policy_episodes::<OffloadEnv, _>(&learner.policy(), &setting, 2_000_000..2_000_004)?;
    let latency = episodes.iter().map(|episode| episode.metrics.latency_mean_s).sum::<f64>() / episodes.len() as f64;
    println!("default scenario: {latency:.3} s per task");
    Ok(())
}

/// Of 20 episodes with the policy's best actions.
fn mean_return<E: Env>(policy: &impl Policy, env: &mut E) -> Result<f64, EnvError> {
    Ok(evaluate_policy(policy, env, 0..20)?.iter().sum::<f64>() / 20.0)
}
