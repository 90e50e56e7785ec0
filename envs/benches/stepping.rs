//! How many steps a second the control tasks make, alone and side by side in a vector environment, and offloading
//! beside.
//!
//! `cargo bench -p mec-envs --bench stepping`. An item is a step of one environment. Vectors of 1, 16 and 256 run with
//! the default least work per thread; `shared` wakes the threads at every step, and so tells what that costs; `alone`
//! never does. Allocations are counted; where none are shown there were none, but for what rayon allocates on its own
//! threads. Episodes restart within the step.

use std::sync::{Arc, LazyLock};

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use mec_envs::gym::classic::{Acrobot, CartPole, MountainCarContinuous, Pendulum};
use mec_envs::gym::{
    Act, AutoresetMode, Env, NormalizeObservation, ParallelEnv, RecordEpisodeStatistics, Space, VectorConfig, VectorEnv,
};
use mec_envs::offload::{OffloadEnv, OffloadForm, Scenario, Setting};
use mec_envs::rng::stream;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const SIZES: [usize; 3] = [1, 16, 256];

/// The default scenario.
static SETTING: LazyLock<Arc<Setting>> = LazyLock::new(|| {
    let scenario = Scenario::from_table("preset = 'default'".parse().expect("this is TOML"));
    Arc::new(Setting::new(scenario.expect("the preset exists")).expect("the preset is valid"))
});

/// Steps of one sample of a single environment.
const STEPS: usize = 1000;

/// Enough steps that every buffer has its length and the pace is known.
const WARM_UP: usize = 50;

fn main() {
    divan::main();
}

/// Random actions, one a row; policies are not what is measured.
fn actions<E: Env>(env: &E, count: usize) -> Vec<Act<E>> {
    let mut rng = stream(1, "bench");
    (0..count).map(|_| env.action_space().sample(&mut rng)).collect()
}

/// Steps an environment by `step`, a vector for each observation.
fn returned<E: Env>(bencher: Bencher, mut env: E) {
    let actions = actions(&env, STEPS);
    env.reset(Some(1));
    bencher.counter(ItemsCount::new(STEPS)).bench_local(|| {
        for action in &actions {
            let step = env.step(action).expect("the action is of the space");
            if step.is_last() {
                env.reset(None);
            }
        }
    });
}

/// Steps an environment by `step_into`, all observations in one buffer.
fn written<E: Env>(bencher: Bencher, mut env: E) {
    let actions = actions(&env, STEPS);
    let mut observation = env.reset(Some(1));
    bencher.counter(ItemsCount::new(STEPS)).bench_local(|| {
        for action in &actions {
            if env.step_into(action, &mut observation).expect("the action is of the space").is_last() {
                env.reset_into(None, &mut observation);
            }
        }
    });
}

fn vector<E: ParallelEnv>(bencher: Bencher, make: fn() -> E, n: usize, min_work_s: f64) {
    let config = VectorConfig { autoreset: AutoresetMode::SameStep, min_work_s };
    let mut vector = VectorEnv::new((0..n).map(|_| make()), config).expect("the environments are alike");
    let actions = actions(vector.env(0), n);
    vector.reset(Some(1));
    for _ in 0..WARM_UP {
        vector.step(&actions).expect("the actions are of the space");
    }
    bencher.counter(ItemsCount::new(n)).bench_local(|| vector.step(&actions).map(drop));
}

fn default_work() -> f64 {
    VectorConfig::default().min_work_s
}

macro_rules! task {
    ($name:ident, $make:expr) => {
        mod $name {
            use super::*;

            #[divan::bench]
            fn step(bencher: Bencher) {
                returned(bencher, $make());
            }

            #[divan::bench]
            fn step_into(bencher: Bencher) {
                written(bencher, $make());
            }

            #[divan::bench(args = SIZES)]
            fn vector(bencher: Bencher, n: usize) {
                super::vector(bencher, $make, n, default_work());
            }

            #[divan::bench(args = SIZES)]
            fn vector_alone(bencher: Bencher, n: usize) {
                super::vector(bencher, $make, n, f64::INFINITY);
            }

            #[divan::bench(args = SIZES)]
            fn vector_shared(bencher: Bencher, n: usize) {
                super::vector(bencher, $make, n, 0.0);
            }
        }
    };
}

task!(pendulum, Pendulum::v1);
task!(cart_pole, CartPole::v1);
task!(mountain_car_continuous, MountainCarContinuous::v0);
task!(acrobot, Acrobot::v1);
task!(offloading, || OffloadEnv::new(Arc::clone(&SETTING)));
task!(wrapped_cart_pole, || NormalizeObservation::new(RecordEpisodeStatistics::new(CartPole::v1())));
