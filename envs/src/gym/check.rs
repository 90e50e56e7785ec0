//! [`check_env`]: a conformance suite that authors of environments can call in their own tests.

use thiserror::Error;

use super::env::{Env, EnvError, Obs, Step};
use super::space::{ActionSpace, Space};
use crate::rng::{Prng, stream};

/// A broken promise of [`Env`].
#[derive(Clone, Debug, PartialEq, Error)]
#[error("step {step} with seed {seed}: {problem}")]
pub struct CheckError {
    /// Seed of the episode.
    pub seed: u64,
    /// Steps taken before the problem.
    pub step: usize,
    /// What was found, and what the contract says.
    pub problem: String,
}

/// Runs an environment against the contract of [`Env`]; Gymnasium's `check_env` for our trait.
///
/// `make` must build equal environments at every call. Checked are: `step` without `reset` is refused, and so is
/// `step` after an end, an action outside the space and one that the mask closes; observations lie in the space and flatten to its length;
/// rewards are finite; masks fit the layout and leave each head a choice; an episode is not both terminated and
/// truncated; equal seeds give equal episodes, and an unseeded `reset` continues the seeded stream; metric names do
/// not change.
///
/// # Errors
/// The first broken promise.
///
/// # Example
/// ```
/// use mec_envs::gym::{check_env, probe::{Probe, Rung}};
/// check_env(|| Probe::discrete(Rung::Match), 1, 100)?;
/// # Ok::<(), mec_envs::gym::CheckError>(())
/// ```
pub fn check_env<E: Env>(mut make: impl FnMut() -> E, seed: u64, steps: usize) -> Result<(), CheckError> {
    refuses_step_before_reset(&mut make(), seed)?;
    let (mut first, mut second) = (make(), make());
    let names = metric_names(&first);
    let mut rollouts = [Rollout::start(&mut first, seed)?, Rollout::start(&mut second, seed)?];
    rollouts[0].same_as(&rollouts[1])?;
    rollouts[0].refuses_invalid_action()?;
    for _ in 0..steps {
        let [left, right] = &mut rollouts;
        // On one side only: a refusal that changed something makes the sides differ.
        left.refuses_closed_action()?;
        left.advance()?;
        right.advance()?;
        left.same_as(right)?;
    }
    let step = rollouts[0].steps;
    ensure(metric_names(&first) == names, seed, step, || "the names of `metrics` changed during an episode".into())
}

fn metric_names<E: Env>(env: &E) -> Vec<&'static str> {
    env.metrics().into_iter().map(|(name, _)| name).collect()
}

fn ensure(holds: bool, seed: u64, step: usize, problem: impl FnOnce() -> String) -> Result<(), CheckError> {
    if holds { Ok(()) } else { Err(CheckError { seed, step, problem: problem() }) }
}

fn refuses_step_before_reset<E: Env>(env: &mut E, seed: u64) -> Result<(), CheckError> {
    let action = env.action_space().sample(&mut stream(seed, "check"));
    let refused = matches!(env.step(&action), Err(EnvError::ResetNeeded));
    ensure(refused, seed, 0, || "`step` before `reset` must return EnvError::ResetNeeded".into())
}

/// A random walk through episodes of one environment, with every promise checked on the way.
struct Rollout<'a, E: Env> {
    env: &'a mut E,
    rng: Prng,
    seed: u64,
    steps: usize,
    observation: Obs<E>,
    reward: f64,
}

impl<'a, E: Env> Rollout<'a, E> {
    fn start(env: &'a mut E, seed: u64) -> Result<Self, CheckError> {
        let observation = env.reset(Some(seed));
        let rollout = Self { env, rng: stream(seed, "check"), seed, steps: 0, observation, reward: 0.0 };
        rollout.check_observation()?;
        Ok(rollout)
    }

    fn advance(&mut self) -> Result<(), CheckError> {
        self.check_mask()?;
        let action = {
            let mask = self.env.action_mask().map(<[bool]>::to_vec);
            self.env.action_space().sample_masked(mask.as_deref(), &mut self.rng)
        };
        let step = match self.env.step(&action) {
            Ok(step) => step,
            Err(error) => return self.ensure(false, || format!("an open action {action:?} was refused: {error}")),
        };
        self.steps += 1;
        let last = step.is_last();
        self.take(step)?;
        if last {
            let refused = matches!(self.env.step(&action), Err(EnvError::ResetNeeded));
            self.ensure(refused, || "`step` after the end must return EnvError::ResetNeeded".into())?;
            self.observation = self.env.reset(None);
            self.check_observation()?;
        }
        Ok(())
    }

    fn take(&mut self, step: Step<Obs<E>, E::Info>) -> Result<(), CheckError> {
        self.ensure(step.reward.is_finite(), || format!("reward {} is not finite", step.reward))?;
        self.ensure(!(step.terminated && step.truncated), || {
            "a step was both terminated and truncated; a true end needs no truncation".into()
        })?;
        self.observation = step.observation;
        self.reward = step.reward;
        self.check_observation()
    }

    fn check_observation(&self) -> Result<(), CheckError> {
        let space = self.env.observation_space();
        self.ensure(space.contains(&self.observation), || {
            format!("observation {:?} is not in the observation space", self.observation)
        })?;
        let (found, expected) = (space.flatten(&self.observation).len(), space.flat_dim());
        self.ensure(found == expected, || format!("the observation flattens to {found} numbers, not {expected}"))?;
        let parts: usize = space.parts().iter().map(super::Part::len).sum();
        self.ensure(parts == expected, || format!("the parts of the space hold {parts} numbers, not {expected}"))
    }

    fn check_mask(&self) -> Result<(), CheckError> {
        let Some(mask) = self.env.action_mask() else { return Ok(()) };
        let layout = self.env.action_space().layout();
        self.ensure(mask.len() == layout.choices(), || {
            format!("the mask has {} flags, the action space {} choices", mask.len(), layout.choices())
        })?;
        let mut offset = 0;
        for (head, &choices) in layout.heads.iter().enumerate() {
            let open = mask[offset..offset + choices].iter().any(|&flag| flag);
            self.ensure(open, || format!("the mask leaves head {head} no choice"))?;
            offset += choices;
        }
        Ok(())
    }

    fn refuses_invalid_action(&mut self) -> Result<(), CheckError> {
        let Some(action) = self.env.action_space().non_member() else { return Ok(()) };
        let refused = matches!(self.env.step(&action), Err(EnvError::InvalidAction { .. }));
        self.ensure(refused, || format!("{action:?} is not in the action space, yet `step` took it"))
    }

    /// Tries a closed choice of the first head that has one.
    fn refuses_closed_action(&mut self) -> Result<(), CheckError> {
        self.check_mask()?;
        let Some(mut flags) = self.env.action_mask().map(<[bool]>::to_vec) else { return Ok(()) };
        let layout = self.env.action_space().layout();
        let mut rest = &mut flags[..];
        let mut closes = false;
        for &choices in &layout.heads {
            let (head, others) = rest.split_at_mut(choices);
            if head.contains(&false) {
                head.iter_mut().for_each(|flag| *flag = !*flag);
                closes = true;
                break;
            }
            rest = others;
        }
        if !closes {
            return Ok(());
        }
        let mut rng = stream(self.seed, &format!("check/closed/{}", self.steps));
        let action = self.env.action_space().sample_masked(Some(&flags), &mut rng);
        let refused = matches!(self.env.step(&action), Err(EnvError::InvalidAction { .. }));
        self.ensure(refused, || format!("the mask closes {action:?}, yet `step` did not refuse it as invalid"))
    }

    fn same_as(&self, other: &Self) -> Result<(), CheckError> {
        self.ensure(self.observation == other.observation && self.reward == other.reward, || {
            format!(
                "equal seeds gave {:?} with reward {} and {:?} with reward {}",
                self.observation, self.reward, other.observation, other.reward
            )
        })
    }

    fn ensure(&self, holds: bool, problem: impl FnOnce() -> String) -> Result<(), CheckError> {
        ensure(holds, self.seed, self.steps, problem)
    }
}

#[cfg(test)]
mod tests {
    use super::super::probe::{Probe, Rung};
    use super::super::space::{BoxSpace, Discrete};
    use super::*;

    /// A probe that closes its last choice, and takes it all the same.
    struct Lenient(Probe<Discrete>);

    impl Env for Lenient {
        type ObservationSpace = BoxSpace;
        type ActionSpace = Discrete;
        type Info = ();

        fn observation_space(&self) -> &BoxSpace {
            self.0.observation_space()
        }

        fn action_space(&self) -> &Discrete {
            self.0.action_space()
        }

        fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
            self.0.reset(seed)
        }

        fn step(&mut self, action: &usize) -> Result<Step<Vec<f32>>, EnvError> {
            self.0.step(action)
        }

        fn action_mask(&self) -> Option<&[bool]> {
            Some(&[true, true, false])
        }
    }

    #[test]
    fn an_environment_that_takes_closed_actions_is_found_out() {
        let error = check_env(|| Lenient(Probe::discrete(Rung::Match)), 1, 10).unwrap_err();
        assert!(error.problem.contains("the mask closes 2"), "{error}");
    }
}
