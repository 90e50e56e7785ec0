//! [`Offload`]: episodes of a setting behind any interface.

use std::sync::Arc;

use rand::Rng;

use super::metrics::EpisodeMetrics;
use super::observation;
use super::setting::Setting;
use super::view::{Knowledge, View};
use super::world::{Outcome, World};
use crate::gym::EnvError;
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

    /// Starts an episode; seeds as in [`Env::reset`](crate::gym::Env::reset).
    pub fn reset(&mut self, seed: Option<u64>) {
        if let Some(seed) = seed {
            self.episodes = stream(seed, "episodes");
        }
        let mut draw = || World::new(Arc::clone(&self.setting), self.episodes.next_u64());
        let mut world = draw();
        // A scenario expects a task per episode or more, so that this ends soon.
        while world.is_over() {
            world = draw();
        }
        self.world = Some(world);
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

    pub(super) fn carry_out(&mut self, target: usize, choice: &Choice) -> Outcome {
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

    pub(super) fn targets(&self) -> usize {
        self.setting.servers.len() + 1
    }

    /// The observation of the next `rows` tasks, and in `choices` what to expect of each of their targets.
    pub(super) fn observe(&self, rows: usize, choices: &mut Vec<Choice>) -> Vec<f32> {
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
