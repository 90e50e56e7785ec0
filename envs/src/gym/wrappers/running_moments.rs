//! [`RunningMoments`]: the mean and variance of rows that come one by one.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Count that the prior, mean 0 and variance 1, stands for.
const PRIOR_COUNT: f64 = 1e-4;

/// Whether a normaliser goes on learning from what it sees (Gymnasium's `update_running_mean`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Updates {
    /// Every value counts: for training.
    #[default]
    Running,
    /// The statistics stay as they are: for evaluation.
    Frozen,
}

/// Running mean and variance of each entry of a row, Gymnasium's `RunningMeanStd`.
///
/// Starts from a prior of mean 0 and variance 1 that counts as 1e-4 rows. Its serialised form is the three fields
/// `mean` and `variance` (lists of as many numbers) and `count`; reading one checks what
/// [`from_parts`](Self::from_parts) checks.
///
/// ```
/// use mec_envs::gym::RunningMoments;
///
/// let mut moments = RunningMoments::new(2);
/// moments.update_rows(&[1.0_f32, 10.0, 3.0, 30.0]);
/// assert!((moments.mean()[1] - 20.0).abs() < 0.01);
/// let saved = toml::to_string(&moments).unwrap();
/// assert_eq!(toml::from_str::<RunningMoments>(&saved).unwrap(), moments);
/// ```
///
/// # Deviations
/// Numbers have 64 bits, where Gymnasium keeps those of observations in 32: there, the update of a long run gets lost
/// in the rounding of its mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct RunningMoments {
    mean: Vec<f64>,
    variance: Vec<f64>,
    count: f64,
}

/// The serialised form of [`RunningMoments`], not yet checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    mean: Vec<f64>,
    variance: Vec<f64>,
    count: f64,
}

/// Statistics that cannot be those of any rows.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum MomentsError {
    /// Lists of different length, or of another than what is to be normalised has.
    #[error("{what} of running statistics has {found} entries, expected {expected}")]
    WrongLength {
        /// Which list.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length it must have.
        expected: usize,
    },
    /// A mean is not finite.
    #[error("entry {index} of the running mean is {found}; accepted is a finite number")]
    InvalidMean {
        /// Which entry.
        index: usize,
        /// Its value.
        found: f64,
    },
    /// A variance is negative or not finite.
    #[error("entry {index} of the running variance is {found}; accepted is a finite number of 0 or more")]
    InvalidVariance {
        /// Which entry.
        index: usize,
        /// Its value.
        found: f64,
    },
    /// The count is negative, 0 or not finite.
    #[error("the count of running statistics is {found}; accepted is a finite number above 0")]
    InvalidCount {
        /// Its value.
        found: f64,
    },
}

impl RunningMoments {
    /// The prior for rows of this many entries.
    pub fn new(entries: usize) -> Self {
        Self { mean: vec![0.0; entries], variance: vec![1.0; entries], count: PRIOR_COUNT }
    }

    /// Statistics from elsewhere: mean and variance of each entry, and how many rows they stand for.
    ///
    /// # Errors
    /// [`MomentsError`] when mean and variance differ in length, a mean is not finite, a variance is negative or not
    /// finite, or the count is not a finite number above 0.
    pub fn from_parts(mean: Vec<f64>, variance: Vec<f64>, count: f64) -> Result<Self, MomentsError> {
        let moments = Self { mean, variance, count };
        moments.check()?;
        Ok(moments)
    }

    fn check(&self) -> Result<(), MomentsError> {
        let (expected, found) = (self.mean.len(), self.variance.len());
        if found != expected {
            return Err(MomentsError::WrongLength { what: "the variance", found, expected });
        }
        for (index, (&mean, &variance)) in self.mean.iter().zip(&self.variance).enumerate() {
            if !mean.is_finite() {
                return Err(MomentsError::InvalidMean { index, found: mean });
            }
            if !variance.is_finite() || variance < 0.0 {
                return Err(MomentsError::InvalidVariance { index, found: variance });
            }
        }
        if !self.count.is_finite() || self.count <= 0.0 {
            return Err(MomentsError::InvalidCount { found: self.count });
        }
        Ok(())
    }

    /// These statistics, if they have this many entries.
    pub(super) fn of_entries(self, expected: usize) -> Result<Self, MomentsError> {
        match self.mean.len() {
            found if found == expected => Ok(self),
            found => Err(MomentsError::WrongLength { what: "the mean", found, expected }),
        }
    }

    /// Mean of each entry.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Variance of each entry, over the count and not one less.
    pub fn variance(&self) -> &[f64] {
        &self.variance
    }

    /// Rows seen, the prior's 1e-4 included.
    pub fn count(&self) -> f64 {
        self.count
    }

    /// Counts one row.
    ///
    /// # Panics
    /// When it does not have the entries of the others.
    pub fn update<T: Copy + Into<f64>>(&mut self, row: &[T]) {
        assert_eq!(row.len(), self.mean.len(), "rows of running statistics have equal lengths");
        for (entry, &value) in row.iter().enumerate() {
            self.absorb(entry, (value.into(), 0.0), 1.0);
        }
        self.count += 1.0;
    }

    /// Counts the rows of a batch, `[rows, entries]`, all at once: as Gymnasium's vector wrappers do with the
    /// observations of all environments.
    ///
    /// # Panics
    /// When its length is no multiple of the entries.
    pub fn update_rows<T: Copy + Into<f64>>(&mut self, rows: &[T]) {
        let entries = self.mean.len();
        if rows.is_empty() {
            return;
        }
        assert!(entries > 0 && rows.len().is_multiple_of(entries), "{} numbers are no rows of {entries}", rows.len());
        let count = (rows.len() / entries) as f64;
        for entry in 0..entries {
            let column = || rows[entry..].iter().step_by(entries).map(|&value| value.into());
            let mean = column().sum::<f64>() / count;
            let variance = column().map(|value: f64| (value - mean).powi(2)).sum::<f64>() / count;
            self.absorb(entry, (mean, variance), count);
        }
        self.count += count;
    }

    /// Counts the rows of other statistics, for instance those of an environment that ran beside. Its prior, 1e-4 rows,
    /// counts along.
    ///
    /// # Panics
    /// When the two differ in entries.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(other.mean.len(), self.mean.len(), "statistics that merge have equal lengths");
        for (entry, moments) in other.mean.iter().copied().zip(other.variance.iter().copied()).enumerate() {
            self.absorb(entry, moments, other.count);
        }
        self.count += other.count;
    }

    /// Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979), in
    /// the order of Gymnasium's operations; `self.count` is that before.
    fn absorb(&mut self, entry: usize, (mean, variance): (f64, f64), count: f64) {
        let delta = mean - self.mean[entry];
        let total = self.count + count;
        let spread = self.variance[entry] * self.count + variance * count;
        self.mean[entry] += delta * count / total;
        self.variance[entry] = (spread + delta.powi(2) * self.count * count / total) / total;
    }

    /// Brings rows, `[rows, entries]`, to mean 0 and variance 1: (value - mean) / sqrt(variance + epsilon). What 32
    /// bits cannot hold becomes the largest number that they can.
    ///
    /// # Panics
    /// When their length is no multiple of the entries.
    pub fn normalize(&self, rows: &mut [f32], epsilon: f64) {
        let entries = self.mean.len().max(1);
        assert!(rows.len().is_multiple_of(entries), "{} numbers are no rows of {entries}", rows.len());
        let (low, high) = (f64::from(f32::MIN), f64::from(f32::MAX));
        for row in rows.chunks_exact_mut(entries) {
            for ((value, mean), variance) in row.iter_mut().zip(&self.mean).zip(&self.variance) {
                let normal = (f64::from(*value) - mean) / (variance + epsilon).sqrt();
                *value = normal.clamp(low, high) as f32;
            }
        }
    }
}

/// The stability term under the root.
pub(super) const EPSILON: f64 = 1e-8;

/// An epsilon that keeps the root from 0.
pub(super) fn positive(epsilon: f64) -> f64 {
    assert!(epsilon > 0.0 && epsilon.is_finite(), "epsilon is {epsilon}; it must be a finite number above 0");
    epsilon
}

impl TryFrom<Parts> for RunningMoments {
    type Error = MomentsError;

    fn try_from(Parts { mean, variance, count }: Parts) -> Result<Self, MomentsError> {
        Self::from_parts(mean, variance, count)
    }
}

impl From<RunningMoments> for Parts {
    fn from(RunningMoments { mean, variance, count }: RunningMoments) -> Self {
        Self { mean, variance, count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [f64; 10] = [1.0, -2.0, 4.0, 0.5, 4.0, 7.0, -3.0, 1.0, 0.0, 0.0];

    fn close(found: &[f64], expected: &[f64]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0), "{found} {expected}");
        }
    }

    #[test]
    fn rows_one_by_one_at_once_and_merged_have_the_same_moments() {
        let mut single = RunningMoments::new(2);
        ROWS.chunks(2).for_each(|row| single.update(row));
        let mut batch = RunningMoments::new(2);
        batch.update_rows(&ROWS[..4]);
        batch.update_rows(&ROWS[4..]);
        close(batch.mean(), single.mean());
        close(batch.variance(), single.variance());
        assert!((batch.count() - 5.0001).abs() < 1e-12);
        let mut merged = RunningMoments::new(2);
        merged.update_rows(&ROWS[..4]);
        // Without a prior, whose count would come twice.
        let rest = [[4.0, -3.0, 0.0], [7.0, 1.0, 0.0]].map(|column| {
            let mean = column.iter().sum::<f64>() / 3.0;
            (mean, column.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 3.0)
        });
        let (mean, variance) = rest.into_iter().unzip();
        merged.merge(&RunningMoments::from_parts(mean, variance, 3.0).unwrap());
        close(merged.mean(), single.mean());
        close(merged.variance(), single.variance());
    }

    #[test]
    fn the_moments_are_those_of_the_rows_once_the_prior_is_forgotten() {
        let mut moments = RunningMoments::new(1);
        for number in 0..100_000 {
            moments.update(&[1e6 + f64::from(number % 2)]);
        }
        // The prior of 1e-4 rows, 1e6 away, adds (1e6)^2 * 1e-4 / 1e5 to the variance and pulls the mean by 1e-3.
        assert!((moments.mean()[0] - (1e6 + 0.5 - 1e-3)).abs() < 1e-6, "{moments:?}");
        assert!((moments.variance()[0] - (0.25 + 1e3)).abs() < 1e-3, "{moments:?}");
    }

    #[test]
    fn normal_rows_stay_finite_where_32_bits_end() {
        let moments = RunningMoments::from_parts(vec![0.0], vec![0.0], 1.0).unwrap();
        let mut row = [f32::MAX, 1e-4];
        moments.normalize(&mut row, 1e-8);
        assert_eq!(row, [f32::MAX, 1.0]);
    }

    #[test]
    fn statistics_survive_a_file_to_the_bit() {
        let mut moments = RunningMoments::new(2);
        moments.update(&[0.1_f32, 1e30]);
        let text = toml::to_string(&moments).unwrap();
        assert_eq!(toml::from_str::<RunningMoments>(&text).unwrap(), moments);
    }

    #[test]
    fn statistics_that_cannot_be_are_refused_with_their_place() {
        let read = |text: &str| toml::from_str::<RunningMoments>(text).unwrap_err().to_string();
        for (text, message) in [
            ("mean = [0.0]\nvariance = [1.0, 1.0]\ncount = 1.0", "the variance of running statistics has 2 entries"),
            ("mean = [0.0, nan]\nvariance = [1.0, 1.0]\ncount = 1.0", "entry 1 of the running mean is NaN"),
            ("mean = [0.0]\nvariance = [-0.5]\ncount = 1.0", "entry 0 of the running variance is -0.5"),
            ("mean = [0.0]\nvariance = [inf]\ncount = 1.0", "entry 0 of the running variance is inf"),
            ("mean = [0.0]\nvariance = [1.0]\ncount = 0.0", "the count of running statistics is 0"),
            ("mean = [0.0]\nvariance = [1.0]\ncount = 1.0\nstd = 1.0", "unknown field `std`"),
            ("mean = [0.0]\nvariance = [1.0]", "missing field `count`"),
        ] {
            assert!(read(text).contains(message), "{text}: {}", read(text));
        }
    }
}
