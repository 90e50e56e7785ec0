//! [`check_vector_env`]: a vector environment against its environments stepped alone.

use super::config::{AutoresetMode, VectorConfig};
use super::error::VectorError;
use super::vector_env::{ParallelEnv, VectorEnv};
use crate::gym::check::{CheckError, ensure, open_action};
use crate::gym::{Act, ActionSpace, Env, EnvError, Metric, Space};
use crate::rng::{Prng, stream};

/// Steps a [`VectorEnv`] of `n` environments and, beside it, the same environments alone, and compares all they show.
///
/// `make` must build equal environments at every call. Checked are, in the mode of the configuration: observations,
/// rewards, ends, infos and masks of every row; the last observation and the figures of ended episodes; that the action
/// of a step that resets is ignored, whatever it is; seeds of `reset`; `reset_where`; and that a refused action is
/// reported with its environment and leaves all of them unchanged. Run it within a rayon pool, and with `min_work_s` of
/// 0, to check a number of threads.
///
/// # Errors
/// The first broken promise.
///
/// # Example
/// ```
/// use mec_envs::gym::{VectorConfig, check_vector_env, classic::CartPole};
/// check_vector_env(CartPole::v1, 3, VectorConfig::default(), 1, 100)?;
/// # Ok::<(), mec_envs::gym::CheckError>(())
/// ```
pub fn check_vector_env<E>(
    mut make: impl FnMut() -> E,
    n: usize,
    config: VectorConfig,
    seed: u64,
    steps: usize,
) -> Result<(), CheckError>
where
    E: ParallelEnv<Info: PartialEq>,
{
    let envs: Vec<E> = (0..n).map(|_| make()).collect();
    let vector = VectorEnv::new(envs, config);
    let vector = vector.map_err(|error| CheckError { seed, step: 0, problem: error.to_string() })?;
    let alone = (0..n).map(|_| Alone::new(make())).collect();
    let rng = stream(seed, "check-vector");
    let mut pair = Pair { vector, alone, autoreset: config.autoreset, rng, seed, steps: 0 };
    pair.refuses_step_before_reset()?;
    pair.reset(Some(seed))?;
    for step in 0..steps {
        if step < 3 {
            pair.refuses_actions_outside_the_space()?;
        }
        pair.advance()?;
        if step == steps / 2 {
            pair.reset(None)?;
        }
    }
    Ok(())
}

/// An environment stepped alone, and what a row of the vector must show of it.
struct Alone<E: Env> {
    env: E,
    running: bool,
    observation: Vec<f32>,
    /// Reward, terminated, truncated.
    outcome: (f64, bool, bool),
    info: Option<E::Info>,
    ended: Option<(Vec<f32>, Vec<Metric>)>,
}

impl<E: Env> Alone<E> {
    fn new(env: E) -> Self {
        Self { env, running: false, observation: Vec::new(), outcome: (0.0, false, false), info: None, ended: None }
    }

    fn reset(&mut self, seed: Option<u64>) {
        self.restart(seed);
        (self.outcome, self.info, self.ended) = ((0.0, false, false), None, None);
    }

    fn restart(&mut self, seed: Option<u64>) {
        let observation = self.env.reset(seed);
        self.observation = self.env.observation_space().flatten(&observation);
        self.running = true;
    }

    fn step(&mut self, action: &Act<E>, autoreset: AutoresetMode) -> Result<(), EnvError> {
        if !self.running && autoreset == AutoresetMode::NextStep {
            self.reset(None);
            return Ok(());
        }
        let step = self.env.step(action)?;
        self.observation = self.env.observation_space().flatten(&step.observation);
        self.outcome = (step.reward, step.terminated, step.truncated);
        self.running = !step.is_last();
        self.ended = step.is_last().then(|| (self.observation.clone(), self.env.metrics()));
        self.info = Some(step.info);
        if !self.running && autoreset == AutoresetMode::SameStep {
            self.restart(None);
        }
        Ok(())
    }
}

struct Pair<E: Env> {
    vector: VectorEnv<E>,
    alone: Vec<Alone<E>>,
    autoreset: AutoresetMode,
    rng: Prng,
    seed: u64,
    steps: usize,
}

impl<E: ParallelEnv<Info: PartialEq>> Pair<E> {
    /// Open actions; where the step will reset, one that nobody could carry out, if there is one.
    fn actions(&mut self) -> Vec<Act<E>> {
        let rng = &mut self.rng;
        let action = |alone: &Alone<E>| match alone.env.action_space().non_members().pop() {
            Some(outsider) if !alone.running => outsider,
            _ => open_action(&alone.env, rng),
        };
        self.alone.iter().map(action).collect()
    }

    fn reset(&mut self, seed: Option<u64>) -> Result<(), CheckError> {
        self.vector.reset(seed);
        for (index, alone) in self.alone.iter_mut().enumerate() {
            alone.reset(seed.map(|seed| seed.wrapping_add(index as u64)));
        }
        self.compare()
    }

    fn advance(&mut self) -> Result<(), CheckError> {
        let actions = self.actions();
        self.refuses_closed_action(&actions)?;
        if let Err(error) = self.vector.step(&actions) {
            return self.ensure(false, || format!("open actions {actions:?} were refused: {error}"));
        }
        self.steps += 1;
        for (alone, action) in self.alone.iter_mut().zip(&actions) {
            if let Err(error) = alone.step(action, self.autoreset) {
                return self.ensure(false, || format!("an open action {action:?} was refused: {error}"));
            }
        }
        self.compare()?;
        if self.autoreset == AutoresetMode::Disabled {
            self.reset_where_ended()?;
        }
        Ok(())
    }

    fn reset_where_ended(&mut self) -> Result<(), CheckError> {
        let ended: Vec<bool> = self.alone.iter().map(|alone| !alone.running).collect();
        let Some(first) = ended.iter().position(|&ended| ended) else { return Ok(()) };
        let mut actions: Vec<_> = self.alone.iter().map(|alone| open_action(&alone.env, &mut self.rng)).collect();
        self.refuses(&actions, first, |error| *error == EnvError::ResetNeeded)?;
        actions.clear();
        if let Err(error) = self.vector.reset_where(&ended, None) {
            return self.ensure(false, || format!("a reset of the ended episodes was refused: {error}"));
        }
        self.alone.iter_mut().filter(|alone| !alone.running).for_each(|alone| alone.reset(None));
        self.compare()
    }

    fn refuses_step_before_reset(&mut self) -> Result<(), CheckError> {
        let actions = self.actions();
        self.refuses(&actions, 0, |error| *error == EnvError::ResetNeeded)
    }

    /// Tries actions that one environment, each in its turn, would refuse.
    fn refuses_actions_outside_the_space(&mut self) -> Result<(), CheckError> {
        let actions = self.actions();
        let found = self.vector.step(&actions[1..]).map(drop);
        let short = matches!(found, Err(VectorError::WrongLength { .. }));
        self.ensure(short, || format!("an action too few must be refused as such, found {found:?}"))?;
        for index in (0..actions.len()).filter(|&index| self.alone[index].running).collect::<Vec<_>>() {
            for outsider in self.alone[index].env.action_space().non_members() {
                let mut actions = actions.clone();
                actions[index] = outsider;
                self.refuses(&actions, index, |error| matches!(error, EnvError::InvalidAction { .. }))?;
            }
        }
        self.compare()
    }

    /// Tries a random action of the last environment that runs, if the mask happens to close it.
    fn refuses_closed_action(&mut self, actions: &[Act<E>]) -> Result<(), CheckError> {
        let Some(index) = self.alone.iter().rposition(|alone| alone.running) else { return Ok(()) };
        let env = &self.alone[index].env;
        let action = env.action_space().sample(&mut self.rng);
        if env.action_mask().is_none_or(|mask| env.action_space().is_open(&action, mask)) {
            return Ok(());
        }
        let mut actions = actions.to_vec();
        actions[index] = action;
        self.refuses(&actions, index, |error| matches!(error, EnvError::InvalidAction { .. }))?;
        self.compare()
    }

    fn refuses(
        &mut self,
        actions: &[Act<E>],
        culprit: usize,
        expected: impl Fn(&EnvError) -> bool,
    ) -> Result<(), CheckError> {
        let found = self.vector.step(actions).map(drop);
        let refused =
            matches!(&found, Err(VectorError::Env { index, source }) if *index == culprit && expected(source));
        self.ensure(refused, || format!("environment {culprit} must refuse its part of {actions:?}, found {found:?}"))
    }

    fn compare(&self) -> Result<(), CheckError> {
        (0..self.alone.len()).try_for_each(|index| self.compare_row(index))
    }

    fn compare_row(&self, index: usize) -> Result<(), CheckError> {
        let (row, alone) = (self.vector.last(), &self.alone[index]);
        let differs = |what: &str| format!("environment {index} differs in its {what} from the one stepped alone");
        let outcome = (row.rewards[index], row.terminated[index], row.truncated[index]);
        self.ensure(row.observation(index) == alone.observation, || differs("observation"))?;
        self.ensure(outcome == alone.outcome, || differs("reward or ends"))?;
        self.ensure(row.info(index) == alone.info.as_ref(), || differs("info"))?;
        let masks = (self.vector.env(index).action_mask(), alone.env.action_mask());
        self.ensure(masks.0 == masks.1, || differs("mask"))?;
        let same = match (row.ended(index), &alone.ended) {
            (Some(ended), Some((observation, metrics))) => {
                // Shown, because a figure may be NaN.
                ended.observation == observation && format!("{:?}", ended.metrics) == format!("{metrics:?}")
            }
            (None, None) => true,
            _ => false,
        };
        self.ensure(same, || differs("ended episode"))
    }

    fn ensure(&self, holds: bool, problem: impl FnOnce() -> String) -> Result<(), CheckError> {
        ensure(holds, self.seed, self.steps, problem)
    }
}
