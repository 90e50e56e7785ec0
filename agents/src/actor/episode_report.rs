//! [`EpisodeReport`].

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A finished episode. Its stored form keeps every float to the bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpisodeReport {
    /// Which environment stream.
    pub env: usize,
    /// Which episode of that stream, from 0.
    pub episode: u64,
    /// Sum of the rewards, undiscounted.
    #[serde(with = "bits")]
    pub episode_return: f64,
    /// Number of steps.
    pub length: u64,
    /// When its last step was taken: seconds since its stream was made, or resumed, in the process that steps it. Never
    /// falls from one episode of a stream to the next.
    #[serde(with = "bits")]
    pub ended_s: f64,
    /// Ended by termination (else by truncation).
    pub terminated: bool,
    /// The environment's own figures of the episode, by name.
    #[serde(with = "figures")]
    pub metrics: Vec<(Cow<'static, str>, f64)>,
}

/// A float as its bits, because JSON has no NaN.
mod bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        value.to_bits().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        u64::deserialize(deserializer).map(f64::from_bits)
    }
}

/// Figures, their values as bits.
mod figures {
    use std::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        figures: &[(Cow<'static, str>, f64)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(figures.iter().map(|(name, value)| (name, value.to_bits())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(Cow<'static, str>, f64)>, D::Error> {
        let stored = Vec::<(String, u64)>::deserialize(deserializer)?;
        Ok(stored.into_iter().map(|(name, bits)| (name.into(), f64::from_bits(bits))).collect())
    }
}
