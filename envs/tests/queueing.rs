//! Servers against queueing theory: mean waits and sojourns, Little's law, what arrivals see, and utilisation.
//!
//! Every mean is that of independent replications, each without its first and last twentieth, with an interval of
//! Student's t at 99.9 %: it must hold the theory's value and be narrow, so that a wrong model would be found. Service
//! times have mean 1 s.

use mec_envs::rng::rand::RngExt;
use mec_envs::rng::rand_distr::Exp1;
use mec_envs::rng::{Prng, stream};
use mec_envs::system::arrival::{ArrivalModel, Arrivals};
use mec_envs::system::server::{Discipline, ForeignModel, Job, Population, Scheduled, Server, ServerParameters};

/// Replications of every mean.
const REPLICATIONS: usize = 30;

/// The 0.9995 quantile of Student's t with 29 degrees of freedom.
const STUDENT: f64 = 3.659;

/// A mean over replications, with half the width of its interval.
#[derive(Clone, Copy, Debug)]
struct Estimate {
    mean: f64,
    half_width: f64,
}

impl Estimate {
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Self { mean, half_width: STUDENT * (variance / n).sqrt() }
    }

    /// The theory's value lies in the interval, whose half width is at most `precision` of it.
    #[track_caller]
    fn check(&self, theory: f64, precision: f64) {
        println!("{:.5} +- {:.2} % against {theory:.5}", self.mean, 100.0 * self.half_width / theory);
        assert!((self.mean - theory).abs() <= self.half_width, "{self:?} is not {theory}");
        assert!(self.half_width <= precision * theory, "{self:?} says little about {theory}");
    }
}

/// Service times of mean 1 s.
#[derive(Clone, Copy, Debug)]
enum Service {
    Deterministic,
    Exponential,
    /// With this coefficient of variation.
    LogNormal(f64),
    /// 0.5 s or 3 s.
    TwoPoint,
}

impl Service {
    /// The shorter of two points comes in this share of jobs.
    const SHORT: f64 = 0.8;

    fn second_moment(self) -> f64 {
        match self {
            Self::Deterministic => 1.0,
            Self::Exponential => 2.0,
            Self::LogNormal(cv) => 1.0 + cv * cv,
            Self::TwoPoint => Self::SHORT * 0.25 + (1.0 - Self::SHORT) * 9.0,
        }
    }
}

/// A Poisson stream of jobs.
struct Source {
    service: Service,
    /// Arrival times, and log-normal services.
    arrivals: Arrivals,
    rng: Prng,
}

impl Source {
    fn new(rate: f64, service: Service, seed: u64) -> Self {
        let cv = if let Service::LogNormal(cv) = service { cv } else { 0.0 };
        let arrivals = Arrivals::new(&ArrivalModel::Poisson, &[rate], &[1.0], cv, seed);
        Self { service, arrivals, rng: stream(seed, "services") }
    }

    fn draw(&mut self, task: usize) -> Job {
        let arrival = self.arrivals.draw();
        let service = match self.service {
            Service::Deterministic => 1.0,
            Service::Exponential => self.rng.sample(Exp1),
            Service::LogNormal(_) => arrival.server_noise,
            Service::TwoPoint => {
                if self.rng.random_bool(Service::SHORT) {
                    0.5
                } else {
                    3.0
                }
            }
        };
        Job { task: Some(task), model: None, arrival: arrival.time, service, expected: service }
    }
}

/// A job with its place in the end.
#[derive(Clone, Copy, Debug)]
struct Visit {
    job: Job,
    start: f64,
    end: f64,
}

impl Visit {
    fn sojourn(&self) -> f64 {
        self.end - self.job.arrival
    }

    fn wait(&self) -> f64 {
        self.start - self.job.arrival
    }
}

/// A queue with Poisson arrivals.
#[derive(Clone, Copy, Debug)]
struct Queue {
    discipline: Discipline,
    executors: usize,
    load: f64,
    service: Service,
}

impl Queue {
    fn fifo(executors: usize, load: f64, service: Service) -> Self {
        Self { discipline: Discipline::Fifo, executors, load, service }
    }

    fn sharing(load: f64, service: Service) -> Self {
        Self { discipline: Discipline::ProcessorSharing, executors: 1, load, service }
    }

    /// Arrivals per second.
    fn rate(&self) -> f64 {
        self.load * self.executors as f64
    }

    fn server(&self) -> Server {
        let Self { discipline, executors, .. } = *self;
        Server::new(&ServerParameters { executors, discipline, ..ServerParameters::default() }, None, 0, "server")
    }

    /// `jobs` jobs from an idle server on; `seen` gets the population before each arrival.
    fn run(&self, jobs: usize, seed: u64, mut seen: impl FnMut(f64, Population)) -> Vec<Visit> {
        let (mut server, mut source) = (self.server(), Source::new(self.rate(), self.service, seed));
        let (mut visits, mut changed) = (Vec::with_capacity(jobs), Vec::new());
        for task in 0..jobs {
            let job = source.draw(task);
            server.advance(job.arrival);
            seen(job.arrival, server.population());
            visits.push(Visit { job, start: f64::NAN, end: f64::NAN });
            server.insert(job, &mut changed);
            for Scheduled { task, start, end, .. } in changed.drain(..) {
                (visits[task].start, visits[task].end) = (start, end);
            }
        }
        visits
    }

    /// A statistic of the visits of so many jobs in every replication.
    fn replicate(&self, jobs: usize, statistic: impl Fn(&[Visit]) -> f64) -> Estimate {
        let middle = |seed| statistic(&self.run(jobs, seed, |_, _| {})[jobs / 20..jobs - jobs / 20]);
        Estimate::of(&(0..REPLICATIONS as u64).map(middle).collect::<Vec<_>>())
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

fn mean_wait(visits: &[Visit]) -> f64 {
    mean(visits.iter().map(Visit::wait))
}

fn mean_sojourn(visits: &[Visit]) -> f64 {
    mean(visits.iter().map(Visit::sojourn))
}

/// Probability that a job waits in M/M/c (Erlang 1917): Erlang B by its recursion, then C = B / (1 - rho (1 - B)).
fn erlang_c(executors: usize, load: f64) -> f64 {
    let offered = load * executors as f64;
    let blocked = (1..=executors).fold(1.0, |blocked, n| offered * blocked / (n as f64 + offered * blocked));
    blocked / (1.0 - load * (1.0 - blocked))
}

/// Mean wait in M/G/1 (Pollaczek 1930, Khinchine 1932): lambda E[S^2] / (2 (1 - rho)).
fn pollaczek_khinchine(load: f64, service: Service) -> f64 {
    load * service.second_moment() / (2.0 * (1.0 - load))
}

#[test]
fn erlang_c_has_its_values_worked_by_hand() {
    assert!((erlang_c(1, 0.7) - 0.7).abs() < 1e-15);
    // a = 1 on two: B = (1/2) / (1 + 1 + 1/2) = 1/5, C = (1/5) / (1 - 1/2 * 4/5) = 1/3.
    assert!((erlang_c(2, 0.5) - 1.0 / 3.0).abs() < 1e-15);
}

/// Jobs per replication at loads 0.3, 0.7 and 0.9: the variance of a mean wait grows with (1 - rho)^-2 and more.
const LOADS: [(f64, usize); 3] = [(0.3, 20_000), (0.7, 50_000), (0.9, 200_000)];

#[test]
fn m_m_1_stays_as_long_as_theory_says() {
    for (load, jobs) in LOADS {
        let queue = Queue::fifo(1, load, Service::Exponential);
        queue.replicate(jobs, mean_sojourn).check(1.0 / (1.0 - load), 0.03);
    }
}

#[test]
fn m_d_1_waits_as_pollaczek_and_khinchine_say() {
    for (load, jobs) in LOADS {
        let queue = Queue::fifo(1, load, Service::Deterministic);
        queue.replicate(jobs, mean_wait).check(pollaczek_khinchine(load, queue.service), 0.03);
    }
}

#[test]
fn m_g_1_with_log_normal_services_waits_as_pollaczek_and_khinchine_say() {
    for (load, jobs) in LOADS {
        let queue = Queue::fifo(1, load, Service::LogNormal(1.0));
        queue.replicate(jobs + jobs / 2, mean_wait).check(pollaczek_khinchine(load, queue.service), 0.03);
    }
}

#[test]
fn m_m_c_waits_as_erlang_says() {
    // On five executors few jobs wait at all.
    let loads_of_5 = [(0.3, 320_000), (0.7, 140_000), (0.9, 300_000)];
    for (executors, loads) in [(2, LOADS), (5, loads_of_5)] {
        for (load, jobs) in loads {
            let queue = Queue::fifo(executors, load, Service::Exponential);
            let theory = erlang_c(executors, load) / (executors as f64 - queue.rate());
            queue.replicate(jobs, mean_wait).check(theory, 0.03);
        }
    }
}

#[test]
fn m_m_1_with_processor_sharing_stays_as_long_as_first_come_first_served() {
    for (load, jobs) in LOADS {
        let queue = Queue::sharing(load, Service::Exponential);
        queue.replicate(jobs, mean_sojourn).check(1.0 / (1.0 - load), 0.03);
    }
}

/// Insensitivity: the mean sojourn depends on the services by their mean alone (Kleinrock 1976, section 4.4).
#[test]
fn m_g_1_with_processor_sharing_does_not_mind_the_distribution_of_services() {
    for (load, jobs) in [(0.3, 20_000), (0.7, 100_000)] {
        let queue = Queue::sharing(load, Service::LogNormal(2.0));
        queue.replicate(jobs, mean_sojourn).check(1.0 / (1.0 - load), 0.03);
    }
}

/// A job of x seconds stays x / (1 - rho) on average (Kleinrock 1976, section 4.4).
#[test]
fn processor_sharing_stretches_short_and_long_jobs_alike() {
    for (load, jobs) in LOADS {
        let queue = Queue::sharing(load, Service::TwoPoint);
        for size in [0.5, 3.0] {
            let of_size = |visits: &[Visit]| {
                let sojourns: Vec<f64> =
                    visits.iter().filter(|visit| visit.job.service == size).map(Visit::sojourn).collect();
                mean(sojourns.into_iter())
            };
            queue.replicate(jobs, of_size).check(size / (1.0 - load), 0.03);
        }
    }
}

/// The area under the population from an idle server to an idle server is the sum of all sojourns.
#[test]
fn littles_law_holds_exactly_on_a_finite_path() {
    for discipline in [Discipline::Fifo, Discipline::ProcessorSharing] {
        for executors in [1, 3] {
            let queue = Queue { discipline, executors, load: 0.8, service: Service::LogNormal(1.5) };
            let visits = queue.run(5_000, 3, |_, _| {});
            let mut events: Vec<(f64, Option<Job>)> = visits.iter().map(|visit| (visit.end, None)).collect();
            events.extend(visits.iter().map(|visit| (visit.job.arrival, Some(visit.job))));
            events.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (mut server, mut changed) = (queue.server(), Vec::new());
            let (mut area, mut time) = (0.0, 0.0);
            for (event, job) in events {
                area += server.population().own as f64 * (event - time);
                time = event;
                server.advance(time);
                if let Some(job) = job {
                    server.insert(job, &mut changed);
                    server.advance(time);
                }
            }
            let sojourns: f64 = visits.iter().map(Visit::sojourn).sum();
            assert!((area / sojourns - 1.0).abs() < 1e-9, "{area} is not {sojourns}");
            assert_eq!(server.population(), Population::default());
        }
    }
}

/// Time sees rho / (1 - rho) jobs, and so do arrivals (Wolff 1982); by Little's law that is lambda E[T].
#[test]
fn poisson_arrivals_see_time_averages_and_both_are_those_of_little() {
    for discipline in [Discipline::Fifo, Discipline::ProcessorSharing] {
        let queue = Queue { discipline, executors: 1, load: 0.7, service: Service::Exponential };
        let jobs = 40_000;
        let (mut by_arrivals, mut by_time, mut by_little) = (Vec::new(), Vec::new(), Vec::new());
        for seed in 0..REPLICATIONS as u64 {
            let (mut sum, mut last) = (0, 0.0);
            let visits = queue.run(jobs, seed, |time, population| {
                sum += population.own;
                last = time;
            });
            by_arrivals.push(sum as f64 / jobs as f64);
            let present: f64 = visits.iter().map(|visit| visit.end.min(last) - visit.job.arrival).sum();
            by_time.push(present / last);
            by_little.push(queue.rate() * mean_sojourn(&visits));
        }
        for estimate in [by_arrivals, by_time, by_little] {
            Estimate::of(&estimate).check(0.7 / 0.3, 0.03);
        }
    }
}

/// The share of busy executors in the long run is the load, also of foreign jobs alone and in bursts.
#[test]
fn foreign_jobs_keep_their_share_of_the_executors_busy() {
    let bursts = ArrivalModel::Bursts { factor: 4.0, mean_s: [20.0, 5.0] };
    for (executors, arrivals, discipline) in [
        (1, ArrivalModel::Poisson, Discipline::Fifo),
        (3, ArrivalModel::Poisson, Discipline::Fifo),
        (2, bursts, Discipline::Fifo),
        (2, ArrivalModel::Poisson, Discipline::ProcessorSharing),
    ] {
        let foreign = ForeignModel { utilisation: 0.6, mean_service_s: 0.5, arrivals };
        let parameters = ServerParameters { executors, discipline, ..ServerParameters::default() };
        let mut server = Server::new(&parameters, Some(&foreign), 0, "server");
        let (mut left, polls) = (Vec::new(), 20_000);
        let mut busy_share = |seed| {
            server.reset(seed);
            let busy = (0..polls).map(|poll| {
                let now = 100.0 + 0.7 * f64::from(poll);
                server.advance(now);
                executors - server.remaining(now, &mut left)
            });
            busy.sum::<usize>() as f64 / (f64::from(polls) * executors as f64)
        };
        Estimate::of(&(0..REPLICATIONS as u64).map(&mut busy_share).collect::<Vec<_>>()).check(0.6, 0.03);
    }
}
