//! The adapters to burn-rl keep every number, in both directions.
#![cfg(feature = "burn-rl")]

use burn_rl::{Environment, StepResult};
use mec_agents::agent::Algorithm;
use mec_agents::burn_rl::{BurnTask, ForBurn, FromBurn};
use mec_agents::device::Device;
use mec_agents::dqn::DqnConfig;
use mec_agents::runtime::{RuntimeConfig, train};
use mec_agents::spec::EnvSpec;
use mec_envs::gym::classic::CartPole;
use mec_envs::gym::{ActionSpace, BoxSpace, Discrete, Env, Space, check_env};
use mec_envs::rng::rand::RngExt;
use mec_envs::rng::{Prng, stream};

/// Walks on a line until it falls off an end; an environment as a user of burn-rl has it.
struct Line {
    place: i32,
    rng: Prng,
}

impl Environment for Line {
    type State = i32;
    type Action = bool;

    const MAX_STEPS: usize = 12;

    fn state(&self) -> i32 {
        self.place
    }

    fn step(&mut self, right: bool) -> StepResult<i32> {
        self.place += if right { 1 } else { -1 };
        StepResult {
            next_state: self.place,
            reward: f64::from(self.place),
            done: self.place.abs() > 4,
            truncated: false,
        }
    }

    fn reset(&mut self) {
        self.place = self.rng.random_range(-3..=3);
    }
}

struct LineTask;

impl BurnTask for LineTask {
    type Environment = Line;
    type ActionSpace = Discrete;

    fn make(&self, seed: u64) -> Line {
        Line { place: 0, rng: stream(seed, "line") }
    }

    fn observation_space(&self) -> BoxSpace {
        BoxSpace::uniform(&[1], -5.0, 5.0)
    }

    fn action_space(&self) -> Discrete {
        Discrete::new(2)
    }

    fn observe(&self, state: &i32) -> Vec<f32> {
        vec![*state as f32]
    }

    fn action(&self, action: &usize) -> bool {
        *action == 1
    }
}

#[test]
fn an_environment_of_burn_rl_is_a_sound_one_of_ours_and_is_cut_at_its_largest_number_of_steps() {
    check_env(|| FromBurn::new(LineTask), 1, 500).unwrap();
    let mut env = FromBurn::new(LineTask);
    let mut observation = env.reset(Some(3));
    for step in 1..=12 {
        let action = usize::from(observation[0] < 0.0);
        let next = env.step(&action).unwrap();
        assert_eq!((next.terminated, next.truncated), (false, step == 12), "step {step}");
        observation = next.observation;
    }
}

#[test]
fn our_agents_learn_in_an_environment_of_burn_rl() {
    let make_env = |_| FromBurn::new(LineTask);
    let config = DqnConfig { learning_starts: 32, buffer_capacity: 1_000, ..DqnConfig::default() };
    let mut learner = config.build(&EnvSpec::of(&make_env(0)), &Device::flex(), 1).unwrap();
    let runtime = RuntimeConfig { steps: 200, ..RuntimeConfig::default() };
    let outcome = train(&mut learner, make_env, &runtime, 1, &mut ()).unwrap();
    assert!(outcome.env_steps >= 200 && outcome.updates > 0, "{outcome:?}");
}

#[test]
fn our_environment_driven_through_burn_rl_gives_the_same_episode() {
    let mut own = CartPole::v1();
    let mut adapted = ForBurn::new(CartPole::v1(), 7);
    let first = own.reset(Some(7));
    assert_eq!(adapted.state().observation, own.observation_space().flatten(&first));
    let mut rng = stream(7, "actions");
    let mut episodes = 0;
    while episodes < 3 {
        let action = own.action_space().sample(&mut rng);
        let mut codes = Vec::new();
        own.action_space().encode_into(&action, &mut codes);
        let step = own.step(&action).unwrap();
        let through = adapted.step(codes);
        assert_eq!(through.next_state.observation, own.observation_space().flatten(&step.observation));
        assert_eq!((through.reward, through.done, through.truncated), (step.reward, step.terminated, step.truncated));
        if step.is_last() {
            episodes += 1;
            let first = own.reset(None);
            adapted.reset();
            assert_eq!(adapted.state().observation, own.observation_space().flatten(&first));
        }
    }
}
