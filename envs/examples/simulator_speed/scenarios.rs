//! Decisions in the default scenario and in larger and smaller variations of it, by policies that cost nothing.

use std::error::Error;
use std::hint::black_box;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use mec_envs::gym::{Discrete, Env, Space};
use mec_envs::offload::scenario::DeviceGroup;
use mec_envs::offload::{Decision, Offload, OffloadEnv, OffloadForm, OffloadSetEnv, Scenario, ScenarioError, Setting};
use mec_envs::rng::stream;

use crate::measurement::{Measurement, Round};

/// Servers that a task may go to in the sweep over servers, as many as its smallest scenario has: decisions are between
/// equally many targets.
const REACH: usize = 2;

/// What the sweeps change beside the number of devices or servers: TOML text for every scenario of theirs, which the
/// command line can replace in turn. Options that large scenarios need belong here.
const SWEEP: &str = "";

/// Targets drawn in advance.
const DRAWS: usize = 10_000;

/// Through which interface decisions are made.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// [`OffloadEnv`], with its observations.
    Observed,
    /// [`OffloadSetEnv`], with its observations.
    Sets,
    /// [`Offload`], without observations.
    Bare,
}

impl FromStr for Form {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "OffloadEnv" => Ok(Self::Observed),
            "OffloadSetEnv" => Ok(Self::Sets),
            "Offload" => Ok(Self::Bare),
            _ => Err(format!("there is no form {name:?}; accepted is OffloadEnv, OffloadSetEnv or Offload")),
        }
    }
}

/// Which targets are chosen.
#[derive(Clone, Copy, Debug)]
pub enum Policy {
    /// The first server for every task.
    FirstServer,
    /// One target after the other.
    RoundRobin,
    /// Any target with equal probability.
    Random,
    /// One server after the other, and never the device.
    Servers,
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "server-1" => Ok(Self::FirstServer),
            "round-robin" => Ok(Self::RoundRobin),
            "random" => Ok(Self::Random),
            "servers" => Ok(Self::Servers),
            _ => Err(format!("there is no policy {name:?}; accepted is server-1, round-robin, random or servers")),
        }
    }
}

impl Policy {
    /// The targets of tasks, again and again.
    fn targets(self, targets: usize) -> impl Iterator<Item = usize> {
        let mut rng = stream(0, "targets");
        let space = Discrete::new(targets);
        let list: Vec<usize> = match self {
            Self::FirstServer => vec![1],
            Self::RoundRobin => (0..targets).collect(),
            Self::Servers => (1..targets).collect(),
            Self::Random => (0..DRAWS).map(|_| space.sample(&mut rng)).collect(),
        };
        (0..list.len()).cycle().map(move |index| list[index])
    }
}

/// The default scenario with these changes.
pub fn default(changes: toml::Table) -> Result<Scenario, ScenarioError> {
    let mut table = toml::Table::new();
    table.insert("preset".into(), "default".into());
    table.extend(changes);
    Scenario::from_table(table)
}

/// The default scenario with `number` devices that together ask for as many tasks per second as there, so that the
/// servers have the same load: what is measured is the cost of devices and not that of a longer queue.
pub fn devices(number: usize, changes: toml::Table) -> Result<Scenario, Box<dyn Error>> {
    let scenario = default(toml::Table::new())?;
    let rate_hz: f64 = scenario.devices.iter().map(|group| group.rate_hz * group.count as f64).sum();
    varied(device_groups(&scenario, number, rate_hz / number as f64), changes)
}

/// `number` servers, half of them as fast as the default scenario's second and half as its others, and devices in
/// proportion, 7.5 per server as there and with its rate: servers have the same load and uplinks too, whatever their
/// number. Each task may go to the [`REACH`] nearest servers.
pub fn servers(number: usize, changes: toml::Table) -> Result<Scenario, Box<dyn Error>> {
    let scenario = default(toml::Table::new())?;
    let mut text = format!("reach = {REACH}\n");
    text += &device_groups(&scenario, number * 15 / 2, scenario.devices[0].rate_hz);
    for (index, group) in scenario.servers[1..].iter().enumerate() {
        let (processor, executors) = (&group.processor, group.executors);
        let count = (number + 1 - index) / 2;
        text += &format!("[[servers]]\nprocessor = \"{processor}\"\ncount = {count}\nexecutors = {executors}\n");
    }
    varied(text, changes)
}

/// TOML of `number` devices in the default scenario's groups.
fn device_groups(scenario: &Scenario, number: usize, rate_hz: f64) -> String {
    let groups = scenario.devices.len();
    let group = |(index, group): (usize, &DeviceGroup)| {
        let count = (number + groups - 1 - index) / groups;
        let (processor, power) = (&group.processor, group.transmit_power_w.0);
        format!(
            "[[devices]]\nprocessor = \"{processor}\"\ncount = {count}\nrate_hz = {rate_hz:?}\n\
             transmit_power_w = {power:?}\n"
        )
    };
    scenario.devices.iter().enumerate().map(group).collect()
}

fn varied(text: String, changes: toml::Table) -> Result<Scenario, Box<dyn Error>> {
    let mut table: toml::Table = text.parse()?;
    table.extend(SWEEP.parse::<toml::Table>()?);
    table.extend(changes);
    Ok(default(table)?)
}

/// Decisions in episodes of this scenario, at least `episodes` of them.
pub fn measure(
    scenario: Scenario,
    form: Form,
    policy: Policy,
    seconds: f64,
    episodes: usize,
) -> Result<Measurement, Box<dyn Error>> {
    let setting = Arc::new(Setting::new(scenario)?);
    let mut targets = policy.targets(setting.targets());
    match form {
        Form::Bare => {
            let mut offload = Offload::new(setting);
            offload.reset(Some(0));
            let measurement = Measurement::take(seconds, episodes, || bare_episode(&mut offload, &mut targets))?;
            Ok(measurement.of(&offload))
        }
        Form::Observed => {
            let mut env = OffloadEnv::new(setting);
            env.reset(Some(0));
            let measurement = Measurement::take(seconds, episodes, || observed_episode(&mut env, &mut targets))?;
            Ok(measurement.of(env.offload()))
        }
        Form::Sets => {
            let mut env = OffloadSetEnv::new(setting);
            env.reset(Some(0));
            let measurement = Measurement::take(seconds, episodes, || sets_episode(&mut env, &mut targets))?;
            Ok(measurement.of(env.offload()))
        }
    }
}

/// One episode without observations.
pub fn bare_episode(offload: &mut Offload, targets: &mut impl Iterator<Item = usize>) -> Result<Round, Box<dyn Error>> {
    let mut round = started(|| offload.reset(None));
    while !offload.is_over() {
        black_box(offload.decide(Decision::to(next(targets)))?);
        round.work += 1;
    }
    Ok(round)
}

/// One episode with observations.
pub fn observed_episode(
    env: &mut OffloadEnv,
    targets: &mut impl Iterator<Item = usize>,
) -> Result<Round, Box<dyn Error>> {
    let mut observation = Vec::new();
    let mut round = started(|| env.reset_into(None, &mut observation));
    loop {
        let step = env.step_into(&next(targets), &mut observation)?;
        black_box(&observation);
        round.work += 1;
        if step.is_last() {
            return Ok(round);
        }
    }
}

/// One episode of whole sets; the mask tells which rows are tasks.
fn sets_episode(env: &mut OffloadSetEnv, targets: &mut impl Iterator<Item = usize>) -> Result<Round, Box<dyn Error>> {
    let rows = env.action_space().heads().len();
    let choices = env.action_space().heads()[0];
    let mut observation = Vec::new();
    let mut round = started(|| env.reset_into(None, &mut observation));
    let mut action = vec![0; rows];
    loop {
        let mask = env.action_mask().unwrap_or_default();
        for (row, target) in action.iter_mut().enumerate() {
            *target = if mask[row * choices + 1] { next(targets) } else { 0 };
        }
        let step = env.step_into(&action, &mut observation)?;
        black_box(&observation);
        round.work += step.info.tasks;
        if step.is_last() {
            return Ok(round);
        }
    }
}

fn next(targets: &mut impl Iterator<Item = usize>) -> usize {
    targets.next().expect("targets repeat without end")
}

/// A round whose episode has just started.
pub fn started<T>(reset: impl FnOnce() -> T) -> Round {
    let before = Instant::now();
    black_box(reset());
    Round { work: 0, reset_seconds: before.elapsed().as_secs_f64() }
}
