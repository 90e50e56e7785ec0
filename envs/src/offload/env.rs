//! The environment in three forms over one dynamics: [`OffloadEnv`] (`Discrete`, one task per step),
//! [`OffloadSetEnv`] (`MultiDiscrete`, a whole set per step) and [`OffloadBoxEnv`] (`Box`).
//!
//! # Description
//! User devices ask for DNN inferences. For each, a target is chosen: the device itself, or one of the edge servers;
//! CDLP then takes the best cut for that target under the believed state. See [`World`] for the dynamics and
//! [`Scenario`](super::Scenario) for what can be set.
//!
//! # Action Space
//! - [`OffloadEnv`]: `Discrete(1 + servers)`: 0 is the device, m is server m.
//! - [`OffloadSetEnv`]: `MultiDiscrete([1 + servers] * set_size)`, one target per task in order of arrival. Rows beyond
//!   the tasks present are padding: the mask leaves them only 0.
//! - [`OffloadBoxEnv`]: `Box(-1, 1, [1 + servers])`, a score per target of one task; the highest wins, the first of
//!   equals.
//!
//! # Observation Space
//! `Dict` of `global` [8], `options` [tasks, 1 + servers, 16] and `prior` [tasks, 1 + servers], stored flat, with
//! tasks = 1 or `set_size`. [`observation::GLOBAL`] and [`observation::OPTION`](super::observation::OPTION) name every
//! entry with its range.
//!
//! # Rewards
//! Minus the latency that the decision adds (that of its task, and the delay of others if so configured) over the
//! reference, minus penalties: see [`RewardConfig`](super::RewardConfig). Everything is known at the decision, because the simulator
//! schedules exactly; over an episode the rewards sum to minus the total latency over the reference. The whole-set form
//! pays the sum over its tasks.
//!
//! # Starting State
//! Idle devices and servers, devices at random places, foreign load in its stationary phase, the first task waiting.
//!
//! # Episode End
//! Truncation: when all tasks that arrived within the horizon are decided. There is no termination.
//!
//! # Version History
//! - v0: first form.

use std::sync::Arc;

use rand::Rng;

use super::metrics::EpisodeMetrics;
use super::observation;
use super::setting::Setting;
use super::view::{Knowledge, View};
use super::world::{Outcome, World};
use crate::gym::{BoxSpace, DictSpace, Discrete, Env, EnvError, Metric, MultiDiscrete, Step};
use crate::partition::Choice;
use crate::rng::{Prng, stream};
use crate::units::{Joules, Seconds};

/// A decision for one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// 0 for the device, m for server m.
    pub target: usize,
    /// Which cut, as an index into the frontier of network and device; `None` for CDLP's choice by report and book.
    /// The device runs the whole network in any case.
    pub candidate: Option<usize>,
}

impl Decision {
    /// CDLP's cut for this target.
    pub fn to(target: usize) -> Self {
        Self { target, candidate: None }
    }
}

/// Episodes of a setting, without any interface of an agent: what the three environments and the heuristics share.
#[derive(Clone, Debug)]
pub struct Offload {
    setting: Arc<Setting>,
    episodes: Prng,
    world: Option<World>,
}

impl Offload {
    /// Episodes of this setting; none is running yet.
    pub fn new(setting: Arc<Setting>) -> Self {
        Self { setting, episodes: stream(0, "episodes"), world: None }
    }

    /// The setting.
    pub fn setting(&self) -> &Arc<Setting> {
        &self.setting
    }

    /// The running or last episode.
    pub fn world(&self) -> Option<&World> {
        self.world.as_ref()
    }

    /// Starts an episode; seeds as in [`Env::reset`].
    pub fn reset(&mut self, seed: Option<u64>) {
        if let Some(seed) = seed {
            self.episodes = stream(seed, "episodes");
        }
        self.world = Some(World::new(Arc::clone(&self.setting), self.episodes.next_u64()));
    }

    /// What may be seen of the next task.
    ///
    /// # Errors
    /// [`EnvError::ResetNeeded`] when no episode is running.
    pub fn view(&self) -> Result<View<'_>, EnvError> {
        self.world
            .as_ref()
            .filter(|world| !world.is_over())
            .map(|world| View::new(world, 0))
            .ok_or(EnvError::ResetNeeded)
    }

    /// Carries out a decision for the next task; the episode is over once [`is_over`](Self::is_over) says so.
    ///
    /// # Errors
    /// [`EnvError::ResetNeeded`] when no episode is running, [`EnvError::InvalidAction`] for a target or cut that
    /// does not exist.
    pub fn decide(&mut self, decision: Decision) -> Result<Outcome, EnvError> {
        let view = self.view()?;
        let Decision { target, candidate } = decision;
        let refuse = |reason: &str, accepted: String| EnvError::InvalidAction {
            action: format!("{decision:?}"),
            reason: reason.to_owned(),
            accepted,
        };
        if target >= view.targets() {
            return Err(refuse("there is no such target", format!("a target of 0 to {}", view.targets() - 1)));
        }
        let choice = match candidate {
            Some(cut) if cut >= view.frontier().len() => {
                return Err(refuse("there is no such cut", format!("a cut of 0 to {}", view.frontier().len() - 1)));
            }
            Some(cut) if target > 0 && cut == view.frontier().local() => {
                return Err(refuse(
                    "this cut leaves nothing for a server",
                    "a cut with layers on the server".to_owned(),
                ));
            }
            Some(cut) if target > 0 => view.expect(target, cut, Knowledge::Booked),
            _ => view.option(target, Knowledge::Booked),
        };
        Ok(self.carry_out(target, &choice))
    }

    fn carry_out(&mut self, target: usize, choice: &Choice) -> Outcome {
        let world = self.world.as_mut().expect("callers have a view of a running episode");
        world.decide(target, choice)
    }

    /// Whether the last decision ended the episode.
    pub fn is_over(&self) -> bool {
        self.world.as_ref().is_none_or(World::is_over)
    }

    /// Reward of an outcome.
    pub fn reward(&self, outcome: &Outcome) -> f64 {
        let scenario = &self.setting.scenario;
        let inflicted = if scenario.reward.externality { outcome.inflicted_s } else { 0.0 };
        scenario.reward_of(Seconds(outcome.latency_s + inflicted), !outcome.success, Joules(outcome.energy_j))
    }

    /// Figures of the episode so far; NaN before the first decision.
    pub fn metrics(&self) -> EpisodeMetrics {
        let tasks = self.world.as_ref().map_or(&[][..], |world| &world.tasks[..world.decided]);
        EpisodeMetrics::of(&self.setting, tasks)
    }

    fn targets(&self) -> usize {
        self.setting.servers.len() + 1
    }

    /// The observation of the next `rows` tasks, and in `choices` what to expect of each of their targets.
    fn observe(&self, rows: usize, choices: &mut Vec<Choice>) -> Vec<f32> {
        let world = self.world.as_ref().expect("observed only after reset");
        let targets = self.targets();
        let present = rows.min(world.waiting());
        let width = observation::OPTION.len();
        let mut out = Vec::with_capacity(observation::GLOBAL.len() + rows * targets * (width + 1));
        choices.clear();
        let views: Vec<View<'_>> = (0..present).map(|ahead| View::new(world, ahead)).collect();
        observation::global(&views[0], world.load(), &mut out);
        for (row, view) in views.iter().enumerate() {
            choices.extend((0..targets).map(|target| view.option(target, Knowledge::Booked)));
            observation::options(view, &choices[row * targets..], &mut out);
        }
        out.resize(observation::GLOBAL.len() + rows * targets * width, 0.0);
        for (row, view) in views.iter().enumerate() {
            observation::prior(view, &choices[row * targets..(row + 1) * targets], &mut out);
        }
        out.resize(observation::GLOBAL.len() + rows * targets * (width + 1), 0.0);
        out
    }
}

/// What the three forms have in common beside [`Env`]: how they are made, and the episode behind the interface.
pub trait OffloadForm: Env {
    /// The environment of a setting.
    fn new(setting: Arc<Setting>) -> Self;

    /// The episode behind the interface.
    fn offload(&self) -> &Offload;
}

fn outside(action: &impl std::fmt::Debug, space: &impl std::fmt::Debug) -> EnvError {
    EnvError::InvalidAction {
        action: format!("{action:?}"),
        reason: "it lies outside the action space".to_owned(),
        accepted: format!("{space:?}"),
    }
}

/// One task per step, one target per action; each task sees what was just decided. See the [module](self).
#[derive(Clone, Debug)]
pub struct OffloadEnv {
    offload: Offload,
    observation_space: DictSpace,
    action_space: Discrete,
    choices: Vec<Choice>,
}

impl OffloadForm for OffloadEnv {
    fn new(setting: Arc<Setting>) -> Self {
        let offload = Offload::new(setting);
        let targets = offload.targets();
        Self {
            offload,
            observation_space: observation::space(1, targets),
            action_space: Discrete::new(targets),
            choices: Vec::new(),
        }
    }

    fn offload(&self) -> &Offload {
        &self.offload
    }
}

impl Env for OffloadEnv {
    type ObservationSpace = DictSpace;
    type ActionSpace = Discrete;
    type Info = Outcome;

    fn observation_space(&self) -> &DictSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &Discrete {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        self.offload.reset(seed);
        self.offload.observe(1, &mut self.choices)
    }

    fn step(&mut self, action: &usize) -> Result<Step<Vec<f32>, Outcome>, EnvError> {
        self.offload.view()?;
        let choice = *self.choices.get(*action).ok_or_else(|| outside(action, &self.action_space))?;
        let info = self.offload.carry_out(*action, &choice);
        let reward = self.offload.reward(&info);
        let observation = self.offload.observe(1, &mut self.choices);
        Ok(Step { observation, reward, terminated: false, truncated: self.offload.is_over(), info })
    }

    fn metrics(&self) -> Vec<Metric> {
        self.offload.metrics().list()
    }
}

/// One task per step, a score per target; for methods with continuous actions. See the [module](self).
#[derive(Clone, Debug)]
pub struct OffloadBoxEnv {
    env: OffloadEnv,
    action_space: BoxSpace,
}

impl OffloadForm for OffloadBoxEnv {
    fn new(setting: Arc<Setting>) -> Self {
        let env = OffloadEnv::new(setting);
        let action_space = BoxSpace::uniform(&[env.action_space.n()], -1.0, 1.0);
        Self { env, action_space }
    }

    fn offload(&self) -> &Offload {
        &self.env.offload
    }
}

impl Env for OffloadBoxEnv {
    type ObservationSpace = DictSpace;
    type ActionSpace = BoxSpace;
    type Info = Outcome;

    fn observation_space(&self) -> &DictSpace {
        &self.env.observation_space
    }

    fn action_space(&self) -> &BoxSpace {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        self.env.reset(seed)
    }

    fn step(&mut self, action: &Vec<f32>) -> Result<Step<Vec<f32>, Outcome>, EnvError> {
        use crate::gym::Space;
        self.env.offload.view()?;
        if !self.action_space.contains(action) {
            return Err(outside(action, &self.action_space));
        }
        let best = action
            .iter()
            .enumerate()
            .fold(0, |best, (target, &score)| if score > action[best] { target } else { best });
        self.env.step(&best)
    }

    fn metrics(&self) -> Vec<Metric> {
        self.env.metrics()
    }
}

/// A whole set per step, one target per task of it. See the [module](self).
#[derive(Clone, Debug)]
pub struct OffloadSetEnv {
    offload: Offload,
    observation_space: DictSpace,
    action_space: MultiDiscrete,
    choices: Vec<Choice>,
    mask: Vec<bool>,
}

/// What a step of [`OffloadSetEnv`] tells: sums over the tasks it decided.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SetOutcome {
    /// Tasks decided.
    pub tasks: usize,
    /// Their latencies, summed, s.
    pub latency_s: f64,
    /// The delay they inflicted on earlier tasks, summed, s.
    pub inflicted_s: f64,
    /// Energy of their devices, summed, J.
    pub energy_j: f64,
    /// How many are within their deadline.
    pub successes: usize,
}

impl OffloadForm for OffloadSetEnv {
    fn new(setting: Arc<Setting>) -> Self {
        let rows = setting.scenario.set_size;
        let offload = Offload::new(setting);
        let targets = offload.targets();
        Self {
            observation_space: observation::space(rows, targets),
            action_space: MultiDiscrete::new(&vec![targets; rows]).expect("there is always the device"),
            choices: Vec::new(),
            mask: vec![true; rows * targets],
            offload,
        }
    }

    fn offload(&self) -> &Offload {
        &self.offload
    }
}

impl OffloadSetEnv {
    fn rows(&self) -> usize {
        self.action_space.heads().len()
    }

    /// Tasks that the next action decides.
    fn present(&self) -> usize {
        self.offload.world().map_or(0, World::waiting).min(self.rows())
    }

    fn observe(&mut self) -> Vec<f32> {
        let (targets, present) = (self.offload.targets(), self.present());
        for (index, open) in self.mask.iter_mut().enumerate() {
            *open = index / targets < present || index % targets == 0;
        }
        self.offload.observe(self.rows(), &mut self.choices)
    }
}

impl Env for OffloadSetEnv {
    type ObservationSpace = DictSpace;
    type ActionSpace = MultiDiscrete;
    type Info = SetOutcome;

    fn observation_space(&self) -> &DictSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &MultiDiscrete {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        self.offload.reset(seed);
        self.observe()
    }

    fn step(&mut self, action: &Vec<usize>) -> Result<Step<Vec<f32>, SetOutcome>, EnvError> {
        use crate::gym::Space;
        self.offload.view()?;
        if !self.action_space.contains(action) {
            return Err(outside(action, &self.action_space));
        }
        let present = self.present();
        if let Some(row) = action[present..].iter().position(|&target| target != 0) {
            return Err(EnvError::InvalidAction {
                action: format!("{action:?}"),
                reason: format!("row {} is padding", present + row),
                accepted: format!("0 in every row from {present} on"),
            });
        }
        let (mut reward, mut info) = (0.0, SetOutcome::default());
        for &target in &action[..present] {
            let outcome = self.offload.decide(Decision::to(target))?;
            reward += self.offload.reward(&outcome);
            info.tasks += 1;
            info.latency_s += outcome.latency_s;
            info.inflicted_s += outcome.inflicted_s;
            info.energy_j += outcome.energy_j;
            info.successes += usize::from(outcome.success);
        }
        let observation = self.observe();
        Ok(Step { observation, reward, terminated: false, truncated: self.offload.is_over(), info })
    }

    fn action_mask(&self) -> Option<&[bool]> {
        Some(&self.mask)
    }

    fn metrics(&self) -> Vec<Metric> {
        self.offload.metrics().list()
    }
}
