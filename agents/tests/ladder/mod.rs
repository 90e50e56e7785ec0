//! The ladder of probe environments, for any method: every rung has a step budget and a threshold.

use mec_agents::agent::{ActMode, Algorithm, Learner, ObservationBatch, Policy};
use mec_agents::device::Device;
use mec_agents::runtime::{Mode, RuntimeConfig, train};
use mec_agents::spec::EnvSpec;
use mec_agents::transition::Transitions;
use mec_envs::gym::probe::{Probe, ProbeSpace, Rung};
use mec_envs::gym::{Env, TimeLimit};
use mec_envs::rng::stream;

/// The discount that rungs with known values ask for.
pub const GAMMA: f64 = 0.5;

/// What a method says a state is worth: of an observation and the greedy action there.
pub type ValueOf<L> = fn(&L, &ObservationBatch<'_>, &[f32]) -> f32;

/// A learner trained on a probe for so many steps, one stream and one step per round.
pub fn trained<A: Algorithm, P: ProbeSpace>(make: impl Fn() -> Probe<P> + Sync, config: &A, steps: u64) -> A::Learner {
    let make_env = |_| TimeLimit::new(make(), 5);
    let mut learner = config.build(&EnvSpec::of(&make_env(0)), &Device::flex(), 1).unwrap();
    let runtime = RuntimeConfig { mode: Mode::Serial, envs: 1, steps, round: 1, ..RuntimeConfig::default() };
    train(&mut learner, make_env, &runtime, 1, &mut ()).unwrap();
    learner
}

/// So many transitions of one stream, each of which was cut off: neither observations nor rewards are all the same.
pub fn rows(spec: &EnvSpec, count: usize) -> Transitions {
    let shares = |len: usize| (0..len).map(|at| at as f32 / len as f32).collect::<Vec<_>>();
    Transitions {
        observations: shares(count * spec.obs_dim()),
        next_observations: vec![0.5; count * spec.obs_dim()],
        actions: vec![0.0; count * spec.action.codes()],
        rewards: (0..count).map(|row| (row % 3) as f32).collect(),
        terminated: vec![false; count],
        truncated: vec![true; count],
        env: vec![0; count],
        ..Transitions::default()
    }
}

fn greedy(learner: &impl Learner, batch: &ObservationBatch<'_>) -> Vec<f32> {
    let mut action = Vec::new();
    learner.policy().act(batch, ActMode::Greedy, &mut stream(0, "greedy"), &mut action);
    action
}

fn assert_value<L: Learner>(learner: &L, value: ValueOf<L>, (observation, expected): (f32, f64), tolerance: f64) {
    let batch = ObservationBatch { rows: 1, observations: &[observation], masks: None };
    let value = value(learner, &batch, &greedy(learner, &batch));
    assert!((f64::from(value) - expected).abs() < tolerance, "value {value} of {observation} is not {expected}");
}

/// Holds that the greedy action for an observation scores as well as any, 0 at best.
fn assert_score<P: ProbeSpace>(learner: &impl Learner, probe: &Probe<P>, observation: f32, target: f32) {
    let batch = ObservationBatch { rows: 1, observations: &[observation], masks: probe.action_mask() };
    let codes = greedy(learner, &batch);
    let score = probe.action_space().score(&probe.action_space().decode(&codes), target);
    assert!(score > -0.03, "action {codes:?} for {observation} scores {score}");
}

/// Holds that a learner of [`Rung::Match`] or [`Rung::Masked`] hits both targets.
pub fn assert_match<P: ProbeSpace>(learner: &impl Learner, probe: &Probe<P>) {
    [-1.0, 1.0].into_iter().for_each(|x| assert_score(learner, probe, x, x));
}

/// Climbs all rungs; those that ask for values alone are left out for a method that has none.
pub fn climb<A: Algorithm, P: ProbeSpace>(
    make: impl Fn(Rung) -> Probe<P> + Sync,
    config: &A,
    value: Option<ValueOf<A::Learner>>,
    steps: impl Fn(Rung) -> u64,
) {
    for rung in Rung::ALL {
        let learner = || trained(|| make(rung), config, steps(rung));
        match (rung, value) {
            (Rung::Constant, Some(value)) => assert_value(&learner(), value, (0.0, 1.0), 0.05),
            (Rung::Value, Some(value)) => {
                let learner = learner();
                [-1.0, 1.0].into_iter().for_each(|x| assert_value(&learner, value, (x, f64::from(x)), 0.1));
            }
            (Rung::Delayed, Some(value)) => {
                let learner = learner();
                [(1.0, 1.0), (0.0, GAMMA)].into_iter().for_each(|known| assert_value(&learner, value, known, 0.1));
            }
            (Rung::Endless, Some(value)) => {
                assert_value(&learner(), value, (0.0, 1.0 / (1.0 - GAMMA)), 0.15);
            }
            (Rung::Constant | Rung::Value | Rung::Delayed | Rung::Endless, None) => {}
            (Rung::Action, _) => assert_score(&learner(), &make(rung), 0.0, 1.0),
            (Rung::Match | Rung::Masked, _) => assert_match(&learner(), &make(rung)),
        }
    }
}
