//! Runtimes take the action spaces that policies can act in, and no others.

use mec_agents::agent::Algorithm;
use mec_agents::device::Device;
use mec_agents::nn::BodyConfig;
use mec_agents::random::RandomConfig;
use mec_agents::runtime::{Mode, RuntimeConfig, train};
use mec_agents::sac::SacConfig;
use mec_agents::spec::EnvSpec;
use mec_envs::gym::{BoxSpace, Discrete, Env, EnvError, Step};

/// A head of three choices and two boxes of two entries each; the last entry may have no upper bound.
struct Mixed {
    observations: BoxSpace,
    actions: (Discrete, (BoxSpace, BoxSpace)),
}

impl Mixed {
    fn up_to(high: f32) -> Self {
        let last = BoxSpace::new(&[2], vec![0.0; 2], vec![1.0, high]).unwrap();
        let actions = (Discrete::new(3), (BoxSpace::uniform(&[2], -1.0, 4.0), last));
        Self { observations: BoxSpace::uniform(&[1], 0.0, 1.0), actions }
    }
}

impl Env for Mixed {
    type ObservationSpace = BoxSpace;
    type ActionSpace = (Discrete, (BoxSpace, BoxSpace));
    type Info = ();

    fn observation_space(&self) -> &BoxSpace {
        &self.observations
    }

    fn action_space(&self) -> &Self::ActionSpace {
        &self.actions
    }

    fn reset(&mut self, _seed: Option<u64>) -> Vec<f32> {
        vec![0.5]
    }

    fn step(&mut self, _action: &(usize, (Vec<f32>, Vec<f32>))) -> Result<Step<Vec<f32>>, EnvError> {
        Ok(Step { observation: vec![0.5], reward: 1.0, terminated: true, truncated: false, info: () })
    }
}

#[test]
fn an_action_without_bounds_is_refused_by_every_runtime_with_its_place() {
    let spec = EnvSpec::of(&Mixed::up_to(1.0));
    let config = SacConfig { body: BodyConfig::mlp(&[4]), ..SacConfig::default() };
    for mode in [Mode::Serial, Mode::Lockstep, Mode::FreeRunning] {
        let runtime = RuntimeConfig { mode, actors: 2, envs: 2, steps: 20, ..RuntimeConfig::default() };
        let mut learner = config.build(&spec, &Device::flex(), 1).unwrap();
        train(&mut learner, |_| Mixed::up_to(1.0), &runtime, 1, &mut ()).unwrap();
        let error = train(&mut learner, |_| Mixed::up_to(f32::INFINITY), &runtime, 1, &mut ()).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("continuous entry 3 of its actions has no finite bounds"), "{error}");
        let mut random = RandomConfig::default().build(&spec, &Device::flex(), 1).unwrap();
        assert!(train(&mut random, |_| Mixed::up_to(f32::INFINITY), &runtime, 1, &mut ()).is_err());
    }
}
