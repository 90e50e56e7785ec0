//! Agents of every kind that can be exported, with random weights, and what they do on random observations.

use mec_gym::agents::agent::{ActMode, Algorithm, Learner, ObservationBatch, Policy};
use mec_gym::agents::device::Device;
use mec_gym::agents::nn::{BodyConfig, Normalizer};
use mec_gym::agents::sac::SacConfig;
use mec_gym::agents::spec::EnvSpec;
use mec_gym::agents::state::StateDict;
use mec_gym::envs::gym::{ActionLayout, Part};
use mec_gym::envs::rng::rand::RngExt;
use mec_gym::envs::rng::{Prng, stream};
use mec_gym::experiments::registry::{AlgorithmConfig, AlgorithmVisitor};

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
    let mlp = |hidden: &[usize]| with(BodyConfig::mlp(hidden));
    let scorer = |hidden: &[usize], prior_scale| {
        with(BodyConfig::Scorer { hidden: hidden.to_vec(), prior_scale, q_prior_scale: 1.0 })
    };
    let normal = |config| SacConfig { normalize_observations: true, ..config };
    let all = ["options", "global", "prior"];
    let random = [
        ("mlp-discrete", flat(&[6], 0), mlp(&[32, 32])),
        ("mlp-multi-discrete", flat(&[3, 4, 4, 2], 0), mlp(&[32])),
        ("mlp-tanh", flat(&[6], 2), with(BodyConfig::tanh(&[32, 32]))),
        ("mlp-box", flat(&[], 3), mlp(&[32, 32])),
        ("mlp-mixed", flat(&[4, 3, 3], 2), mlp(&[32, 16])),
        ("mlp-normalised-discrete", flat(&[5], 0), normal(mlp(&[32]))),
        ("mlp-normalised-mixed", flat(&[4], 2), normal(mlp(&[32]))),
        ("scorer-discrete", options(1, 7, &all), scorer(&[16, 16], 2.0)),
        ("scorer-multi-discrete", options(4, 5, &all), scorer(&[16, 8, 8], 1.0)),
        ("scorer-options-alone", options(2, 3, &all[..1]), scorer(&[8], 1.0)),
        ("scorer-normalised", options(2, 4, &all), normal(scorer(&[16, 16], 2.0))),
    ];
    let mut cases = random.map(|(name, spec, config)| case(name, &spec, &dsaco(config), Weights::Random)).to_vec();
    // The last layer is zero, so that scores are priors, of which many are equal.
    let untrained = dsaco(scorer(&[16, 16], 3.0));
    cases.push(case("scorer-untrained", &options(2, 6, &all), &untrained, Weights::Initial));
    let of_methods = [
        ("dqn-discrete", flat(&[6], 0), "name = 'dqn'\nbuffer_capacity = 256"),
        ("dqn-dueling", flat(&[3, 4], 0), "name = 'dqn'\nbuffer_capacity = 256\ndueling = true"),
        ("td3-box", flat(&[], 3), "name = 'td3'\nbuffer_capacity = 256"),
        ("ddpg-box", flat(&[], 2), "name = 'ddpg'\nbuffer_capacity = 256\nnormalize_observations = true"),
        ("ppo-discrete", flat(&[5], 0), "name = 'ppo'"),
        ("ppo-box", flat(&[], 2), "name = 'ppo'"),
        ("a2c-scorer", options(2, 4, &all), "name = 'a2c'\nbody = { kind = 'scorer' }"),
        ("reinforce-mixed", flat(&[4, 2], 1), "name = 'reinforce'\nnormalize_observations = true"),
        ("es-discrete", flat(&[6], 0), "name = 'es'"),
    ];
    cases.extend(of_methods.map(|(name, spec, text)| {
        let method = toml::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        case(name, &spec, &method, Weights::Random)
    }));
    cases
}

fn dsaco(config: SacConfig) -> AlgorithmConfig {
    AlgorithmConfig::Dsaco(config)
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

fn case(name: &str, spec: &EnvSpec, method: &AlgorithmConfig, weights: Weights) -> Case {
    let mut state = method.accept(Untrained(spec));
    let mut rng = stream(3, name);
    let acts = |name: &String| name.starts_with("actor/") || name.starts_with("q/");
    let of_actor = |name: &String| weights == Weights::Random && acts(name);
    let shapes = state.arrays().iter().filter(|(name, _)| of_actor(name));
    let shapes: Vec<(String, Vec<usize>)> = shapes.map(|(name, array)| (name.clone(), array.shape.clone())).collect();
    for (name, shape) in shapes {
        let weights = draw(shape.iter().product(), 0.6, &mut rng);
        state.insert_array(name, &shape, weights);
    }
    if state.value::<serde_json::Value>("config").unwrap()["normalize_observations"] == true {
        // Smaller values than those that come, so that some are clipped.
        let mut normalizer = Normalizer::new(spec);
        normalizer.observe(&draw(50 * spec.obs_dim(), 0.2, &mut rng));
        normalizer.write(&mut state);
    }
    Case { name: name.to_owned(), state }
}

/// The state of a learner for these environments before its first step.
struct Untrained<'a>(&'a EnvSpec);

impl AlgorithmVisitor for Untrained<'_> {
    type Output = StateDict;

    fn visit<A: Algorithm>(self, algorithm: &A) -> StateDict {
        algorithm.build(self.0, &Device::flex(), 1).unwrap().state()
    }
}

fn draw(len: usize, bound: f32, rng: &mut Prng) -> Vec<f32> {
    (0..len).map(|_| rng.random_range(-bound..=bound)).collect()
}

impl Case {
    /// What the agent does on `rows` observations.
    pub fn fixture(&self, rows: usize) -> Fixture {
        let spec = spec_of(&self.state);
        let mut rng = stream(5, &self.name);
        let observations = observations(&spec, rows, &mut rng);
        // Now and then no choice of a head is open.
        let masks: Vec<bool> = (0..rows * spec.action.choices()).map(|_| rng.random_bool(0.6)).collect();
        let batch = ObservationBatch {
            rows,
            observations: &observations,
            masks: (spec.action.choices() > 0).then_some(&masks[..]),
        };
        let actions = AlgorithmConfig::of_state(&self.state).unwrap().accept(Greedy {
            state: &self.state,
            spec: &spec,
            batch: &batch,
        });
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

/// The environments that a stored learner is for.
fn spec_of(state: &StateDict) -> EnvSpec {
    let parts: Vec<(String, Vec<usize>)> = state.value("observation").unwrap();
    let (heads, continuous) = state.value("action").unwrap();
    let observation = parts.iter().map(|(name, shape)| Part::new(name, shape)).collect();
    EnvSpec { observation, action: ActionLayout { heads, continuous } }
}

/// The best actions of a stored learner, `[rows, codes]`.
struct Greedy<'a> {
    state: &'a StateDict,
    spec: &'a EnvSpec,
    batch: &'a ObservationBatch<'a>,
}

impl AlgorithmVisitor for Greedy<'_> {
    type Output = Vec<f32>;

    fn visit<A: Algorithm>(self, algorithm: &A) -> Vec<f32> {
        let mut learner = algorithm.build(self.spec, &Device::flex(), 9).unwrap();
        learner.load_state(self.state).unwrap();
        let mut actions = Vec::new();
        // Greedy actions draw nothing.
        learner.policy().act(self.batch, ActMode::Greedy, &mut stream(0, "greedy"), &mut actions);
        actions
    }
}
