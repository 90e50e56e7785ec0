//! Trains a method on a task that everyone knows, with published hyperparameters where there are any that reach it, and
//! prints the mean return of 100 greedy episodes per seed as CSV:
//! `cargo run --release -p mec-agents --example known_tasks -- METHOD [--steps N] [--seed S] [--seeds N]`.
//!
//! What to expect: 475 of 500 solves `CartPole-v1` and -100 `Acrobot-v1`, by Gymnasium's thresholds; -200 is good on
//! `Pendulum-v1`, where nothing is possible above about -120 on average.

use std::error::Error;

use mec_agents::a2c::A2cConfig;
use mec_agents::agent::{Algorithm, Learner};
use mec_agents::ddpg::DdpgConfig;
use mec_agents::device::Device;
use mec_agents::dqn::{DqnConfig, TdLoss};
use mec_agents::es::EsConfig;
use mec_agents::evaluate_policy::evaluate_policy;
use mec_agents::nn::BodyConfig;
use mec_agents::ppo::PpoConfig;
use mec_agents::reinforce::ReinforceConfig;
use mec_agents::runtime::{Mode, RuntimeConfig, train};
use mec_agents::sac::SacConfig;
use mec_agents::spec::EnvSpec;
use mec_agents::td3::Td3Config;
use mec_envs::gym::Env;
use mec_envs::gym::classic::{Acrobot, CartPole, Pendulum};

/// As in the `mec-gym` program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Greedy episodes per seed.
const EPISODES: u64 = 100;

/// The methods: name, configuration, task, environment steps, environments, steps of each of them between updates.
macro_rules! methods {
    ($($name:literal: $config:expr, $task:expr, $steps:literal, $envs:literal, $round:literal;)*) => {
        const METHODS: &[&str] = &[$($name),*];

        fn run(options: &Options) -> Result<(), Box<dyn Error>> {
            match options.method.as_str() {
                $($name => learn($name, &$config, $task, &options.runtime($steps, $envs, $round), options),)*
                other => Err(format!("METHOD is {other:?}; accepted is one of {}", METHODS.join(", ")).into()),
            }
        }
    };
}

methods! {
    "dqn": dqn(), CartPole::v1, 500_000, 1, 10;
    "td3": td3(), Pendulum::v1, 20_000, 1, 1;
    "ddpg": ddpg(), Pendulum::v1, 20_000, 1, 1;
    "sac": SacConfig { learn_alpha: false, initial_alpha: 0.2, ..dsaco() }, Pendulum::v1, 20_000, 1, 1;
    "dsaco": dsaco(), Pendulum::v1, 20_000, 1, 1;
    "sac-cartpole": sac_cartpole(), CartPole::v1, 200_000, 1, 1;
    "dsaco-cartpole": dsaco_cartpole(), CartPole::v1, 200_000, 1, 1;
    "dsaco-acrobot": dsaco_acrobot(), Acrobot::v1, 100_000, 1, 1;
    "ppo": ppo(), CartPole::v1, 100_000, 8, 32;
    "ppo-pendulum": ppo_pendulum(), Pendulum::v1, 100_000, 4, 1024;
    "a2c": a2c(), CartPole::v1, 500_000, 8, 5;
    "reinforce": ReinforceConfig { decay_steps: Some(300_000), ..ReinforceConfig::default() }, CartPole::v1, 300_000, 4, 8;
    "es": es(), CartPole::v1, 2_000_000, 1, 8;
}

/// CleanRL's for CartPole-v1 (`cleanrl/dqn.py`), with double Q-learning and a step size that falls.
fn dqn() -> DqnConfig {
    DqnConfig {
        learning_rate: 2.5e-4,
        decay_steps: Some(500_000),
        max_grad_norm: None,
        loss: TdLoss::Squared,
        batch_size: 128,
        buffer_capacity: 10_000,
        learning_starts: 10_000,
        target_update_every: 50,
        replay_ratio: 0.1,
        epsilon_steps: 250_000,
        body: BodyConfig::mlp(&[120, 84]),
        ..DqnConfig::default()
    }
}

/// RL Zoo's for Pendulum-v1 (rl-baselines3-zoo 22e3ff2, `hyperparams/td3.yml`).
fn td3() -> Td3Config {
    Td3Config {
        gamma: 0.98,
        buffer_capacity: 200_000,
        learning_starts: 10_000,
        body: BodyConfig::mlp(&[400, 300]),
        ..Td3Config::default()
    }
}

/// RL Zoo's for Pendulum-v1 (`hyperparams/ddpg.yml`): those of TD3.
fn ddpg() -> DdpgConfig {
    let Td3Config { gamma, buffer_capacity, learning_starts, body, .. } = td3();
    DdpgConfig { gamma, buffer_capacity, learning_starts, body, ..DdpgConfig::default() }
}

/// RL Zoo's for Pendulum-v1 (`hyperparams/sac.yml`); `sac` has them with a fixed temperature of our choice.
fn dsaco() -> SacConfig {
    SacConfig { actor_lr: 1e-3, critic_lr: 1e-3, alpha_lr: 1e-3, ..SacConfig::default() }
}

/// Tianshou's of discrete soft actor-critic for CartPole-v1 (`test/discrete/test_discrete_sac.py`), which ask for 195 of 500,
/// with gamma 0.99 instead of 0.95, batches of 128, five times the updates, three times the actor's step size, and step
/// sizes that fall: chosen on seeds 1 to 3.
fn sac_cartpole() -> SacConfig {
    SacConfig {
        actor_lr: 3e-4,
        critic_lr: 1e-3,
        decay_steps: Some(200_000),
        batch_size: 128,
        buffer_capacity: 200_000,
        n_step: 3,
        learning_starts: 1_000,
        replay_ratio: 0.5,
        body: BodyConfig::mlp(&[64, 64]),
        initial_alpha: 0.05,
        learn_alpha: false,
        ..SacConfig::default()
    }
}

/// The same with a learned temperature whose target falls: chosen on seeds 1 to 3.
fn dsaco_cartpole() -> SacConfig {
    SacConfig {
        initial_alpha: 0.1,
        learn_alpha: true,
        target_entropy_scale: 0.5,
        target_entropy_final_scale: Some(0.05),
        target_entropy_anneal_updates: 40_000,
        ..sac_cartpole()
    }
}

/// Our own: chosen on seeds 1 to 10.
fn dsaco_acrobot() -> SacConfig {
    SacConfig { critic_lr: 3e-4, n_step: 5, initial_alpha: 1.0, decay_steps: None, ..dsaco_cartpole() }
}

/// RL Zoo's hyperparameters of PPO for CartPole-v1 (`hyperparams/ppo.yml`), with the bound of the ratio constant.
fn ppo() -> PpoConfig {
    PpoConfig {
        gamma: 0.98,
        gae_lambda: 0.8,
        rollout_steps: 256,
        minibatch_size: 256,
        epochs: 20,
        actor_lr: 1e-3,
        value_lr: 1e-3,
        decay_steps: Some(100_000),
        ..PpoConfig::default()
    }
}

/// RL Zoo's of A2C for CartPole-v1 (`hyperparams/a2c.yml`): 8 environments of 5 steps each; the step size falls, as in
/// most of its other settings of A2C.
fn a2c() -> A2cConfig {
    A2cConfig { rollout_steps: 40, decay_steps: Some(500_000), ..A2cConfig::default() }
}

/// Several episodes per candidate: their returns vary with the state they start from.
fn es() -> EsConfig {
    EsConfig { sigma: 0.3, learning_rate: 0.05, episodes_each: 4, ..EsConfig::default() }
}

/// RL Zoo's for Pendulum-v1, without its state-dependent exploration.
fn ppo_pendulum() -> PpoConfig {
    PpoConfig { gamma: 0.9, rollout_steps: 4096, actor_lr: 1e-3, value_lr: 1e-3, ..PpoConfig::default() }
}

/// The command line.
struct Options {
    method: String,
    /// In place of the method's own number.
    steps: Option<u64>,
    seed: u64,
    /// Seeds from that one on.
    seeds: u64,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self { method: words.next().unwrap_or_default(), steps: None, seed: 1, seeds: 1 };
        while let Some(word) = words.next() {
            let number = words.next().ok_or_else(|| format!("{word} needs a number"))?.parse()?;
            match word.as_str() {
                "--steps" => options.steps = Some(number),
                "--seed" => options.seed = number,
                "--seeds" => options.seeds = number,
                _ => return Err(format!("{word} is unknown; accepted are --steps, --seed and --seeds").into()),
            }
        }
        Ok(options)
    }

    fn runtime(&self, steps: u64, envs: usize, round: usize) -> RuntimeConfig {
        let steps = self.steps.unwrap_or(steps);
        RuntimeConfig { mode: Mode::Serial, envs, steps, round, progress_every: 0, ..RuntimeConfig::default() }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&Options::parse(std::env::args().skip(1))?)
}

/// Prints a row per seed.
fn learn<A: Algorithm, E: Env>(
    name: &str,
    config: &A,
    make_env: fn() -> E,
    runtime: &RuntimeConfig,
    options: &Options,
) -> Result<(), Box<dyn Error>> {
    println!("method,seed,env_steps,mean_return");
    for seed in options.seed..options.seed + options.seeds {
        let mut learner = config.build(&EnvSpec::of(&make_env()), &Device::flex(), seed)?;
        let outcome = train(&mut learner, |_| make_env(), runtime, seed, &mut ())?;
        // From states that training does not start from.
        let returns = evaluate_policy(&learner.policy(), &mut make_env(), 1_000_000..1_000_000 + EPISODES)?;
        let mean_return = returns.iter().sum::<f64>() / EPISODES as f64;
        println!("{name},{seed},{},{mean_return:.1}", outcome.env_steps);
    }
    Ok(())
}
