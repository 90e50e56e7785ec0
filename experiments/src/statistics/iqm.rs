//! The interquartile mean.

use super::{mean, sorted};

/// The interquartile mean: the mean of what is left without the lowest and the highest quarter, whole values only, as in
/// SciPy's `trim_mean`. Outliers move it less than the mean, and it wastes less than the median.
///
/// Complexity: O(n log n).
///
/// # Panics
/// When `values` is empty, or one is NaN.
pub fn iqm(values: &[f64]) -> f64 {
    let (sorted, cut) = (sorted(values), values.len() / 4);
    mean(&sorted[cut..sorted.len() - cut])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_is_cut_from_either_end_in_whole_values() {
        assert_eq!(iqm(&[100.0, 2.0, -50.0, 4.0]), 3.0);
        assert_eq!(iqm(&[1.0, 2.0, 6.0]), 3.0, "of three values none is a quarter");
        assert_eq!(iqm(&[0.0, 1.0, 2.0, 3.0, 9.0]), 2.0, "of five values one is");
        assert_eq!(iqm(&[5.0]), 5.0);
    }
}
