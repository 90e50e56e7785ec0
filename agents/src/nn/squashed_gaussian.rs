//! [`SquashedGaussian`]: a Gaussian through tanh, for actions in [-1, 1].

use wide::f32x8;

/// Bounds of the log standard deviation: those of Haarnoja's SAC code, kept by SpinningUp and stable-baselines3
/// (`sac/policies.py`).
pub const LOG_STD_MIN: f32 = -20.0;
/// See [`LOG_STD_MIN`].
pub const LOG_STD_MAX: f32 = 2.0;

/// The largest entropy that an entry can have, nat: with mean 0 and standard deviation 0.874, found numerically (a test does
/// it again). The uniform distribution, with ln 2 = 0.693, is no tanh of a Gaussian.
pub const SQUASHED_ENTROPY_MAX: f64 = 0.683_635;

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

    /// The action for this standard normal noise, and its log density: [`samples`](Self::samples) of one.
    pub fn sample(&self, noise: f32) -> Sample {
        let lanes = |value: f32| f32x8::splat(value);
        let [actions, log_probs, steps] = squashed(lanes(self.mean), lanes(self.log_std), lanes(noise));
        Sample { action: actions[0], log_prob: log_probs[0], step: steps[0] }
    }

    /// The actions for this standard normal noise and their log densities, eight at a time.
    ///
    /// # Shapes
    /// All `[n]`.
    pub fn samples(gaussians: &[Self], noise: &[f32]) -> Vec<Sample> {
        let mut samples = Vec::with_capacity(gaussians.len());
        for (gaussians, noise) in gaussians.chunks(LANES).zip(noise.chunks(LANES)) {
            let [mut means, mut log_stds, mut draws] = [[0.0; LANES]; 3];
            for (lane, (gaussian, noise)) in gaussians.iter().zip(noise).enumerate() {
                (means[lane], log_stds[lane], draws[lane]) = (gaussian.mean, gaussian.log_std, *noise);
            }
            let [actions, log_probs, steps] = squashed(means.into(), log_stds.into(), draws.into());
            let sample = |lane| Sample { action: actions[lane], log_prob: log_probs[lane], step: steps[lane] };
            samples.extend((0..gaussians.len()).map(sample));
        }
        samples
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

/// Entries that are computed at once.
const LANES: usize = 8;

/// a, log pi(a), and the standard deviation times the noise.
///
/// log pi(a) = log N(u) - log(1 - tanh(u)^2), and the last term is computed as 2 (ln 2 - u - softplus(-2 u)), which is
/// exact where 1 - tanh(u)^2 would round to zero. With e = e^(-2 |u|), tanh |u| = (1 - e) / (1 + e) and
/// softplus(-2 |u|) = ln(1 + e): one exponential for both.
#[inline]
fn squashed(mean: f32x8, log_std: f32x8, noise: f32x8) -> [[f32; LANES]; 3] {
    let [one, two, half] = [1.0, 2.0, 0.5].map(f32x8::splat);
    let half_ln_tau = f32x8::splat(0.5 * std::f32::consts::TAU.ln());
    let step = log_std.exp() * noise;
    let u = mean + step;
    let e = (u.abs() * -two).exp();
    let correction = two * (u.abs() + (one + e).ln() - f32x8::splat(std::f32::consts::LN_2));
    let log_normal = log_std + half * noise * noise + half_ln_tau;
    let action = ((one - e) / (one + e)).copysign(u);
    [action, correction - log_normal, step].map(f32x8::to_array)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H = - E[log pi(a)] over a fine grid of noise, for standard deviations around the best one.
    #[test]
    fn no_entry_has_more_than_the_largest_entropy() {
        let entropy = |std: f32| {
            let gaussian = SquashedGaussian::new(0.0, std.ln());
            let weighed = (-8_000..=8_000).map(|step| {
                let noise = step as f32 * 1e-3;
                let weight = (-0.5 * f64::from(noise).powi(2)).exp();
                (weight, -weight * f64::from(gaussian.sample(noise).log_prob))
            });
            let (weights, sum) = weighed.fold((0.0, 0.0), |(all, sum), (weight, part)| (all + weight, sum + part));
            sum / weights
        };
        let best = (865..885).map(|mille| entropy(mille as f32 / 1000.0)).fold(0.0, f64::max);
        assert!((best - SQUASHED_ENTROPY_MAX).abs() < 1e-5, "{best}");
        assert!(entropy(0.1) < 0.0 && entropy(5.0) < 0.0 && entropy(1.0) < best);
    }

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

    /// Against the same formulas in f64, for every length of the last group of eight.
    #[test]
    fn samples_of_any_number_match_the_formulas_in_double_precision() {
        for len in 0..20_usize {
            let at = |place: usize, step: f32| (place as f32 * step) % 4.0 - 2.0;
            let gaussians: Vec<_> =
                (0..len).map(|place| SquashedGaussian::new(3.0 * at(place, 0.7), 5.0 * at(place, 1.3) - 4.0)).collect();
            let noise: Vec<f32> = (0..len).map(|place| at(place, 1.9)).collect();
            let samples = SquashedGaussian::samples(&gaussians, &noise);
            assert_eq!(samples.len(), len);
            for ((gaussian, &noise), sample) in gaussians.iter().zip(&noise).zip(&samples) {
                let (mean, log_std, noise) = (f64::from(gaussian.mean), f64::from(gaussian.log_std), f64::from(noise));
                let u = mean + log_std.exp() * noise;
                let log_slope = 2.0 * (std::f64::consts::LN_2 - u.abs() - (-2.0 * u.abs()).exp().ln_1p());
                let log_normal = -log_std - 0.5 * noise * noise - 0.5 * std::f64::consts::TAU.ln();
                let log_prob = log_normal - log_slope;
                assert!((f64::from(sample.action) - u.tanh()).abs() < 1e-6, "{sample:?}");
                assert!((f64::from(sample.log_prob) - log_prob).abs() < 1e-6 * (1.0 + log_prob.abs()), "{sample:?}");
                assert_eq!(*sample, gaussian.sample(noise as f32));
            }
        }
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
