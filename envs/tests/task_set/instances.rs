//! Random task sets of the shipped networks, from idle to heavily loaded.

use std::sync::LazyLock;

use mec_envs::dnn::zoo;
use mec_envs::partition::{DeviceBacklog, Frontier, PendingTask, ServerBacklog, TaskSet, Uplink};
use mec_envs::processor::named;
use mec_envs::rng::Prng;
use mec_envs::units::{BytesPerSecond, Seconds};
use rand::RngExt;

/// Devices of the instances.
pub const DEVICES: [&str; 3] = ["raspberry-pi-4", "phone", "jetson-nano"];

/// Server classes of the instances.
pub const SERVERS: [&str; 4] = ["xeon-6248", "jetson-agx-xavier", "mini-pc", "nvidia-t4"];

/// The frontiers of every network on every device of [`DEVICES`].
pub fn frontiers() -> &'static [Frontier] {
    static FRONTIERS: LazyLock<Vec<Frontier>> = LazyLock::new(|| frontiers_within(Frontier::TOLERANCE));
    &FRONTIERS
}

/// The same, network after network, within another tolerance.
pub fn frontiers_within(tolerance: f64) -> Vec<Frontier> {
    let processor = |name| named(name).expect("a processor of the catalogue");
    let servers = SERVERS.map(processor);
    let of = move |name| {
        let graph = zoo::load(name).expect("a network of the zoo");
        DEVICES.map(|device| Frontier::within(tolerance, &graph, processor(device), &servers))
    };
    let names: Vec<_> = zoo::names().collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = names.into_iter().map(|name| scope.spawn(move || of(name))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a network is pruned")).collect()
    })
}

/// How large an instance is.
#[derive(Clone, Copy)]
pub struct Size {
    pub tasks: usize,
    pub devices: usize,
    pub servers: usize,
    /// Executors of a server, from 1 to this.
    pub executors: usize,
}

/// Everything a [`TaskSet`] borrows.
#[derive(Clone)]
pub struct Instance<'a> {
    pub tasks: Vec<PendingTask<'a>>,
    pub devices: Vec<DeviceBacklog>,
    pub uplinks: Vec<Uplink>,
    pub servers: Vec<ServerBacklog>,
}

impl Instance<'_> {
    pub fn set(&self) -> TaskSet<'_> {
        TaskSet::new(&self.tasks, &self.devices, &self.uplinks, &self.servers).expect("instances are valid")
    }
}

/// An instance whose backlogs reach up to `load_s` (0: idle). With as many devices as tasks each task has its own.
pub fn instance<'a>(frontiers: &'a [Frontier], size: Size, load_s: f64, rng: &mut Prng) -> Instance<'a> {
    let tasks = (0..size.tasks).map(|task| PendingTask {
        frontier: &frontiers[rng.random_range(0..frontiers.len())],
        device: if size.devices < size.tasks { rng.random_range(0..size.devices) } else { task },
        return_time: Seconds(rng.random_range(0.001..0.004)),
    });
    let tasks = tasks.collect();
    let wait = |rng: &mut Prng| {
        if rng.random_bool(0.3) { Seconds::ZERO } else { Seconds(load_s * rng.random::<f64>()) }
    };
    let devices = (0..size.devices).map(|_| {
        let (processor, uplink_now) = (wait(rng) * 0.5, wait(rng) * 0.2);
        DeviceBacklog { processor, uplink_now, uplink: uplink_now + wait(rng) * 0.2 }
    });
    let devices = devices.collect();
    let uplinks = (0..size.devices).flat_map(|_| {
        let mbit = 2.0 * 100_f64.powf(rng.random());
        let ways = (0..size.servers).map(|_| Uplink {
            rate: BytesPerSecond::from_mbit(mbit * rng.random_range(0.5..1.0)),
            propagation: Seconds(rng.random_range(0.001..0.005)),
            return_delay: Seconds(rng.random_range(0.0..0.003)),
        });
        ways.collect::<Vec<_>>()
    });
    let uplinks = uplinks.collect();
    let servers = (0..size.servers).map(|_| ServerBacklog {
        class: rng.random_range(0..SERVERS.len()),
        executors: (0..rng.random_range(1..=size.executors)).map(|_| wait(rng)).collect(),
    });
    Instance { tasks, devices, uplinks, servers: servers.collect() }
}
