//! Agents of every kind that can be exported, with random weights, and what they do on random observations.

use mec_agents::agent::{ActMode, Algorithm, Learner, ObservationBatch, Policy};
use mec_agents::device::Device;
use mec_agents::nn::{BodyConfig, Normalizer};
use mec_agents::sac::SacConfig;
use mec_agents::spec::EnvSpec;
use mec_agents::state::StateDict;
use mec_envs::gym::{ActionLayout, Part};
use mec_envs::rng::rand::RngExt;
use mec_envs::rng::{Prng, stream};

/// An agent.
#[derive(Clone)]
pub struct Case {
    pub name: String,
    /// As it is stored.
    pub state: StateDict,
}

/// Which weights an actor has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weights {
    Initial,
    Random,
}

/// Observations and masks, and the agent's actions on them, row by row.
pub struct Fixture {
    pub spec: EnvSpec,
    pub rows: usize,
    pub observations: Vec<f32>,
    pub masks: Vec<bool>,
    pub actions: Vec<f32>,
}

/// Every kind of action with every body that serves it.
pub fn cases() -> Vec<Case> {
    let flat = |heads: &[usize], continuous| EnvSpec {
        observation: vec![Part::new("observation", &[10])],
        action: ActionLayout { heads: heads.to_vec(), continuous },
    };
    let mlp = |hidden: &[usize]| with(BodyConfig::Mlp { hidden: hidden.to_vec() });
    let scorer = |hidden: &[usize], prior_scale| {
        with(BodyConfig::Scorer { hidden: hidden.to_vec(), prior_scale, q_prior_scale: 1.0 })
    };
    let normal = |config| SacConfig { normalize_observations: true, ..config };
    let all = ["options", "global", "prior"];
    let random = [
        ("mlp-discrete", flat(&[6], 0), mlp(&[32, 32])),
        ("mlp-multi-discrete", flat(&[3, 4, 4, 2], 0), mlp(&[32])),
        ("mlp-box", flat(&[], 3), mlp(&[32, 32])),
        ("mlp-mixed", flat(&[4, 3, 3], 2), mlp(&[32, 16])),
        ("mlp-normalised-discrete", flat(&[5], 0), normal(mlp(&[32]))),
        ("mlp-normalised-mixed", flat(&[4], 2), normal(mlp(&[32]))),
        ("scorer-discrete", options(1, 7, &all), scorer(&[16, 16], 2.0)),
        ("scorer-multi-discrete", options(4, 5, &all), scorer(&[16, 8, 8], 1.0)),
        ("scorer-options-alone", options(2, 3, &all[..1]), scorer(&[8], 1.0)),
        ("scorer-normalised", options(2, 4, &all), normal(scorer(&[16, 16], 2.0))),
    ];
    let mut cases = random.map(|(name, spec, config)| case(name, &spec, &config, Weights::Random)).to_vec();
    // The last layer is zero, so that scores are priors, of which many are equal.
    cases.push(case("scorer-untrained", &options(2, 6, &all), &scorer(&[16, 16], 3.0), Weights::Initial));
    cases
}

fn with(body: BodyConfig) -> SacConfig {
    SacConfig { body, buffer_capacity: 256, ..SacConfig::default() }
}

fn options(heads: usize, n: usize, parts: &[&str]) -> EnvSpec {
    let part = |name: &&str| match *name {
        "options" => Part::new("options", &[heads, n, 5]),
        "prior" => Part::new("prior", &[heads, n]),
        name => Part::new(name, &[3]),
    };
    let action = ActionLayout { heads: vec![n; heads], continuous: 0 };
    EnvSpec { observation: parts.iter().map(part).collect(), action }
}

fn case(name: &str, spec: &EnvSpec, config: &SacConfig, weights: Weights) -> Case {
    let mut state = config.build(spec, &Device::flex(), 1).unwrap().state();
    let mut rng = stream(3, name);
    let of_actor = |name: &String| weights == Weights::Random && name.starts_with("actor/");
    let shapes = state.arrays().iter().filter(|(name, _)| of_actor(name));
    let shapes: Vec<(String, Vec<usize>)> = shapes.map(|(name, array)| (name.clone(), array.shape.clone())).collect();
    for (name, shape) in shapes {
        let weights = draw(shape.iter().product(), 0.6, &mut rng);
        state.insert_array(name, &shape, weights);
    }
    if config.normalize_observations {
        // Smaller values than those that come, so that some are clipped.
        let mut normalizer = Normalizer::new(spec);
        normalizer.observe(&draw(50 * spec.obs_dim(), 0.2, &mut rng));
        normalizer.write(&mut state);
    }
    Case { name: name.to_owned(), state }
}

fn draw(len: usize, bound: f32, rng: &mut Prng) -> Vec<f32> {
    (0..len).map(|_| rng.random_range(-bound..=bound)).collect()
}

impl Case {
    /// What the agent does on `rows` observations.
    pub fn fixture(&self, rows: usize) -> Fixture {
        let (learner, spec) = learner_of(&self.state);
        let mut rng = stream(5, &self.name);
        let observations = observations(&spec, rows, &mut rng);
        // Now and then no choice of a head is open.
        let masks: Vec<bool> = (0..rows * spec.action.choices()).map(|_| rng.random_bool(0.6)).collect();
        let batch = ObservationBatch {
            rows,
            observations: &observations,
            masks: (spec.action.choices() > 0).then_some(&masks[..]),
        };
        let mut actions = Vec::new();
        learner.policy().act(&batch, ActMode::Greedy, &mut rng, &mut actions);
        Fixture { spec, rows, observations, masks, actions }
    }
}

/// Priors are whole numbers from -2 to 2, so that some are equal; everything else is between -2 and 2.
fn observations(spec: &EnvSpec, rows: usize, rng: &mut Prng) -> Vec<f32> {
    let mut row = || -> Vec<f32> {
        let parts = spec.observation.iter();
        parts
            .flat_map(|part| {
                let values = draw(part.len(), 2.0, rng);
                if part.name == "prior" { values.iter().map(|value| value.round()).collect() } else { values }
            })
            .collect()
    };
    (0..rows).flat_map(|_| row()).collect()
}

/// The learner of a checkpoint, and the environments that it is for.
fn learner_of(state: &StateDict) -> (impl Learner + use<>, EnvSpec) {
    let config: SacConfig = state.value("config").unwrap();
    let parts: Vec<(String, Vec<usize>)> = state.value("observation").unwrap();
    let (heads, continuous) = state.value("action").unwrap();
    let observation = parts.iter().map(|(name, shape)| Part::new(name, shape)).collect();
    let spec = EnvSpec { observation, action: ActionLayout { heads, continuous } };
    let mut learner = config.build(&spec, &Device::flex(), 9).unwrap();
    learner.load_state(state).unwrap();
    (learner, spec)
}
