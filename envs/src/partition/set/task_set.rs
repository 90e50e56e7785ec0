//! [`TaskSet`]: the tasks to decide at one moment, and the present state of everything they may meet.

use super::placement::Placement;
use crate::partition::{Choice, Frontier, QueueState, completion, local_choice};
use crate::units::{BytesPerSecond, Seconds};

/// A task that waits for its decision.
#[derive(Clone, Copy, Debug)]
pub struct PendingTask<'a> {
    /// The cuts of its network on its device, with a column for every server class of the set.
    pub frontier: &'a Frontier,
    /// Its device, a position in the set's list of devices.
    pub device: usize,
    /// From the end of the service until the result is back, s; finite, at least 0.
    pub return_time: Seconds,
}

/// What earlier tasks left to do on a device; times count from now, finite and at least 0.
///
/// Work with layers on the device passes the processor first, so its tensors come after all tensors of earlier
/// tasks, also those still in the making. A network that runs on a server as a whole sends its input at once.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DeviceBacklog {
    /// Until the processor is free, s.
    pub processor: Seconds,
    /// Until the uplink is free of tensors that are ready now, s.
    pub uplink_now: Seconds,
    /// Until the uplink is free of all tensors of earlier tasks, s; at least [`uplink_now`](Self::uplink_now).
    pub uplink: Seconds,
}

/// The way from one device to one server and back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uplink {
    /// Uplink rate, B/s; finite, at least 0. At 0 nothing ever arrives.
    pub rate: BytesPerSecond,
    /// Time that every upload takes besides its bytes, s; finite, at least 0.
    pub propagation: Seconds,
    /// What the way adds to the time of return of every task, s; finite, at least 0.
    pub return_delay: Seconds,
}

/// A server and what is left to do on it.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerBacklog {
    /// Its class, a column of the frontiers.
    pub class: usize,
    /// Until each of its parallel executors is free, s; at least one, finite, at least 0.
    pub executors: Vec<Seconds>,
}

/// The tasks to decide at one moment, in the order in which queues take them, and the present state of the system.
///
/// A target is the task's own device (0) or a server (m for `servers()[m - 1]`).
///
/// # Example
/// ```
/// use mec_envs::{dnn::zoo, partition::*, processor::named, units::*};
/// let graph = zoo::load("alexnet")?;
/// let frontier = Frontier::new(&graph, named("phone")?, &[named("nvidia-t4")?]);
/// let tasks = [PendingTask { frontier: &frontier, device: 0, return_time: Seconds(0.002) }; 2];
/// let devices = [DeviceBacklog::default()];
/// let uplinks = [Uplink { rate: BytesPerSecond(5e6), propagation: Seconds(0.002), return_delay: Seconds::ZERO }];
/// let servers = [ServerBacklog { class: 0, executors: vec![Seconds(0.1)] }];
/// let set = TaskSet::new(&tasks, &devices, &uplinks, &servers)?;
/// let whole = set.expect(0, Placement { target: 1, candidate: Frontier::EDGE_ONLY });
/// assert_eq!(whole.server_start, Seconds(0.1)); // it waits for the executor
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TaskSet<'a> {
    tasks: &'a [PendingTask<'a>],
    devices: &'a [DeviceBacklog],
    uplinks: &'a [Uplink],
    servers: &'a [ServerBacklog],
}

/// Why tasks and a state make no set.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TaskSetError {
    /// The links are not one per device and server.
    #[error("{found} uplinks for {devices} devices and {servers} servers; there must be one for each pair")]
    Uplinks {
        /// Links given.
        found: usize,
        /// Devices given.
        devices: usize,
        /// Servers given.
        servers: usize,
    },
    /// A task's device does not exist.
    #[error("task {task}: there is no device {device}, there are {devices} devices")]
    Device {
        /// The task.
        task: usize,
        /// The device it names.
        device: usize,
        /// Devices given.
        devices: usize,
    },
    /// A server's class is no column of a task's frontier.
    #[error("task {task}: server {server} is of class {class}, the task's frontier knows {classes} classes")]
    Class {
        /// The task.
        task: usize,
        /// The server.
        server: usize,
        /// Its class.
        class: usize,
        /// Classes that the frontier knows.
        classes: usize,
    },
    /// A server without executors.
    #[error("server {server} has no executor; it needs at least one")]
    NoExecutor {
        /// The server.
        server: usize,
    },
    /// A number is outside its range.
    #[error("{place}, {field}: {value} is not {accepted}")]
    Value {
        /// Which task, device, link or server.
        place: String,
        /// The field.
        field: &'static str,
        /// The value found.
        value: f64,
        /// What is accepted.
        accepted: &'static str,
    },
}

impl<'a> TaskSet<'a> {
    /// Checks tasks and state; everything behind this constructor relies on it.
    ///
    /// # Arguments
    /// `uplinks` holds device after device one link per server. Sets without tasks and without servers are valid.
    ///
    /// # Errors
    /// [`TaskSetError`], at the first thing that is not as its type says.
    ///
    /// # Complexity
    /// O(n + d m) for n tasks, d devices and m servers; no allocation.
    pub fn new(
        tasks: &'a [PendingTask<'a>],
        devices: &'a [DeviceBacklog],
        uplinks: &'a [Uplink],
        servers: &'a [ServerBacklog],
    ) -> Result<Self, TaskSetError> {
        if uplinks.len() != devices.len() * servers.len() {
            return Err(TaskSetError::Uplinks { found: uplinks.len(), devices: devices.len(), servers: servers.len() });
        }
        check_servers(servers)?;
        check_tasks(tasks, devices.len(), servers)?;
        for (at, backlog) in devices.iter().enumerate() {
            let place = || format!("device {at}");
            at_least_zero(place, "processor", backlog.processor.0)?;
            at_least_zero(place, "uplink_now", backlog.uplink_now.0)?;
            at_least_zero(place, "uplink", backlog.uplink.0)?;
            if backlog.uplink < backlog.uplink_now {
                let accepted = "at least uplink_now";
                return Err(TaskSetError::Value { place: place(), field: "uplink", value: backlog.uplink.0, accepted });
            }
        }
        for (at, uplink) in uplinks.iter().enumerate() {
            let place = || format!("uplink from device {} to server {}", at / servers.len(), at % servers.len());
            at_least_zero(place, "rate", uplink.rate.0)?;
            at_least_zero(place, "propagation", uplink.propagation.0)?;
            at_least_zero(place, "return_delay", uplink.return_delay.0)?;
        }
        Ok(Self { tasks, devices, uplinks, servers })
    }

    /// The tasks.
    pub fn tasks(&self) -> &'a [PendingTask<'a>] {
        self.tasks
    }

    /// The devices.
    pub fn devices(&self) -> &'a [DeviceBacklog] {
        self.devices
    }

    /// The servers.
    pub fn servers(&self) -> &'a [ServerBacklog] {
        self.servers
    }

    /// Number of targets of a task: its device and every server.
    pub fn targets(&self) -> usize {
        self.servers.len() + 1
    }

    /// The way from a device to a server (a position in [`servers`](Self::servers)).
    pub fn uplink(&self, device: usize, server: usize) -> &'a Uplink {
        &self.uplinks[device * self.servers.len() + server]
    }

    /// The ways from a device to all servers.
    pub(super) fn uplinks(&self, device: usize) -> &'a [Uplink] {
        &self.uplinks[device * self.servers.len()..][..self.servers.len()]
    }

    /// The queues that a task's cuts with layers on the device meet on the way to a server, if the task were alone.
    fn queued_state(&self, task: usize, server: usize) -> QueueState {
        let PendingTask { device, return_time, .. } = self.tasks[task];
        let uplink = self.uplink(device, server);
        self.devices[device].queued(uplink, return_time + uplink.return_delay, self.servers[server].wait())
    }

    /// The queues that a task meets when its whole network runs on a server: its input needs no processor.
    fn direct_state(&self, task: usize, server: usize) -> QueueState {
        let uplink_wait = self.devices[self.tasks[task].device].uplink_now;
        QueueState { device_wait: Seconds::ZERO, uplink_wait, ..self.queued_state(task, server) }
    }

    /// What to expect of a placement in the present state, if the task were alone.
    ///
    /// # Panics
    /// If the task has no such target or candidate.
    pub fn expect(&self, task: usize, placement: Placement) -> Choice {
        let PendingTask { frontier, device, .. } = self.tasks[task];
        let Placement { target, candidate } = placement;
        let Some(server) = target.checked_sub(1) else {
            return local_choice(frontier, self.devices[device].processor);
        };
        let direct = frontier.device_time(candidate) == Seconds::ZERO;
        let state = if direct { self.direct_state(task, server) } else { self.queued_state(task, server) };
        completion(frontier, candidate, self.servers[server].class, &state)
    }
}

impl DeviceBacklog {
    /// The queues that a cut with layers on the device meets on its way.
    pub(super) fn queued(&self, uplink: &Uplink, return_time: Seconds, server_wait: Seconds) -> QueueState {
        QueueState {
            device_wait: self.processor,
            uplink_wait: self.uplink,
            rate: uplink.rate,
            propagation: uplink.propagation,
            server_wait,
            return_time,
        }
    }
}

impl ServerBacklog {
    /// Until the first executor is free, s.
    pub fn wait(&self) -> Seconds {
        self.executors.iter().copied().reduce(Seconds::min).unwrap_or(Seconds::ZERO)
    }
}

fn check_servers(servers: &[ServerBacklog]) -> Result<(), TaskSetError> {
    for (server, backlog) in servers.iter().enumerate() {
        if backlog.executors.is_empty() {
            return Err(TaskSetError::NoExecutor { server });
        }
        for free in &backlog.executors {
            at_least_zero(|| format!("server {server}"), "executors", free.0)?;
        }
    }
    Ok(())
}

fn check_tasks(tasks: &[PendingTask], devices: usize, servers: &[ServerBacklog]) -> Result<(), TaskSetError> {
    let highest = servers.iter().enumerate().max_by_key(|(_, server)| server.class);
    for (at, task) in tasks.iter().enumerate() {
        if task.device >= devices {
            return Err(TaskSetError::Device { task: at, device: task.device, devices });
        }
        let classes = task.frontier.servers();
        if let Some((server, &ServerBacklog { class, .. })) = highest.filter(|(_, server)| server.class >= classes) {
            return Err(TaskSetError::Class { task: at, server, class, classes });
        }
        at_least_zero(|| format!("task {at}"), "return_time", task.return_time.0)?;
    }
    Ok(())
}

fn at_least_zero(place: impl Fn() -> String, field: &'static str, value: f64) -> Result<(), TaskSetError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(TaskSetError::Value { place: place(), field, value, accepted: "finite and at least 0" })
}
