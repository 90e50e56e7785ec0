//! Equations worked by hand, with arithmetic of their own, and what the code makes of the same numbers.

use std::sync::Arc;

use mec_envs::offload::{Decision, EpisodeMetrics, Offload, Scenario, Setting, TaskRecord};
use mec_envs::partition::{QueueState, completion};
use mec_envs::processor::named;
use mec_envs::rng::rand::RngExt;
use mec_envs::rng::rand_distr::{Exp1, StandardNormal};
use mec_envs::rng::stream;
use mec_envs::system::arrival::{Arrival, ArrivalModel, Arrivals, PointProcess};
use mec_envs::system::link::{ShannonModel, path_loss_db, shannon_rate};
use mec_envs::system::server::{Discipline, Job, ModelMemory, Server, ServerParameters};
use mec_envs::units::{Bytes, BytesPerSecond, Hertz, Metres, Seconds};

use crate::card;

/// Equation, what is given, and what comes out.
type Row = (usize, &'static str, String);

/// Every worked number, each held against the code.
pub fn table() -> String {
    let rows = [calm_rate(), noise(), path_loss(), ratio(), rate(), layer(), fifo(), sharing(), loading(), energy()];
    let rows = rows.into_iter().chain([completion_by_hand(), reward(), fairness()]);
    let mut rows: Vec<Row> = rows.collect();
    rows.sort_by_key(|row| row.0);
    let rows = rows.into_iter().map(|(number, given, result)| vec![number.to_string(), given.to_owned(), result]);
    card::table(&["equation", "given", "result"], &rows.collect::<Vec<_>>())
}

fn assert_close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found}, by hand {expected}");
}

fn setting(changes: &str) -> Arc<Setting> {
    let text = format!("preset = 'default'\n{changes}");
    Arc::new(Setting::new(Scenario::from_table(text.parse().unwrap()).unwrap()).unwrap())
}

/// Phases of a year: the first gap is one exponential draw over the rate of the first phase.
fn calm_rate() -> Row {
    let (factor, mean_s) = (3.0, [8e7, 4e7]);
    let share = 4.0 / 12.0;
    // Two thirds of the time at x, one third at 3 x: x = 1 / (2/3 + 1).
    let calm = 1.0 / (2.0 / 3.0 + 1.0);
    for seed in 0..20 {
        let mut process = PointProcess::new(&ArrivalModel::Bursts { factor, mean_s }, 60.0, stream(seed, "points"));
        let mut rng = stream(seed, "points");
        let burst = rng.random_bool(share);
        let (_phase, work): (f64, f64) = (rng.sample(Exp1), rng.sample(Exp1));
        assert_close(process.draw(), work / (60.0 * calm * if burst { 3.0 } else { 1.0 }));
    }
    assert_close(2.0 / 3.0 * calm + 1.0 / 3.0 * 3.0 * calm, 1.0);
    (
        2,
        "bursts of 4 s, calm of 8 s, 3 times the rate in a burst",
        format!("{calm:.2} and {:.2} of the mean rate", 3.0 * calm),
    )
}

/// The factors of a task are the third and fourth draws of its stream.
fn noise() -> Row {
    let sigma = 1.04_f64.ln().sqrt();
    for seed in 0..20 {
        let mut arrivals = Arrivals::new(&ArrivalModel::Poisson, &[1.0], &[1.0], 0.2, seed);
        let mut rng = stream(seed, "tasks");
        let (_user, _model): (f64, f64) = (rng.random(), rng.random());
        let drawn = arrivals.draw();
        for found in [drawn.device_noise, drawn.server_noise] {
            let normal: f64 = rng.sample(StandardNormal);
            assert_close(found.ln(), sigma * normal - sigma * sigma / 2.0);
        }
    }
    (6, "coefficient of variation 0.2", format!("sigma = {sigma:.4}"))
}

/// By natural logarithms.
fn loss_by_hand() -> f64 {
    (35.3 * 150_f64.ln() + 21.3 * 3.5_f64.ln()) / 10_f64.ln() + 22.4
}

fn path_loss() -> Row {
    let loss = loss_by_hand();
    assert_close(path_loss_db(Metres(150.0), 3.5), loss);
    (11, "150 m, 3.5 GHz", format!("{loss:.2} dB"))
}

/// 23.01 dBm over a noise of -174 + 70 + 5 = -99 dBm.
fn ratio_by_hand() -> f64 {
    let decibels = 10.0 * 200_f64.ln() / 10_f64.ln() - loss_by_hand() + 99.0;
    (decibels / 10.0 * 10_f64.ln()).exp()
}

fn default_link() -> ShannonModel {
    Scenario::default().link.shannon().unwrap()
}

fn ratio() -> Row {
    let ratio = ratio_by_hand();
    assert_close(default_link().mean_snr(Metres(150.0)), ratio);
    (12, "200 mW, 10 MHz, noise figure 5 dB, 150 m, 3.5 GHz", format!("{ratio:.2}, or {:.2} dB", 10.0 * ratio.log10()))
}

fn rate() -> Row {
    let rate = 1e7 * (1.0 + ratio_by_hand()).ln() / 2_f64.ln() / 8.0;
    let model = default_link();
    assert_close(shannon_rate(model.bandwidth, model.mean_snr(Metres(150.0))).0, rate);
    assert_close(shannon_rate(Hertz(1e7), 1e6).0, 1e7 * 7.4063 / 8.0);
    assert_close(shannon_rate(Hertz(1e7), 1e-6).0, 1e7 * 0.2344 / 8.0);
    (16, "the same, no shadowing, no fading", format!("{:.2} Mbit/s", rate * 8.0 / 1e6))
}

/// The first layer of AlexNet is a convolution.
fn layer() -> Row {
    let setting = setting("");
    let graph = &setting.models[0].graph;
    let (layer, phone) = (&graph.layers()[0], named("phone").unwrap());
    let computing = layer.flop.0 / (162e9 * 0.25);
    let bytes = layer.param_bytes.0 + graph.input_bytes().0 + layer.output_bytes.0;
    let moving = bytes / (44e9 * 0.35);
    let time = if computing > moving { computing } else { moving } + 20e-6;
    assert_close(phone.layer_time(graph, 0).0, time);
    (20, "the first layer of AlexNet on a phone", format!("{:.3} ms", time * 1e3))
}

fn ends(parameters: &ServerParameters, jobs: &[Job]) -> Vec<f64> {
    let (mut server, mut changed) = (Server::new(parameters, None, 0, "server"), Vec::new());
    jobs.iter().for_each(|job| server.insert(*job, &mut changed));
    let last = |task: usize| changed.iter().rev().find(|scheduled| scheduled.task == task).unwrap().end;
    (0..jobs.len()).map(last).collect()
}

fn job(task: usize, arrival: f64, service: f64) -> Job {
    Job { task: Some(task), model: Some(0), arrival, service, expected: service }
}

/// The third job waits for the executor that is free at 3 s, since the other one is free at 4 s.
fn fifo() -> Row {
    let parameters = ServerParameters { executors: 2, ..ServerParameters::default() };
    let found = ends(&parameters, &[job(0, 0.0, 4.0), job(1, 1.0, 2.0), job(2, 2.0, 2.5)]);
    assert_eq!(found, [4.0, 3.0, 5.5]);
    (26, "2 executors; jobs of 4, 2 and 2.5 s at 0, 1 and 2 s", "ends at 4, 3 and 5.5 s".to_owned())
}

/// Alone to 1 s, 3 s of work left; at half speed to 3 s, when the second is done; alone to 5 s.
fn sharing() -> Row {
    let parameters = ServerParameters { discipline: Discipline::ProcessorSharing, ..ServerParameters::default() };
    let found = ends(&parameters, &[job(0, 0.0, 4.0), job(1, 1.0, 1.0)]);
    assert_eq!(found, [5.0, 3.0]);
    (27, "1 executor; jobs of 4 and 1 s at 0 and 1 s", "ends at 5 and 3 s".to_owned())
}

fn loading() -> Row {
    let memory = ModelMemory { capacity_bytes: Bytes(2e8), load_bytes_per_s: BytesPerSecond(5e7) };
    let model_bytes = vec![Bytes(1e8)];
    let parameters = ServerParameters { memory: Some(memory), model_bytes, ..ServerParameters::default() };
    assert_eq!(ends(&parameters, &[job(0, 1.0, 0.5), job(1, 1.0, 0.5)]), [3.5, 4.0]);
    (28, "a model of 100 MB, 50 MB/s; two jobs of 0.5 s at 1 s", "2 s of loading, ends at 3.5 and 4 s".to_owned())
}

/// A whole network that waits for the radio and then for the server.
fn completion_by_hand() -> Row {
    let setting = setting("");
    let phone =
        setting.devices.iter().position(|device| setting.device_processors[device.class].name == "phone").unwrap();
    let frontier = setting.frontier(0, phone);
    let state = QueueState {
        device_wait: Seconds(0.1),
        uplink_wait: Seconds(0.25),
        rate: BytesPerSecond(2.5e6),
        propagation: Seconds(0.002),
        server_wait: Seconds(0.7),
        return_time: Seconds(0.003),
    };
    let upload_end = 0.25 + 921_600.0 / 2.5e6;
    let service = setting.server_processors[0].network_time(&setting.models[0].graph).0;
    let found = completion(frontier, 0, 0, &state);
    assert_close(found.upload_end.0, upload_end);
    assert_close(found.completion.0, 0.7 + service + 0.003);
    let later = completion(frontier, 0, 0, &QueueState { server_wait: Seconds::ZERO, ..state });
    assert_close(later.completion.0, upload_end + 0.002 + service + 0.003);
    let given = "AlexNet whole to a free xeon-6248: radio free in 0.25 s, 2.5 MB/s, 2 ms there, 3 ms back";
    (48, given, format!("{:.4} s", upload_end + 0.002 + service + 0.003))
}

const PLAIN: &str = "noise_cv = 0.0\nlink = { kind = 'constant', rate_mbit = 20.0 }\nforeign = { utilisation = 0.0 }\n\
                     devices = [{ processor = 'phone', count = 3, rate_hz = 2.0, transmit_power_w = 2.5 }]\n\
                     servers = [{ processor = 'mini-pc', count = 1, executors = 1 }]\n\
                     models = [{ name = 'resnet-50', weight = 1.0, deadline_s = 1.0, input_bytes = 921600.0 }]";

/// The first task of an episode with one decision: a cut that computes, sends and waits.
fn first_task(changes: &str) -> (Arc<Setting>, TaskRecord, f64) {
    let setting = setting(&format!("{PLAIN}\n{changes}"));
    let mut offload = Offload::new(Arc::clone(&setting));
    offload.reset(Some(1));
    let frontier = setting.frontier(0, 0);
    let candidate = (1..frontier.local()).next().expect("ResNet-50 has a cut inside");
    let outcome = offload.decide(Decision { target: 1, candidate: Some(candidate) }).unwrap();
    let reward = offload.reward(&outcome);
    (setting, offload.world().unwrap().tasks()[0], reward)
}

/// 4 W computing, 0.8 W waiting, 2.5 W more for sending; the result is 4,000 B at 50 Mbit/s and 2 ms.
fn energy() -> Row {
    let (setting, task, _) = first_task("");
    let frontier = setting.frontier(0, task.user);
    let computing = frontier.device_time(task.candidate).0;
    let sending = frontier.upload(task.candidate).0 * 8.0 / 20e6;
    let service = frontier.edge_time(task.candidate, 0).0;
    let waiting = 0.002 + service + 4000.0 * 8.0 / 50e6 + 0.002;
    assert_close(task.completion - task.decision, computing + sending + waiting);
    let energy = 4.0 * computing + 2.5 * sending + 0.8 * (sending + waiting);
    assert_close(task.energy, energy);
    (34, "ResNet-50 on a phone, its first cut inside, 20 Mbit/s, an idle mini-pc", format!("{energy:.4} J"))
}

fn reward() -> Row {
    let (_, task, reward) = first_task("reward = { missed_deadline = 2.0, per_joule = 0.1 }");
    let missed = if task.completion - task.arrival > 1.0 { 2.0 } else { 0.0 };
    let expected = -(task.completion - task.arrival) / 0.5 - missed - 0.1 * task.energy;
    assert_close(reward, expected);
    (51, "the same task; reference 0.5 s, 0.1 per joule, 2 per missed deadline", format!("{expected:.4}"))
}

/// Loads of 1, 3, 0 and 0 s: 16 / (4 x 10).
fn fairness() -> Row {
    let setting = setting("");
    let arrival = Arrival { time: 0.0, user: 0, model: 0, device_noise: 1.0, server_noise: 1.0 };
    let task = |target, service| TaskRecord { target, service, ..TaskRecord::new(&arrival, 1.0) };
    let metrics = EpisodeMetrics::of(&setting, &[task(1, 1.0), task(2, 3.0)]);
    assert_close(metrics.load_balance, 0.4);
    (56, "own work of 1 s, 3 s, none and none on four servers", "0.4".to_owned())
}
