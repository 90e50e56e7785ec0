//! [`Setting`]: a scenario with everything that does not change between episodes worked out.

use std::sync::Arc;

use crate::dnn::{LayerGraph, zoo};
use crate::partition::Frontier;
use crate::processor::Processor;
use crate::system::arrival::ArrivalModel;
use crate::system::link::LinkModel;
use crate::system::place::{MobilityModel, Sites};
use crate::system::server::{ForeignModel, ServerParameters};
use crate::trace::TraceError;
use crate::units::{Bytes, Joules, Seconds, Watts};

use super::scenario::{DeviceGroup, Scenario, ScenarioError, ServerGroup};

/// A device of a setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeviceSpec {
    /// Index of its processor among [`Setting::device_processors`].
    pub class: usize,
    /// Tasks per second.
    pub rate_hz: f64,
    /// Power of the radio while it sends.
    pub transmit_power: Watts,
    /// Index of its group in the scenario.
    pub group: usize,
    /// What it may spend on tasks in an episode.
    pub battery: Option<Joules>,
}

/// A server of a setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServerSpec {
    /// Index of its processor among [`Setting::server_processors`].
    pub class: usize,
    /// Parallel executors.
    pub executors: usize,
    /// Its speed over the fastest server's: the ratio of their times for the whole mix of networks.
    pub speed: f64,
    /// Index of its group in the scenario.
    pub group: usize,
}

/// A network of the mix.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    /// Its layer graph.
    pub graph: LayerGraph,
    /// Relative share of the tasks.
    pub weight: f64,
    /// Latency above which a task has failed.
    pub deadline: Seconds,
    /// Size of its parameters: what a server loads, whatever the cut.
    pub bytes: Bytes,
    /// Time for the result to return from a server.
    pub return_time: Seconds,
}

/// A scenario, ready to run: graphs, processors and cut frontiers; shared by all its environments.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The scenario.
    pub scenario: Scenario,
    /// The networks of the mix.
    pub models: Vec<ModelSpec>,
    /// One entry per device.
    pub devices: Vec<DeviceSpec>,
    /// One entry per server.
    pub servers: Vec<ServerSpec>,
    /// The different processors of devices.
    pub device_processors: Vec<Processor>,
    /// The different processors of servers.
    pub server_processors: Vec<Processor>,
    /// How tasks arrive.
    pub arrivals: ArrivalModel,
    /// Load of other tenants on every server.
    pub foreign: ForeignModel,
    /// How uplink rates come about.
    pub link: LinkModel,
    /// How each group of devices moves.
    pub mobility: Vec<MobilityModel>,
    /// Where the servers stand.
    pub sites: Arc<Sites>,
    /// With a limited reach, the servers that tasks received by each server may go to, `[servers * reach]`.
    reach: Vec<usize>,
    frontiers: Vec<Frontier>,
}

impl Setting {
    /// Works out a scenario.
    ///
    /// # Errors
    /// [`ScenarioError`] for a value out of range.
    pub fn new(scenario: Scenario) -> Result<Self, ScenarioError> {
        scenario.validate()?;
        let models = models(&scenario)?;
        let device_names = distinct(scenario.devices.iter().map(|group| group.processor.as_str()));
        let server_names = distinct(scenario.servers.iter().map(|group| group.processor.as_str()));
        let find = |names: &[&str]| names.iter().map(|name| scenario.processor(name)).collect::<Result<Vec<_>, _>>();
        let (device_processors, server_processors) = (find(&device_names)?, find(&server_names)?);
        let classes: Vec<&Processor> = server_processors.iter().collect();
        let frontiers = models
            .iter()
            .flat_map(|model| device_processors.iter().map(|device| Frontier::new(&model.graph, device, &classes)))
            .collect();
        let devices = devices(&scenario, &device_names);
        let servers = servers(&scenario, &server_names, &speeds(&models, &server_processors));
        let sites = Sites::grid(servers.len(), scenario.area_m);
        let near =
            scenario.reach.map(|reach| (0..servers.len()).flat_map(|site| sites.nearest_to(site, reach)).collect());
        let setting = Self {
            models,
            devices,
            servers,
            device_processors,
            server_processors,
            frontiers,
            arrivals: scenario.arrivals.load(&scenario.recordings).map_err(recording("arrivals.source"))?,
            foreign: scenario.foreign.load(&scenario.recordings).map_err(recording("foreign.arrivals.source"))?,
            link: scenario.link.load(&scenario.recordings).map_err(recording("link.source"))?,
            mobility: mobility(&scenario)?,
            sites: Arc::new(sites),
            reach: near.unwrap_or_default(),
            scenario,
        };
        setting.refuse_small_memories()?;
        setting.refuse_long_steps().map(|()| setting)
    }

    /// What server `m` is made of.
    pub fn server_parameters(&self, m: usize) -> ServerParameters {
        let group = &self.scenario.servers[self.servers[m].group];
        let bytes = self.models.iter().map(|model| model.bytes);
        ServerParameters {
            executors: group.executors,
            discipline: group.discipline,
            memory: group.memory,
            model_bytes: bytes.collect(),
        }
    }

    /// A server's memory must hold what it runs at the same time.
    fn refuse_small_memories(&self) -> Result<(), ScenarioError> {
        for m in 0..self.servers.len() {
            let (group, parameters) = (self.servers[m].group, self.server_parameters(m));
            let Some(memory) = parameters.memory.filter(|_| !parameters.memory_suffices()) else { continue };
            return Err(ScenarioError::OutOfRange {
                field: format!("servers[{group}].memory.capacity_bytes"),
                found: memory.capacity_bytes.0.to_string(),
                accepted: format!(
                    "{} or more, the largest network of the mix for each job at once",
                    parameters.least_memory().0
                ),
            });
        }
        Ok(())
    }

    /// Tasks that an episode hardly ever exceeds: their mean number and six standard deviations of a Poisson number.
    pub fn expected_tasks(&self) -> usize {
        let mean = self.devices.iter().map(|device| device.rate_hz).sum::<f64>() * self.scenario.horizon_s.0;
        (mean + 6.0 * mean.sqrt() + 16.0) as usize
    }

    /// How long server `m` takes to load a network of the mix that is not in its memory; 0 without one.
    pub fn loading_time(&self, m: usize, model: usize) -> Seconds {
        let memory = self.scenario.servers[self.servers[m].group].memory;
        memory.map_or(Seconds::ZERO, |memory| self.models[model].bytes / memory.load_bytes_per_s)
    }

    /// Number of targets of a task: its device and the servers in its reach.
    pub fn targets(&self) -> usize {
        1 + self.scenario.reach.unwrap_or(self.servers.len())
    }

    /// The server behind target `target`, 1 or more, of a device that server `station` receives.
    pub fn server_behind(&self, target: usize, station: usize) -> usize {
        match self.scenario.reach {
            None => target - 1,
            Some(reach) => self.reach[station * reach + target - 1],
        }
    }

    /// The cuts worth considering for network `model` on device `user`, over the classes of servers.
    pub fn frontier(&self, model: usize, user: usize) -> &Frontier {
        &self.frontiers[model * self.device_processors.len() + self.devices[user].class]
    }

    /// The processor of device `user`.
    pub fn device_processor(&self, user: usize) -> &Processor {
        &self.device_processors[self.devices[user].class]
    }

    /// Name of a target: the device itself for 0, else the server of that number from 1 on.
    pub fn target_name(&self, target: usize) -> String {
        match target {
            0 => "device".to_owned(),
            server => format!("server-{server}"),
        }
    }
}

fn models(scenario: &Scenario) -> Result<Vec<ModelSpec>, ScenarioError> {
    let load = |share: &super::scenario::ModelShare| {
        let mut graph = zoo::load(&share.name).map_err(|error| ScenarioError::Malformed(error.to_string()))?;
        if let Some(bytes) = share.input_bytes {
            graph = graph.with_input_bytes(bytes).map_err(|error| ScenarioError::Malformed(error.to_string()))?;
        }
        let result = share.result_bytes.unwrap_or(graph.output_bytes());
        let return_time = result / scenario.network.downlink() + scenario.network.propagation_s;
        Ok(ModelSpec {
            bytes: graph.param_bytes(),
            graph,
            weight: share.weight,
            deadline: share.deadline_s,
            return_time,
        })
    };
    scenario.models.iter().map(load).collect()
}

/// Loads how devices move, and checks that they stay in the area.
fn mobility(scenario: &Scenario) -> Result<Vec<MobilityModel>, ScenarioError> {
    let load = |(index, group): (usize, &DeviceGroup)| {
        let field = format!("devices[{index}].mobility.source");
        let model = group.mobility.load(&scenario.recordings).map_err(recording(&field))?;
        let outside = model.first_outside(scenario.area_m);
        match outside {
            None => Ok(model),
            Some((node, point)) => Err(ScenarioError::OutOfRange {
                field,
                found: format!("a recording in which {node} is at ({}, {}) m", point.x, point.y),
                accepted: format!("positions from 0 to {} m (area_m)", scenario.area_m.0),
            }),
        }
    };
    scenario.devices.iter().enumerate().map(load).collect()
}

fn recording(field: &str) -> impl FnOnce(TraceError) -> ScenarioError {
    let field = field.to_owned();
    move |error| ScenarioError::Recording { field, error: Box::new(error) }
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut distinct = Vec::new();
    for name in names {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    distinct
}

/// One entry per device; `names` has the processors by class.
fn devices(scenario: &Scenario, names: &[&str]) -> Vec<DeviceSpec> {
    let groups = scenario.devices.iter().enumerate();
    let group = |(index, group): (usize, &DeviceGroup)| {
        let device = DeviceSpec {
            class: class_of(names, &group.processor),
            rate_hz: group.rate_hz,
            transmit_power: group.transmit_power_w,
            group: index,
            battery: group.battery_j,
        };
        std::iter::repeat_n(device, group.count)
    };
    groups.flat_map(group).collect()
}

/// One entry per server; `names` has the processors by class, `speeds` their speeds.
fn servers(scenario: &Scenario, names: &[&str], speeds: &[f64]) -> Vec<ServerSpec> {
    let groups = scenario.servers.iter().enumerate();
    let group = |(index, group): (usize, &ServerGroup)| {
        let class = class_of(names, &group.processor);
        let server = ServerSpec { class, executors: group.executors, speed: speeds[class], group: index };
        std::iter::repeat_n(server, group.count)
    };
    groups.flat_map(group).collect()
}

fn class_of(names: &[&str], name: &str) -> usize {
    names.iter().position(|other| *other == name).expect("the names are those of the groups")
}

/// Speed of each class over the fastest, by its time for the mix.
/// `docs/model.md`, equation 54.
fn speeds(models: &[ModelSpec], processors: &[Processor]) -> Vec<f64> {
    let time = |processor: &Processor| -> f64 {
        models.iter().map(|model| model.weight * processor.network_time(&model.graph).0).sum()
    };
    let times: Vec<f64> = processors.iter().map(time).collect();
    let fastest = times.iter().copied().fold(f64::INFINITY, f64::min);
    times.iter().map(|time| fastest / time).collect()
}
