//! Schedules of servers against event loops that know every job from the start, and against the first FIFO schedule to
//! the bit, under random insertions, moves and removals.

use std::collections::HashMap;

use mec_envs::rng::rand::RngExt;
use mec_envs::rng::rand_distr::Exp1;
use mec_envs::rng::stream;
use mec_envs::system::arrival::ArrivalModel;
use mec_envs::system::server::{
    Discipline, ForeignModel, Job, ModelMemory, Population, Scheduled, Server, ServerParameters,
};
use mec_envs::units::{Bytes, BytesPerSecond};
use proptest::prelude::*;

use before::Before;
use oracle::{Memory, Place, Plant};

mod before;
mod oracle;

const FOREIGN: ForeignModel = ForeignModel { utilisation: 0.4, mean_service_s: 0.5, arrivals: ArrivalModel::Poisson };

const SIZES: [f64; 5] = [1.0, 2.0, 3.0, 2.0, 1.5];

/// One thing that is done to a server.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Insert { delay: f64, service: f64, model: Option<usize> },
    Move { pick: usize, delay: f64 },
    Remove { pick: usize },
    Wait,
}

/// Deeds, each after a pause, s.
fn deeds() -> impl Strategy<Value = Vec<(f64, Deed)>> {
    let deed = prop_oneof![
        5 => (0.0..3.0, 0.01..2.0, prop::option::weighted(0.8, 0..SIZES.len()))
            .prop_map(|(delay, service, model)| Deed::Insert { delay, service, model }),
        2 => (any::<usize>(), 0.0..3.0).prop_map(|(pick, delay)| Deed::Move { pick, delay }),
        1 => any::<usize>().prop_map(|pick| Deed::Remove { pick }),
        1 => Just(Deed::Wait),
    ];
    let pause = prop_oneof![1 => Just(0.0), 2 => 0.0..1.0];
    prop::collection::vec((pause, deed), 1..60)
}

/// A kind of server to test.
#[derive(Clone, Copy, Debug)]
struct Kind {
    discipline: Discipline,
    executors: usize,
    memory: bool,
    foreign: bool,
}

fn kinds(memory: impl Strategy<Value = bool>) -> impl Strategy<Value = Kind> {
    let discipline = prop_oneof![Just(Discipline::Fifo), Just(Discipline::ProcessorSharing)];
    (discipline, 1..4_usize, memory, any::<bool>()).prop_map(|(discipline, executors, memory, foreign)| Kind {
        discipline,
        executors,
        memory,
        foreign,
    })
}

impl Kind {
    /// Bytes that hold the largest model once per executor and a little more.
    fn capacity(&self) -> f64 {
        3.0 * self.executors as f64 + 1.5
    }

    fn server(&self) -> Server {
        let memory = ModelMemory { capacity_bytes: Bytes(self.capacity()), load_bytes_per_s: BytesPerSecond(4.0) };
        let parameters = ServerParameters {
            executors: self.executors,
            discipline: self.discipline,
            memory: self.memory.then_some(memory),
            model_bytes: SIZES.map(Bytes).to_vec(),
        };
        Server::new(&parameters, self.foreign.then_some(&FOREIGN), 7, "server")
    }

    fn plant(&self) -> Plant {
        let memory = Memory { capacity: self.capacity(), rate: 4.0, sizes: SIZES.to_vec() };
        Plant { executors: self.executors, memory: self.memory.then_some(memory) }
    }

    /// The foreign jobs of the first 200 s, drawn as the documents of streams say.
    fn foreign_jobs(&self) -> Vec<Job> {
        let (mut times, mut services) = (stream(7, "server/foreign-arrivals"), stream(7, "server/foreign-services"));
        let rate = FOREIGN.utilisation * self.executors as f64 / FOREIGN.mean_service_s;
        let mut arrival = 0.0;
        let jobs = std::iter::from_fn(|| {
            arrival += times.sample::<f64, _>(Exp1) / rate;
            let service = FOREIGN.mean_service_s * services.sample::<f64, _>(Exp1);
            Some(Job { task: None, model: None, arrival, service, expected: service })
        });
        if self.foreign { jobs.take_while(|job| job.arrival < 200.0).collect() } else { Vec::new() }
    }
}

/// A server, and what should be known of it.
struct Trial {
    kind: Kind,
    server: Server,
    foreign: Vec<Job>,
    own: Vec<Job>,
    places: HashMap<usize, Scheduled>,
    now: f64,
    tasks: usize,
}

impl Trial {
    fn new(kind: Kind) -> Self {
        let (server, foreign) = (kind.server(), kind.foreign_jobs());
        Self { kind, server, foreign, own: Vec::new(), places: HashMap::new(), now: 0.0, tasks: 0 }
    }

    /// All jobs and their places by the event loop.
    fn expected(&self) -> (Vec<Job>, Vec<Place>) {
        let jobs = [self.foreign.as_slice(), self.own.as_slice()].concat();
        let plant = self.kind.plant();
        let places = match self.kind.discipline {
            Discipline::Fifo => oracle::fifo(&plant, &jobs),
            Discipline::ProcessorSharing => oracle::sharing(&plant, &jobs),
        };
        (jobs, places)
    }

    /// Whether the service of this own job has not begun.
    fn is_open(&self, index: usize) -> bool {
        self.places[&self.own[index].task.unwrap()].start > self.now
    }

    fn act(&mut self, pause: f64, deed: Deed) {
        self.now += pause;
        self.server.advance(self.now);
        let mut changed = Vec::new();
        match deed {
            Deed::Insert { delay, service, model } => {
                let task = Some(self.tasks);
                self.tasks += 1;
                let job = Job { task, model, arrival: self.now + delay, service, expected: service };
                self.own.push(job);
                self.server.insert(job, &mut changed);
            }
            Deed::Move { pick, delay } if !self.own.is_empty() => {
                let index = pick % self.own.len();
                let (task, arrival) = (self.own[index].task.unwrap(), self.now + delay);
                assert_eq!(self.server.move_to(task, arrival, &mut changed), self.is_open(index));
                if self.is_open(index) {
                    let moved = self.own.remove(index);
                    self.own.push(Job { arrival, ..moved });
                }
            }
            Deed::Remove { pick } if !self.own.is_empty() => {
                let index = pick % self.own.len();
                let job = self.own[index];
                let removed = self.server.remove(job.task.unwrap(), &mut changed);
                assert_eq!(removed, self.is_open(index).then_some(job));
                if removed.is_some() {
                    self.own.remove(index);
                }
            }
            _ => {}
        }
        self.note(&changed);
    }

    /// Takes the reports in; each must tell something new.
    fn note(&mut self, changed: &[Scheduled]) {
        for scheduled in changed {
            assert_ne!(self.places.insert(scheduled.task, *scheduled), Some(*scheduled));
        }
    }

    /// Holds every place, the population and the memory against the event loop.
    fn check(&self) {
        let (jobs, places) = self.expected();
        let mut population = Population::default();
        for (job, place) in jobs.iter().zip(&places) {
            let present = usize::from(job.arrival <= self.now && place.end > self.now);
            *if job.task.is_some() { &mut population.own } else { &mut population.foreign } += present;
            let Some(task) = job.task else { continue };
            let known = self.places[&task];
            let pairs = [(known.start, place.start), (known.loading, place.loading), (known.end, place.end)];
            assert!(pairs.iter().all(|(a, b)| (a - b).abs() < 1e-9), "task {task}: {known:?} is not {place:?}");
        }
        assert_eq!(self.server.population(), population);
        self.check_remaining(&jobs, &places);
    }

    /// With services as expected, the work left is what the event loop has left.
    fn check_remaining(&self, jobs: &[Job], places: &[Place]) {
        let mut left = Vec::new();
        let idle = self.server.remaining(self.now, &mut left);
        let arrived = || jobs.iter().zip(places).filter(|(job, place)| job.arrival <= self.now && place.end > self.now);
        let (work, busy) = match self.kind.discipline {
            Discipline::Fifo => {
                let work = |(_, place): (&Job, &Place)| place.end - place.start.max(self.now);
                (arrived().map(work).sum(), arrived().filter(|(_, place)| place.start <= self.now).count())
            }
            Discipline::ProcessorSharing => {
                let (_, work) = oracle::sharing_until(&self.kind.plant(), jobs, self.now);
                (work, arrived().count().min(self.kind.executors))
            }
        };
        assert!((left.iter().sum::<f64>() - work).abs() < 1e-9, "{left:?} are not {work} s in all");
        assert_eq!((left.len(), idle), (self.kind.executors, self.kind.executors - busy));
    }
}

/// Every place that a server reports in the course of these deeds, of which the insertions count; `looks` is how often
/// it moves on before each.
fn reports(server: &mut Server, deeds: &[(f64, Deed)], looks: usize) -> Vec<Scheduled> {
    let (mut now, mut changed) = (0.0, Vec::new());
    for (task, &(pause, deed)) in deeds.iter().enumerate() {
        for look in 0..looks {
            server.advance(now + pause * look as f64 / looks as f64);
        }
        now += pause;
        server.advance(now);
        if let Deed::Insert { delay, service, model } = deed {
            let job = Job { task: Some(task), model, arrival: now + delay, service, expected: service };
            server.insert(job, &mut changed);
        }
    }
    changed
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn schedules_agree_with_event_loops_after_every_deed(kind in kinds(Just(false)), deeds in deeds()) {
        let mut trial = Trial::new(kind);
        for (pause, deed) in deeds {
            trial.act(pause, deed);
            trial.check();
        }
    }

    #[test]
    fn loads_and_evictions_agree_with_event_loops_after_every_deed(kind in kinds(Just(true)), deeds in deeds()) {
        let mut trial = Trial::new(kind);
        for (pause, deed) in deeds {
            trial.act(pause, deed);
            trial.check();
        }
    }

    #[test]
    fn a_server_that_starts_over_repeats_itself_to_the_bit(kind in kinds(any::<bool>()), deeds in deeds()) {
        let mut server = kind.server();
        let first = reports(&mut server, &deeds, 0);
        server.reset(8);
        reports(&mut server, &deeds, 0);
        server.reset(7);
        prop_assert_eq!(first, reports(&mut server, &deeds, 0));
    }

    #[test]
    fn looking_at_a_server_changes_no_bit(kind in kinds(any::<bool>()), deeds in deeds(), looks in 1..5_usize) {
        let unseen = reports(&mut kind.server(), &deeds, 0);
        prop_assert_eq!(unseen, reports(&mut kind.server(), &deeds, looks));
    }

    /// On a coarse grid, so that many jobs arrive, start and end together.
    #[test]
    fn fifo_is_the_first_schedule_to_the_bit(executors in 1..4_usize, deeds in deeds(), fine in any::<bool>()) {
        let round = |time: f64| if fine { time } else { (4.0 * time).round() / 4.0 };
        let mut old = Before::new(executors);
        let mut new = Server::new(&ServerParameters { executors, ..ServerParameters::default() }, None, 0, "server");
        let (mut now, mut tasks, mut left) = (0.0, 0, Vec::new());
        let (mut old_places, mut new_places) = (HashMap::new(), HashMap::new());
        for (pause, deed) in deeds {
            now += round(pause);
            old.advance(now);
            new.advance(now);
            let (mut old_changed, mut new_changed) = (Vec::new(), Vec::new());
            match deed {
                Deed::Insert { delay, service, .. } => {
                    let (arrival, service) = (now + round(delay), round(service));
                    let job = Job { task: Some(tasks), model: None, arrival, service, expected: 0.9 * service };
                    old.insert(job, &mut old_changed);
                    new.insert(job, &mut new_changed);
                    tasks += 1;
                }
                Deed::Move { pick, delay } if tasks > 0 => {
                    let (task, arrival) = (pick % tasks, now + round(delay));
                    let moved = old.move_to(task, arrival, &mut old_changed);
                    prop_assert_eq!(new.move_to(task, arrival, &mut new_changed), moved);
                }
                Deed::Remove { pick } if tasks > 0 => {
                    let removed = old.remove(pick % tasks, &mut old_changed);
                    prop_assert_eq!(new.remove(pick % tasks, &mut new_changed), removed);
                }
                _ => {}
            }
            old_places.extend(old_changed.into_iter().map(|scheduled| (scheduled.task, scheduled)));
            new_places.extend(new_changed.into_iter().map(|scheduled| (scheduled.task, scheduled)));
            prop_assert_eq!(&old_places, &new_places);
            let idle = new.remaining(now, &mut left);
            prop_assert_eq!(old.remaining(now), (left.clone(), idle));
        }
    }
}
