//! [`Offload`]: episodes of a setting behind any interface.

use std::sync::Arc;

use pulp::{Arch, Simd, WithSimd};
use rand::Rng;

use super::metrics::EpisodeMetrics;
use super::observation;
use super::prospect::Prospect;
use super::setting::Setting;
use super::view::{Knowledge, Offer, View};
use super::world::{Outcome, World};
use crate::gym::EnvError;
use crate::partition::Choice;
use crate::rng::{Prng, stream};

/// A decision for one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// 0 for the device, m for server m; with a limited reach, for the m-th nearest server.
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
    arch: Arch,
}

impl Offload {
    /// Episodes of this setting; none is running yet.
    pub fn new(setting: Arc<Setting>) -> Self {
        Self { setting, episodes: stream(0, "episodes"), world: None, arch: Arch::new() }
    }

    /// The setting.
    pub fn setting(&self) -> &Arc<Setting> {
        &self.setting
    }

    /// The running or last episode.
    pub fn world(&self) -> Option<&World> {
        self.world.as_ref()
    }

    /// The same, for a bound that carries nothing out.
    pub(crate) fn world_mut(&mut self) -> Option<&mut World> {
        self.world.as_mut()
    }

    /// Starts an episode; seeds as in [`Env::reset`](crate::gym::Env::reset).
    pub fn reset(&mut self, seed: Option<u64>) {
        if let Some(seed) = seed {
            self.episodes = stream(seed, "episodes");
        }
        // A scenario expects a task per episode or more, so that this ends soon.
        loop {
            let seed = self.episodes.next_u64();
            match &mut self.world {
                Some(world) => world.reset(seed),
                none => *none = Some(World::new(Arc::clone(&self.setting), seed)),
            }
            if !self.is_over() {
                return;
            }
        }
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

    /// The waiting tasks with no decision supposed yet, to plan for them together.
    ///
    /// # Errors
    /// [`EnvError::ResetNeeded`] when no episode is running.
    pub fn prospect(&self) -> Result<Prospect<'_>, EnvError> {
        let running = self.world.as_ref().filter(|world| !world.is_over());
        running.map(Prospect::new).ok_or(EnvError::ResetNeeded)
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

    /// Whether the last decision terminated the episode, since a battery ran empty, and whether it truncated it.
    pub fn ending(&self) -> (bool, bool) {
        self.world.as_ref().map_or((false, false), |world| (world.is_terminated(), world.is_truncated()))
    }

    /// Reward of an outcome: minus the latency that the decision adds over the reference, minus its penalties; see
    /// [`RewardConfig`](super::RewardConfig).
    /// `docs/model.md`, equation 51.
    pub fn reward(&self, outcome: &Outcome) -> f64 {
        let config = &self.setting.scenario.reward;
        let inflicted = if config.externality { outcome.inflicted_s } else { 0.0 };
        let missed = if outcome.success { 0.0 } else { config.missed_deadline };
        -(outcome.latency_s + inflicted + config.imbalance * outcome.imbalance_s) / config.reference_s.0
            - missed
            - config.per_joule * outcome.energy_j
            - config.empty_battery * outcome.empty_batteries as f64
    }

    /// Figures of the episode so far; NaN before the first decision.
    pub fn metrics(&self) -> EpisodeMetrics {
        let tasks = self.world.as_ref().map_or(&[][..], World::accounted);
        EpisodeMetrics::of(&self.setting, tasks)
    }

    pub(super) fn targets(&self) -> usize {
        self.setting.targets()
    }

    /// The observation of the next `rows` tasks into `out`, and into `offers` what to expect of each of their targets.
    pub(super) fn observe(&self, rows: usize, offers: &mut Vec<Offer>, out: &mut Vec<f32>) {
        let world = self.world.as_ref().expect("observed only after reset");
        self.arch.dispatch(Observer { world, rows, offers, out });
    }
}

/// Observes with the vector instructions that the processor has.
struct Observer<'a> {
    world: &'a World,
    rows: usize,
    offers: &'a mut Vec<Offer>,
    out: &'a mut Vec<f32>,
}

impl WithSimd for Observer<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { world, rows, offers, out } = self;
        let first = View::new(world, 0);
        let rest = (1..rows.min(world.waiting())).map(|ahead| View::new(world, ahead));
        offers.clear();
        for view in std::iter::once(first).chain(rest.clone()) {
            for target in 0..view.targets() {
                offers.push(view.offer(target, Knowledge::Booked));
            }
        }
        observation::write(first, rest, world.load(), (rows, offers), out);
    }
}
