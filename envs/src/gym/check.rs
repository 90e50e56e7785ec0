//! [`check_env`]: a conformance suite that authors of environments can call in their own tests.

use serde_json::Value;
use thiserror::Error;

use super::env::{Act, Env, EnvError, Metric, Obs, Step};
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
/// `step` after an end, an action outside the space (not finite, for one) and one that the mask closes, and none of it
/// changes anything; observations lie in the space and flatten to its length; rewards are finite; masks fit the layout
/// and leave each head a choice; an episode is not both terminated and truncated; equal seeds give equal episodes, and
/// an unseeded `reset` continues the seeded stream; `reset_into` and `step_into` do what `reset` and `step` do,
/// whatever the buffer held; metric names do not change; what outlives an episode is in `memory`, so that a new
/// environment that is given it repeats an episode, and the memory of another environment is refused. Infos are not
/// compared: they need not be comparable.
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
    let stale = make().reset(Some(seed.wrapping_add(1)));
    let (mut first, mut second) = (make(), make());
    let names = metric_names(&first);
    let mut returned = Rollout::start(&mut first, Form::Returned, seed, stale.clone())?;
    let mut written = Rollout::start(&mut second, Form::Written, seed, stale)?;
    returned.same_as(&written)?;
    for step in 0..steps {
        // On one side at a time: a refusal that changes something makes the sides differ.
        let refusing = if step % 2 == 0 { &mut returned } else { &mut written };
        if step < 2 {
            refusing.refuses_actions_outside_the_space()?;
        }
        refusing.refuses_closed_action()?;
        returned.advance()?;
        written.advance()?;
        returned.same_as(&written)?;
    }
    let step = returned.steps;
    ensure(metric_names(&first) == names, seed, step, || "the names of `metrics` changed during an episode".into())?;
    let memory = first.memory();
    repeats_an_episode_from_memory([&mut first, &mut make()], memory, seed, steps)
}

/// `envs` are one that has had episodes and a new one; `memory` is that of the first.
fn repeats_an_episode_from_memory<E: Env>(
    [used, new]: [&mut E; 2],
    memory: Option<Value>,
    seed: u64,
    steps: usize,
) -> Result<(), CheckError> {
    let foreign = serde_json::json!({ "from": "check_env" });
    let refused = matches!(new.set_memory(Some(&foreign)), Err(EnvError::ForeignMemory { .. }));
    ensure(refused, seed, 0, || "`set_memory` must refuse what no such environment remembers".into())?;
    let taken = new.set_memory(memory.as_ref());
    ensure(taken.is_ok(), seed, 0, || format!("`set_memory` refused what `memory` gave: {taken:?}"))?;
    ensure(new.memory() == memory, seed, 0, || "`memory` does not give what `set_memory` was given".into())?;
    let stale = used.reset(Some(seed.wrapping_add(1)));
    let taken = used.set_memory(memory.as_ref());
    ensure(taken.is_ok(), seed, 0, || format!("`set_memory` refused its own memory: {taken:?}"))?;
    let mut used = Rollout::start(used, Form::Written, seed, stale.clone())?;
    let mut new = Rollout::start(new, Form::Written, seed, stale)?;
    for _ in 0..steps {
        used.same_as(&new).map_err(|error| CheckError {
            problem: format!("a new environment with the same memory goes another way: {}", error.problem),
            ..error
        })?;
        used.advance()?;
        new.advance()?;
    }
    Ok(())
}

fn metric_names<E: Env>(env: &E) -> Vec<&'static str> {
    env.metrics().into_iter().map(|(name, _)| name).collect()
}

pub(super) fn ensure(holds: bool, seed: u64, step: usize, problem: impl FnOnce() -> String) -> Result<(), CheckError> {
    if holds { Ok(()) } else { Err(CheckError { seed, step, problem: problem() }) }
}

fn refuses_step_before_reset<E: Env>(env: &mut E, seed: u64) -> Result<(), CheckError> {
    let action = env.action_space().sample(&mut stream(seed, "check"));
    let refused = matches!(env.step(&action), Err(EnvError::ResetNeeded));
    ensure(refused, seed, 0, || "`step` before `reset` must return EnvError::ResetNeeded".into())
}

/// An action among the open ones.
pub(super) fn open_action<E: Env>(env: &E, rng: &mut Prng) -> Act<E> {
    env.action_space().sample_masked(env.action_mask(), rng)
}

/// Which half of the interface a rollout goes through.
#[derive(Clone, Copy)]
enum Form {
    /// `reset` and `step`.
    Returned,
    /// `reset_into` and `step_into`.
    Written,
}

/// A random walk through episodes of one environment, with every promise checked on the way.
struct Rollout<'a, E: Env> {
    env: &'a mut E,
    form: Form,
    rng: Prng,
    seed: u64,
    steps: usize,
    observation: Obs<E>,
    /// Reward, terminated, truncated.
    outcome: (f64, bool, bool),
}

impl<'a, E: Env> Rollout<'a, E> {
    fn start(env: &'a mut E, form: Form, seed: u64, observation: Obs<E>) -> Result<Self, CheckError> {
        let outcome = (0.0, false, false);
        let mut rollout = Self { env, form, rng: stream(seed, "check"), seed, steps: 0, observation, outcome };
        rollout.reset(Some(seed))?;
        Ok(rollout)
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<(), CheckError> {
        match self.form {
            Form::Returned => self.observation = self.env.reset(seed),
            Form::Written => self.env.reset_into(seed, &mut self.observation),
        }
        self.check_observation()
    }

    fn step(&mut self, action: &Act<E>) -> Result<Step<(), E::Info>, EnvError> {
        match self.form {
            Form::Returned => Ok(self.env.step(action)?.map(|next| self.observation = next)),
            Form::Written => self.env.step_into(action, &mut self.observation),
        }
    }

    fn advance(&mut self) -> Result<(), CheckError> {
        self.check_mask()?;
        let action = open_action(self.env, &mut self.rng);
        let step = match self.step(&action) {
            Ok(step) => step,
            Err(error) => return self.ensure(false, || format!("an open action {action:?} was refused: {error}")),
        };
        self.steps += 1;
        self.outcome = (step.reward, step.terminated, step.truncated);
        self.ensure(step.reward.is_finite(), || format!("reward {} is not finite", step.reward))?;
        self.ensure(!(step.terminated && step.truncated), || {
            "a step was both terminated and truncated; a true end needs no truncation".into()
        })?;
        self.check_observation()?;
        if step.is_last() {
            let refused = matches!(self.step(&action), Err(EnvError::ResetNeeded));
            self.ensure(refused, || "`step` after the end must return EnvError::ResetNeeded".into())?;
            self.reset(None)?;
        }
        Ok(())
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

    fn refuses_actions_outside_the_space(&mut self) -> Result<(), CheckError> {
        for action in self.env.action_space().non_members() {
            self.refuses(&action, "is not in the action space")?;
        }
        Ok(())
    }

    fn refuses(&mut self, action: &Act<E>, why: &str) -> Result<(), CheckError> {
        let before = self.observation.clone();
        let refused = matches!(self.step(action), Err(EnvError::InvalidAction { .. }));
        self.ensure(refused, || format!("{action:?} {why}, yet it was not refused as invalid"))?;
        self.ensure(self.observation == before, || format!("a refusal of {action:?} changed the observation"))
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
        self.refuses(&action, "is closed by the mask")
    }

    fn same_as(&self, other: &Self) -> Result<(), CheckError> {
        self.ensure(self.observation == other.observation && self.outcome == other.outcome, || {
            format!(
                "equal seeds gave {:?} with reward and ends {:?} by `step`, {:?} with {:?} by `step_into`",
                self.observation, self.outcome, other.observation, other.outcome
            )
        })?;
        self.ensure(self.env.action_mask() == other.env.action_mask(), || "equal seeds gave different masks".into())?;
        let (left, right) = (self.env.metrics(), other.env.metrics());
        let equal = |(one, other): (&Metric, &Metric)| {
            one.0 == other.0 && (one.1 == other.1 || (one.1.is_nan() && other.1.is_nan()))
        };
        let same = left.len() == right.len() && left.iter().zip(&right).all(equal);
        self.ensure(same, || format!("equal seeds gave the metrics {left:?} and {right:?}"))
    }

    fn ensure(&self, holds: bool, problem: impl FnOnce() -> String) -> Result<(), CheckError> {
        ensure(holds, self.seed, self.steps, problem)
    }
}

#[cfg(test)]
mod tests {
    use super::super::classic::Pendulum;
    use super::super::probe::{Probe, Rung};
    use super::super::space::{BoxSpace, Discrete};
    use super::super::{NormalizeObservation, TimeLimit};
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
        assert!(error.problem.contains("2 is closed by the mask"), "{error}");
    }

    /// A probe whose `step_into` forgets to write the observation.
    struct Forgetful(Probe<BoxSpace>);

    impl Env for Forgetful {
        type ObservationSpace = BoxSpace;
        type ActionSpace = BoxSpace;
        type Info = ();

        fn observation_space(&self) -> &BoxSpace {
            self.0.observation_space()
        }

        fn action_space(&self) -> &BoxSpace {
            self.0.action_space()
        }

        fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
            self.0.reset(seed)
        }

        fn step(&mut self, action: &Vec<f32>) -> Result<Step<Vec<f32>>, EnvError> {
            self.0.step(action)
        }

        fn step_into(&mut self, action: &Vec<f32>, _observation: &mut Vec<f32>) -> Result<Step<()>, EnvError> {
            Ok(self.0.step(action)?.map(drop))
        }
    }

    /// Normalises by statistics that it keeps to itself.
    struct Secretive(NormalizeObservation<TimeLimit<Pendulum>>);

    impl Env for Secretive {
        type ObservationSpace = BoxSpace;
        type ActionSpace = BoxSpace;
        type Info = ();

        fn observation_space(&self) -> &BoxSpace {
            self.0.observation_space()
        }

        fn action_space(&self) -> &BoxSpace {
            self.0.action_space()
        }

        fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
            self.0.reset(seed)
        }

        fn step(&mut self, action: &Vec<f32>) -> Result<Step<Vec<f32>>, EnvError> {
            self.0.step(action)
        }
    }

    #[test]
    fn an_environment_that_does_not_tell_what_it_remembers_is_found_out() {
        let error = check_env(|| Secretive(NormalizeObservation::new(Pendulum::v1())), 1, 10).unwrap_err();
        assert!(error.problem.contains("with the same memory goes another way"), "{error}");
    }

    #[test]
    fn an_environment_whose_two_interfaces_differ_is_found_out() {
        let error = check_env(|| Forgetful(Probe::continuous(Rung::Delayed)), 1, 10).unwrap_err();
        assert!(error.problem.contains("by `step_into`"), "{error}");
    }
}
