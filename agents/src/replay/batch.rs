//! [`Batch`]: transitions drawn from a replay.

use crate::offender::Offender;

/// A batch drawn from a [`Replay`](super::Replay). s' is the state from which the rest of the return is estimated:
/// the next one, or with n-step returns one up to n steps later.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// `[n, obs_dim]`.
    pub observations: Vec<f32>,
    /// `[n, choices]`; empty when the environment has no masks.
    pub masks: Vec<bool>,
    /// `[n, codes]`.
    pub actions: Vec<f32>,
    /// R, the discounted sum of the rewards on the way to s', `[n]`.
    pub rewards: Vec<f32>,
    /// `[n, obs_dim]`.
    pub next_observations: Vec<f32>,
    /// `[n, choices]`; empty when the environment has no masks.
    pub next_masks: Vec<bool>,
    /// What the value of s' counts for, `[n]`: gamma^k after k steps, 0 where the process terminated on the way.
    /// Truncation does not count: see [`Transitions`](crate::transition::Transitions).
    pub discounts: Vec<f32>,
    /// Importance weights in (0, 1], `[n]`: all 1 without priorities.
    pub weights: Vec<f32>,
    /// Where each transition lies, `[n]`: for [`Replay::update_priorities`](super::Replay::update_priorities), until
    /// the replay is extended.
    pub slots: Vec<u32>,
}

impl Batch {
    /// Number of transitions.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// The first column with an entry that is infinite or no number, as `batch/...`.
    pub fn broken(&self) -> Option<Offender> {
        let columns = [
            ("batch/observations", &self.observations),
            ("batch/actions", &self.actions),
            ("batch/rewards", &self.rewards),
            ("batch/next_observations", &self.next_observations),
            ("batch/discounts", &self.discounts),
            ("batch/weights", &self.weights),
        ];
        columns.into_iter().map(|(name, entries)| Offender::of(name, entries)).find(Offender::is_broken)
    }

    /// Makes room for `n` transitions; what the columns hold is to be overwritten.
    pub(super) fn resize(&mut self, n: usize, (dim, choices, codes): (usize, usize, usize)) {
        self.observations.resize(n * dim, 0.0);
        self.next_observations.resize(n * dim, 0.0);
        self.masks.resize(n * choices, true);
        self.next_masks.resize(n * choices, true);
        self.actions.resize(n * codes, 0.0);
        for column in [&mut self.rewards, &mut self.discounts, &mut self.weights] {
            column.resize(n, 0.0);
        }
        self.slots.resize(n, 0);
    }
}
