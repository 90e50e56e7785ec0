//! [`Transitions`]: experience on its way from actors to a learner.

/// A run of transitions, stored in columns.
///
/// Row i is (s, a, r, s'), with the masks of s and s'. After an episode's end, `next_observations` holds the true
/// last observation and the next row starts from the first one of the next episode.
///
/// # Design
/// `terminated` and `truncated` are kept apart: only `terminated` means that no future reward exists. A method that
/// cuts its bootstrap at `truncated` learns wrong values (Pardo et al. 2018, arXiv:1712.00378).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transitions {
    /// `[n, obs_dim]`.
    pub observations: Vec<f32>,
    /// Which choices were open in s, `[n, choices]`; empty when the environment has no masks.
    pub masks: Vec<bool>,
    /// `[n, codes]`: the index per categorical head, then the continuous entries in [-1, 1].
    pub actions: Vec<f32>,
    /// `[n]`.
    pub rewards: Vec<f32>,
    /// `[n, obs_dim]`.
    pub next_observations: Vec<f32>,
    /// Which choices are open in s', `[n, choices]`; empty when the environment has no masks.
    pub next_masks: Vec<bool>,
    /// The process ended at s', `[n]`.
    pub terminated: Vec<bool>,
    /// The episode was cut short at s', `[n]`.
    pub truncated: Vec<bool>,
    /// Which environment stream each row is from, `[n]`. A stream whose environment was replaced in the middle of an
    /// episode goes on under a new number, so that rows of one number always follow from each other.
    pub env: Vec<u32>,
}

impl Transitions {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// Removes all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.observations.clear();
        self.masks.clear();
        self.actions.clear();
        self.rewards.clear();
        self.next_observations.clear();
        self.next_masks.clear();
        self.terminated.clear();
        self.truncated.clear();
        self.env.clear();
    }
}
