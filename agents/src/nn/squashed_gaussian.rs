//! [`SquashedGaussian`]: a Gaussian through tanh, for actions in [-1, 1].

/// Bounds of the log standard deviation: those of Haarnoja's SAC code, kept by SpinningUp and stable-baselines3
/// (`sac/policies.py`).
pub const LOG_STD_MIN: f32 = -20.0;
/// See [`LOG_STD_MIN`].
pub const LOG_STD_MAX: f32 = 2.0;

/// a = tanh(u) with u = mean + std x noise, entry by entry.
///
/// The densities are those of Haarnoja et al. 2018 (arXiv:1812.05905, appendix C).
#[derive(Clone, Copy, Debug)]
pub struct SquashedGaussian {
    mean: f32,
    log_std: f32,
    /// Whether the log standard deviation was at one of its bounds, beyond which it does not change.
    bounded: bool,
}

/// An entry of an action, drawn with known noise so that it can be differentiated (equation 8 there).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// a, in [-1, 1].
    pub action: f32,
    /// log pi(a).
    pub log_prob: f32,
    /// The standard deviation times the noise.
    step: f32,
}

impl SquashedGaussian {
    /// From two outputs of a network.
    pub fn new(mean: f32, log_std: f32) -> Self {
        let bounded = !(LOG_STD_MIN..=LOG_STD_MAX).contains(&log_std);
        Self { mean, log_std: log_std.clamp(LOG_STD_MIN, LOG_STD_MAX), bounded }
    }

    /// tanh(mean), the action taken when none is to be tried.
    pub fn mode(&self) -> f32 {
        self.mean.tanh()
    }

    /// The action for this standard normal noise, and its log density.
    ///
    /// log pi(a) = log N(u) - log(1 - tanh(u)^2), and the last term is computed as 2 (ln 2 - u - softplus(-2 u)), which
    /// is exact where 1 - tanh(u)^2 would round to zero. With t = e^(-2 |u|) - 1, tanh |u| = -t / (2 + t) and
    /// softplus(-2 |u|) = ln(2 + t): one exponential for both.
    pub fn sample(&self, noise: f32) -> Sample {
        let half_ln_tau = 0.5 * std::f32::consts::TAU.ln();
        let step = self.log_std.exp() * noise;
        let u = self.mean + step;
        let t = (-2.0 * u.abs()).exp_m1();
        let correction = 2.0 * (u.abs() + (2.0 + t).ln() - std::f32::consts::LN_2);
        let log_normal = self.log_std + 0.5 * noise * noise + half_ln_tau;
        Sample { action: (-t / (2.0 + t)).copysign(u), log_prob: correction - log_normal, step }
    }

    /// The gradient of a loss at mean and log standard deviation, from those at the action drawn and at its log density.
    ///
    /// da/du = 1 - a^2; d log pi / du = 2 a; d log pi / d log std = -1 where u is held; du / d log std = std x noise.
    pub fn gradient(&self, drawn: &Sample, of_action: f32, of_log_prob: f32) -> [f32; 2] {
        let Sample { action, step, .. } = drawn;
        let of_u = of_action * (1.0 - action * action) + of_log_prob * 2.0 * action;
        let of_log_std = of_u * step - of_log_prob;
        [of_u, if self.bounded { 0.0 } else { of_log_std }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(mean: f32, log_std: f32, noise: f32) -> (f32, f32) {
        let Sample { action, log_prob, .. } = SquashedGaussian::new(mean, log_std).sample(noise);
        (action, log_prob)
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

    /// Of 0.7 a - 0.2 log pi(a), by differences of mean and of log standard deviation.
    #[test]
    fn gradients_match_finite_differences() {
        let loss = |mean: f32, log_std: f32, noise: f32| {
            let (action, log_prob) = sample(mean, log_std, noise);
            0.7 * f64::from(action) - 0.2 * f64::from(log_prob)
        };
        for (mean, log_std, noise) in [(0.3, -0.5, 0.8), (-1.2, 0.4, -1.1), (2.0, -2.0, 0.1)] {
            let gaussian = SquashedGaussian::new(mean, log_std);
            let [of_mean, of_log_std] = gaussian.gradient(&gaussian.sample(noise), 0.7, -0.2);
            let step = 2e-3;
            let slope = |high: f64, low: f64| ((high - low) / (2.0 * f64::from(step))) as f32;
            let by_mean = slope(loss(mean + step, log_std, noise), loss(mean - step, log_std, noise));
            let by_log_std = slope(loss(mean, log_std + step, noise), loss(mean, log_std - step, noise));
            assert!((of_mean - by_mean).abs() < 2e-3, "{of_mean} {by_mean}");
            assert!((of_log_std - by_log_std).abs() < 2e-3, "{of_log_std} {by_log_std}");
        }
        let bounded = SquashedGaussian::new(0.0, 2.5);
        assert_eq!(bounded.gradient(&bounded.sample(1.0), 1.0, 1.0)[1], 0.0);
    }
}
