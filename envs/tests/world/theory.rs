//! Queues that a whole scenario makes, against theory, with intervals of Student's t at 99.9 %.

use mec_envs::offload::{Decision, Offload, TaskRecord};

use super::setting;

/// Replications of every mean.
const REPLICATIONS: u64 = 12;

/// The 0.9995 quantile of Student's t with 11 degrees of freedom.
const STUDENT: f64 = 4.437;

/// The theory's value lies in the interval of these means, give or take `slack`, and the interval is narrow.
#[track_caller]
fn holds(means: &[f64], theory: f64, slack: f64) {
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let variance = means.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = STUDENT * (variance / n).sqrt();
    println!("{mean:.6} +- {:.2} % against {theory:.6}", 100.0 * half / theory);
    assert!((mean - theory).abs() <= half + slack, "{mean} +- {half} is not {theory}");
    assert!(half <= 0.06 * theory, "{mean} +- {half} says little about {theory}");
}

/// The middle tasks of an episode in which every task takes this decision.
fn play(offload: &mut Offload, seed: u64, decision: Decision) -> Vec<TaskRecord> {
    offload.reset(Some(seed));
    while !offload.is_over() {
        offload.decide(decision).unwrap();
    }
    let tasks = offload.world().unwrap().accounted();
    tasks[tasks.len() / 20..tasks.len() - tasks.len() / 20].to_vec()
}

/// Means of a statistic of the tasks of every replication.
fn means(offload: &mut Offload, decision: Decision, statistic: impl Fn(&TaskRecord) -> f64) -> Vec<f64> {
    let mean = |seed| {
        let tasks = play(offload, seed, decision);
        tasks.iter().map(&statistic).sum::<f64>() / tasks.len() as f64
    };
    (0..REPLICATIONS).map(mean).collect()
}

/// Poisson arrivals, decided at once up to a millisecond, for one network.
fn simple(rate_hz: f64, devices: usize, more: &str) -> String {
    format!(
        "slot_s = 0.001\nhorizon_s = {}\narrivals = {{ kind = 'poisson' }}\nforeign = {{ utilisation = 0.0 }}\n\
         servers = [{{ processor = 'mini-pc', count = 1, executors = 1 }}]\n\
         devices = [{{ processor = 'phone', count = {devices}, rate_hz = {}, transmit_power_w = 2.0 }}]\n{more}",
        (60_000.0 / rate_hz).round(),
        rate_hz / devices as f64,
    )
}

const ONE: &str = "models = [{ name = 'alexnet', weight = 1.0, deadline_s = 1.0, input_bytes = 1e5 }]\n";

const WHOLE: Decision = Decision { target: 1, candidate: Some(0) };

const SLOT_S: f64 = 0.001;

/// Mean wait in M/G/1 (Pollaczek 1930, Khinchine 1932): rho E[S] (1 + cv^2) / (2 (1 - rho)).
fn pollaczek_khinchine(load: f64, service: f64, cv: f64) -> f64 {
    load * service * (1.0 + cv * cv) / (2.0 * (1.0 - load))
}

/// A wait counts from the arrival, less the way to the server; the slot adds up to its length.
#[test]
fn a_server_behind_fast_links_waits_as_pollaczek_and_khinchine_say() {
    let fast = format!("{ONE}link = {{ kind = 'constant', rate_mbit = 1e7 }}\nnetwork = {{ propagation_s = 0.0 }}\n");
    let known = setting(&simple(10.0, 1, &fast));
    let service = known.frontier(0, 0).edge_time(0, 0).0;
    for (load, cv) in [(0.5, 0.0), (0.8, 0.0), (0.6, 1.0)] {
        let mut offload = Offload::new(setting(&simple(load / service, 1, &format!("noise_cv = {cv:?}\n{fast}"))));
        let waits = means(&mut offload, WHOLE, |task| task.server.start - task.arrival - task.upload.length());
        holds(&waits, pollaczek_khinchine(load, service, cv) + SLOT_S / 2.0, SLOT_S / 2.0);
    }
}

#[test]
fn a_device_waits_as_pollaczek_and_khinchine_say() {
    let known = setting(&simple(1.0, 1, ONE));
    let service = known.frontier(0, 0).device_time(known.frontier(0, 0).local()).0;
    for (load, cv) in [(0.5, 0.0), (0.7, 0.5)] {
        let mut offload = Offload::new(setting(&simple(load / service, 1, &format!("noise_cv = {cv:?}\n{ONE}"))));
        let waits = means(&mut offload, Decision::to(0), |task| task.device.start - task.arrival);
        holds(&waits, pollaczek_khinchine(load, service, cv) + SLOT_S / 2.0, SLOT_S / 2.0);
    }
}

/// Uploads of many devices that share a band are M/G/1 with processor sharing: an upload of time x alone stays
/// x / (1 - rho) on average, whatever the others are (Kleinrock 1976, section 4.4).
#[test]
fn a_shared_band_stretches_long_and_short_uploads_alike() {
    let bytes = [5e4, 4e5];
    let model = |bytes: f64, weight: f64| {
        format!("{{ name = 'squeezenet', weight = {weight:?}, deadline_s = 1.0, input_bytes = {bytes:?} }}")
    };
    let mix = format!("models = [{}, {}]\n", model(bytes[0], 3.0), model(bytes[1], 1.0));
    let band = "link = { kind = 'constant', rate_mbit = 80.0 }\nnetwork = { band = 'shared' }\n";
    let mean_time = (0.75 * bytes[0] + 0.25 * bytes[1]) / 1e7;
    for load in [0.4, 0.7] {
        let mut offload =
            Offload::new(setting(&simple(load / mean_time, 800, &format!("noise_cv = 0.0\n{band}{mix}"))));
        for (model, bytes) in bytes.into_iter().enumerate() {
            let sojourn = |seed| {
                let tasks = play(&mut offload, seed, WHOLE);
                let uploads: Vec<f64> =
                    tasks.iter().filter(|task| task.model == model).map(|task| task.upload.length()).collect();
                uploads.iter().sum::<f64>() / uploads.len() as f64
            };
            let sojourns: Vec<f64> = (0..REPLICATIONS).map(sojourn).collect();
            let theory = bytes / 1e7 / (1.0 - load);
            // Two tensors of one device are sent one after another: one in some 800 meetings.
            holds(&sojourns, theory, 0.01 * theory);
        }
    }
}

/// A busy processor draws its power all the time, so a battery of E joules lives E / P seconds.
#[test]
fn a_battery_of_a_busy_device_lives_as_long_as_its_energy_over_the_power() {
    let device = |battery: f64| {
        format!(
            "horizon_s = 60.0\nforeign = {{ utilisation = 0.0 }}\ndevices = [{{ processor = 'phone', count = 1, \
             rate_hz = 100.0, transmit_power_w = 2.0, battery_j = {battery:?} }}]"
        )
    };
    let power = setting(&device(1.0)).device_processor(0).compute_power.0;
    for life in [2.0, 7.7, 31.0] {
        let mut offload = Offload::new(setting(&device(life * power)));
        offload.reset(Some(1));
        let start = offload.world().unwrap().now();
        while !offload.is_over() {
            offload.decide(Decision::to(0)).unwrap();
        }
        let world = offload.world().unwrap();
        assert!(world.is_terminated());
        let lived = world.now() - start;
        assert!((life..life + 0.1 + 1e-9).contains(&lived), "{lived} s, not {life} s");
        let lost: Vec<_> = world.accounted().iter().filter(|task| task.completion.is_infinite()).collect();
        assert_eq!(offload.metrics().lost, lost.len());
        let decided = lost.iter().filter(|task| !task.decision.is_nan());
        assert!(decided.clone().count() > 0);
        decided.for_each(|task| assert_eq!(task.energy, power * task.device.length(), "{task:?}"));
        // Every joule went into computing, that on the lost task too.
        let spent = offload.metrics().energy_j * world.accounted().len() as f64;
        assert!((spent / (lived * power) - 1.0).abs() < 1e-9, "{spent} J, not {} J", lived * power);
    }
}

/// Batteries by hand: compute power, or idle power while a task is in flight, and on top the radio, in steps of 1 ms.
#[test]
fn a_battery_has_spent_what_a_count_of_milliseconds_says() {
    let group = "{ processor = 'phone', count = 2, rate_hz = 4.0, transmit_power_w = 3.0, battery_j = 1e4 }";
    let mut offload = Offload::new(setting(&format!("horizon_s = 20.0\nnoise_cv = 0.5\ndevices = [{group}]\n")));
    offload.reset(Some(4));
    for turn in 0..25 {
        let target = turn % 4;
        offload.decide(Decision::to(target)).unwrap();
    }
    let (view, world) = (offload.view().unwrap(), offload.world().unwrap());
    let (user, now, processor) = (view.user(), view.now().0, view.setting().device_processor(view.user()));
    let tasks = &world.tasks()[..world.decided()];
    let (mut spent, own) = (0.0, || tasks.iter().filter(|task| task.user == user));
    for step in 0..(now * 1e3) as usize {
        let time = (step as f64 + 0.5) * 1e-3;
        let inside = |interval: &mec_envs::offload::Interval| interval.start <= time && time < interval.end;
        let (computing, sending) = (own().any(|task| inside(&task.device)), own().any(|task| inside(&task.upload)));
        let waiting = own().any(|task| task.decision <= time && time < task.completion);
        let power = if computing { processor.compute_power.0 } else { 0.0 } + if sending { 3.0 } else { 0.0 };
        let idle = if waiting && !computing { processor.idle_power.0 } else { 0.0 };
        spent += (power + idle) * 1e-3;
    }
    assert!((view.drained() * 1e4 / spent - 1.0).abs() < 0.01, "{} J, not {spent} J", view.drained() * 1e4);
}
