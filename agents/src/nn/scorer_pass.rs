//! [`ScorerPass`]: both ways of a [`Scorer`] in host memory.

use mec_envs::rng::Prng;

use super::buffer::Buffer;
use super::dense::{add, add_product, affine, input_gradient, sum_of_rows, weight_gradient, wide};
use super::hidden::{Hidden, Norm};
use super::matrix::Matrix;
use super::scorer::{OptionInputs, Scorer, Weights};
use super::threads::Helpers;

/// What the way back of a scorer needs. Hidden layers are `[choices * batch, size]`.
pub(super) struct ScorerPass {
    /// e_i.
    embedding: Hidden,
    /// p, `[batch, first]`.
    pooled: Vec<f32>,
    /// Those after it.
    hidden: Vec<Hidden>,
}

impl Scorer {
    /// Scores, `[batch, choices]`. With a generator, hidden units are dropped.
    pub(super) fn on_host(
        &self,
        weights: &[Matrix],
        inputs: &OptionInputs,
        mut rng: Option<&mut Prng>,
    ) -> (Vec<f32>, ScorerPass) {
        let (sizes, units, weights) = (self.sizes(), self.units(), self.weights(weights));
        let (rows, batch) = (inputs.rows.shape()[0], inputs.inverse_open.shape()[0]);
        let embedding = affine(inputs.rows.entries(), weights.embed.entries(), &[], [rows, sizes[0], sizes[1]]);
        let mut embedding = units.on_host(embedding, weights.norm, rng.as_deref_mut());
        if units.norm == Norm::Layer {
            clear_closed(&mut embedding.output, inputs.rows.entries(), [sizes[1], sizes[0]]);
        }
        let mut pooled = sum_of_rows(&embedding.output, batch * sizes[1]);
        scale_rows(&mut pooled, inputs.inverse_open.entries());
        let shared = affine(&pooled, weights.pool.entries(), weights.bias.entries(), [batch, sizes[1], sizes[2]]);
        let shared = Buffer::repeat(&shared, rows / batch);
        let mut x = add_product(shared, &embedding.output, weights.own.entries(), [rows, sizes[1], sizes[2]]);
        let mut hidden = Vec::with_capacity(sizes.len() - 3);
        for ((norm, [weight, bias]), size) in weights.later.into_iter().zip(sizes[2..].windows(2)) {
            let layer = units.on_host(x, norm, rng.as_deref_mut());
            x = affine(&layer.output, weight.entries(), bias.entries(), [rows, size[0], size[1]]);
            hidden.push(layer);
        }
        let mut scores = transposed(&x, batch).into_vec();
        self.add_prior(inputs, &mut scores);
        (scores, ScorerPass { embedding, pooled, hidden })
    }

    /// The gradients of the weights, from that at the scores, `[batch, choices]`.
    pub(super) fn back(
        &self,
        weights: &[Matrix],
        (inputs, pass): (&OptionInputs, &ScorerPass),
        gradient: &[f32],
        helpers: Helpers<'_>,
    ) -> Vec<Matrix> {
        let (sizes, units, weights) = (self.sizes(), self.units(), self.weights(weights));
        let (rows, batch) = (inputs.rows.shape()[0], inputs.inverse_open.shape()[0]);
        let (gradient, later) = self.back_to_first(&weights, pass, transposed(gradient, rows / batch), helpers);
        let [first, second] = [sizes[1], sizes[2]];
        let shared = sum_of_rows(&gradient, batch * second);
        let bias = sum_of_rows(&shared, second);
        let pool = weight_gradient(&pass.pooled, &shared, [batch, first, second]);
        let mut pooled = input_gradient(&shared, weights.pool.entries(), [batch, first, second]);
        scale_rows(&mut pooled, inputs.inverse_open.entries());
        let (mut gradient, own) = helpers.both(
            || input_gradient(&gradient, weights.own.entries(), [rows, first, second]),
            || weight_gradient(&pass.embedding.output, &gradient, [rows, first, second]),
        );
        wide(
            #[inline(always)]
            || gradient.chunks_exact_mut(batch * first).for_each(|of_option| add(of_option, &pooled)),
        );
        let of_norm = units.back(&pass.embedding, weights.norm, &mut gradient);
        let embed = weight_gradient(inputs.rows.entries(), &gradient, [rows, sizes[0], first]);
        let mut gradients = vec![Matrix::held(embed, [sizes[0], first])];
        gradients.extend(of_norm.into_iter().flatten());
        gradients.extend([Matrix::held(pool, [first, second]), Matrix::held(own, [first, second])]);
        gradients.push(Matrix::host(bias, [1, second]));
        gradients.extend(later.into_iter().rev());
        gradients
    }
    /// From the gradient at the scores, `[choices * batch, 1]`, to that at the first layer that sees the pooled summary, and
    /// those of the weights between them, the last ones first.
    fn back_to_first(
        &self,
        weights: &Weights<'_, Matrix>,
        pass: &ScorerPass,
        mut gradient: Buffer,
        helpers: Helpers<'_>,
    ) -> (Buffer, Vec<Matrix>) {
        let mut found = Vec::new();
        for ((x, (norm, [weight, _])), size) in
            pass.hidden.iter().zip(&weights.later).zip(self.sizes()[2..].windows(2)).rev()
        {
            let [rows, k, n] = [gradient.len() / size[1], size[0], size[1]];
            let (mut next, of_weight) = helpers.both(
                || input_gradient(&gradient, weight.entries(), [rows, k, n]),
                || weight_gradient(&x.output, &gradient, [rows, k, n]),
            );
            found.push(Matrix::host(sum_of_rows(&gradient, n), [1, n]));
            found.push(Matrix::held(of_weight, [k, n]));
            found.extend(self.units().back(x, norm, &mut next).into_iter().flatten().rev());
            gradient = next;
        }
        (gradient, found)
    }
}

/// Makes the embeddings of closed options zero again, whose rows of inputs end in zero; normal ones are the shift.
fn clear_closed(embedding: &mut [f32], inputs: &[f32], [first, width]: [usize; 2]) {
    for (row, input) in embedding.chunks_exact_mut(first).zip(inputs.chunks_exact(width)) {
        if input[width - 1] == 0.0 {
            row.fill(0.0);
        }
    }
}

/// Multiplies each row of a matrix by its factor.
fn scale_rows(matrix: &mut [f32], factors: &[f32]) {
    let columns = matrix.len() / factors.len();
    for (row, factor) in matrix.chunks_exact_mut(columns).zip(factors) {
        row.iter_mut().for_each(|entry| *entry *= factor);
    }
}

/// The transpose of a matrix with this many columns.
fn transposed(matrix: &[f32], columns: usize) -> Buffer {
    let mut result = Buffer::stale(matrix.len());
    for (column, row) in result.chunks_exact_mut((matrix.len() / columns).max(1)).enumerate() {
        row.iter_mut().zip(matrix[column..].iter().step_by(columns)).for_each(|(to, &from)| *to = from);
    }
    result
}
