//! [`EpisodeReport`].

use std::time::Instant;

use mec_envs::gym::Metric;

/// A finished episode.
#[derive(Clone, Debug, PartialEq)]
pub struct EpisodeReport {
    /// Which environment stream.
    pub env: usize,
    /// Which episode of that stream, from 0.
    pub episode: u64,
    /// Sum of the rewards, undiscounted.
    pub episode_return: f64,
    /// Number of steps.
    pub length: u64,
    /// When its last step was taken.
    pub ended: Instant,
    /// Ended by termination (else by truncation).
    pub terminated: bool,
    /// The environment's own figures of the episode.
    pub metrics: Vec<Metric>,
}
