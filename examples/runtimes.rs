//! Measures the runtimes and prints tables: `cargo run --release --example runtimes [modes] [actors] [--quick]`.
//!
//! - `modes`: free-running against serial at the same replay ratio on `Pendulum-v1`, ten seeds each: what the policies are
//!   worth at the end and on the way there.
//! - `actors`: steps per second of the default scenario in the free-running mode with 1, 2 and 4 actors, with the figures
//!   of the runtime's health; also with environments that compute for long, or wait as those of an outside simulator do.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mec_gym::agents::agent::{Algorithm, Learner, Metrics, Policy};
use mec_gym::agents::device::Device;
use mec_gym::agents::evaluate_policy::evaluate_policy;
use mec_gym::agents::nn::BodyConfig;
use mec_gym::agents::runtime::{Mode, Observer, ObserverError, Progress, RuntimeConfig, train};
use mec_gym::agents::sac::{SacConfig, Warmup};
use mec_gym::agents::spec::EnvSpec;
use mec_gym::envs::gym::classic::Pendulum;
use mec_gym::envs::gym::{Act, Env, EnvError, Metric, Obs, Step};
use mec_gym::envs::offload::{OffloadEnv, OffloadForm, Scenario, Setting};
use mec_gym::envs::rng::stream;
use mec_gym::experiments::statistics::{Estimate, bootstrap, improvement_interval, iqm, mean};

/// As in the `mec-gym` program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RESAMPLES: usize = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let parts: Vec<&str> = arguments.iter().map(String::as_str).filter(|&argument| argument != "--quick").collect();
    if let Some(part) = parts.iter().find(|part| !["modes", "actors"].contains(part)) {
        return Err(format!("there is no part {part:?}; accepted are modes, actors and --quick").into());
    }
    let wanted = |part| parts.is_empty() || parts.contains(&part);
    if wanted("modes") {
        modes(quick)?;
    }
    if wanted("actors") {
        actors(quick)?;
    }
    Ok(())
}

// Modes.

/// What a run of one seed came to.
#[derive(Clone, Copy)]
struct Worth {
    /// Mean return of the last evaluation.
    at_end: f64,
    /// Mean over all evaluations but the first, which nothing was learned before.
    on_the_way: f64,
    /// Updates per step after the first `learning_starts`.
    replay_ratio: f64,
}

fn modes(quick: bool) -> Result<(), Box<dyn Error>> {
    let (seeds, steps) = if quick { (2, 600) } else { (10, 10_000) };
    let mut worths: Vec<(Mode, Vec<Worth>)> = vec![(Mode::Serial, vec![]), (Mode::FreeRunning, vec![])];
    for seed in 1..=seeds {
        for (mode, worths) in &mut worths {
            worths.push(pendulum(*mode, seed, steps)?);
            eprintln!("{mode:?}, seed {seed}: {:.1} at the end", worths[worths.len() - 1].at_end);
        }
    }
    println!("\n`Pendulum-v1`, {steps} steps, {seeds} seeds: IQM over seeds with its 95 % interval\n");
    println!("| mode | return at the end | mean return on the way | updates per step |");
    println!("|---|---:|---:|---:|");
    let mut rng = stream(1, "runtimes/bootstrap");
    for (mode, worths) in &worths {
        let mut shown = |figure: fn(&Worth) -> f64| {
            let figures: Vec<f64> = worths.iter().map(figure).collect();
            interval(&bootstrap(&[figures], iqm, RESAMPLES, &mut rng))
        };
        let ratio = mean(&worths.iter().map(|worth| worth.replay_ratio).collect::<Vec<_>>());
        let [at_end, on_the_way] = [shown(|worth| worth.at_end), shown(|worth| worth.on_the_way)];
        println!("| {mode:?} | {at_end} | {on_the_way} | {ratio:.3} |");
    }
    let of = |index: usize, figure: fn(&Worth) -> f64| worths[index].1.iter().map(figure).collect::<Vec<f64>>();
    let mut chance = |figure: fn(&Worth) -> f64| {
        interval(&improvement_interval(&[of(1, figure)], &[of(0, figure)], RESAMPLES, &mut rng))
    };
    println!("\nProbability that a free-running run ends better than a serial one: {}", chance(|worth| worth.at_end));
    println!("on the way: {}", chance(|worth| worth.on_the_way));
    Ok(())
}

/// One run: small networks, so that ten seeds take minutes; otherwise as `scripts/pendulum_curves.sh`.
fn pendulum(mode: Mode, seed: u64, steps: u64) -> Result<Worth, Box<dyn Error>> {
    let config = SacConfig {
        actor_lr: 1e-3,
        critic_lr: 1e-3,
        alpha_lr: 1e-3,
        batch_size: 128,
        body: BodyConfig::mlp(&[64, 64]),
        ..SacConfig::default()
    };
    let evaluate_every = steps / 10;
    let runtime = RuntimeConfig { mode, actors: 2, envs: 4, steps, evaluate_every, ..RuntimeConfig::default() };
    let mut learner = config.build(&EnvSpec::of(&Pendulum::v1()), &Device::flex(), seed)?;
    let mut returns = Returns(Vec::new());
    let outcome = train(&mut learner, |_| Pendulum::v1(), &runtime, seed, &mut returns)?;
    let at_end = mean_return(&learner.policy(), 50)?;
    let learned = outcome.env_steps - config.learning_starts as u64;
    let replay_ratio = outcome.updates as f64 / learned as f64;
    Ok(Worth { at_end, on_the_way: mean(&returns.0[1..]), replay_ratio })
}

/// Mean returns of all evaluations.
struct Returns(Vec<f64>);

impl<L: Learner> Observer<L> for Returns {
    fn on_evaluate(&mut self, _: u64, policy: &L::Policy, _: &L) -> Result<(), ObserverError> {
        self.0.push(mean_return(policy, 10)?);
        Ok(())
    }
}

fn mean_return<P: Policy>(policy: &P, episodes: u64) -> Result<f64, EnvError> {
    Ok(mean(&evaluate_policy(policy, &mut Pendulum::v1(), 1_000_000..1_000_000 + episodes)?))
}

fn interval(estimate: &Estimate) -> String {
    format!("{:.2} ({:.2} to {:.2})", estimate.value, estimate.low, estimate.high)
}

// Actors.

/// What is asked of the learner, and what a step of an environment costs.
struct Load {
    name: &'static str,
    replay_ratio: f64,
    cost: Cost,
}

/// What a step takes beside its simulation.
#[derive(Clone, Copy)]
enum Cost {
    Nothing,
    Computing(Duration),
    Waiting(Duration),
}

/// Updates per step of a learner that has little to do but to take in.
const HARDLY_ANY: f64 = 1.0 / 65_536.0;

fn loads() -> [Load; 4] {
    let (computing, waiting) = (Cost::Computing(Duration::from_micros(100)), Cost::Waiting(Duration::from_millis(1)));
    [
        Load { name: "as in `experiments/configs/default.toml`", replay_ratio: 0.25, cost: Cost::Nothing },
        Load { name: "hardly any updates", replay_ratio: HARDLY_ANY, cost: Cost::Nothing },
        Load { name: "the same, steps that compute for 100 us", replay_ratio: HARDLY_ANY, cost: computing },
        Load { name: "steps that wait for 1 ms", replay_ratio: 0.25, cost: waiting },
    ]
}

fn actors(quick: bool) -> Result<(), Box<dyn Error>> {
    let setting = Arc::new(Setting::new(Scenario::preset("default")?)?);
    let (seconds, rounds) = if quick { (0.5, 1) } else { (5.0, 3) };
    println!("\nThe default scenario, free-running, 8 environments; medians of {rounds} round(s) of {seconds} s\n");
    println!(
        "| load | actors | steps/s | over one actor | policy lag, versions | updates per step | chunks waiting | \
         actors idle | learner idle |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for load in loads() {
        let mut found: [Vec<Figures>; 3] = Default::default();
        for _ in 0..rounds {
            for (found, actors) in found.iter_mut().zip([1, 2, 4]) {
                found.push(free_run(&setting, &load, actors, seconds)?);
            }
        }
        let base = median(&found[0], |figures| figures.rate);
        for (found, actors) in found.iter().zip([1, 2, 4]) {
            print_row(&load, actors, found, base);
        }
    }
    Ok(())
}

/// One line of the table; `base` is the rate with one actor, in steps per second.
fn print_row(load: &Load, actors: usize, found: &[Figures], base: f64) {
    let rate = median(found, |figures| figures.rate);
    let health = |name: &'static str| median(found, |figures| figures.health.get(name));
    println!(
        "| {} | {actors} | {rate:.0} | {:.2} | {:.1} | {:.5} | {:.2} | {:.0} % | {:.0} % |",
        load.name,
        rate / base,
        health("dist/policy_lag"),
        health("dist/replay_ratio"),
        health("dist/queue_depth"),
        100.0 * health("dist/actor_idle"),
        100.0 * health("dist/learner_idle"),
    );
}

/// Steps per second after the warm-up, and the runtime's health then.
struct Figures {
    rate: f64,
    health: Metrics,
}

fn median(figures: &[Figures], figure: impl Fn(&Figures) -> f64) -> f64 {
    let mut values: Vec<f64> = figures.iter().map(figure).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The main job's hyperparameters.
fn main_job(replay_ratio: f64) -> SacConfig {
    SacConfig {
        gamma: 0.9,
        batch_size: 128,
        buffer_capacity: 100_000,
        learning_starts: 1_000,
        replay_ratio,
        warmup: Warmup::Policy,
        initial_alpha: 0.05,
        body: BodyConfig::Scorer { hidden: vec![64, 64], prior_scale: 10.0, q_prior_scale: 1.0 },
        ..SacConfig::default()
    }
}

fn free_run(setting: &Arc<Setting>, load: &Load, actors: usize, seconds: f64) -> Result<Figures, Box<dyn Error>> {
    let make_env = |_| Costly { env: OffloadEnv::new(Arc::clone(setting)), cost: load.cost };
    let runtime = RuntimeConfig {
        mode: Mode::FreeRunning,
        actors,
        envs: 8,
        steps: u64::MAX / 2,
        progress_every: 500,
        ..RuntimeConfig::default()
    };
    let mut learner = main_job(load.replay_ratio).build(&EnvSpec::of(&make_env(0)), &Device::flex(), 1)?;
    let mut watch = Watch { seconds, start: None, last: None, health: Vec::new() };
    train(&mut learner, make_env, &runtime, 1, &mut watch)?;
    let ((steps, since), (last, until)) = watch.start.zip(watch.last).ok_or("the run ended in its warm-up")?;
    let names = ["dist/policy_lag", "dist/replay_ratio", "dist/queue_depth", "dist/actor_idle", "dist/learner_idle"];
    let average = |name: &'static str| {
        let values: Vec<f64> =
            watch.health.iter().map(|health| health.get(name)).filter(|value| !value.is_nan()).collect();
        (name, if values.is_empty() { f64::NAN } else { mean(&values) })
    };
    Ok(Figures { rate: (last - steps) as f64 / (until - since), health: Metrics::new(names.map(average).to_vec()) })
}

/// Watches from the first report after the first 2,000 steps on, and stops the run.
struct Watch {
    seconds: f64,
    start: Option<(u64, f64)>,
    last: Option<(u64, f64)>,
    health: Vec<Metrics>,
}

impl<L: Learner> Observer<L> for Watch {
    fn on_progress(&mut self, progress: &Progress) -> Result<(), ObserverError> {
        let now = (progress.env_steps, progress.seconds);
        if self.start.is_some() && !Observer::<L>::should_stop(self) {
            self.last = Some(now);
            self.health.push(progress.metrics.clone());
        } else if progress.env_steps >= 2_000 && self.start.is_none() {
            self.start = Some(now);
        }
        Ok(())
    }

    fn should_stop(&self) -> bool {
        self.start.zip(self.last).is_some_and(|(start, last)| last.1 - start.1 >= self.seconds)
    }
}

/// An environment whose steps take longer, as one that simulates more, or asks an outside simulator.
struct Costly<E> {
    env: E,
    cost: Cost,
}

impl<E: Env> Env for Costly<E> {
    type ObservationSpace = E::ObservationSpace;
    type ActionSpace = E::ActionSpace;
    type Info = E::Info;

    fn observation_space(&self) -> &E::ObservationSpace {
        self.env.observation_space()
    }

    fn action_space(&self) -> &E::ActionSpace {
        self.env.action_space()
    }

    fn reset(&mut self, seed: Option<u64>) -> Obs<E> {
        self.env.reset(seed)
    }

    fn step(&mut self, action: &Act<E>) -> Result<Step<Obs<E>, E::Info>, EnvError> {
        match self.cost {
            Cost::Nothing => {}
            Cost::Computing(time) => {
                // Without the hint of a spin loop, which would leave a shared core to the other thread.
                let start = Instant::now();
                while start.elapsed() < time {}
            }
            Cost::Waiting(time) => std::thread::sleep(time),
        }
        self.env.step(action)
    }

    fn action_mask(&self) -> Option<&[bool]> {
        self.env.action_mask()
    }

    fn metrics(&self) -> Vec<Metric> {
        self.env.metrics()
    }
}
