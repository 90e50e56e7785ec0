//! Task arrivals: who asks for which network, and when.

use rand::RngExt;
use rand_distr::{Exp1, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::rng::{Prng, stream};

/// How tasks arrive over time; the mean rate is set by the devices.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ArrivalConfig {
    /// A Poisson process.
    Poisson,
    /// A Markov-modulated Poisson process of two states, calm and burst, for all devices together. The rates are
    /// scaled so that the long-run mean stays that of the devices.
    Mmpp {
        /// Rate in a burst over the rate in calm, above 1.
        burst_factor: f64,
        /// Mean length of a calm phase, s.
        mean_calm_s: f64,
        /// Mean length of a burst, s.
        mean_burst_s: f64,
    },
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

/// Points in time at a mean rate: Poisson, or modulated by calm and bursts.
#[derive(Clone, Debug)]
pub(super) struct PointProcess {
    rng: Prng,
    time: f64,
    rate: f64,
    phase: Option<Phase>,
}

/// The phase of an MMPP.
#[derive(Clone, Copy, Debug)]
struct Phase {
    burst: bool,
    until: f64,
    /// Rate factor and mean length in calm and in burst.
    factor: [f64; 2],
    mean_s: [f64; 2],
}

impl PointProcess {
    /// A process of `rate` points per second in the long run, from time 0; an MMPP starts in its stationary phase.
    pub(super) fn new(config: &ArrivalConfig, rate: f64, mut rng: Prng) -> Self {
        let phase = match *config {
            ArrivalConfig::Poisson => None,
            ArrivalConfig::Mmpp { burst_factor, mean_calm_s, mean_burst_s } => {
                let share = mean_burst_s / (mean_calm_s + mean_burst_s);
                let calm = 1.0 / (1.0 - share + share * burst_factor);
                let burst = rng.random_bool(share);
                let mean_s = [mean_calm_s, mean_burst_s];
                let until = exponential(&mut rng, mean_s[usize::from(burst)]);
                Some(Phase { burst, until, factor: [calm, calm * burst_factor], mean_s })
            }
        };
        Self { rng, time: 0.0, rate, phase }
    }

    /// The next point: spends one unit exponential at the rate of each phase in turn (the time change of a Poisson
    /// process); infinity when the rate is 0.
    pub(super) fn next(&mut self) -> f64 {
        let mut work: f64 = self.rng.sample(Exp1);
        if self.rate <= 0.0 {
            return f64::INFINITY;
        }
        while let Some(phase) = &mut self.phase {
            let rate = self.rate * phase.factor[usize::from(phase.burst)];
            let left = (phase.until - self.time) * rate;
            if work <= left {
                self.time += work / rate;
                return self.time;
            }
            work -= left;
            self.time = phase.until;
            phase.burst = !phase.burst;
            phase.until = self.time + exponential(&mut self.rng, phase.mean_s[usize::from(phase.burst)]);
        }
        self.time += work / self.rate;
        self.time
    }
}

/// A stream of arrivals in time order.
#[derive(Clone, Debug)]
pub struct Arrivals {
    rng: Prng,
    times: PointProcess,
    users: Weighted,
    models: Weighted,
    noise: LogNormalNoise,
}

impl Arrivals {
    /// Arrivals for devices with these rates (tasks per second) and a mix with these weights; `noise_cv` is the
    /// coefficient of variation of device and service times.
    pub fn new(config: &ArrivalConfig, user_rates: &[f64], model_weights: &[f64], noise_cv: f64, seed: u64) -> Self {
        Self {
            rng: stream(seed, "tasks"),
            times: PointProcess::new(config, user_rates.iter().sum(), stream(seed, "arrivals")),
            users: Weighted::new(user_rates),
            models: Weighted::new(model_weights),
            noise: LogNormalNoise::new(noise_cv),
        }
    }

    /// Draws the next arrival.
    pub fn draw(&mut self) -> Arrival {
        let time = self.times.next();
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

    fn mean_rate(config: ArrivalConfig) -> f64 {
        let mut arrivals = Arrivals::new(&config, &[1.0, 3.0], &[1.0], 0.2, 1);
        let n = 200_000;
        let last = (0..n).map(|_| arrivals.draw()).last().unwrap();
        f64::from(n) / last.time
    }

    #[test]
    fn poisson_and_bursts_have_the_mean_rate_of_the_devices() {
        assert!((mean_rate(ArrivalConfig::Poisson) - 4.0).abs() < 0.05);
        let bursts = ArrivalConfig::Mmpp { burst_factor: 5.0, mean_calm_s: 4.0, mean_burst_s: 1.0 };
        assert!((mean_rate(bursts) - 4.0).abs() < 0.1);
    }

    #[test]
    fn users_and_noise_follow_their_distributions() {
        let mut arrivals = Arrivals::new(&ArrivalConfig::Poisson, &[1.0, 3.0], &[1.0, 1.0], 0.3, 2);
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
        PointProcess::new(&ArrivalConfig::Mmpp { burst_factor: 5.0, mean_calm_s: 4.0, mean_burst_s: 1.0 }, 4.0, rng)
    }

    /// Points up to `until`, and those of them in a burst.
    fn count(process: &mut PointProcess, until: f64) -> (f64, f64) {
        let (mut points, mut in_burst) = (0.0, 0.0);
        while process.next() <= until {
            points += 1.0;
            in_burst += f64::from(u8::from(process.phase.is_some_and(|phase| phase.burst)));
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
