//! [`LayerNorm`]: rows brought to mean 0 and variance 1, in host memory.

use super::buffer::Buffer;
use super::dense::{add, wide};

/// Added to the variance: PyTorch's default.
pub(super) const EPSILON: f32 = 1e-5;

/// Parts of a sum that vector instructions add to at once.
const LANES: usize = 16;

/// y = gain (x - mean) / sqrt(variance + epsilon) + shift, with mean and variance over each row (Ba, Kiros and Hinton
/// 2016, arXiv:1607.06450, equation 4).
#[derive(Debug)]
pub(super) struct LayerNorm {
    /// (x - mean) / sqrt(variance + epsilon), `[m, n]`.
    normal: Buffer,
    /// 1 / sqrt(variance + epsilon), `[m]`.
    inverse_std: Vec<f32>,
}

impl LayerNorm {
    /// Replaces the rows of `values`, `[m, n]`, by y and keeps what the way back needs.
    pub(super) fn forward(values: &mut [f32], gain: &[f32], shift: &[f32]) -> Self {
        let n = gain.len();
        let mut normal = Buffer::stale(values.len());
        let mut inverse_std = vec![0.0; values.len() / n];
        let rows = values.chunks_exact_mut(n).zip(normal.chunks_exact_mut(n)).zip(&mut inverse_std);
        wide(
            #[inline(always)]
            || {
                for ((row, normal), inverse) in rows {
                    let mean = sum(row) / n as f32;
                    row.iter_mut().for_each(|value| *value -= mean);
                    *inverse = 1.0 / (dot(row, row) / n as f32 + EPSILON).sqrt();
                    for (place, value) in row.iter_mut().enumerate() {
                        normal[place] = *value * *inverse;
                        *value = normal[place] * gain[place] + shift[place];
                    }
                }
            },
        );
        Self { normal, inverse_std }
    }

    /// Replaces `gradient`, that at y, by that at x; returns those of gain and shift, `[n]` each.
    ///
    /// With h = gradient x gain and z the normal rows: dx = (h - mean(h) - z mean(h z)) / std.
    pub(super) fn backward(&self, gradient: &mut [f32], gain: &[f32]) -> [Vec<f32>; 2] {
        let n = gain.len();
        let [mut of_gain, mut of_shift] = [vec![0.0; n], vec![0.0; n]];
        let rows = gradient.chunks_exact_mut(n).zip(self.normal.chunks_exact(n)).zip(&self.inverse_std);
        wide(
            #[inline(always)]
            || {
                for ((row, normal), inverse) in rows {
                    add(&mut of_shift, row);
                    for (sum, (gradient, normal)) in of_gain.iter_mut().zip(row.iter().zip(normal)) {
                        *sum += gradient * normal;
                    }
                    row.iter_mut().zip(gain).for_each(|(entry, gain)| *entry *= gain);
                    let [mean, along] = [sum(row) / n as f32, dot(row, normal) / n as f32];
                    for (entry, normal) in row.iter_mut().zip(normal) {
                        *entry = (*entry - mean - normal * along) * inverse;
                    }
                }
            },
        );
        [of_gain, of_shift]
    }
}

#[inline(always)]
fn sum(row: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    row.chunks(LANES).for_each(
        #[inline(always)]
        |chunk| add(&mut lanes, chunk),
    );
    lanes.iter().sum()
}

/// The sum of products.
#[inline(always)]
fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    for (left, right) in left.chunks(LANES).zip(right.chunks(LANES)) {
        for (lane, (left, right)) in lanes.iter_mut().zip(left.iter().zip(right)) {
            *lane += left * right;
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(len: usize, step: f64) -> Vec<f64> {
        (0..len).map(|at| (at as f64 * step).sin()).collect()
    }

    /// The formula, word for word.
    fn formula(x: &[f64], gain: &[f64], shift: &[f64]) -> Vec<f64> {
        let n = gain.len();
        let mut y = Vec::new();
        for row in x.chunks(n) {
            let mean = row.iter().sum::<f64>() / n as f64;
            let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n as f64;
            let scale = 1.0 / (variance + f64::from(EPSILON)).sqrt();
            y.extend(
                row.iter().zip(gain).zip(shift).map(|((value, gain), shift)| gain * (value - mean) * scale + shift),
            );
        }
        y
    }

    /// By central differences, the gradient of the sum of y times `of_y` at entry after entry of one of the three inputs.
    fn differences(inputs: &[Vec<f64>; 3], which: usize, of_y: &[f64]) -> Vec<f64> {
        let loss = |at: usize, by: f64| {
            let mut inputs = inputs.clone();
            inputs[which][at] += by;
            let [x, gain, shift] = &inputs;
            formula(x, gain, shift).iter().zip(of_y).map(|(y, weight)| y * weight).sum::<f64>()
        };
        (0..inputs[which].len()).map(|at| (loss(at, 1e-6) - loss(at, -1e-6)) / 2e-6).collect()
    }

    fn close(found: &[f32], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 2e-5 * (1.0 + expected.abs()), "{found} is not {expected}");
        }
    }

    /// Widths below, at and above one and two steps of the sums.
    #[test]
    fn both_ways_match_the_formula_and_its_differences_at_any_width() {
        for width in [2, 15, 16, 17, 37] {
            let inputs = [entries(3 * width, 0.7), entries(width, 1.3), entries(width, 0.4)];
            let of_y = entries(3 * width, 2.1);
            let single = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<_>>();
            let (mut y, gain) = (single(&inputs[0]), single(&inputs[1]));
            let norm = LayerNorm::forward(&mut y, &gain, &single(&inputs[2]));
            close(&y, &formula(&inputs[0], &inputs[1], &inputs[2]));
            let mut gradient = single(&of_y);
            let [of_gain, of_shift] = norm.backward(&mut gradient, &gain);
            for (which, found) in [gradient, of_gain, of_shift].iter().enumerate() {
                close(found, &differences(&inputs, which, &of_y));
            }
        }
    }
}
