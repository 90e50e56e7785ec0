//! One server and one network: the scenario that `scripts/simulator_speed/simpy_twin.py` also simulates.

use std::error::Error;
use std::fmt::Write;
use std::hint::black_box;
use std::str::FromStr;
use std::sync::Arc;

use mec_envs::gym::Env;
use mec_envs::offload::{Decision, Offload, OffloadEnv, OffloadForm, Scenario, Setting, TaskRecord};
use mec_envs::system::link::LinkConfig;
use mec_envs::units::BytesPerSecond;

use crate::measurement::{Measurement, Round};
use crate::scenarios::{bare_episode, observed_episode, started};

/// The scenario.
const ONE_SERVER: &str = include_str!("one_server.toml");

/// Seed of the episode whose tasks are printed.
const SEED: u64 = 1;

/// How decisions are made.
#[derive(Clone, Copy, Debug)]
pub enum Variant {
    /// The first task of each slot whole on the server, the others in turn on the device and cut in the middle; through
    /// [`Offload`].
    FixedCuts,
    /// Device and server in turn with CDLP's cuts, through [`Offload`].
    Cdlp,
    /// The same through [`OffloadEnv`], with its observations.
    Observed,
}

impl FromStr for Variant {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "fixed-cuts" => Ok(Self::FixedCuts),
            "cdlp" => Ok(Self::Cdlp),
            "observed" => Ok(Self::Observed),
            _ => Err(format!("there is no variant {name:?}; accepted is fixed-cuts, cdlp or observed")),
        }
    }
}

/// The episodes of a variant.
enum Episodes {
    FixedCuts(Offload),
    Cdlp(Offload),
    Observed(OffloadEnv),
}

impl Episodes {
    fn new(variant: Variant, changes: toml::Table) -> Result<Self, Box<dyn Error>> {
        let mut table: toml::Table = ONE_SERVER.parse()?;
        table.extend(changes);
        let setting = Arc::new(Setting::new(Scenario::from_table(table)?)?);
        let mut episodes = match variant {
            Variant::FixedCuts => Self::FixedCuts(Offload::new(setting)),
            Variant::Cdlp => Self::Cdlp(Offload::new(setting)),
            Variant::Observed => Self::Observed(OffloadEnv::new(setting)),
        };
        match &mut episodes {
            Self::FixedCuts(offload) | Self::Cdlp(offload) => offload.reset(Some(SEED)),
            Self::Observed(env) => drop(env.reset(Some(SEED))),
        }
        Ok(episodes)
    }

    /// The next episode.
    fn run(&mut self) -> Result<Round, Box<dyn Error>> {
        let mut targets = [0, 1].into_iter().cycle();
        match self {
            Self::FixedCuts(offload) => fixed_cuts_episode(offload),
            Self::Cdlp(offload) => bare_episode(offload, &mut targets),
            Self::Observed(env) => observed_episode(env, &mut targets),
        }
    }

    fn offload(&self) -> &Offload {
        match self {
            Self::FixedCuts(offload) | Self::Cdlp(offload) => offload,
            Self::Observed(env) => env.offload(),
        }
    }
}

/// The cut with the fewest bytes to send among those that use the device and leave half of the work or more to the
/// server.
fn middle_cut(setting: &Setting) -> usize {
    let frontier = setting.frontier(0, 0);
    let service = |cut| frontier.edge_time(cut, setting.servers[0].class).0;
    let shared = (1..frontier.len()).filter(|&cut| service(cut) >= 0.5 * service(0));
    let smallest = shared.min_by(|&a, &b| frontier.upload(a).0.total_cmp(&frontier.upload(b).0));
    smallest.expect("the network of the scenario has such a cut")
}

/// One task per slot whole on the server, and no more: equal inputs that start together reach the server together, and
/// which of them is served first is a matter of convention, which differs between simulators.
fn fixed_cuts_episode(offload: &mut Offload) -> Result<Round, Box<dyn Error>> {
    let whole = Decision { target: 1, candidate: Some(0) };
    let cut = Decision { target: 1, candidate: Some(middle_cut(offload.setting())) };
    let mut others = [Decision::to(0), cut].into_iter().cycle();
    let mut round = started(|| offload.reset(None));
    let mut slot_end = 0.0;
    while !offload.is_over() {
        let now = offload.world().map_or(0.0, |world| world.now());
        let other = if now == slot_end { others.next() } else { None };
        slot_end = now;
        black_box(offload.decide(other.unwrap_or(whole))?);
        round.work += 1;
    }
    Ok(round)
}

/// Tasks of whole episodes.
pub fn measure(variant: Variant, seconds: f64, changes: toml::Table) -> Result<Measurement, Box<dyn Error>> {
    let mut episodes = Episodes::new(variant, changes)?;
    let measurement = Measurement::take(seconds, 1, || episodes.run())?;
    Ok(measurement.of(episodes.offload()))
}

/// The tasks of an episode as CSV: what another simulator needs to repeat it, and when each completes here.
pub fn tasks(variant: Variant, changes: toml::Table) -> Result<String, Box<dyn Error>> {
    let mut episodes = Episodes::new(variant, changes)?;
    episodes.run()?;
    let setting = episodes.offload().setting();
    let world = episodes.offload().world().ok_or("no episode has run")?;
    let columns = "user,arrival_s,target,device_s,device_noise,upload_s,server_s,server_noise,return_s,completion_s\n";
    let mut text = columns.to_owned();
    for task in &world.tasks()[..world.decided()] {
        let [device_s, upload_s, server_s, return_s] = stages(setting, task)?;
        let TaskRecord { user, arrival, target, device_noise, server_noise, completion, .. } = task;
        write!(text, "{user},{arrival},{target},{device_s},{device_noise},{upload_s},")?;
        writeln!(text, "{server_s},{server_noise},{return_s},{completion}")?;
    }
    Ok(text)
}

/// Expected times on processor, uplink and server, and that of the result's return, s; 0 for what a task does not need.
fn stages(setting: &Setting, task: &TaskRecord) -> Result<[f64; 4], String> {
    let LinkConfig::Constant { rate_mbit } = setting.scenario.link else {
        return Err("link.kind is not constant: uploads have no length of their own".to_owned());
    };
    let frontier = setting.frontier(task.model, task.user);
    let device_s = frontier.device_time(task.candidate).0;
    if task.target == 0 {
        return Ok([device_s, 0.0, 0.0, 0.0]);
    }
    let upload_s = frontier.upload(task.candidate).0 / BytesPerSecond::from_mbit(rate_mbit).0;
    let server_s = frontier.edge_time(task.candidate, setting.servers[task.target - 1].class).0;
    Ok([device_s, upload_s, server_s, setting.models[task.model].return_time.0])
}
