//! Task arrivals: who asks for which network, and when.

use std::sync::Arc;

use rand::RngExt;
use rand_distr::{Exp1, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::rng::{Prng, stream};
use crate::trace::{ArrivalTrace, ReadOptions, TraceError, arrivals};
use crate::units::Seconds;

/// How tasks arrive over time; the mean rate is set by the devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ArrivalConfig {
    /// A Poisson process.
    Poisson {},
    /// A Markov-modulated Poisson process of two states, calm and burst, for all devices together. The rates are
    /// scaled so that the long-run mean stays that of the devices.
    Mmpp {
        /// Rate in a burst over the rate in calm, at least 1.
        burst_factor: f64,
        /// Mean length of a calm phase, s.
        mean_calm_s: f64,
        /// Mean length of a burst, s.
        mean_burst_s: f64,
    },
    /// A Poisson process whose rate follows a profile, over and over; an episode starts at any moment of it.
    Diurnal {
        /// Length of the whole profile, s.
        period_s: f64,
        /// Rate in each of its equally long parts, relative to each other; 0 or more, and one above 0.
        profile: Vec<f64>,
    },
    /// Recorded arrival times: one of the recordings, chosen at random, is played over and over from any moment of it,
    /// stretched so that the long-run mean is that of the devices.
    Recorded {
        /// A shipped recording by its name, or the path of a file; see [`arrivals`].
        source: String,
    },
}

/// [`ArrivalConfig`], ready to use.
#[derive(Clone, Debug)]
pub enum ArrivalModel {
    /// See [`ArrivalConfig::Poisson`].
    Poisson,
    /// See [`ArrivalConfig::Mmpp`]: rate in a burst over that in calm, and mean lengths of calm and burst, s.
    Bursts {
        /// Rate in a burst over that in calm.
        factor: f64,
        /// Mean lengths of calm and burst, s.
        mean_s: [f64; 2],
    },
    /// See [`ArrivalConfig::Diurnal`].
    Profile {
        /// Rate in each part, of mean 1.
        factors: Arc<[f64]>,
        /// Length of all parts together, s.
        period_s: f64,
    },
    /// See [`ArrivalConfig::Recorded`].
    Recorded(Arc<[ArrivalTrace]>),
}

impl ArrivalConfig {
    /// The process with its recording read.
    /// `docs/model.md`, equation 3.
    ///
    /// # Errors
    /// [`TraceError`] when a recording cannot be used.
    pub fn load(&self, options: &ReadOptions) -> Result<ArrivalModel, TraceError> {
        Ok(match self {
            Self::Poisson {} => ArrivalModel::Poisson,
            Self::Mmpp { burst_factor, mean_calm_s, mean_burst_s } => {
                ArrivalModel::Bursts { factor: *burst_factor, mean_s: [*mean_calm_s, *mean_burst_s] }
            }
            Self::Diurnal { period_s, profile } => {
                let mean = profile.iter().sum::<f64>() / profile.len() as f64;
                ArrivalModel::Profile {
                    factors: profile.iter().map(|factor| factor / mean).collect(),
                    period_s: *period_s,
                }
            }
            Self::Recorded { source } => ArrivalModel::Recorded(arrivals(source, options)?.into()),
        })
    }
}

/// One arrival with everything random about the task, drawn at once so that every scheme meets the same task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// Arrival time, s.
    pub time: f64,
    /// Which device.
    pub user: usize,
    /// Which entry of the model mix.
    pub model: usize,
    /// Factor on the device time; mean 1.
    pub device_noise: f64,
    /// Factor on the service time; mean 1.
    pub server_noise: f64,
}

/// Points in time at a mean rate: Poisson, modulated by phases, or recorded.
#[derive(Clone, Debug)]
pub struct PointProcess {
    rng: Prng,
    time: f64,
    rate: f64,
    shape: Shape,
}

/// What a point process has beside its mean rate.
#[derive(Clone, Debug)]
enum Shape {
    Poisson,
    Phases(Phases),
    Recorded(Replay),
}

/// Phases of constant rate, one after another.
#[derive(Clone, Debug)]
struct Phases {
    /// Of the rate, in this phase.
    factor: f64,
    /// End of this phase, s.
    until: f64,
    kind: PhaseKind,
}

#[derive(Clone, Debug)]
enum PhaseKind {
    /// Factors and mean lengths (s) of calm and burst.
    Bursts { burst: bool, factor: [f64; 2], mean_s: [f64; 2] },
    /// Factors of phases of equal length (s), over and over.
    Profile { factors: Arc<[f64]>, length_s: f64, index: usize },
}

impl Phases {
    /// Calm and bursts, from the stationary distribution.
    /// `docs/model.md`, equation 2.
    fn bursts(burst_factor: f64, mean_s: [f64; 2], rng: &mut Prng) -> Self {
        let share = mean_s[1] / (mean_s[0] + mean_s[1]);
        let calm = 1.0 / (1.0 - share + share * burst_factor);
        let factor = [calm, calm * burst_factor];
        let burst = rng.random_bool(share);
        let until = exponential(rng, mean_s[usize::from(burst)]);
        Self { factor: factor[usize::from(burst)], until, kind: PhaseKind::Bursts { burst, factor, mean_s } }
    }

    /// A profile, from any moment of it with equal probability.
    fn profile(factors: &Arc<[f64]>, period_s: f64, rng: &mut Prng) -> Self {
        let length_s = period_s / factors.len() as f64;
        let position = rng.random::<f64>() * factors.len() as f64;
        let index = (position as usize).min(factors.len() - 1);
        let until = (index as f64 + 1.0 - position) * length_s;
        let kind = PhaseKind::Profile { factors: Arc::clone(factors), length_s, index };
        Self { factor: factors[index], until, kind }
    }

    fn next(&mut self, rng: &mut Prng) {
        match &mut self.kind {
            PhaseKind::Bursts { burst, factor, mean_s } => {
                *burst = !*burst;
                self.factor = factor[usize::from(*burst)];
                self.until += exponential(rng, mean_s[usize::from(*burst)]);
            }
            PhaseKind::Profile { factors, length_s, index } => {
                *index = (*index + 1) % factors.len();
                self.factor = factors[*index];
                self.until += *length_s;
            }
        }
    }
}

/// A recording that is played over and over, stretched to the wanted rate, from any moment of it.
/// `docs/model.md`, equation 4.
#[derive(Clone, Debug)]
struct Replay {
    recordings: Arc<[ArrivalTrace]>,
    chosen: usize,
    /// Seconds of simulation per second of recording.
    stretch: f64,
    /// The next arrival, counted through all passes.
    number: usize,
    /// The moment of the recording at which the simulation starts, s.
    offset: f64,
}

impl Replay {
    fn new(recordings: &Arc<[ArrivalTrace]>, rate: f64, rng: &mut Prng) -> Self {
        let chosen = rng.random_range(0..recordings.len());
        let recording = &recordings[chosen];
        let offset = rng.random::<f64>() * recording.duration().0;
        Self {
            recordings: Arc::clone(recordings),
            chosen,
            stretch: recording.mean_rate() / rate,
            number: recording.first_from(Seconds(offset)),
            offset,
        }
    }

    fn next(&mut self) -> f64 {
        self.number += 1;
        (self.recordings[self.chosen].time(self.number - 1).0 - self.offset) * self.stretch
    }
}

impl PointProcess {
    /// A process of `rate` points per second in the long run, from time 0, in its stationary state.
    pub fn new(model: &ArrivalModel, rate: f64, mut rng: Prng) -> Self {
        let shape = match model {
            ArrivalModel::Poisson => Shape::Poisson,
            ArrivalModel::Bursts { factor, mean_s } => Shape::Phases(Phases::bursts(*factor, *mean_s, &mut rng)),
            ArrivalModel::Profile { factors, period_s } => Shape::Phases(Phases::profile(factors, *period_s, &mut rng)),
            ArrivalModel::Recorded(recordings) => Shape::Recorded(Replay::new(recordings, rate, &mut rng)),
        };
        Self { rng, time: 0.0, rate, shape }
    }

    /// The next point, s; infinity when the rate is 0. Draws spend one unit exponential at the rate of each phase in
    /// turn (the time change of a Poisson process).
    /// `docs/model.md`, equation 1.
    pub fn draw(&mut self) -> f64 {
        if self.rate <= 0.0 {
            return f64::INFINITY;
        }
        if let Shape::Recorded(replay) = &mut self.shape {
            return replay.next();
        }
        let mut work: f64 = self.rng.sample(Exp1);
        if let Shape::Phases(phases) = &mut self.shape {
            loop {
                let rate = self.rate * phases.factor;
                let left = (phases.until - self.time) * rate;
                if work <= left && rate > 0.0 {
                    self.time += work / rate;
                    return self.time;
                }
                work -= left;
                self.time = phases.until;
                phases.next(&mut self.rng);
            }
        }
        self.time += work / self.rate;
        self.time
    }
}

/// A stream of arrivals in time order.
#[derive(Clone, Debug)]
pub struct Arrivals {
    model: ArrivalModel,
    rate: f64,
    rng: Prng,
    times: PointProcess,
    users: Weighted,
    models: Weighted,
    noise: LogNormalNoise,
}

impl Arrivals {
    /// Arrivals for devices with these rates (tasks per second) and a mix with these weights; `noise_cv` is the
    /// coefficient of variation of device and service times.
    pub fn new(model: &ArrivalModel, user_rates: &[f64], model_weights: &[f64], noise_cv: f64, seed: u64) -> Self {
        let rate = user_rates.iter().sum();
        Self {
            model: model.clone(),
            rate,
            rng: stream(seed, "tasks"),
            times: PointProcess::new(model, rate, stream(seed, "arrivals")),
            users: Weighted::new(user_rates),
            models: Weighted::new(model_weights),
            noise: LogNormalNoise::new(noise_cv),
        }
    }

    /// Starts over as after [`new`](Self::new) with this seed, without allocating.
    pub fn reset(&mut self, seed: u64) {
        self.rng = stream(seed, "tasks");
        self.times = PointProcess::new(&self.model, self.rate, stream(seed, "arrivals"));
    }

    /// Draws the next arrival.
    pub fn draw(&mut self) -> Arrival {
        let time = self.times.draw();
        let user = self.users.draw(self.rng.random());
        let model = self.models.draw(self.rng.random());
        let device_noise = self.noise.draw(&mut self.rng);
        let server_noise = self.noise.draw(&mut self.rng);
        Arrival { time, user, model, device_noise, server_noise }
    }
}

/// An exponential draw with this mean.
pub(super) fn exponential(rng: &mut Prng, mean: f64) -> f64 {
    mean * rng.sample::<f64, _>(Exp1)
}

/// A log-normal factor of mean 1.
/// `docs/model.md`, equation 6.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogNormalNoise {
    sigma: f64,
}

impl LogNormalNoise {
    /// With coefficient of variation `cv`: sigma^2 = ln(1 + cv^2), mu = -sigma^2 / 2.
    pub(super) fn new(cv: f64) -> Self {
        Self { sigma: (1.0 + cv * cv).ln().sqrt() }
    }

    pub(super) fn draw(&self, rng: &mut Prng) -> f64 {
        let normal: f64 = rng.sample(StandardNormal);
        (self.sigma * normal - 0.5 * self.sigma * self.sigma).exp()
    }
}

/// Indices drawn in proportion to weights.
/// `docs/model.md`, equation 5.
#[derive(Clone, Debug)]
struct Weighted {
    cumulative: Vec<f64>,
}

impl Weighted {
    fn new(weights: &[f64]) -> Self {
        let sum: f64 = weights.iter().sum();
        let mut total = 0.0;
        let cumulative = weights.iter().map(|weight| {
            total += weight / sum;
            total
        });
        Self { cumulative: cumulative.collect() }
    }

    fn draw(&self, uniform: f64) -> usize {
        self.cumulative.partition_point(|&bound| bound <= uniform).min(self.cumulative.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_rate(config: &ArrivalConfig) -> f64 {
        let model = config.load(&ReadOptions::default()).unwrap();
        let mut arrivals = Arrivals::new(&model, &[1.0, 3.0], &[1.0], 0.2, 1);
        let n = 200_000;
        let last = (0..n).map(|_| arrivals.draw()).last().unwrap();
        f64::from(n) / last.time
    }

    #[test]
    fn poisson_and_bursts_have_the_mean_rate_of_the_devices() {
        assert!((mean_rate(&ArrivalConfig::Poisson {}) - 4.0).abs() < 0.05);
        let bursts = ArrivalConfig::Mmpp { burst_factor: 5.0, mean_calm_s: 4.0, mean_burst_s: 1.0 };
        assert!((mean_rate(&bursts) - 4.0).abs() < 0.1);
        let day = ArrivalConfig::Diurnal { period_s: 24.0, profile: vec![0.0, 1.0, 3.0] };
        assert!((mean_rate(&day) - 4.0).abs() < 0.05);
        let recorded = ArrivalConfig::Recorded { source: "azure-llm-code-2023".to_owned() };
        assert!((mean_rate(&recorded) - 4.0).abs() < 0.1);
    }

    #[test]
    fn a_profile_shares_arrivals_out_over_its_parts() {
        let day = ArrivalConfig::Diurnal { period_s: 30.0, profile: vec![0.0, 1.0, 3.0] };
        let mut process = PointProcess::new(&day.load(&ReadOptions::default()).unwrap(), 10.0, stream(5, "day"));
        let Shape::Phases(first) = &process.shape else { panic!("a profile has phases") };
        let PhaseKind::Profile { index, .. } = first.kind else { panic!("a profile has parts") };
        // The moment of the profile at which time 0 lies, s.
        let start = (index + 1) as f64 * 10.0 - first.until;
        let mut counts = [0_u32; 3];
        for _ in 0..100_000 {
            counts[(((process.draw() + start) / 10.0) as usize) % 3] += 1;
        }
        let share = f64::from(counts[2]) / 1e5;
        assert!(counts[0] == 0 && (share - 0.75).abs() < 0.01, "{counts:?}");
    }

    #[test]
    fn users_and_noise_follow_their_distributions() {
        let mut arrivals = Arrivals::new(&ArrivalModel::Poisson, &[1.0, 3.0], &[1.0, 1.0], 0.3, 2);
        let draws: Vec<Arrival> = (0..100_000).map(|_| arrivals.draw()).collect();
        let share = draws.iter().filter(|draw| draw.user == 1).count() as f64 / 1e5;
        assert!((share - 0.75).abs() < 0.01);
        let mean = draws.iter().map(|draw| draw.server_noise).sum::<f64>() / 1e5;
        let variance = draws.iter().map(|draw| (draw.server_noise - mean).powi(2)).sum::<f64>() / 1e5;
        assert!((mean - 1.0).abs() < 0.01 && (variance.sqrt() - 0.3).abs() < 0.01, "{mean} {variance}");
    }

    /// Mean of 30 values with the half width of its interval at 99.9 % (Student's t, 29 degrees of freedom: 3.659).
    fn interval(values: impl Iterator<Item = f64>) -> (f64, f64) {
        let values: Vec<f64> = values.collect();
        assert_eq!(values.len(), 30);
        let mean = values.iter().sum::<f64>() / 30.0;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 29.0;
        (mean, 3.659 * (variance / 30.0).sqrt())
    }

    fn holds((mean, half_width): (f64, f64), theory: f64, precision: f64) {
        assert!((mean - theory).abs() <= half_width, "{mean} +- {half_width} is not {theory}");
        assert!(half_width <= precision * theory, "{mean} +- {half_width} says little about {theory}");
    }

    /// A process of 4 points per second: 4 / 1.8 in calm, which is four fifths of the time, and 5 times that in bursts.
    fn bursts(rng: Prng) -> PointProcess {
        PointProcess::new(&ArrivalModel::Bursts { factor: 5.0, mean_s: [4.0, 1.0] }, 4.0, rng)
    }

    /// Points up to `until`, and those of them in a burst.
    fn count(process: &mut PointProcess, until: f64) -> (f64, f64) {
        let (mut points, mut in_burst) = (0.0, 0.0);
        while process.draw() <= until {
            points += 1.0;
            let Shape::Phases(Phases { kind: PhaseKind::Bursts { burst, .. }, .. }) = process.shape else {
                panic!("a process of bursts")
            };
            in_burst += f64::from(u8::from(burst));
        }
        (points, in_burst)
    }

    /// A fifth of the time is burst: 5/9 of the points, at 4 / 1.8 * 5 points per second.
    #[test]
    fn an_mmpp_has_its_mean_rate_and_its_share_of_bursts() {
        let counts: Vec<(f64, f64)> =
            (0..30).map(|seed| count(&mut bursts(stream(seed, "points")), 20_000.0)).collect();
        holds(interval(counts.iter().map(|(points, _)| points / 20_000.0)), 4.0, 0.02);
        holds(interval(counts.iter().map(|(points, in_burst)| in_burst / points)), 5.0 / 9.0, 0.02);
        let burst_rate = 4.0 / 1.8 * 5.0;
        holds(interval(counts.iter().map(|(_, in_burst)| in_burst / burst_rate / 20_000.0)), 0.2, 0.02);
    }

    /// Variance over mean of the points in t seconds (Heffes and Lucantoni 1986, equation 5): with rates l1 and l2,
    /// stationary probabilities p1 and p2, mean rate l and r = the sum of the rates at which the phases end,
    /// 1 + 2 p1 p2 (l1 - l2)^2 / (l r) (1 - (1 - exp(-r t)) / (r t)).
    #[test]
    fn counts_of_an_mmpp_are_dispersed_as_its_closed_form_says() {
        let (calm, burst, r) = (4.0 / 1.8, 4.0 / 1.8 * 5.0, 1.0 / 4.0 + 1.0);
        for (t, windows) in [(0.2, 40_000), (2.0, 20_000), (20.0, 10_000)] {
            let dispersion = |group: u64| {
                let mut seeds = stream(group, "windows");
                let counts: Vec<f64> =
                    (0..windows).map(|_| count(&mut bursts(stream(seeds.random(), "points")), t).0).collect();
                let mean = counts.iter().sum::<f64>() / f64::from(windows);
                let squares: f64 = counts.iter().map(|count| (count - mean).powi(2)).sum();
                squares / f64::from(windows - 1) / mean
            };
            let growth = 1.0 - (1.0 - f64::exp(-r * t)) / (r * t);
            let theory = 1.0 + 2.0 * 0.8 * 0.2 * f64::powi(calm - burst, 2) / (4.0 * r) * growth;
            holds(interval((0..30).map(dispersion)), theory, 0.02);
        }
    }
}
