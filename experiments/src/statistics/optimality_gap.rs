//! The optimality gap.

use super::mean;

/// By how much scores stay below `gamma` on average; those above it make up for nothing. Higher scores are better.
///
/// # Panics
/// When `scores` is empty.
pub fn optimality_gap(scores: &[f64], gamma: f64) -> f64 {
    let reached: Vec<f64> = scores.iter().map(|score| score.min(gamma)).collect();
    gamma - mean(&reached)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_gamma_makes_up_for_nothing() {
        assert_eq!(optimality_gap(&[0.5, 1.0, 3.0, 0.0], 1.0), 0.375);
        assert_eq!(optimality_gap(&[1.0, 2.0], 1.0), 0.0);
    }
}
