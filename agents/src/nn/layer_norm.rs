//! [`LayerNorm`]: rows brought to mean 0 and variance 1, in host memory.

use super::dense::add;

/// Added to the variance: PyTorch's default.
pub(super) const EPSILON: f32 = 1e-5;

/// y = gain (x - mean) / sqrt(variance + epsilon) + shift, with mean and variance over each row (Ba, Kiros and Hinton
/// 2016, arXiv:1607.06450, equation 4).
#[derive(Clone, Debug)]
pub(super) struct LayerNorm {
    /// (x - mean) / sqrt(variance + epsilon), `[m, n]`.
    normal: Vec<f32>,
    /// 1 / sqrt(variance + epsilon), `[m]`.
    inverse_std: Vec<f32>,
}

impl LayerNorm {
    /// Replaces the rows of `values`, `[m, n]`, by y and keeps what the way back needs.
    pub(super) fn forward(values: &mut [f32], gain: &[f32], shift: &[f32]) -> Self {
        let n = gain.len();
        let mut normal = Vec::with_capacity(values.len());
        let mut inverse_std = Vec::with_capacity(values.len() / n);
        for row in values.chunks_exact_mut(n) {
            let mean = row.iter().sum::<f32>() / n as f32;
            let variance = row.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / n as f32;
            let inverse = 1.0 / (variance + EPSILON).sqrt();
            inverse_std.push(inverse);
            for (value, (gain, shift)) in row.iter_mut().zip(gain.iter().zip(shift)) {
                let scaled = (*value - mean) * inverse;
                normal.push(scaled);
                *value = scaled * gain + shift;
            }
        }
        Self { normal, inverse_std }
    }

    /// Replaces `gradient`, that at y, by that at x; returns those of gain and shift, `[n]` each.
    ///
    /// With h = gradient x gain and z the normal rows: dx = (h - mean(h) - z mean(h z)) / std.
    pub(super) fn backward(&self, gradient: &mut [f32], gain: &[f32]) -> [Vec<f32>; 2] {
        let n = gain.len();
        let [mut of_gain, mut of_shift] = [vec![0.0; n], vec![0.0; n]];
        let rows = gradient.chunks_exact_mut(n).zip(self.normal.chunks_exact(n)).zip(&self.inverse_std);
        for ((row, normal), inverse) in rows {
            add(&mut of_shift, row);
            for (sum, (gradient, normal)) in of_gain.iter_mut().zip(row.iter().zip(normal)) {
                *sum += gradient * normal;
            }
            row.iter_mut().zip(gain).for_each(|(entry, gain)| *entry *= gain);
            let mean = row.iter().sum::<f32>() / n as f32;
            let along = row.iter().zip(normal).map(|(entry, normal)| entry * normal).sum::<f32>() / n as f32;
            for (entry, normal) in row.iter_mut().zip(normal) {
                *entry = (*entry - mean - normal * along) * inverse;
            }
        }
        [of_gain, of_shift]
    }
}
