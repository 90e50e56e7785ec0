//! [`Setting`]: a scenario with everything that does not change between episodes worked out.

use crate::dnn::{LayerGraph, zoo};
use crate::partition::Frontier;
use crate::processor::Processor;
use crate::units::{Seconds, Watts};

use super::scenario::{Scenario, ScenarioError};

/// A device of a setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeviceSpec {
    /// Index of its processor among [`Setting::device_processors`].
    pub class: usize,
    /// Tasks per second.
    pub rate_hz: f64,
    /// Power of the radio while it sends.
    pub transmit_power: Watts,
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
        let class_of = |names: &[&str], name: &str| names.iter().position(|other| *other == name);
        let devices = scenario.devices.iter().flat_map(|group| {
            let class = class_of(&device_names, &group.processor).expect("collected above");
            let device = DeviceSpec { class, rate_hz: group.rate_hz, transmit_power: group.transmit_power_w };
            std::iter::repeat_n(device, group.count)
        });
        let devices = devices.collect();
        let speeds = speeds(&models, &server_processors);
        let servers = scenario.servers.iter().flat_map(|group| {
            let class = class_of(&server_names, &group.processor).expect("collected above");
            let server = ServerSpec { class, executors: group.executors, speed: speeds[class] };
            std::iter::repeat_n(server, group.count)
        });
        let servers = servers.collect();
        Ok(Self { models, devices, servers, device_processors, server_processors, frontiers, scenario })
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
        let return_time = graph.output_bytes() / scenario.network.downlink() + scenario.network.propagation_s;
        Ok(ModelSpec { graph, weight: share.weight, deadline: share.deadline_s, return_time })
    };
    scenario.models.iter().map(load).collect()
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

/// Speed of each class over the fastest, by its time for the mix.
fn speeds(models: &[ModelSpec], processors: &[Processor]) -> Vec<f64> {
    let time = |processor: &Processor| -> f64 {
        models.iter().map(|model| model.weight * processor.network_time(&model.graph).0).sum()
    };
    let times: Vec<f64> = processors.iter().map(time).collect();
    let fastest = times.iter().copied().fold(f64::INFINITY, f64::min);
    times.iter().map(|time| fastest / time).collect()
}
