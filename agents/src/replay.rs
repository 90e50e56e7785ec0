//! [`Replay`]: a ring buffer of transitions in host memory.

use mec_envs::rng::Prng;
use rand::RngExt;

use crate::spec::EnvSpec;
use crate::transition::Transitions;

/// The last `capacity` transitions, drawn from uniformly.
///
/// # Design
/// Columns of plain vectors: an insertion is a few copies, a batch is gathered on the host and uploaded once per
/// column. A tensor operation per transition, or a buffer on the device, costs more than the whole update.
#[derive(Clone, Debug)]
pub struct Replay {
    capacity: usize,
    obs_dim: usize,
    choices: usize,
    codes: usize,
    rows: Transitions,
    /// Where the next row goes once the buffer is full.
    head: usize,
}

/// A batch drawn from a [`Replay`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// `[n, obs_dim]`.
    pub observations: Vec<f32>,
    /// `[n, choices]`; empty when the environment has no masks.
    pub masks: Vec<bool>,
    /// `[n, codes]`.
    pub actions: Vec<f32>,
    /// `[n]`.
    pub rewards: Vec<f32>,
    /// `[n, obs_dim]`.
    pub next_observations: Vec<f32>,
    /// `[n, choices]`; empty when the environment has no masks.
    pub next_masks: Vec<bool>,
    /// 0 where the process ended at s', else 1, `[n]`. Truncation does not count: see [`Transitions`].
    pub continues: Vec<f32>,
}

impl Replay {
    /// An empty buffer for environments of this shape. Memory grows with its content.
    pub fn new(capacity: usize, spec: &EnvSpec) -> Self {
        let (choices, codes) = (spec.action.choices(), spec.action.codes());
        Self { capacity, obs_dim: spec.obs_dim(), choices, codes, rows: Transitions::default(), head: 0 }
    }

    /// Number of transitions held.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds transitions; the oldest ones make room.
    ///
    /// # Panics
    /// When the columns do not have the shape of the environment.
    pub fn extend(&mut self, new: &Transitions) {
        let n = new.len();
        assert_eq!(new.observations.len(), n * self.obs_dim, "observations must be [n, {}]", self.obs_dim);
        assert_eq!(new.actions.len(), n * self.codes, "actions must be [n, {}]", self.codes);
        self.open_masks(new);
        for row in 0..n {
            let grows = self.rows.len() < self.capacity;
            let at = if grows { self.rows.len() } else { self.head };
            self.put(new, row, at);
            self.head = (at + 1) % self.capacity;
        }
    }

    /// Gives rows from before the first mask one with all choices open.
    fn open_masks(&mut self, new: &Transitions) {
        if self.rows.masks.is_empty() && !new.masks.is_empty() {
            self.rows.masks = vec![true; self.rows.len() * self.choices];
            self.rows.next_masks = self.rows.masks.clone();
        }
    }

    fn put(&mut self, new: &Transitions, row: usize, at: usize) {
        let masked = !self.rows.masks.is_empty() || !new.masks.is_empty();
        let rows = &mut self.rows;
        set(&mut rows.observations, &new.observations, (row, at), self.obs_dim);
        set(&mut rows.next_observations, &new.next_observations, (row, at), self.obs_dim);
        set(&mut rows.actions, &new.actions, (row, at), self.codes);
        set(&mut rows.rewards, &new.rewards, (row, at), 1);
        set(&mut rows.terminated, &new.terminated, (row, at), 1);
        if masked && new.masks.is_empty() {
            let open = vec![true; self.choices];
            set(&mut rows.masks, &open, (0, at), self.choices);
            set(&mut rows.next_masks, &open, (0, at), self.choices);
        } else if masked {
            set(&mut rows.masks, &new.masks, (row, at), self.choices);
            set(&mut rows.next_masks, &new.next_masks, (row, at), self.choices);
        }
    }

    /// Draws `size` transitions with replacement into `batch`, whose memory is reused.
    ///
    /// # Panics
    /// When the buffer is empty.
    pub fn sample(&self, size: usize, rng: &mut Prng, batch: &mut Batch) {
        assert!(!self.is_empty(), "an empty replay has nothing to draw");
        batch.clear();
        let rows = &self.rows;
        for _ in 0..size {
            let row = rng.random_range(0..rows.len());
            append(&mut batch.observations, &rows.observations, row, self.obs_dim);
            append(&mut batch.next_observations, &rows.next_observations, row, self.obs_dim);
            append(&mut batch.actions, &rows.actions, row, self.codes);
            if !rows.masks.is_empty() {
                append(&mut batch.masks, &rows.masks, row, self.choices);
                append(&mut batch.next_masks, &rows.next_masks, row, self.choices);
            }
            batch.rewards.push(rows.rewards[row]);
            batch.continues.push(f32::from(!rows.terminated[row]));
        }
    }
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

    fn clear(&mut self) {
        self.observations.clear();
        self.masks.clear();
        self.actions.clear();
        self.rewards.clear();
        self.next_observations.clear();
        self.next_masks.clear();
        self.continues.clear();
    }
}

/// Writes row `from.0` of `source` to row `from.1` of `target`, at its end when that row is the next one.
fn set<T: Copy>(target: &mut Vec<T>, source: &[T], (row, at): (usize, usize), width: usize) {
    let values = &source[row * width..(row + 1) * width];
    if at * width == target.len() {
        target.extend_from_slice(values);
    } else {
        target[at * width..(at + 1) * width].copy_from_slice(values);
    }
}

fn append<T: Copy>(target: &mut Vec<T>, source: &[T], row: usize, width: usize) {
    target.extend_from_slice(&source[row * width..(row + 1) * width]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use mec_envs::gym::{ActionLayout, Part};
    use mec_envs::rng::stream;

    fn spec() -> EnvSpec {
        let action = ActionLayout { heads: vec![2], continuous: 0 };
        EnvSpec { observation: vec![Part::new("", &[2])], action }
    }

    fn rows(values: std::ops::Range<usize>, masked: bool) -> Transitions {
        let mut rows = Transitions::default();
        for value in values {
            let x = value as f32;
            rows.observations.extend([x, -x]);
            rows.next_observations.extend([x + 0.5, -x]);
            rows.actions.push((value % 2) as f32);
            rows.rewards.push(10.0 * x);
            rows.terminated.push(value % 3 == 0);
            rows.truncated.push(value % 3 == 1);
            rows.env.push(0);
            if masked {
                rows.masks.extend([true, false]);
                rows.next_masks.extend([false, true]);
            }
        }
        rows
    }

    fn drawn(replay: &Replay, size: usize) -> Batch {
        let mut batch = Batch::default();
        replay.sample(size, &mut stream(1, "replay"), &mut batch);
        batch
    }

    #[test]
    fn the_oldest_transitions_are_overwritten_when_full() {
        let mut replay = Replay::new(4, &spec());
        replay.extend(&rows(0..3, false));
        replay.extend(&rows(3..10, false));
        assert_eq!(replay.len(), 4);
        let mut rewards = drawn(&replay, 200).rewards;
        rewards.sort_by(f32::total_cmp);
        rewards.dedup();
        assert_eq!(rewards, [60.0, 70.0, 80.0, 90.0]);
    }

    #[test]
    fn a_batch_keeps_the_columns_of_a_transition_together() {
        let mut replay = Replay::new(100, &spec());
        replay.extend(&rows(0..50, true));
        let batch = drawn(&replay, 64);
        for row in 0..batch.len() {
            let x = batch.observations[2 * row];
            assert_eq!(batch.observations[2 * row + 1], -x);
            assert_eq!(batch.next_observations[2 * row], x + 0.5);
            assert_eq!(batch.rewards[row], 10.0 * x);
            assert_eq!(batch.continues[row], f32::from(!(x as usize).is_multiple_of(3)), "truncation goes on");
            assert_eq!(batch.masks[2 * row..2 * row + 2], [true, false]);
            assert_eq!(batch.next_masks[2 * row..2 * row + 2], [false, true]);
        }
    }

    #[test]
    fn rows_from_before_the_first_mask_have_all_choices_open() {
        let mut replay = Replay::new(100, &spec());
        replay.extend(&rows(0..5, false));
        replay.extend(&rows(5..10, true));
        replay.extend(&rows(10..15, false));
        let batch = drawn(&replay, 100);
        for row in 0..batch.len() {
            let masked = (5.0..10.0).contains(&batch.observations[2 * row]);
            assert_eq!(batch.masks[2 * row + 1], !masked);
        }
    }
}
