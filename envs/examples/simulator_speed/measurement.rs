//! [`Measurement`]: work done and the time that it took.

use std::error::Error;
use std::time::Instant;

use mec_envs::offload::Offload;

/// Work done and the time that it took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measurement {
    /// Rounds, such as episodes.
    pub rounds: usize,
    /// Steps, decisions or tasks.
    pub work: usize,
    /// Time of it all, s.
    pub seconds: f64,
    /// Time for starting episodes in it, s.
    pub reset_seconds: f64,
    /// Mean latency of the tasks of the last round, s; 0 where there are none.
    pub latency_mean_s: f64,
}

/// What one round did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Round {
    /// Steps, decisions or tasks.
    pub work: usize,
    /// Time for starting its episodes, s; 0 where that is not asked for.
    pub reset_seconds: f64,
}

impl Measurement {
    /// Repeats `round` until `seconds` have passed and `rounds` are done. One round before is warm-up.
    pub fn take(
        seconds: f64,
        rounds: usize,
        mut round: impl FnMut() -> Result<Round, Box<dyn Error>>,
    ) -> Result<Self, Box<dyn Error>> {
        round()?;
        let (mut measurement, started) = (Self::default(), Instant::now());
        while measurement.seconds < seconds || measurement.rounds < rounds {
            let done = round()?;
            measurement.rounds += 1;
            measurement.work += done.work;
            measurement.reset_seconds += done.reset_seconds;
            measurement.seconds = started.elapsed().as_secs_f64();
        }
        Ok(measurement)
    }

    /// With the mean latency of the running episode.
    pub fn of(self, offload: &Offload) -> Self {
        Self { latency_mean_s: offload.metrics().latency_mean_s, ..self }
    }

    /// As one line of JSON.
    pub fn json(&self) -> String {
        let Self { rounds, work, seconds, reset_seconds, latency_mean_s } = self;
        format!(
            "{{\"rounds\": {rounds}, \"work\": {work}, \"seconds\": {seconds}, \"reset_seconds\": {reset_seconds}, \
             \"latency_mean_s\": {latency_mean_s}}}"
        )
    }
}
