//! An environment of one's own, checked, trained on with soft actor-critic, with a learning curve as CSV:
//! `cargo run --release -p mec-experiments --example own_environment`.

use std::path::Path;

use mec_agents::actor::EpisodeReport;
use mec_agents::agent::Algorithm;
use mec_agents::device::Device;
use mec_agents::runtime::{Observer, ObserverError, RuntimeConfig, train};
use mec_agents::sac::{SacConfig, SacLearner};
use mec_agents::spec::EnvSpec;
use mec_envs::gym::{BoxSpace, Discrete, Env, EnvError, Space, Step, TimeLimit, check_env};
use mec_envs::rng::{Prng, stream};
use mec_experiments::files::CsvFile;
use rand::RngExt;

/// Walks left or right on a line; the reward is minus the distance to a goal that each episode draws.
struct Walk {
    observation_space: BoxSpace,
    action_space: Discrete,
    rng: Prng,
    goal: f32,
    place: Option<f32>,
}

impl Walk {
    fn new() -> Self {
        let observation_space = BoxSpace::uniform(&[2], -2.0, 2.0);
        Self { observation_space, action_space: Discrete::new(3), rng: stream(0, "walk"), goal: 0.0, place: None }
    }
}

impl Env for Walk {
    type ObservationSpace = BoxSpace;
    type ActionSpace = Discrete;
    type Info = ();

    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &Discrete {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        if let Some(seed) = seed {
            self.rng = stream(seed, "walk");
        }
        self.goal = self.rng.random_range(-1.0..=1.0);
        self.place = Some(0.0);
        vec![0.0, self.goal]
    }

    fn step(&mut self, action: &usize) -> Result<Step<Vec<f32>>, EnvError> {
        let place = self.place.ok_or(EnvError::ResetNeeded)?;
        if !self.action_space.contains(action) {
            let (action, accepted) = (action.to_string(), "0, 1 or 2".to_owned());
            return Err(EnvError::InvalidAction { action, reason: "there is no such direction".to_owned(), accepted });
        }
        let place = (place + 0.1 * (*action as f32 - 1.0)).clamp(-2.0, 2.0);
        self.place = Some(place);
        let reward = -f64::from((place - self.goal).abs());
        Ok(Step { observation: vec![place, self.goal], reward, terminated: false, truncated: false, info: () })
    }
}

/// Writes a row per episode.
struct Curve(CsvFile);

impl Observer<SacLearner> for Curve {
    fn on_episode(&mut self, episode: &EpisodeReport) -> Result<(), ObserverError> {
        Ok(self.0.row((episode.env, episode.episode, episode.episode_return))?)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The horizon is a wrapper, so that the agent bootstraps through it.
    let make = || TimeLimit::new(Walk::new(), 30);
    check_env(make, 1, 1_000)?;

    let config = SacConfig { gamma: 0.9, learning_starts: 200, initial_alpha: 0.1, ..SacConfig::default() };
    let mut learner = config.build(&EnvSpec::of(&make()), &Device::flex(), 1)?;
    let runtime = RuntimeConfig { actors: 2, envs: 4, steps: 3_000, ..RuntimeConfig::default() };
    let path = Path::new("results/own-environment.csv");
    std::fs::create_dir_all("results")?;
    let mut curve = Curve(CsvFile::create(path, "", &["env", "episode", "return"], 16)?);
    train(&mut learner, |_| make(), &runtime, 1, &mut curve)?;
    curve.0.finish()?;

    let mut reader = csv::Reader::from_path(path)?;
    let returns = reader.deserialize().map(|row| row.map(|(_, _, value): (u32, u64, f64)| value));
    let returns = returns.collect::<Result<Vec<f64>, _>>()?;
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let tenth = returns.len() / 10;
    println!("first tenth of the episodes: mean return {:.2}", mean(&returns[..tenth]));
    println!("last tenth:                  mean return {:.2}", mean(&returns[returns.len() - tenth..]));
    println!("learning curve: {}", path.display());
    Ok(())
}
