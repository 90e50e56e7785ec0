//! What `scripts/learner_speed.sh` measures of mec-gym, beside other libraries: one measurement per call, as a line of
//! JSON. `cargo run --release --example learner_peers MEASURE [--problem NAME] [--threads 2] ...`
//!
//! Measures: `gradient` is gradient steps on transitions drawn at random; `steps` is steps of the environment with one
//! gradient step after each; `return` is the time until the mean return of ten episodes is as wanted, without the time of
//! evaluations; `bare` is steps of the environment with random actions and without a learner.
//!
//! Problems: `sizes` (40 observations, 8 actions, no environment), `pendulum`, and the default scenario as `mec-box`
//! (continuous actions) and `mec-task` (discrete ones).

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use mec_gym::agents::agent::{Algorithm, Learner};
use mec_gym::agents::device::{self, DeviceKind};
use mec_gym::agents::evaluate_policy::evaluate_policy;
use mec_gym::agents::nn::BodyConfig;
use mec_gym::agents::runtime::{Mode, Observer, ObserverError, RuntimeConfig, train};
use mec_gym::agents::sac::{SacConfig, SacLearner};
use mec_gym::agents::spec::EnvSpec;
use mec_gym::agents::transition::Transitions;
use mec_gym::envs::gym::classic::Pendulum;
use mec_gym::envs::gym::{ActionLayout, Env, Part, Space};
use mec_gym::envs::offload::{OffloadBoxEnv, OffloadEnv, OffloadForm, Scenario, Setting};
use mec_gym::envs::rng::rand::RngExt;
use mec_gym::envs::rng::{Prng, stream};

/// As in the `mec-gym` program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Transitions that gradient steps are measured on.
const EXPERIENCE: usize = 10_000;
/// Steps before the clock starts.
const WARM_UP: u64 = 300;
/// Of the measure `return`: episodes and steps between evaluations.
const EPISODES: u64 = 10;
const EVALUATE_EVERY: u64 = 500;

#[derive(Clone, Copy, ValueEnum)]
enum Measure {
    Gradient,
    Steps,
    Return,
    Bare,
}

#[derive(Clone, Copy, ValueEnum)]
enum Problem {
    Sizes,
    Pendulum,
    MecBox,
    MecTask,
}

#[derive(Clone, Copy, ValueEnum)]
enum Network {
    Mlp,
    Scorer,
}

#[derive(Parser)]
struct Options {
    measure: Measure,
    #[arg(long, default_value = "sizes")]
    problem: Problem,
    #[arg(long, default_value = "mlp")]
    body: Network,
    #[arg(long, value_delimiter = ',', default_values_t = [256, 256])]
    hidden: Vec<usize>,
    #[arg(long, default_value_t = 256)]
    batch: usize,
    #[arg(long, default_value_t = 3e-4)]
    lr: f64,
    #[arg(long, default_value_t = 0.99)]
    gamma: f64,
    /// Of the learner.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Least time of the measurement.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, default_value = "cpu")]
    device: String,
    #[arg(long, default_value_t = -200.0, allow_negative_numbers = true)]
    wanted_return: f64,
    /// Steps of the measure `return`, reached or not.
    #[arg(long, default_value_t = 10_000)]
    limit: u64,
    /// Acting in a thread of its own, at its own speed.
    #[arg(long)]
    free_running: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let setting = Arc::new(Setting::new(Scenario::preset("default")?)?);
    match options.problem {
        Problem::Sizes => {
            let action = ActionLayout { heads: vec![], continuous: 8 };
            gradient(&options, &EnvSpec { observation: vec![Part::new("", &[40])], action })
        }
        Problem::Pendulum => measure(&options, |_| Pendulum::v1()),
        Problem::MecBox => measure(&options, |_| OffloadBoxEnv::new(Arc::clone(&setting))),
        Problem::MecTask => measure(&options, |_| OffloadEnv::new(Arc::clone(&setting))),
    }
}

fn measure<E: Env>(options: &Options, make_env: impl Fn(usize) -> E + Sync) -> Result<(), Box<dyn Error>> {
    match options.measure {
        Measure::Gradient => gradient(options, &EnvSpec::of(&make_env(0))),
        Measure::Steps => steps(options, make_env),
        Measure::Return => time_to_return(options, make_env),
        Measure::Bare => bare(options, make_env(0)),
    }
}

fn learner(options: &Options, spec: &EnvSpec) -> Result<SacLearner, Box<dyn Error>> {
    let hidden = options.hidden.clone();
    let config = SacConfig {
        gamma: options.gamma,
        actor_lr: options.lr,
        critic_lr: options.lr,
        alpha_lr: options.lr,
        batch_size: options.batch,
        buffer_capacity: 100_000,
        threads: options.threads,
        body: match options.body {
            Network::Mlp => BodyConfig::mlp(&hidden),
            Network::Scorer => BodyConfig::Scorer { hidden, prior_scale: 1.0, q_prior_scale: 1.0 },
        },
        ..SacConfig::default()
    };
    let kind: DeviceKind = options.device.parse()?;
    Ok(config.build(spec, &device::open(kind)?, options.seed)?)
}

fn emit(work: u64, seconds: f64) {
    println!("{{\"work\": {work}, \"seconds\": {seconds}}}");
}

fn gradient(options: &Options, spec: &EnvSpec) -> Result<(), Box<dyn Error>> {
    const CALL: usize = 20;
    let mut learner = learner(options, spec)?;
    learner.add(&experience(spec, options.seed));
    learner.train(CALL)?;
    let (mut updates, start) = (0, Instant::now());
    while start.elapsed().as_secs_f64() < options.seconds {
        // Figures are read back at the end of a call, so the device has then done all of it.
        learner.train(CALL)?;
        updates += CALL as u64;
    }
    let (seconds, recorded) = (start.elapsed().as_secs_f64(), learner.is_recorded());
    println!("{{\"work\": {updates}, \"seconds\": {seconds}, \"recorded\": {recorded}}}");
    Ok(())
}

fn experience(spec: &EnvSpec, seed: u64) -> Transitions {
    let mut rng = stream(seed, "experience");
    let uniform = |rng: &mut Prng, len: usize| (0..len).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f32>>();
    let action = |rng: &mut Prng| match spec.action.heads.first() {
        Some(&choices) => vec![rng.random_range(0..choices) as f32],
        None => uniform(rng, spec.action.continuous),
    };
    Transitions {
        observations: uniform(&mut rng, EXPERIENCE * spec.obs_dim()),
        next_observations: uniform(&mut rng, EXPERIENCE * spec.obs_dim()),
        actions: (0..EXPERIENCE).flat_map(|_| action(&mut rng)).collect(),
        rewards: uniform(&mut rng, EXPERIENCE),
        terminated: vec![false; EXPERIENCE],
        truncated: vec![false; EXPERIENCE],
        env: vec![0; EXPERIENCE],
        ..Transitions::default()
    }
}

/// One environment, one step per round: as the other libraries have it.
fn runtime(options: &Options, steps: u64) -> RuntimeConfig {
    RuntimeConfig {
        mode: if options.free_running { Mode::FreeRunning } else { Mode::Serial },
        envs: 1,
        round: 1,
        steps,
        progress_every: 0,
        ..RuntimeConfig::default()
    }
}

/// Measures runs of the same learner, each 1.1 to 8.4 times as long as the one before, until one is long enough.
fn steps<E: Env>(options: &Options, make_env: impl Fn(usize) -> E + Sync) -> Result<(), Box<dyn Error>> {
    let mut learner = learner(options, &EnvSpec::of(&make_env(0)))?;
    let mut run = |steps| train(&mut learner, &make_env, &runtime(options, steps), options.seed, &mut ());
    let mut outcome = run(WARM_UP)?;
    let mut steps = WARM_UP;
    while outcome.seconds < options.seconds {
        let share = options.seconds / outcome.seconds.max(1e-3);
        steps = (steps as f64 * share.clamp(1.05, 8.0) * 1.05) as u64;
        outcome = run(steps)?;
    }
    emit(outcome.env_steps, outcome.seconds);
    Ok(())
}

/// Evaluates, and stops the run when the return is as wanted.
struct Evaluation<'a, F> {
    make_env: &'a F,
    options: &'a Options,
    reached: bool,
}

impl<L: Learner, E: Env, F: Fn(usize) -> E> Observer<L> for Evaluation<'_, F> {
    fn on_evaluate(&mut self, steps: u64, policy: &L::Policy, _: &L) -> Result<(), ObserverError> {
        if steps > 0 && !self.reached {
            let first = 1_000_000 + 1_000 * self.options.seed;
            let returns = evaluate_policy(policy, &mut (self.make_env)(0), first..first + EPISODES)?;
            self.reached = returns.iter().sum::<f64>() / EPISODES as f64 >= self.options.wanted_return;
        }
        Ok(())
    }

    fn should_stop(&self) -> bool {
        self.reached
    }
}

fn time_to_return<E: Env>(options: &Options, make_env: impl Fn(usize) -> E + Sync) -> Result<(), Box<dyn Error>> {
    let mut learner = learner(options, &EnvSpec::of(&make_env(0)))?;
    let runtime = RuntimeConfig { evaluate_every: EVALUATE_EVERY, ..runtime(options, options.limit) };
    let mut evaluation = Evaluation { make_env: &make_env, options, reached: false };
    let outcome = train(&mut learner, &make_env, &runtime, options.seed, &mut evaluation)?;
    let (steps, seconds, reached) = (outcome.env_steps, outcome.seconds, evaluation.reached);
    println!("{{\"work\": {steps}, \"seconds\": {seconds}, \"reached\": {reached}}}");
    Ok(())
}

fn bare<E: Env>(options: &Options, mut env: E) -> Result<(), Box<dyn Error>> {
    let mut rng = stream(options.seed, "actions");
    let actions: Vec<_> = (0..1_000).map(|_| env.action_space().sample(&mut rng)).collect();
    env.reset(Some(options.seed));
    let (mut work, start) = (0, Instant::now());
    while start.elapsed().as_secs_f64() < options.seconds {
        for action in &actions {
            if env.step(action)?.is_last() {
                env.reset(None);
            }
        }
        work += actions.len() as u64;
    }
    emit(work, start.elapsed().as_secs_f64());
    Ok(())
}
