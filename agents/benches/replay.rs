//! What a replay costs: drawing and adding transitions of the default scenario, and their memory.
//!
//! `cargo bench -p mec-agents --bench replay`. A full replay of a million transitions; four streams whose rows
//! interleave, episodes of 400 steps. The memory is printed first: what the replay counts, and what the system counts
//! (Linux), over the raw size: s, a, r and a flag as `f32`.

use divan::Bencher;
use divan::counter::ItemsCount;
use mec_agents::replay::{Batch, PriorityConfig, Replay, ReplayConfig, Storage};
use mec_agents::spec::EnvSpec;
use mec_agents::transition::Transitions;
use mec_envs::gym::{ActionLayout, Part};
use mec_envs::rng::{Prng, stream};
use rand::RngExt;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The default scenario with one task per action: 3 entries about the system, 24 for each of five targets.
const DIM: usize = 123;
const CHOICES: usize = 5;
const CAPACITY: usize = 1_000_000;
const STREAMS: usize = 4;
const EPISODE: usize = 400;
/// Rows that are added at once.
const CHUNK: usize = 64;
const BATCH: usize = 256;

fn main() {
    // One replay at a time, or they would not fit into small machines.
    for storage in [Storage::F32, Storage::F16] {
        print_memory(storage);
    }
    divan::main();
}

fn spec() -> EnvSpec {
    let observation = vec![Part::new("global", &[3]), Part::new("options", &[CHOICES, 24])];
    EnvSpec { observation, action: ActionLayout { heads: vec![CHOICES], continuous: 0 } }
}

/// Chunks of rows of random streams, over and over.
struct Rows {
    rng: Prng,
    observations: [Vec<f32>; STREAMS],
    rows: Transitions,
    steps: usize,
}

impl Rows {
    fn new() -> Self {
        let observations = [(); STREAMS].map(|()| vec![0.0; DIM]);
        Self { rng: stream(1, "rows"), observations, rows: Transitions::default(), steps: 0 }
    }

    fn chunk(&mut self) -> &Transitions {
        self.rows.clear();
        let rows = &mut self.rows;
        for _ in 0..CHUNK {
            let env = self.steps % STREAMS;
            rows.observations.extend(&self.observations[env]);
            self.observations[env].fill_with(|| self.rng.random());
            rows.next_observations.extend(&self.observations[env]);
            rows.actions.push(f32::from(self.rng.random_range(0..CHOICES as u8)));
            rows.rewards.push(self.rng.random());
            rows.terminated.push(false);
            rows.truncated.push(self.steps / STREAMS % EPISODE == EPISODE - 1);
            if rows.truncated.last() == Some(&true) {
                self.observations[env].fill_with(|| self.rng.random());
            }
            rows.env.push(env as u32);
            for masks in [&mut rows.masks, &mut rows.next_masks] {
                masks.extend([true; CHOICES]);
            }
            self.steps += 1;
        }
        rows
    }
}

fn full(config: ReplayConfig) -> Replay {
    let mut replay = Replay::new(&ReplayConfig { capacity: CAPACITY, ..config }, &spec()).expect("there is memory");
    let mut rows = Rows::new();
    for _ in 0..=CAPACITY / CHUNK {
        replay.extend(rows.chunk());
    }
    replay
}

fn print_memory(storage: Storage) {
    let before = resident_bytes();
    let replay = full(ReplayConfig { storage, ..ReplayConfig::default() });
    let raw = (DIM + 3) * size_of::<f32>();
    let ratio = |bytes: usize| bytes as f64 / CAPACITY as f64 / raw as f64;
    let system = resident_bytes().zip(before).map_or(f64::NAN, |(after, before)| ratio(after - before));
    let counted = replay.content_bytes();
    let per_transition = counted as f64 / CAPACITY as f64;
    println!("{storage:?}: {per_transition:.1} bytes per transition, {:.3} of the raw {raw}", ratio(counted));
    println!("{storage:?}: {system:.3} of it as the system counts");
}

fn resident_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(1024 * line.split_whitespace().nth(1)?.parse::<usize>().ok()?)
}

fn sampled(bencher: Bencher, mut replay: Replay) {
    let (mut rng, mut batch) = (stream(1, "draw"), Batch::default());
    bencher.bench_local(|| replay.sample(BATCH, 0.4, &mut rng, &mut batch));
}

fn with_priorities() -> Replay {
    let mut replay = full(ReplayConfig { priority: Some(PriorityConfig::default()), ..ReplayConfig::default() });
    let mut rng = stream(1, "errors");
    let slots: Vec<u32> = (0..CAPACITY as u32).collect();
    let errors: Vec<f32> = slots.iter().map(|_| rng.random()).collect();
    replay.update_priorities(&slots, &errors);
    replay
}

/// The least that a batch can cost: its rows, drawn beforehand, copied and nothing else.
#[divan::bench(sample_count = 2000)]
fn copy_512_rows(bencher: Bencher) {
    let mut memory = memmap2::MmapMut::map_anon(CAPACITY * DIM * size_of::<f32>()).expect("there is memory");
    #[cfg(target_os = "linux")]
    let _ = memory.advise(memmap2::Advice::HugePage);
    let rows: &mut [f32] = bytemuck::cast_slice_mut(&mut memory);
    rows.fill(1.0);
    let (mut rng, mut copies) = (stream(1, "draw"), vec![0.0; 2 * BATCH * DIM]);
    let draw = || [(); 2 * BATCH].map(|()| rng.random_range(0..CAPACITY));
    bencher.with_inputs(draw).bench_local_values(|slots| {
        for (&slot, copy) in slots.iter().zip(copies.chunks_exact_mut(DIM)) {
            copy.copy_from_slice(&rows[slot * DIM..(slot + 1) * DIM]);
        }
        divan::black_box(&copies);
    });
}

#[divan::bench(sample_count = 2000)]
fn sample_256(bencher: Bencher) {
    sampled(bencher, full(ReplayConfig::default()));
}

#[divan::bench(sample_count = 2000)]
fn sample_256_half_precision(bencher: Bencher) {
    sampled(bencher, full(ReplayConfig { storage: Storage::F16, ..ReplayConfig::default() }));
}

#[divan::bench(sample_count = 2000)]
fn sample_256_three_steps(bencher: Bencher) {
    sampled(bencher, full(ReplayConfig { n_step: 3, ..ReplayConfig::default() }));
}

#[divan::bench(sample_count = 2000)]
fn sample_256_prioritised(bencher: Bencher) {
    sampled(bencher, with_priorities());
}

#[divan::bench(sample_count = 2000)]
fn update_256_priorities(bencher: Bencher) {
    let mut replay = with_priorities();
    let (mut rng, mut batch) = (stream(1, "draw"), Batch::default());
    replay.sample(BATCH, 0.4, &mut rng, &mut batch);
    let errors = batch.rewards.clone();
    bencher.bench_local(|| replay.update_priorities(&batch.slots, &errors));
}

#[divan::bench(sample_count = 500)]
fn extend(bencher: Bencher) {
    let mut replay = full(ReplayConfig::default());
    let mut rows = Rows::new();
    let chunks: Vec<Transitions> = (0..32).map(|_| rows.chunk().clone()).collect();
    let mut turn = (0..).map(|index: usize| &chunks[index % 32]);
    bencher.counter(ItemsCount::new(CHUNK)).bench_local(|| replay.extend(turn.next().expect("endless")));
}
