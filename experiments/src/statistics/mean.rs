//! Mean and standard deviation.

/// The arithmetic mean.
///
/// # Panics
/// When `values` is empty.
pub fn mean(values: &[f64]) -> f64 {
    assert!(!values.is_empty(), "the mean of no values does not exist");
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample standard deviation (divisor n - 1); 0 for a single value.
///
/// # Panics
/// When `values` is empty.
pub fn std_dev(values: &[f64]) -> f64 {
    let centre = mean(values);
    let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    (squares / (values.len().max(2) - 1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn location_and_spread_match_numbers_worked_by_hand() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert!((mean(&values) - 2.5).abs() < 1e-12);
        assert!((std_dev(&values) - (5.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(std_dev(&[7.0]), 0.0);
    }
}
