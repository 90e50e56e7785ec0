//! [`Decision`]: what the outputs of an actor say, and the way back to them.

use super::losses;
use super::networks::Model;
use crate::nn::{Categorical, Sample, SquashedGaussian};

/// The policy in each state of a batch, with one continuous action drawn in each.
pub(super) struct Decision {
    /// Over the choices; without heads one "choice" of probability 1.
    pub(super) pi: Categorical,
    /// The continuous entries drawn, `[batch, dim]`.
    drawn: Vec<Sample>,
    /// Entropies of heads and of continuous entries, `[batch]` each; the latter are - log pi of what was drawn.
    pub(super) entropies: [Vec<f32>; 2],
}

impl Decision {
    /// From the outputs of the actor, with standard normal noise, `[batch, dim]`, for the continuous entries.
    pub(super) fn new(model: &Model, outputs: &[f32], masks: Option<&[bool]>, noise: &[f32]) -> Self {
        let (choices, dim) = (model.heads.choices(), model.dim);
        let width = choices + 2 * dim;
        let rows = outputs.len() / width;
        let pi = if choices == 0 {
            Categorical { probs: vec![1.0; rows], log_probs: vec![0.0; rows] }
        } else {
            let logits: Vec<f32> = outputs.chunks_exact(width).flat_map(|row| &row[..choices]).copied().collect();
            model.heads.distribution(&logits, masks)
        };
        let entries = (0..rows * dim).map(|place| gaussian(model, outputs, (place / dim, place % dim)));
        let drawn = SquashedGaussian::samples(&entries.collect::<Vec<_>>(), noise);
        let log_prob = |row: usize| drawn[row * dim..(row + 1) * dim].iter().map(|sample| sample.log_prob).sum::<f32>();
        let continuous = (0..rows).map(|row| -log_prob(row)).collect();
        Self { entropies: [losses::entropy(&pi, model.choices()), continuous], pi, drawn }
    }

    /// The continuous entries drawn, `[batch, dim]`.
    pub(super) fn actions(&self) -> Vec<f32> {
        self.drawn.iter().map(|sample| sample.action).collect()
    }

    /// V(s) under Q values, `[batch, choices]`, `[batch]`.
    pub(super) fn values(&self, model: &Model, q: &[f32], alphas: [f32; 2]) -> Vec<f32> {
        let [discrete, continuous] = &self.entropies;
        losses::soft_value(&losses::expected(&self.pi, q, model.choices()), [discrete, continuous], alphas)
    }

    /// The gradient of the actor's loss at the outputs it was made from, `[batch, outputs]`: of the logits under
    /// `q`, `[batch, choices]`, and of the continuous entries through `of_actions`, that of the loss at them.
    pub(super) fn gradient(
        &self,
        model: &Model,
        outputs: &[f32],
        alphas: [f32; 2],
        (q, of_actions): (&[f32], &[f32]),
    ) -> Vec<f32> {
        let (choices, dim) = (model.heads.choices(), model.dim);
        let width = choices + 2 * dim;
        let rows = outputs.len() / width;
        let of_logits = losses::logit_gradient(&self.pi, q, alphas[0], &model.heads);
        let of_log_prob = alphas[1] / rows as f32;
        let mut gradient = vec![0.0; outputs.len()];
        for (row, of_row) in gradient.chunks_exact_mut(width).enumerate() {
            of_row[..choices].copy_from_slice(&of_logits[row * choices..(row + 1) * choices]);
            for entry in 0..dim {
                let place = row * dim + entry;
                let gaussian = gaussian(model, outputs, (row, entry));
                let [of_mean, of_log_std] = gaussian.gradient(&self.drawn[place], of_actions[place], of_log_prob);
                of_row[choices + entry] = of_mean;
                of_row[choices + dim + entry] = of_log_std;
            }
        }
        gradient
    }
}

/// The distribution of one continuous entry, from a batch of outputs.
fn gaussian(model: &Model, outputs: &[f32], (row, entry): (usize, usize)) -> SquashedGaussian {
    let mean = row * (model.heads.choices() + 2 * model.dim) + model.heads.choices() + entry;
    SquashedGaussian::new(outputs[mean], outputs[mean + model.dim])
}
