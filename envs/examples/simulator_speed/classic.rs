//! Steps of classic control tasks: one environment, actions drawn in advance, a reset after each episode.

use std::error::Error;
use std::hint::black_box;

use mec_envs::gym::classic::{Acrobot, CartPole, MountainCarContinuous, Pendulum};
use mec_envs::gym::{Env, Space};
use mec_envs::rng::stream;

use crate::measurement::{Measurement, Round};

/// Actions drawn in advance, and steps between two looks at the clock.
const ACTIONS: usize = 10_000;

/// Steps of the task with this id of Gymnasium's, within its time limit.
pub fn measure(name: &str, seconds: f64) -> Result<Measurement, Box<dyn Error>> {
    match name {
        "Acrobot-v1" => steps(Acrobot::v1(), seconds),
        "CartPole-v1" => steps(CartPole::v1(), seconds),
        "MountainCarContinuous-v0" => steps(MountainCarContinuous::v0(), seconds),
        "Pendulum-v1" => steps(Pendulum::v1(), seconds),
        _ => Err(format!("there is no classic control task {name:?}").into()),
    }
}

fn steps<E: Env>(mut env: E, seconds: f64) -> Result<Measurement, Box<dyn Error>> {
    let mut rng = stream(0, "actions");
    let actions: Vec<_> = (0..ACTIONS).map(|_| env.action_space().sample(&mut rng)).collect();
    let mut observation = env.reset(Some(0));
    Measurement::take(seconds, 1, || {
        for action in &actions {
            // Without the black box, the compiler leaves out observations that nobody reads.
            let last = env.step_into(action, &mut observation)?.is_last();
            black_box(&observation);
            if last {
                env.reset_into(None, &mut observation);
            }
        }
        Ok(Round { work: ACTIONS, reset_seconds: 0.0 })
    })
}
