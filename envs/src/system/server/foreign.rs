//! [`ForeignConfig`]: jobs of other tenants, which arrive whatever is decided.

use std::collections::VecDeque;
use std::sync::Arc;

use rand::RngExt;
use rand_distr::Exp1;
use serde::{Deserialize, Serialize};

use super::Job;
use crate::rng::{Prng, stream};
use crate::system::arrival::{ArrivalConfig, ArrivalModel, PointProcess};
use crate::trace::{ReadOptions, TraceError};

/// Load from other tenants of a server, which no scheme is told about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignConfig {
    /// Share of the server's capacity that foreign jobs take in the long run, in [0, 1).
    pub utilisation: f64,
    /// Mean service time of a foreign job, s (exponential).
    pub mean_service_s: f64,
    /// How they arrive.
    pub arrivals: ArrivalConfig,
}

impl ForeignConfig {
    /// The load with its recording read.
    ///
    /// # Errors
    /// [`TraceError`] when the recording cannot be used.
    pub fn load(&self, options: &ReadOptions) -> Result<ForeignModel, TraceError> {
        let arrivals = self.arrivals.load(options)?;
        Ok(ForeignModel { utilisation: self.utilisation, mean_service_s: self.mean_service_s, arrivals })
    }
}

/// [`ForeignConfig`], ready to use.
#[derive(Clone, Debug)]
pub struct ForeignModel {
    /// See [`ForeignConfig::utilisation`].
    pub utilisation: f64,
    /// See [`ForeignConfig::mean_service_s`].
    pub mean_service_s: f64,
    /// See [`ForeignConfig::arrivals`].
    pub arrivals: ArrivalModel,
}

impl ForeignModel {
    /// No other tenants.
    const NONE: Self = Self { utilisation: 0.0, mean_service_s: 1.0, arrivals: ArrivalModel::Poisson };
}

/// The stream of foreign jobs of one server. Draws come in the order of arrivals, however far it is looked ahead.
#[derive(Clone, Debug)]
pub(super) struct Foreign {
    model: ForeignModel,
    rate: f64,
    names: Arc<[String; 2]>,
    times: PointProcess,
    services: Prng,
    /// Arrival of the first job that is not drawn, s.
    next: f64,
    ahead: VecDeque<Job>,
}

impl Foreign {
    /// The jobs that take the wanted share of all executors.
    /// `docs/model.md`, equation 30.
    pub(super) fn new(model: Option<&ForeignModel>, executors: usize, seed: u64, name: &str) -> Self {
        let model = model.filter(|model| model.utilisation > 0.0).cloned().unwrap_or(ForeignModel::NONE);
        let rate = model.utilisation * executors as f64 / model.mean_service_s;
        let names = Arc::new([format!("{name}/foreign-arrivals"), format!("{name}/foreign-services")]);
        let times = PointProcess::new(&model.arrivals, rate, stream(seed, &names[0]));
        let services = stream(seed, &names[1]);
        let mut foreign = Self { model, rate, names, times, services, next: 0.0, ahead: VecDeque::new() };
        foreign.next = foreign.times.draw();
        foreign
    }

    /// Starts the stream of another seed, without allocating.
    pub(super) fn reset(&mut self, seed: u64) {
        self.times = PointProcess::new(&self.model.arrivals, self.rate, stream(seed, &self.names[0]));
        self.services = stream(seed, &self.names[1]);
        self.next = self.times.draw();
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
        let service = self.model.mean_service_s * self.services.sample::<f64, _>(Exp1);
        let job = Job { task: None, model: None, arrival: self.next, service, expected: service };
        self.next = self.times.draw();
        job
    }
}
