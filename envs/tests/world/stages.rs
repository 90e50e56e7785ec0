//! Every stage of every task against the reconstruction, with what rewards and energies add up to.

use std::sync::Arc;

use mec_envs::offload::{Offload, Setting, TaskRecord};
use mec_envs::rng::rand::RngExt;
use mec_envs::rng::{Prng, stream};
use mec_envs::schemes::{Episode, Scheme, run_episode};

use super::links::{foreign, uplinks};
use super::rebuild::{Life, Rebuild};
use super::{PLAIN, setting};

const SCHEMES: [Scheme; 6] = [
    Scheme::Random,
    Scheme::CentralGreedy,
    Scheme::NeurosurgeonRandom,
    Scheme::DeviceGreedy,
    Scheme::EdgeOnly,
    Scheme::RoundRobin,
];

const SHARED: &str = "network = { band = 'shared' }\n";

/// Four servers of these kinds.
fn servers(kind: &str) -> String {
    let group = |processor: &str| format!("{{ processor = '{processor}', count = 2, {kind} }}");
    format!("servers = [{}, {}]\n", group("xeon-6248"), group("mini-pc"))
}

/// Device groups at these rates of tasks that also walk.
fn walkers(rate_hz: f64) -> String {
    let mobility =
        "mobility = { kind = 'random_waypoint', speed_min_mps = 50.0, speed_max_mps = 150.0, pause_s = 0.3 }";
    let group = |processor: &str| {
        format!("{{ processor = '{processor}', count = 8, rate_hz = {rate_hz}, transmit_power_w = 2.5, {mobility} }}")
    };
    format!("devices = [{}, {}]\n", group("phone"), group("raspberry-pi-4"))
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 || (a.is_nan() && b.is_nan())
}

/// Holds an episode against its reconstruction.
fn compare(setting: &Setting, episode: &Episode, seed: u64, name: &str) {
    let last = episode.tasks.iter().map(|task| task.completion).fold(0.0, f64::max);
    let links = uplinks(setting, seed, last + 10.0);
    let (lives, area) = Rebuild::run(setting, &episode.tasks, &links, foreign(setting, seed, last));
    for (index, (task, life)) in episode.tasks.iter().zip(&lives).enumerate() {
        let same = is_same(task, life);
        assert!(same, "{name}, task {index}:\n{task:?}\n{life:?}");
        let expected = energy(setting, task, life);
        assert!(close(task.energy, expected), "{name}, task {index}: {} J, not {expected} J", task.energy);
    }
    let present: f64 = lives.iter().zip(&episode.tasks).map(|(life, task)| life.completion - task.decision).sum();
    assert!((area / present - 1.0).abs() < 1e-9, "{name}: {area} task seconds are not {present}");
    let total: f64 = episode.tasks.iter().map(TaskRecord::latency).sum();
    let expected = -total / setting.scenario.reward.reference_s.0;
    let sum = episode.episode_return;
    assert!((sum / expected - 1.0).abs() < 1e-9, "{name}: rewards sum to {sum}, not {expected}");
}

fn is_same(task: &TaskRecord, life: &Life) -> bool {
    let device = close(task.device.start, life.device.0) && close(task.device.end, life.device.1);
    let on_server = || {
        let upload = close(task.upload.start, life.upload.0) && close(task.upload.end, life.upload.1);
        let server = close(task.server.start, life.server.0) && close(task.server.end, life.server.1);
        upload && server && task.station == life.station && close(task.server_arrival, life.server_arrival)
    };
    device && (task.target == 0 || on_server()) && close(task.completion, life.completion)
}

/// Computing, idle power for the rest, and on top the radio while it sends.
fn energy(setting: &Setting, task: &TaskRecord, life: &Life) -> f64 {
    let length = |(start, end): (f64, f64)| if start.is_nan() { 0.0 } else { end - start };
    let (computing, sending) = (length(life.device), length(life.upload));
    let processor = setting.device_processor(task.user);
    let idle = life.completion - task.decision - computing;
    processor.compute_power.0 * computing
        + setting.devices[task.user].transmit_power.0 * sending
        + processor.idle_power.0 * idle
}

/// Runs the schemes through a setting and compares each episode.
fn check(changes: &str) {
    let setting = setting(&format!("noise_cv = 0.3\n{changes}"));
    let mut offload = Offload::new(Arc::clone(&setting));
    for (seed, scheme) in (1..).zip(SCHEMES) {
        let episode = run_episode(&mut offload, &scheme, seed).unwrap();
        assert!(episode.tasks.len() > 50);
        compare(&setting, &episode, seed, scheme.name());
    }
}

/// The same with servers of each kind.
fn check_servers(changes: &str) {
    let memory =
        |megabytes: f64| format!("memory = {{ capacity_bytes = {}, load_bytes_per_s = 5e9 }}", 1e6 * megabytes);
    // AlexNet has 244 MB, SqueezeNet 5 MB and ShuffleNet 6 MB.
    let kinds = [
        "executors = 1".to_owned(),
        "executors = 3".to_owned(),
        "executors = 1, discipline = 'processor_sharing'".to_owned(),
        "executors = 2, discipline = 'processor_sharing'".to_owned(),
        format!("executors = 1, {}", memory(251.0)),
        format!("executors = 2, {}", memory(490.0)),
        format!("executors = 1, discipline = 'processor_sharing', {}", memory(251.0)),
    ];
    for kind in kinds {
        check(&format!("{changes}\n{}", servers(&kind)));
    }
}

#[test]
fn episodes_on_separate_bands_agree_with_an_event_loop() {
    check_servers(PLAIN);
}

#[test]
fn episodes_on_a_shared_band_agree_with_an_event_loop() {
    let shared =
        format!("{SHARED}link = {{ kind = 'constant', rate_mbit = 160.0 }}\nforeign = {{ utilisation = 0.0 }}");
    check_servers(&shared);
}

#[test]
fn episodes_over_fading_links_agree_with_an_event_loop() {
    check("foreign = { utilisation = 0.0 }");
    check(&format!("{SHARED}link = {{ bandwidth_hz = 4e7 }}\nforeign = {{ utilisation = 0.0 }}"));
}

#[test]
fn episodes_of_devices_that_change_servers_agree_with_an_event_loop() {
    let quiet = "foreign = { utilisation = 0.0 }\n";
    let network = |band: &str| {
        format!("network = {{ band = '{band}', backhaul_s = 0.02, handover = {{ hysteresis_db = 0.5 }} }}\n")
    };
    check(&format!("{quiet}{}{}", network("separate"), walkers(4.0)));
    check(&format!("{quiet}link = {{ bandwidth_hz = 2e7 }}\n{}{}", network("shared"), walkers(4.0)));
    check(&format!("{PLAIN}\n{}{}", network("separate"), walkers(4.0)));
    check(&format!("{PLAIN}\n{}{}", network("shared"), walkers(1.2)));
    let wandering = setting(&format!("{PLAIN}\n{}{}", network("shared"), walkers(1.2)));
    let links = uplinks(&wandering, 1, 5.0);
    let moves = links.iter().flatten().filter(|stretch| stretch.rate == 0.0).count();
    assert!(moves > 10, "{moves} changes of server test little");
}

/// The same foreign jobs, whatever is decided.
#[test]
fn episodes_with_foreign_load_agree_with_an_event_loop() {
    let constant = "link = { kind = 'constant', rate_mbit = 20.0 }";
    check_servers(&format!("{constant}\nforeign = {{ utilisation = 0.5, arrivals = {{ kind = 'poisson' }} }}"));
}

#[test]
fn overloaded_episodes_agree_with_an_event_loop() {
    let crowd = "horizon_s = 3.0\ndevices = [{ processor = 'raspberry-pi-4', count = 20, rate_hz = 10.0, transmit_power_w = 2.0 }]";
    check(&format!("{PLAIN}\n{crowd}"));
    check(&format!("{PLAIN}\n{crowd}\n{SHARED}{}", servers("executors = 2, discipline = 'processor_sharing'")));
}

#[test]
fn episodes_with_a_limited_reach_agree_with_an_event_loop() {
    let many = "reach = 3\nservers = [{ processor = 'mini-pc', count = 11, executors = 1 }]";
    check(&format!("{PLAIN}\n{many}"));
    check(&format!("foreign = {{ utilisation = 0.0 }}\n{many}\n{SHARED}{}", walkers(3.0)));
}

/// One of these.
fn any<T: Copy>(rng: &mut Prng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())]
}

/// A scenario of any features together, light or heavy.
fn any_scenario(rng: &mut Prng) -> String {
    let band = any(rng, &["separate", "shared"]);
    let (utilisation, backhaul_s) = (any(rng, &[0.0, 0.5, 0.9]), any(rng, &[0.0, 0.002, 0.1]));
    let hysteresis_db = any(rng, &[0.0, 0.5, 3.0]);
    let memory = any(rng, &["", ", memory = { capacity_bytes = 7.4e8, load_bytes_per_s = 3e9 }"]);
    let discipline = any(rng, &["fifo", "processor_sharing"]);
    // Of tensors of one size that come at one moment, the first loads: so far away, no two links are at their best.
    let fading = "area_m = 600.0\nlink = { bandwidth_hz = 1e7, shadowing_db = 8.0 }";
    let link =
        if memory.is_empty() { any(rng, &[fading, "link = { kind = 'constant', rate_mbit = 37.31 }"]) } else { fading };
    let (servers, executors) = (rng.random_range(1..8_usize), rng.random_range(1..4_usize));
    let reach = rng.random_bool(0.5).then(|| rng.random_range(1..=servers));
    let reach = reach.map_or(String::new(), |reach| format!("reach = {reach}\n"));
    let moves = ", mobility = { kind = 'random_waypoint', speed_min_mps = 20.0, speed_max_mps = 200.0, pause_s = 0.1 }";
    let mobility = any(rng, &["", moves]);
    let (processor, count, rate_hz) =
        (any(rng, &["phone", "raspberry-pi-4"]), any(rng, &[3, 20]), any(rng, &[2.0, 5.0]));
    format!(
        "{reach}{link}\nforeign = {{ utilisation = {utilisation:?}, arrivals = {{ kind = 'poisson' }} }}\n\
         network = {{ band = '{band}', backhaul_s = {backhaul_s:?}, handover = {{ hysteresis_db = {hysteresis_db:?} }} }}\n\
         servers = [{{ processor = 'mini-pc', count = {servers}, executors = {executors}, discipline = '{discipline}'\
         {memory} }}]\n\
         devices = [{{ processor = '{processor}', count = {count}, rate_hz = {rate_hz:?}, transmit_power_w = 2.0{mobility} \
         }}]\n"
    )
}

#[test]
fn episodes_of_any_scenario_agree_with_an_event_loop() {
    let mut rng = stream(1, "scenarios");
    for seed in 0..80 {
        let changes = format!("noise_cv = 0.4\nhorizon_s = 3.0\n{}", any_scenario(&mut rng));
        let setting = setting(&changes);
        let scheme = any(&mut rng, &Scheme::ALL);
        let episode = run_episode(&mut Offload::new(Arc::clone(&setting)), &scheme, seed).unwrap();
        compare(&setting, &episode, seed, &format!("{} of {changes}", scheme.name()));
    }
}
