//! Trains soft actor-critic on `Pendulum-v1` and prints every evaluation episode as CSV:
//! `cargo run --release -p mec-agents --example pendulum -- [SEEDS] [STEPS] [EVERY] [EPISODES] [FINAL EPISODES]`.
//!
//! The same runs as those of `scripts/pendulum_curves/sb3.py`: hyperparameters, steps, seeds, and the states from which
//! evaluation episodes start. `scripts/pendulum_curves.sh` draws both side by side.

use std::error::Error;

use mec_agents::agent::{ActMode, Algorithm, Learner, ObservationBatch, Policy};
use mec_agents::device::Device;
use mec_agents::runtime::{Mode, Observer, ObserverError, RuntimeConfig, train};
use mec_agents::sac::SacConfig;
use mec_agents::spec::EnvSpec;
use mec_envs::gym::classic::{Pendulum, PendulumState};
use mec_envs::gym::{ActionSpace, Env, EnvError};
use mec_envs::rng::stream;

/// As in the `mec-gym` program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The plastic number: x^3 = x + 1.
const PLASTIC: f64 = 1.324_717_957_244_746;

/// Numbers of the command line, in their order.
struct Options {
    seeds: u64,
    steps: u64,
    every: u64,
    episodes: u64,
    final_episodes: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>());
    let mut next = |default| numbers.next().unwrap_or(Ok(default));
    let options = Options {
        seeds: next(10)?,
        steps: next(10_000)?,
        every: next(1_000)?,
        episodes: next(10)?,
        final_episodes: next(100)?,
    };
    // The step size is that of RL Zoo for Pendulum-v1; all others are Stable-Baselines3's defaults, and ours.
    let config = SacConfig { actor_lr: 1e-3, critic_lr: 1e-3, alpha_lr: 1e-3, ..SacConfig::default() };
    println!("seed,env_steps,kind,episode,return");
    for seed in 1..=options.seeds {
        let mut learner = config.build(&EnvSpec::of(&Pendulum::v1()), &Device::flex(), seed)?;
        let runtime = RuntimeConfig {
            mode: Mode::Serial,
            envs: 1,
            round: 1,
            steps: options.steps,
            progress_every: 0,
            evaluate_every: options.every,
            ..RuntimeConfig::default()
        };
        train(&mut learner, |_| Pendulum::v1(), &runtime, seed, &mut Curve { seed, episodes: options.episodes })?;
        evaluate(&learner.policy(), (seed, options.steps, "final"), options.final_episodes)?;
    }
    Ok(())
}

/// Evaluates at every point of the grid.
struct Curve {
    seed: u64,
    episodes: u64,
}

impl<L: Learner> Observer<L> for Curve {
    fn on_evaluate(&mut self, steps: u64, policy: &L::Policy, _: &L) -> Result<(), ObserverError> {
        eprintln!("mec-gym: seed {}, {steps} steps", self.seed);
        Ok(evaluate(policy, (self.seed, steps, "curve"), self.episodes)?)
    }
}

/// Prints the returns of episodes of the policy without noise, as rows that begin with seed, steps and kind.
fn evaluate<P: Policy>(policy: &P, (seed, steps, kind): (u64, u64, &str), episodes: u64) -> Result<(), EnvError> {
    let mut policy = policy.clone();
    for episode in 0..episodes {
        let episode_return = episode_return(&mut policy, start(episode + 1))?;
        println!("{seed},{steps},{kind},{episode},{episode_return:.4}");
    }
    Ok(())
}

/// Element k of evenly spread states: the R2 sequence of Roberts (2018), a golden ratio of two dimensions.
fn start(k: u64) -> PendulumState {
    let share = |power| (0.5 + k as f64 / PLASTIC.powi(power)).fract();
    PendulumState { angle_rad: std::f64::consts::PI * (2.0 * share(1) - 1.0), velocity_rad_s: 2.0 * share(2) - 1.0 }
}

fn episode_return(policy: &mut impl Policy, start: PendulumState) -> Result<f64, EnvError> {
    let mut env = Pendulum::v1();
    env.reset(Some(0));
    let mut observation = env.inner_mut().set_state(start);
    // Greedy actions draw nothing.
    let (mut rng, mut actions, mut total) = (stream(0, "greedy"), Vec::new(), 0.0);
    loop {
        let batch = ObservationBatch { rows: 1, observations: &observation, masks: None };
        policy.act(&batch, ActMode::Greedy, &mut rng, &mut actions);
        let step = env.step(&env.action_space().decode(&actions))?;
        total += step.reward;
        if step.is_last() {
            return Ok(total);
        }
        observation = step.observation;
    }
}
