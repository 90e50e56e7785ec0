//! [`SquashedGaussian`]: a Gaussian through tanh, for actions in [-1, 1].

use burn::tensor::Tensor;
use burn::tensor::activation::relu;

/// Bounds of the log standard deviation: those of Haarnoja's SAC code, kept by SpinningUp and stable-baselines3
/// (`sac/policies.py`).
pub const LOG_STD_MIN: f32 = -20.0;
/// See [`LOG_STD_MIN`].
pub const LOG_STD_MAX: f32 = 2.0;

/// a = tanh(mean + std x noise), with independent entries.
#[derive(Clone, Debug)]
pub struct SquashedGaussian {
    mean: Tensor<2>,
    log_std: Tensor<2>,
}

impl SquashedGaussian {
    /// From the output of a network: the means, then the log standard deviations.
    ///
    /// # Shapes
    /// `output` `[batch, 2 * dim]`.
    pub fn from_output(output: Tensor<2>) -> Self {
        let dim = output.dims()[1] / 2;
        let mean = output.clone().narrow(1, 0, dim);
        let log_std = output.narrow(1, dim, dim).clamp(LOG_STD_MIN, LOG_STD_MAX);
        Self { mean, log_std }
    }

    /// The action for this standard normal noise and its log probability density, differentiable in the parameters
    /// (the reparameterisation of Haarnoja et al. 2018, arXiv:1812.05905, equation 8 and appendix C).
    ///
    /// With u = mean + std x noise, log pi(a) = sum of log N(u) - log(1 - tanh(u)^2), and the last term is computed
    /// as 2 (ln 2 - u - softplus(-2 u)), which is exact where 1 - tanh(u)^2 would round to zero.
    ///
    /// # Shapes
    /// `noise` `[batch, dim]`; results `[batch, dim]` and `[batch, 1]`.
    pub fn sample(&self, noise: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let ln_2 = std::f32::consts::LN_2;
        let half_ln_tau = 0.5 * std::f32::consts::TAU.ln();
        let u = self.mean.clone() + self.log_std.clone().exp() * noise.clone();
        let correction = (u.clone() + softplus(u.clone() * -2.0) - ln_2) * 2.0;
        let log_normal = self.log_std.clone() + noise.square() * 0.5 + half_ln_tau;
        let log_prob = (correction - log_normal).sum_dim(1);
        (u.tanh(), log_prob)
    }
}

/// ln(1 + e^x), without overflow.
fn softplus(x: Tensor<2>) -> Tensor<2> {
    relu(x.clone()) + (x.abs() * -1.0).exp().log1p()
}

#[cfg(test)]
mod tests {
    use super::super::parameters::{host, matrix};
    use super::*;
    use burn::tensor::Device;

    fn sample(mean: f32, log_std: f32, noise: f32) -> (f32, f32) {
        let row = |values: &[f32]| matrix(values.to_vec(), [1, values.len()], &Device::flex());
        let (action, log_prob) = SquashedGaussian::from_output(row(&[mean, log_std])).sample(row(&[noise]));
        (host(action)[0], host(log_prob)[0])
    }

    /// mean 0.5, std 2, noise -0.3: u = -0.1, a = tanh(-0.1) = -0.0996680; log N = -0.045 - ln 2 - 0.9189385 =
    /// -1.6570857; log(1 - a^2) = ln 0.9900663 = -0.0099834; log pi = -1.6471023.
    #[test]
    fn log_prob_matches_a_number_worked_by_hand() {
        let (action, log_prob) = sample(0.5, 2.0_f32.ln(), -0.3);
        assert!((action + 0.099_668).abs() < 1e-6, "{action}");
        assert!((log_prob + 1.647_102_3).abs() < 1e-5, "{log_prob}");
    }

    /// u = 30: 1 - tanh(u)^2 is 0 in f32, its logarithm 2 (ln 2 - 30) = -58.6137; log N = -0.9189385.
    #[test]
    fn log_prob_is_exact_far_in_the_tails() {
        let (action, log_prob) = sample(30.0, 0.0, 0.0);
        assert_eq!(action, 1.0);
        assert!((log_prob - 57.694_77).abs() < 1e-3, "{log_prob}");
        assert!((sample(-30.0, 0.0, 0.0).1 - 57.694_77).abs() < 1e-3);
    }

    /// The density integrates to 1 over (-1, 1): midpoint rule in u, where da = (1 - a^2) du.
    #[test]
    fn the_density_integrates_to_one() {
        let step = 0.01;
        let total: f64 = (-600..600)
            .map(|index| {
                let u = (f64::from(index) + 0.5) * step;
                let (action, log_prob) = sample(0.3, 0.0, (u - 0.3) as f32);
                f64::from(log_prob).exp() * (1.0 - f64::from(action).powi(2)) * step
            })
            .sum();
        assert!((total - 1.0).abs() < 1e-3, "{total}");
    }
}
