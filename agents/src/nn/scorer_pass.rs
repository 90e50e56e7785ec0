//! [`ScorerPass`]: both ways of a [`Scorer`] in host memory.

use super::buffer::Buffer;
use super::dense::{add, add_product, affine, input_gradient, relu, relu_gradient, sum_of_rows, weight_gradient, wide};
use super::matrix::Matrix;
use super::scorer::{OptionInputs, Scorer};
use super::threads::Helpers;

/// What the way back of a scorer needs.
pub(super) struct ScorerPass {
    /// e_i, `[choices * batch, first]`.
    embedding: Buffer,
    /// p, `[batch, first]`.
    pooled: Vec<f32>,
    /// The hidden layers after their ReLU, `[choices * batch, size]` each.
    hidden: Vec<Buffer>,
}

impl Scorer {
    /// Scores, `[batch, choices]`.
    pub(super) fn on_host(&self, weights: &[Matrix], inputs: &OptionInputs) -> (Vec<f32>, ScorerPass) {
        let sizes = self.sizes();
        let (rows, batch) = (inputs.rows.shape()[0], inputs.inverse_open.shape()[0]);
        let [embed, pool, own, bias] = [0, 1, 2, 3].map(|place| weights[place].entries());
        let mut embedding = affine(inputs.rows.entries(), embed, &[], [rows, sizes[0], sizes[1]]);
        relu(&mut embedding);
        let mut pooled = sum_of_rows(&embedding, batch * sizes[1]);
        scale_rows(&mut pooled, inputs.inverse_open.entries());
        let shared = affine(&pooled, pool, bias, [batch, sizes[1], sizes[2]]);
        let mut x = add_product(Buffer::repeat(&shared, rows / batch), &embedding, own, [rows, sizes[1], sizes[2]]);
        let mut hidden = Vec::with_capacity(sizes.len() - 3);
        for (pair, size) in weights[4..].chunks_exact(2).zip(sizes[2..].windows(2)) {
            relu(&mut x);
            let next = affine(&x, pair[0].entries(), pair[1].entries(), [rows, size[0], size[1]]);
            hidden.push(std::mem::replace(&mut x, next));
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
        let sizes = self.sizes();
        let (rows, batch) = (inputs.rows.shape()[0], inputs.inverse_open.shape()[0]);
        let mut gradient = transposed(gradient, rows / batch);
        let mut later = Vec::with_capacity(weights.len());
        for (layer, x) in pass.hidden.iter().enumerate().rev() {
            let [k, n] = [sizes[layer + 2], sizes[layer + 3]];
            let (mut next, weight) = helpers.both(
                || input_gradient(&gradient, weights[4 + 2 * layer].entries(), [rows, k, n]),
                || weight_gradient(x, &gradient, [rows, k, n]),
            );
            later.push(Matrix::host(sum_of_rows(&gradient, n), [1, n]));
            later.push(Matrix::held(weight, [k, n]));
            relu_gradient(&mut next, x);
            gradient = next;
        }
        let [first, second] = [sizes[1], sizes[2]];
        let shared = sum_of_rows(&gradient, batch * second);
        let bias = sum_of_rows(&shared, second);
        let pool = weight_gradient(&pass.pooled, &shared, [batch, first, second]);
        let mut pooled = input_gradient(&shared, weights[1].entries(), [batch, first, second]);
        scale_rows(&mut pooled, inputs.inverse_open.entries());
        let (mut gradient, own) = helpers.both(
            || input_gradient(&gradient, weights[2].entries(), [rows, first, second]),
            || weight_gradient(&pass.embedding, &gradient, [rows, first, second]),
        );
        wide(
            #[inline(always)]
            || gradient.chunks_exact_mut(batch * first).for_each(|of_option| add(of_option, &pooled)),
        );
        relu_gradient(&mut gradient, &pass.embedding);
        let embed = weight_gradient(inputs.rows.entries(), &gradient, [rows, sizes[0], first]);
        let mut gradients = vec![
            Matrix::held(embed, [sizes[0], first]),
            Matrix::held(pool, [first, second]),
            Matrix::held(own, [first, second]),
            Matrix::host(bias, [1, second]),
        ];
        gradients.extend(later.into_iter().rev());
        gradients
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
