//! [`Priorities`]: which transitions are drawn more often, and what that is made up for with.

use std::io;

use mec_envs::rng::Prng;
use rand::RngExt;

use super::config::PriorityConfig;
use super::sum_tree::SumTree;
use crate::checkpoint_error::CheckpointError;
use crate::state::StateDict;

/// Proportional prioritised replay: Schaul et al. 2016 (arXiv:1511.05952), algorithm 1.
#[derive(Debug)]
pub(super) struct Priorities {
    config: PriorityConfig,
    /// p^alpha by slot.
    tree: SumTree,
    /// The largest p^alpha so far.
    largest: f64,
}

impl Priorities {
    /// # Errors
    /// When the system has not that much memory.
    pub(super) fn new(config: PriorityConfig, capacity: usize) -> io::Result<Self> {
        Ok(Self { config, tree: SumTree::new(capacity)?, largest: 1.0 })
    }

    /// Bytes that so many transitions take.
    pub(super) fn bytes(rows: usize) -> usize {
        2 * rows * size_of::<f64>()
    }

    /// Forgets all transitions.
    pub(super) fn clear(&mut self) {
        self.tree.fill(&[]);
        self.largest = 1.0;
    }

    /// A new transition: it gets the largest priority so far, so that it is drawn soon.
    pub(super) fn insert(&mut self, slot: u32) {
        self.tree.set(slot as usize, self.largest);
    }

    /// p = |error| + epsilon (section 3.3). An error that is not a number tells nothing: the largest priority then.
    pub(super) fn update(&mut self, slot: u32, error: f32) {
        let priority = (f64::from(error).abs() + self.config.epsilon).powf(self.config.alpha);
        let priority = if priority.is_finite() { priority } else { self.largest };
        self.largest = self.largest.max(priority);
        self.tree.set(slot as usize, priority);
    }

    /// Draws one slot from each of equal shares of the sum of all priorities (appendix B.2.1).
    pub(super) fn draw(&self, rng: &mut Prng, slots: &mut [u32]) {
        let share = self.tree.total() / slots.len() as f64;
        let mut masses: Vec<f64> = (0..slots.len()).map(|index| (index as f64 + rng.random::<f64>()) * share).collect();
        self.tree.find(&mut masses, slots);
    }

    /// w = (N P)^-beta over the largest of them (section 3.4).
    ///
    /// # Design
    /// The largest of the batch, as algorithm 1 has it; the largest of the replay would need the least priority of all.
    pub(super) fn weigh(&self, beta: f64, slots: &[u32], weights: &mut [f32]) {
        let priorities = self.tree.weights();
        let least = slots.iter().map(|&slot| priorities[slot as usize]).fold(f64::INFINITY, f64::min);
        for (&slot, weight) in slots.iter().zip(weights) {
            // N and the sum of the priorities are the same for all, and go with the division by the largest weight.
            *weight = (least / priorities[slot as usize]).powf(beta) as f32;
        }
    }

    /// Adds the priorities of the first `rows` slots to `state`.
    pub(super) fn write(&self, prefix: &str, rows: usize, state: &mut StateDict) {
        state.insert_array(format!("{prefix}/priorities"), &[rows], self.tree.weights()[..rows].to_vec());
        state.insert_value(format!("{prefix}/largest_priority"), self.largest);
    }

    /// The priorities of `rows` slots, and the largest one so far.
    pub(super) fn stored<'a>(
        prefix: &str,
        rows: usize,
        state: &'a StateDict,
    ) -> Result<(&'a [f64], f64), CheckpointError> {
        let name = format!("{prefix}/priorities");
        let priorities = state.array::<f64>(&name, &[rows])?;
        let largest: f64 = state.value(&format!("{prefix}/largest_priority"))?;
        let valid = |value: &f64| *value > 0.0 && value.is_finite();
        match priorities.iter().chain([&largest]).find(|value| !valid(value) || **value > largest) {
            None => Ok((priorities, largest)),
            Some(wrong) => Err(CheckpointError::Value {
                name,
                found: wrong.to_string(),
                reason: format!("priorities are above 0 and at most {largest}, the largest so far"),
            }),
        }
    }

    /// Takes over what [`stored`](Self::stored) gave.
    pub(super) fn set(&mut self, (priorities, largest): (&[f64], f64)) {
        self.tree.fill(priorities);
        self.largest = largest;
    }
}
