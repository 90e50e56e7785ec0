//! The losses of on-policy methods and their gradients: pure functions of plain numbers, one equation each.

/// A loss to be minimised, and its gradient at the numbers it is a function of.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// Its value.
    pub value: f64,
    /// `[batch]`.
    pub gradient: Vec<f32>,
}

/// L = -mean(A log pi(a|s)): the policy gradient of Williams 1992 (equation 11), with an advantage estimate as Mnih et
/// al. 2016 (arXiv:1602.01783, section 4) have it.
pub fn policy_gradient_loss(log_probs: &[f32], advantages: &[f32]) -> Loss {
    let n = log_probs.len() as f32;
    let products = log_probs.iter().zip(advantages).map(|(log_prob, advantage)| f64::from(log_prob * advantage));
    Loss {
        value: -products.sum::<f64>() / f64::from(n),
        gradient: advantages.iter().map(|advantage| -advantage / n).collect(),
    }
}

/// L = -mean(min(r A, clip(r, 1 - c, 1 + c) A)) with r = pi(a|s) / pi_old(a|s) and the bound c: equation 7 of Schulman
/// et al. 2017 (arXiv:1707.06347).
pub fn clipped_loss(log_probs: &[f32], old: &[f32], advantages: &[f32], clip: f32) -> Loss {
    let n = log_probs.len() as f32;
    let mut loss = Loss { value: 0.0, gradient: Vec::with_capacity(log_probs.len()) };
    for ((log_prob, old), advantage) in log_probs.iter().zip(old).zip(advantages) {
        let ratio = (log_prob - old).exp();
        let (free, bounded) = (ratio * advantage, ratio.clamp(1.0 - clip, 1.0 + clip) * advantage);
        loss.value -= f64::from(free.min(bounded) / n);
        // Where the bounded term is the smaller one it does not depend on the ratio.
        loss.gradient.push(if free <= bounded { -free / n } else { 0.0 });
    }
    loss
}

/// L = mean((V(s) - R)^2) / 2.
pub fn value_loss(values: &[f32], returns: &[f32]) -> Loss {
    let n = values.len() as f32;
    let errors: Vec<f32> = values.iter().zip(returns).map(|(value, target)| value - target).collect();
    Loss {
        value: errors.iter().map(|error| f64::from(0.5 * error * error)).sum::<f64>() / f64::from(n),
        gradient: errors.iter().map(|error| error / n).collect(),
    }
}

/// L = mean(max((V - R)^2, (V_old + clip(V - V_old, -c, c) - R)^2)) / 2: detail 9 of Huang et al. 2022 ("The 37
/// Implementation Details of Proximal Policy Optimization").
pub fn clipped_value_loss(values: &[f32], old: &[f32], returns: &[f32], clip: f32) -> Loss {
    let n = values.len() as f32;
    let mut loss = Loss { value: 0.0, gradient: Vec::with_capacity(values.len()) };
    for ((value, old), target) in values.iter().zip(old).zip(returns) {
        let free = value - target;
        let bounded = old + (value - old).clamp(-clip, clip) - target;
        loss.value += f64::from(0.5 * (free * free).max(bounded * bounded) / n);
        loss.gradient.push(if free * free >= bounded * bounded { free / n } else { 0.0 });
    }
    loss
}

/// The mean of r - 1 - ln r, which estimates the divergence of the old policy from the new one without bias and is
/// never negative (Schulman 2020, "Approximating KL divergence").
pub fn approx_kl(log_probs: &[f32], old: &[f32]) -> f64 {
    let terms = log_probs.iter().zip(old).map(|(new, old)| f64::from(new - old));
    terms.map(|log_ratio| log_ratio.exp_m1() - log_ratio).sum::<f64>() / log_probs.len() as f64
}

/// The share of ratios beyond their bound.
pub fn clip_fraction(log_probs: &[f32], old: &[f32], clip: f32) -> f64 {
    let beyond = log_probs.iter().zip(old).filter(|(new, old)| ((*new - *old).exp() - 1.0).abs() > clip);
    beyond.count() as f64 / log_probs.len() as f64
}

/// 1 - Var(R - V) / Var(R): 1 for perfect values, 0 or less for useless ones; NaN when all returns are the same.
pub fn explained_variance(values: &[f32], returns: &[f32]) -> f64 {
    let errors: Vec<f32> = returns.iter().zip(values).map(|(target, value)| target - value).collect();
    let of_returns = moments(returns).1;
    if of_returns == 0.0 { f64::NAN } else { 1.0 - moments(&errors).1 / of_returns }
}

/// Brings numbers to mean 0 and variance 1; a single one stays (its deviation is not known).
pub fn normalize(numbers: &mut [f32]) {
    if numbers.len() < 2 {
        return;
    }
    let (mean, variance) = moments(numbers);
    for number in numbers {
        *number = ((f64::from(*number) - mean) / (variance.sqrt() + 1e-8)) as f32;
    }
}

/// Mean and variance.
fn moments(numbers: &[f32]) -> (f64, f64) {
    let n = numbers.len() as f64;
    let mean = numbers.iter().map(|&number| f64::from(number)).sum::<f64>() / n;
    (mean, numbers.iter().map(|&number| (f64::from(number) - mean).powi(2)).sum::<f64>() / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() < tolerance, "{found} is not {expected}");
    }

    /// Ratios 1.5, 1.5, 0.5, 0.5 of advantages 2, -2, 2, -2 with the bound 0.2: the smaller terms are 2.4 (bounded),
    /// -3 (free), 1 (free) and -1.6 (bounded), so L = 1.2 / 4 = 0.3.
    #[test]
    fn the_clipped_loss_matches_a_number_worked_by_hand() {
        let log_probs = [1.5_f32.ln(), 1.5_f32.ln(), 0.5_f32.ln(), 0.5_f32.ln()];
        let loss = clipped_loss(&log_probs, &[0.0; 4], &[2.0, -2.0, 2.0, -2.0], 0.2);
        close(loss.value, 0.3, 1e-6);
        for (found, expected) in loss.gradient.iter().zip([0.0, 0.75, -0.25, 0.0]) {
            close(f64::from(*found), expected, 1e-6);
        }
        close(clip_fraction(&[0.1, 0.3, 0.0, 0.0], &[0.0; 4], 0.2), 0.25, 1e-12);
    }

    /// At ratio 1 the gradients of both losses of the policy are the same.
    #[test]
    fn the_clipped_loss_begins_as_the_policy_gradient() {
        let (log_probs, advantages) = ([-0.3, -1.2, -2.0], [1.0, -0.5, 2.0]);
        let clipped = clipped_loss(&log_probs, &log_probs, &advantages, 0.2);
        assert_eq!(clipped.gradient, policy_gradient_loss(&log_probs, &advantages).gradient);
        // -(-0.3 + 0.6 - 4) / 3
        close(policy_gradient_loss(&log_probs, &advantages).value, 3.7 / 3.0, 1e-6);
    }

    /// V 2 and 5, R 1 and 1, V_old 0 and 4.9, bound 0.5. Free errors 1 and 4; bounded values 0.5 and 5, errors -0.5 and
    /// 4. Plain and clipped: (1 + 16) / 4. With R = 3 for the first: -1 against -2.5: (6.25 + 16) / 4, no gradient.
    #[test]
    fn value_losses_match_numbers_worked_by_hand() {
        let (values, old) = ([2.0, 5.0], [0.0, 4.9]);
        assert_eq!(value_loss(&values, &[1.0, 1.0]), Loss { value: 4.25, gradient: vec![0.5, 2.0] });
        let near = clipped_value_loss(&values, &old, &[1.0, 1.0], 0.5);
        close(near.value, 4.25, 1e-5);
        assert_eq!(near.gradient, [0.5, 2.0]);
        let far = clipped_value_loss(&values, &old, &[3.0, 1.0], 0.5);
        close(far.value, 5.5625, 1e-5);
        assert_eq!(far.gradient, [0.0, 2.0]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        let (old, weights) = ([-0.5, -1.0, -0.2, -2.0], [1.0, -2.0, 0.5, 3.0]);
        let point = [-0.45, -0.6, -0.7, -2.05];
        type Case<'a> = &'a dyn Fn(&[f32]) -> Loss;
        let cases: [Case<'_>; 4] = [
            &|x| policy_gradient_loss(x, &weights),
            &|x| clipped_loss(x, &old, &weights, 0.2),
            &|x| value_loss(x, &weights),
            &|x| clipped_value_loss(x, &old, &weights, 0.2),
        ];
        for (case, loss) in cases.iter().enumerate() {
            let gradient = loss(&point).gradient;
            for entry in 0..point.len() {
                let at = |step: f32| {
                    let mut moved = point;
                    moved[entry] += step;
                    loss(&moved).value
                };
                let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
                assert!((f64::from(gradient[entry]) - slope).abs() < 1e-3, "case {case}, entry {entry}: {slope}");
            }
        }
    }

    /// Ratios 2 and 1/2: (2 - 1 - ln 2 + 1/2 - 1 + ln 2) / 2 = 1/4.
    #[test]
    fn figures_match_numbers_worked_by_hand() {
        close(approx_kl(&[2.0_f32.ln(), 0.5_f32.ln()], &[0.0; 2]), 0.25, 1e-6);
        close(explained_variance(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), 1.0, 1e-12);
        close(explained_variance(&[2.0, 2.0, 2.0], &[1.0, 2.0, 3.0]), 0.0, 1e-12);
        let mut numbers = [1.0, 3.0];
        normalize(&mut numbers);
        assert_eq!(numbers, [-1.0, 1.0]);
        let mut single = [4.0];
        normalize(&mut single);
        assert_eq!(single, [4.0]);
    }
}
