//! [`evaluate_policy`]: what a policy is worth in an environment.

use mec_envs::gym::{ActionSpace, Env, EnvError, Space};
use mec_envs::rng::stream;

use crate::agent::{ActMode, ObservationBatch, Policy};

/// The returns of greedy episodes, one from each of these seeds. Seeds that training streams do not start from keep the two
/// apart; those begin with numbers drawn from the training's seed.
///
/// # Errors
/// The environment's; an episode that does not end keeps this from returning, so put one within
/// [`TimeLimit`](mec_envs::gym::TimeLimit).
pub fn evaluate_policy<P: Policy, E: Env>(
    policy: &P,
    env: &mut E,
    seeds: impl IntoIterator<Item = u64>,
) -> Result<Vec<f64>, EnvError> {
    // Greedy actions draw nothing.
    let (mut policy, mut rng, mut codes) = (policy.clone(), stream(0, "greedy"), Vec::new());
    let mut episode = |seed: u64| {
        let (mut observation, mut total) = (env.reset(Some(seed)), 0.0);
        loop {
            let flat = env.observation_space().flatten(&observation);
            let batch = ObservationBatch { rows: 1, observations: &flat, masks: env.action_mask() };
            policy.act(&batch, ActMode::Greedy, &mut rng, &mut codes);
            let step = env.step(&env.action_space().decode(&codes))?;
            total += step.reward;
            if step.is_last() {
                return Ok(total);
            }
            observation = step.observation;
        }
    };
    seeds.into_iter().map(&mut episode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{Algorithm, Learner};
    use crate::device::Device;
    use crate::nn::BodyConfig;
    use crate::sac::SacConfig;
    use crate::spec::EnvSpec;
    use mec_envs::gym::classic::{Pendulum, PendulumState};

    /// With all weights zero a policy pushes with 0, so that the pendulum swings freely,
    /// and its return is what the equations of motion give.
    #[test]
    fn returns_are_those_of_the_greedy_actions_from_each_seed() {
        let spec = EnvSpec::of(&Pendulum::v1());
        let config = SacConfig { body: BodyConfig::mlp(&[4]), ..SacConfig::default() };
        let mut policy = config.build(&spec, &Device::flex(), 1).unwrap().policy();
        let mut state = policy.state();
        let zeros: Vec<_> = state.arrays().iter().map(|(name, array)| (name.clone(), array.shape.clone())).collect();
        for (name, shape) in zeros {
            state.insert_array::<f32>(name, &shape, vec![0.0; shape.iter().product()]);
        }
        policy.load_state(&state).unwrap();
        let free = |seed: u64| {
            let mut env = Pendulum::v1();
            env.reset(Some(seed));
            let PendulumState { mut angle_rad, mut velocity_rad_s } = env.inner().state().unwrap();
            let mut total = 0.0;
            for _ in 0..200 {
                let off = (angle_rad + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU) - std::f64::consts::PI;
                total -= off * off + 0.1 * velocity_rad_s * velocity_rad_s;
                velocity_rad_s = (velocity_rad_s + 15.0 * angle_rad.sin() * 0.05).clamp(-8.0, 8.0);
                angle_rad += velocity_rad_s * 0.05;
            }
            total
        };
        let found = evaluate_policy(&policy, &mut Pendulum::v1(), 5..8).unwrap();
        for (found, seed) in found.iter().zip(5..) {
            assert!((found - free(seed)).abs() < 1e-6 * found.abs(), "{found} is not {}", free(seed));
        }
        assert_eq!(found.len(), 3);
    }
}
