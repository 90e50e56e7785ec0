//! How long a server takes per job: schedules under light and heavy load, moves, reports, and time that brings nothing.
//!
//! `cargo bench -p mec-envs --bench server`. Jobs are sent in order of time and arrive a random delay later, as
//! uploads make them; one in ten moves once. Times are per job. Allocations are counted; where none are shown there
//! were none.

use std::hint::black_box;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use mec_envs::rng::rand::RngExt;
use mec_envs::rng::rand_distr::Exp1;
use mec_envs::rng::stream;
use mec_envs::system::arrival::ArrivalModel;
use mec_envs::system::server::{Discipline, ForeignModel, Job, ModelMemory, Scheduled, Server, ServerParameters};
use mec_envs::units::{Bytes, BytesPerSecond};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// Jobs per round.
const JOBS: usize = 10_000;

/// Models that they name.
const MODELS: usize = 10;

fn main() {
    divan::main();
}

/// A job as it is sent: then, and what it becomes.
struct Sent {
    time: f64,
    job: Job,
    moved_to: Option<f64>,
}

/// Poisson jobs of mean service 1 s that load so many executors to `load`.
fn jobs(executors: usize, load: f64) -> Vec<Sent> {
    let mut rng = stream(1, "bench");
    let mut time = 0.0;
    let mut sent = |task| {
        time += rng.sample::<f64, _>(Exp1) / (load * executors as f64);
        let arrival = time + rng.random::<f64>();
        let service = rng.sample(Exp1);
        let model = Some(rng.random_range(0..MODELS));
        let moved_to = rng.random_bool(0.1).then(|| arrival + rng.random::<f64>());
        Sent { time, job: Job { task: Some(task), model, arrival, service, expected: service }, moved_to }
    };
    (0..JOBS).map(&mut sent).collect()
}

/// An idle server of so many executors; its foreign jobs take `foreign` of it.
fn server(discipline: Discipline, executors: usize, foreign: f64, memory: Option<ModelMemory>) -> Server {
    let model_bytes = (0..MODELS).map(|model| Bytes(5e6 * (1 + model % 4) as f64)).collect();
    let parameters = ServerParameters { executors, discipline, memory, model_bytes };
    let foreign = ForeignModel { utilisation: foreign, mean_service_s: 1.0, arrivals: ArrivalModel::Poisson };
    Server::new(&parameters, Some(&foreign), 0, "server")
}

/// Sends all jobs to the server, from time 0 on.
fn send(server: &mut Server, jobs: &[Sent], changed: &mut Vec<Scheduled>) {
    server.reset(0);
    for sent in jobs {
        server.advance(sent.time);
        server.insert(sent.job, changed);
        if let (Some(arrival), Some(task)) = (sent.moved_to, sent.job.task) {
            server.move_to(task, arrival, changed);
        }
        black_box(&changed);
        changed.clear();
    }
}

#[divan::bench(args = [(1, 0.3), (1, 0.7), (2, 0.7), (4, 0.7), (1, 0.95)])]
fn fifo(bencher: Bencher, (executors, load): (usize, f64)) {
    let mut server = server(Discipline::Fifo, executors, 0.0, None);
    let (jobs, mut changed, mut left) = (jobs(executors, load), Vec::new(), Vec::new());
    bencher.counter(ItemsCount::new(JOBS)).bench_local(|| {
        server.reset(0);
        for sent in &jobs {
            server.advance(sent.time);
            server.insert(sent.job, &mut changed);
            if let (Some(arrival), Some(task)) = (sent.moved_to, sent.job.task) {
                server.move_to(task, arrival, &mut changed);
            }
            black_box(server.remaining(sent.time, &mut left));
            changed.clear();
        }
    });
}

#[divan::bench(args = [(1, 0.3), (4, 0.7)])]
fn fifo_with_foreign_jobs(bencher: Bencher, (executors, load): (usize, f64)) {
    let mut server = server(Discipline::Fifo, executors, load / 2.0, None);
    let (jobs, mut changed) = (jobs(executors, load / 2.0), Vec::new());
    bencher.counter(ItemsCount::new(JOBS)).bench_local(|| {
        server.reset(0);
        for sent in &jobs {
            server.advance(sent.time);
            server.insert(sent.job, &mut changed);
            changed.clear();
        }
    });
}

#[divan::bench(args = [(1, 0.3), (4, 0.7)])]
fn fifo_with_memory(bencher: Bencher, (executors, load): (usize, f64)) {
    let memory = ModelMemory { capacity_bytes: Bytes(80e6), load_bytes_per_s: BytesPerSecond(1e9) };
    let mut server = server(Discipline::Fifo, executors, 0.0, Some(memory));
    let (jobs, mut changed) = (jobs(executors, load), Vec::new());
    bencher.counter(ItemsCount::new(JOBS)).bench_local(|| send(&mut server, &jobs, &mut changed));
}

#[divan::bench(args = [(1, 0.3), (1, 0.7), (4, 0.7), (1, 0.95)])]
fn processor_sharing(bencher: Bencher, (executors, load): (usize, f64)) {
    let mut server = server(Discipline::ProcessorSharing, executors, 0.0, None);
    let (jobs, mut changed) = (jobs(executors, load), Vec::new());
    bencher.counter(ItemsCount::new(JOBS)).bench_local(|| send(&mut server, &jobs, &mut changed));
}

#[divan::bench(args = [(1, 0.3), (4, 0.7)])]
fn processor_sharing_with_foreign_jobs(bencher: Bencher, (executors, load): (usize, f64)) {
    let mut server = server(Discipline::ProcessorSharing, executors, load / 2.0, None);
    let (jobs, mut changed) = (jobs(executors, load / 2.0), Vec::new());
    bencher.counter(ItemsCount::new(JOBS)).bench_local(|| send(&mut server, &jobs, &mut changed));
}

#[divan::bench(args = [1, 4])]
fn fifo_with_nothing_due(bencher: Bencher, executors: usize) {
    let mut server = server(Discipline::Fifo, executors, 0.0, None);
    let job = Job { task: Some(0), model: None, arrival: 1e9, service: 1.0, expected: 1.0 };
    server.insert(job, &mut Vec::new());
    bencher.counter(ItemsCount::new(JOBS)).bench_local(|| {
        for step in 0..JOBS {
            black_box(&mut server).advance(black_box(step as f64));
        }
    });
}
