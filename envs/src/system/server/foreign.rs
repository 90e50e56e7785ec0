//! [`ForeignConfig`]: jobs of other tenants, which arrive whatever is decided.

use std::collections::VecDeque;
use std::sync::Arc;

use rand::RngExt;
use rand_distr::Exp1;
use serde::{Deserialize, Serialize};

use super::Job;
use crate::rng::{Prng, stream};
use crate::system::arrival::{ArrivalConfig, PointProcess};

/// Load from other tenants of a server, which no scheme is told about.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignConfig {
    /// Share of the server's capacity that foreign jobs take in the long run, in [0, 1).
    pub utilisation: f64,
    /// Mean service time of a foreign job, s (exponential).
    pub mean_service_s: f64,
    /// How they arrive.
    pub arrivals: ArrivalConfig,
}

const NONE: ForeignConfig = ForeignConfig { utilisation: 0.0, mean_service_s: 1.0, arrivals: ArrivalConfig::Poisson };

/// The stream of foreign jobs of one server. Draws come in the order of arrivals, however far it is looked ahead.
#[derive(Clone, Debug)]
pub(super) struct Foreign {
    config: ForeignConfig,
    rate: f64,
    names: Arc<[String; 2]>,
    times: PointProcess,
    services: Prng,
    /// Arrival of the first job that is not drawn, s.
    next: f64,
    ahead: VecDeque<Job>,
}

impl Foreign {
    pub(super) fn new(config: Option<&ForeignConfig>, executors: usize, seed: u64, name: &str) -> Self {
        let config = *config.filter(|config| config.utilisation > 0.0).unwrap_or(&NONE);
        let rate = config.utilisation * executors as f64 / config.mean_service_s;
        let names = Arc::new([format!("{name}/foreign-arrivals"), format!("{name}/foreign-services")]);
        let times = PointProcess::new(&config.arrivals, rate, stream(seed, &names[0]));
        let services = stream(seed, &names[1]);
        let mut foreign = Self { config, rate, names, times, services, next: 0.0, ahead: VecDeque::new() };
        foreign.next = foreign.times.next();
        foreign
    }

    /// Starts the stream of another seed, without allocating.
    pub(super) fn reset(&mut self, seed: u64) {
        self.times = PointProcess::new(&self.config.arrivals, self.rate, stream(seed, &self.names[0]));
        self.services = stream(seed, &self.names[1]);
        self.next = self.times.next();
        self.ahead.clear();
    }

    /// Arrival of the job that comes after `skipped` others, of which at most one is not drawn yet, s; infinite when
    /// there are none.
    pub(super) fn arrival(&self, skipped: usize) -> f64 {
        self.ahead.get(skipped).map_or(self.next, |job| job.arrival)
    }

    /// The job that comes after `skipped` others, all drawn, without taking it.
    pub(super) fn peek(&mut self, skipped: usize) -> Job {
        if skipped == self.ahead.len() {
            let job = self.draw();
            self.ahead.push_back(job);
        }
        self.ahead[skipped]
    }

    /// Takes the next job, if it arrives by `until`.
    pub(super) fn next_until(&mut self, until: f64) -> Option<Job> {
        if self.arrival(0) > until {
            return None;
        }
        Some(self.ahead.pop_front().unwrap_or_else(|| self.draw()))
    }

    fn draw(&mut self) -> Job {
        let service = self.config.mean_service_s * self.services.sample::<f64, _>(Exp1);
        let job = Job { task: None, model: None, arrival: self.next, service, expected: service };
        self.next = self.times.next();
        job
    }
}
