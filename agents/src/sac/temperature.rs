//! [`Temperature`]: alpha, the weight of entropy.

use crate::checkpoint::CheckpointError;
use crate::nn::{AdamConfig, Matrix, Parameters, Trained};
use crate::offender::Offender;
use crate::state::StateDict;

/// A learned alpha stays within these bounds: beyond them an f32 loses either Q or the entropy, and a run whose target
/// cannot be met would end in infinity.
pub const ALPHA_MIN: f64 = 1e-8;
/// See [`ALPHA_MIN`].
pub const ALPHA_MAX: f64 = 1e4;

/// alpha = e^x, with x = log alpha and its optimiser; always in host memory.
#[derive(Clone, Debug)]
pub(super) struct Temperature(Trained);

impl Temperature {
    pub(super) fn new(initial: f64, learning_rate: f64) -> Self {
        let value = Matrix::host(vec![initial.ln() as f32], [1, 1]);
        let weights = Parameters::new(vec![("value".to_owned(), value)]);
        Self(Trained::new(weights, AdamConfig { learning_rate, max_grad_norm: None }))
    }

    pub(super) fn alpha(&self) -> f64 {
        f64::from(self.0.weights.matrices()[0].entries()[0].exp())
    }

    /// One step along the gradient at log alpha, by this share of the step size.
    pub(super) fn step(&mut self, gradient: f64, share: f64) {
        self.0.step_share(&[Matrix::host(vec![gradient as f32], [1, 1])], share);
        let log_alpha = &mut self.0.weights.matrices_mut()[0].entries_mut()[0];
        *log_alpha = log_alpha.clamp(ALPHA_MIN.ln() as f32, ALPHA_MAX.ln() as f32);
    }

    pub(super) fn offender(&self, name: &str) -> Offender {
        Offender::of(name, self.0.weights.matrices()[0].entries())
    }

    pub(super) fn write(&self, name: &str, state: &mut StateDict) {
        self.0.write(name, state);
    }

    pub(super) fn read(&self, name: &str, state: &StateDict) -> Result<Self, CheckpointError> {
        self.0.read(name, state).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_stays_within_its_bounds_however_long_it_is_pushed() {
        let mut temperature = Temperature::new(1.0, 1.0);
        (0..100).for_each(|_| temperature.step(-3.0, 1.0));
        assert!((temperature.alpha() / ALPHA_MAX - 1.0).abs() < 1e-3, "{}", temperature.alpha());
        (0..200).for_each(|_| temperature.step(3.0, 1.0));
        assert!((temperature.alpha() / ALPHA_MIN - 1.0).abs() < 1e-3, "{}", temperature.alpha());
    }
}
