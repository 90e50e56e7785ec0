//! An engine of one's own: two workers and a learner, scheduled with plain threads and channels.
//!
//! Nothing but bytes goes through the channels, as through a network: weights with their version one way, experience the
//! other way. Both are verified where they arrive. So the same calls on either side serve an engine that spreads actors
//! over machines: `set_weights`, `collect` and `to_bytes` of a worker; `from_bytes`, `check`, `add`, `train` and
//! `weights` of a learner.
//! `cargo run -p mec-agents --example own_engine` trains soft actor-critic on a probe environment whose best reward is 0.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use mec_agents::actor::{Actor, EnvStream, Experience, Worker};
use mec_agents::agent::{ActMode, Algorithm, Learner, ObservationBatch, Policy, Weights};
use mec_agents::device::Device;
use mec_agents::nn::BodyConfig;
use mec_agents::sac::SacConfig;
use mec_agents::spec::EnvSpec;
use mec_envs::gym::probe::{Probe, Rung};
use mec_envs::gym::{BoxSpace, TimeLimit};
use mec_envs::rng::stream;

const SEED: u64 = 1;
const WORKERS: usize = 2;
/// Environments of each worker, and steps of each of them between two hand-overs.
const ENVS: usize = 2;
const STEPS: usize = 8;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn make_env() -> TimeLimit<Probe<BoxSpace>> {
    TimeLimit::new(Probe::continuous(Rung::Match), 5)
}

fn config() -> SacConfig {
    SacConfig {
        gamma: 0.5,
        actor_lr: 3e-3,
        critic_lr: 3e-3,
        batch_size: 32,
        buffer_capacity: 2_000,
        learning_starts: 64,
        body: BodyConfig::mlp(&[32]),
        initial_alpha: 0.01,
        learn_alpha: false,
        ..SacConfig::default()
    }
}

/// What a worker sends: its number, and the bytes of what it saw or why it cannot go on.
type Report = (usize, Result<Vec<u8>, Error>);

/// One worker: it could run on another machine, for it shares no memory with the learner.
fn work(number: usize, weights: &Receiver<Weights>, reports: &Sender<Report>) -> Result<(), Error> {
    let streams = (0..ENVS).map(|env| EnvStream::new(make_env(), number * ENVS + env, SEED)).collect();
    let actor = Actor::new(streams, stream(SEED, &format!("worker {number}")));
    // Only the shape of this policy counts: its weights come from the learner.
    let policy = config().build(&EnvSpec::of(&make_env()), &Device::flex(), SEED)?.policy();
    let mut worker = Worker::new(actor, policy);
    for Weights { bytes, version } in weights {
        worker.set_weights(&bytes, version)?;
        reports.send((number, Ok(worker.collect(STEPS)?.to_bytes())))?;
    }
    Ok(())
}

fn main() -> Result<(), Error> {
    let spec = EnvSpec::of(&make_env());
    let mut learner = config().build(&spec, &Device::flex(), SEED)?;
    let (steps, episodes) = thread::scope(|scope| {
        let (reports, incoming) = channel::<Report>();
        // Both ends of the learner's channels live in here: whichever side fails, the other one finds them closed.
        let mut orders = Vec::new();
        for number in 0..WORKERS {
            let (order, weights) = channel();
            order.send(learner.weights())?;
            orders.push(order);
            let reports = reports.clone();
            scope.spawn(move || {
                if let Err(error) = work(number, &weights, &reports) {
                    // Nobody listens any more only when the training is over.
                    let _ = reports.send((number, Err(error)));
                }
            });
        }
        drop(reports);
        let (mut steps, mut episodes) = (0, 0);
        while steps < 3_000 {
            let (number, bytes) = incoming.recv()?;
            let Experience { transitions, episodes: ended } = Experience::from_bytes(&bytes?)?;
            // A learner takes what it is given: rows from elsewhere are checked before.
            transitions.check(&spec)?;
            steps += transitions.len();
            episodes += ended.len();
            learner.add(&transitions);
            learner.train(learner.updates_due())?;
            orders[number].send(learner.weights())?;
        }
        Ok::<_, Error>((steps, episodes))
    })?;
    println!("{steps} steps in {episodes} episodes, version {} of the policy", learner.version());
    judge(&mut learner.policy());
    Ok(())
}

/// Prints what the policy does, which has to be near the best there is.
fn judge(policy: &mut impl Policy) {
    for target in [-1.0, 1.0] {
        let batch = ObservationBatch { rows: 1, observations: &[target], masks: None };
        let mut action = Vec::new();
        policy.act(&batch, ActMode::Greedy, &mut stream(0, "greedy"), &mut action);
        println!("it takes {action:?} for {target}; best is {} in both entries", 0.5 * target);
        assert!(action.iter().all(|entry| (entry - 0.5 * target).abs() < 0.2), "the learner did not learn the probe");
    }
}
