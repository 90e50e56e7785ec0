//! [`VectorError`].

use thiserror::Error;

use crate::gym::EnvError;

/// A misuse of a vector environment, or of one environment in it.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum VectorError {
    /// There is nothing to step.
    #[error("a vector environment needs at least one environment, found none")]
    NoEnvironment,
    /// The observation is empty, and a buffer of empty rows has no rows.
    #[error("the observations of a vector environment need at least one number, found none")]
    NoObservation,
    /// An environment differs from the first.
    #[error(
        "environment {index} has another {what} than environment 0: {found}; all environments of a vector need the same"
    )]
    DifferentSpace {
        /// Which environment.
        index: usize,
        /// Which space.
        what: &'static str,
        /// Its space.
        found: String,
    },
    /// `min_work_s` cannot be a time.
    #[error("min_work_s is {found}; accepted is a number of 0 or more")]
    InvalidMinWork {
        /// Its value.
        found: f64,
    },
    /// One value for each environment was needed.
    #[error("found {found} {what} for {expected} environments; accepted is one for each")]
    WrongLength {
        /// What was counted.
        what: &'static str,
        /// How many were given.
        found: usize,
        /// How many environments there are.
        expected: usize,
    },
    /// An environment refused its action.
    #[error("environment {index}: {source}")]
    Env {
        /// Which environment, the first one if there are several.
        index: usize,
        /// Its error.
        source: EnvError,
    },
}
