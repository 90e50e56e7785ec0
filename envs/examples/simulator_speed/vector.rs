//! Steps of environments side by side, in a pool of threads.

use std::error::Error;
use std::sync::Arc;

use mec_envs::gym::classic::{Acrobot, CartPole, MountainCarContinuous, Pendulum};
use mec_envs::gym::{ParallelEnv, Space, VectorConfig, VectorEnv};
use mec_envs::offload::{OffloadEnv, OffloadForm, Scenario, Setting};
use mec_envs::rng::stream;

use crate::measurement::{Measurement, Round};

/// Rounds of actions drawn in advance, and steps of all environments between two looks at the clock.
const ROUNDS: usize = 64;

/// How many environments, on how many threads.
#[derive(Clone, Copy)]
pub struct Size {
    pub environments: usize,
    pub threads: usize,
}

/// Steps of a classic control task by Gymnasium's id, or of `OffloadEnv` in this scenario.
pub fn measure(name: &str, size: Size, seconds: f64, scenario: Scenario) -> Result<Measurement, Box<dyn Error>> {
    match name {
        "Acrobot-v1" => steps(Acrobot::v1, size, seconds),
        "CartPole-v1" => steps(CartPole::v1, size, seconds),
        "MountainCarContinuous-v0" => steps(MountainCarContinuous::v0, size, seconds),
        "Pendulum-v1" => steps(Pendulum::v1, size, seconds),
        "OffloadEnv" => {
            let setting = Arc::new(Setting::new(scenario)?);
            steps(|| OffloadEnv::new(Arc::clone(&setting)), size, seconds)
        }
        _ => Err(format!("there is no environment {name:?}").into()),
    }
}

fn steps<E: ParallelEnv>(make: impl Fn() -> E, size: Size, seconds: f64) -> Result<Measurement, Box<dyn Error>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(size.threads).build()?;
    let mut envs = VectorEnv::new((0..size.environments).map(|_| make()), VectorConfig::default())?;
    let mut rng = stream(0, "actions");
    let space = envs.env(0).action_space().clone();
    let mut row = || (0..size.environments).map(|_| space.sample(&mut rng)).collect::<Vec<_>>();
    let actions: Vec<Vec<_>> = (0..ROUNDS).map(|_| row()).collect();
    envs.reset(Some(0));
    let mut round = || actions.iter().try_for_each(|actions| envs.step(actions).map(drop));
    Measurement::take(seconds, 1, || {
        pool.install(&mut round)?;
        Ok(Round { work: ROUNDS * size.environments, reset_seconds: 0.0 })
    })
}
