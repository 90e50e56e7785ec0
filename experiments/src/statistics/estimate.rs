//! [`Estimate`]: a figure with its interval.

use mec_envs::offload::metrics::percentile;
use serde::{Deserialize, Serialize};

use super::sorted;

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Estimate {
    /// A figure without uncertainty.
    pub fn exact(value: f64) -> Self {
        Self { value, low: value, high: value }
    }

    /// A figure with the percentile interval of its resampled values.
    ///
    /// # Panics
    /// When there is none, or one is NaN.
    pub(super) fn of_draws(value: f64, draws: &[f64]) -> Self {
        let draws = sorted(draws);
        Self { value, low: percentile(&draws, 0.025), high: percentile(&draws, 0.975) }
    }

    /// Half the width of the interval.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}
