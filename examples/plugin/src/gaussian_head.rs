//! A network head: the outputs of any network, read as a Gaussian per choice, with the loss that fits it.

/// Of the last layer: a mean and a log variance per choice, `[batch, 2 x choices]`.
pub const OUTPUTS_PER_CHOICE: usize = 2;

/// Log variances are held within this range, so that no outcome can be certain.
const LOG_VARIANCE: std::ops::RangeInclusive<f32> = -6.0..=6.0;

/// Mean and standard deviation of what choice `choice` pays; `outputs` is one row.
pub fn outcome(outputs: &[f32], choice: usize) -> (f32, f32) {
    let log_variance = outputs[2 * choice + 1].clamp(*LOG_VARIANCE.start(), *LOG_VARIANCE.end());
    (outputs[2 * choice], (0.5 * log_variance).exp())
}

/// The mean negative log likelihood of rewards under the choices taken, and its gradient at the outputs
/// (Nix and Weigend 1994, DOI 10.1109/ICNN.1994.374138, equation 5).
///
/// # Shapes
/// `outputs` and the gradient `[batch, 2 x choices]`, `choices` and `rewards` `[batch]`.
pub fn loss(outputs: &[f32], choices: &[f32], rewards: &[f32]) -> (f64, Vec<f32>) {
    let rows = rewards.len();
    let width = outputs.len() / rows;
    let (mut loss, mut gradient) = (0.0, vec![0.0; outputs.len()]);
    for (row, (&choice, reward)) in choices.iter().zip(rewards).enumerate() {
        let place = row * width + OUTPUTS_PER_CHOICE * choice as usize;
        let (mean, raw) = (outputs[place], outputs[place + 1]);
        let log_variance = raw.clamp(*LOG_VARIANCE.start(), *LOG_VARIANCE.end());
        let (error, precision) = (reward - mean, (-log_variance).exp());
        loss += f64::from(0.5 * (log_variance + precision * error * error)) / rows as f64;
        gradient[place] = -precision * error / rows as f32;
        if raw == log_variance {
            gradient[place + 1] = 0.5 * (1.0 - precision * error * error) / rows as f32;
        }
    }
    (loss, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_matches_finite_differences() {
        let outputs = [0.3, -0.5, 1.0, 0.2, -0.7, 0.4, 2.0, 1.0];
        let (choices, rewards) = ([1.0, 0.0], [0.4, -1.5]);
        let (_, gradient) = loss(&outputs, &choices, &rewards);
        for place in 0..outputs.len() {
            let at = |step: f32| {
                let mut moved = outputs;
                moved[place] += step;
                loss(&moved, &choices, &rewards).0
            };
            let slope = ((at(1e-2) - at(-1e-2)) / 2e-2) as f32;
            assert!((slope - gradient[place]).abs() < 1e-3, "{place}: {slope} and {}", gradient[place]);
        }
        assert_eq!(gradient[0], 0.0, "a choice that was not taken says nothing");
    }
}
