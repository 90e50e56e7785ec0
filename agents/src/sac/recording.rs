//! [`Recording`]: the updates of some networks on a device, repeated from a recording.

use std::mem;

use burn::tensor::Tensor;

use super::networks::Networks;
use super::tensor_update::TensorUpdate;
use super::update::Draws;
use crate::nn::{Recorded, apart, joined, overwrite, read, tensor};
use crate::off_policy::Followed;

/// Updates before the one that is recorded: with them a device compiles its operations.
const BEFORE: u32 = 2;

/// How far networks are with recording their updates.
pub(super) enum Recording {
    /// None yet, after so many updates.
    Pending(u32),
    /// There is one, for feeds with parts of these shapes.
    Done(Box<Recorded>, Vec<[usize; 2]>),
    /// This device or this configuration does without.
    Refused,
}

impl Recording {
    /// Whether there is one.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done(..))
    }
}

impl Default for Recording {
    fn default() -> Self {
        Self::Pending(0)
    }
}

impl Networks {
    /// Lets all networks take a step on their device, from a recording where there is one; the columns that
    /// [`TensorUpdate::run`] leaves, row by row.
    pub(super) fn run(&mut self, update: &TensorUpdate<'_>, feed: Tensor<2>, draws: &mut Draws) -> Vec<f32> {
        match &mut self.recording {
            Recording::Done(recorded, shapes) if shapes == update.shapes && recorded.is_of_this_thread() => {
                return recorded.repeat(feed);
            }
            // What happens outside a recording may replace the tensors that it works on.
            Recording::Done(..) => self.recording = Recording::default(),
            Recording::Pending(_) if !update.repeats(draws) => self.recording = Recording::Refused,
            Recording::Pending(BEFORE) => return self.record(update, feed, draws),
            Recording::Pending(before) => *before += 1,
            Recording::Refused => {}
        }
        read(update.run(self, &feed, draws))
    }

    /// Does one update and records it. The recording is kept if the same update comes out of it to the bit.
    fn record(&mut self, update: &TensorUpdate<'_>, feed: Tensor<2>, draws: &mut Draws) -> Vec<f32> {
        let before = self.entries();
        let columns = read(update.run(self, &feed, draws));
        let after = self.entries();

        let (config, model, shapes) = (update.config.clone(), update.model.clone(), update.shapes.to_vec());
        let TensorUpdate { masked, follows, turn, .. } = *update;
        let mut own = Draws { noise: [Vec::new(), Vec::new()], subset: draws.subset.clone(), dropout: Vec::new() };
        let networks = mem::replace(self, Self::none());
        // Of another feed than the one it is tried on, so that it must read what it is given.
        let (networks, recorded) = Recorded::new(networks, feed.zeros_like(), move |networks: &mut Self, feed| {
            let update = TensorUpdate { config: &config, model: &model, masked, follows, turn, shapes: &shapes };
            update.run(networks, feed, &mut own)
        });
        *self = networks;
        self.put(&before);
        let recorded = recorded.and_then(|mut recorded| {
            (same(&recorded.repeat(feed), &columns) && same(&self.entries(), &after)).then_some(recorded)
        });
        self.recording = match recorded {
            Some(mut recorded) => {
                recorded.hold(self.tensors_mut().map(|tensor| tensor.clone()));
                Recording::Done(Box::new(recorded), update.shapes.to_vec())
            }
            None => {
                self.put(&after);
                Recording::Refused
            }
        };
        columns
    }

    /// All tensors that updates change.
    fn tensors_mut(&mut self) -> impl Iterator<Item = &mut Tensor<2>> {
        self.actor.tensors_mut().chain(self.critics.iter_mut().flat_map(Followed::tensors_mut))
    }

    /// The entries of those, read back.
    fn entries(&mut self) -> Vec<f32> {
        read(joined(self.tensors_mut().map(|tensor| tensor.clone()), 1))
    }

    /// Gives them these entries, in their places.
    fn put(&mut self, entries: &[f32]) {
        let shapes: Vec<_> = self.tensors_mut().map(|tensor| tensor.dims()).collect();
        let row = tensor(entries.to_vec(), [1, entries.len()], &self.actor.weights.device());
        for (tensor, part) in self.tensors_mut().zip(apart(&row, &shapes)) {
            overwrite(tensor, part);
        }
    }
}

/// Whether these have the same bits; what is not a number is equal to itself.
fn same(left: &[f32], right: &[f32]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.to_bits() == right.to_bits())
}
