//! What is not known: each kind of it can be switched off, hurts more the more there is of it, and shows nowhere.

use std::path::Path;
use std::sync::Arc;

use mec_envs::gym::Env;
use mec_envs::offload::{Decision, Knowledge, Offload, OffloadEnv, OffloadForm};
use mec_envs::rng::rand::RngExt;
use mec_envs::rng::{derive_seed, numbered_stream};
use mec_envs::schemes::Scheme;

use super::replay::beliefs;
use super::{PLAIN, setting};

/// No noise, and a report of every server before every decision.
const FRESH: &str = "noise_cv = 0.0\ntelemetry = { period_s = 0.0, delay_s = 0.0 }\n";

const CONSTANT: &str = "link = { kind = 'constant', rate_mbit = 20.0 }\n";

/// Mean absolute error of what a central controller expects of its own choices, at the moment of each decision, s.
fn error(changes: &str) -> f64 {
    let mut offload = Offload::new(setting(changes));
    let (mut sum, mut count) = (0.0, 0);
    for seed in 0..5 {
        offload.reset(Some(seed));
        while !offload.is_over() {
            let view = offload.view().unwrap();
            let (waited, (target, choice)) = (view.waited().0, view.best(Knowledge::Booked));
            let outcome = offload.decide(Decision { target, candidate: Some(choice.candidate) }).unwrap();
            sum += (outcome.latency_s - waited - choice.completion.0).abs();
            count += 1;
        }
    }
    sum / f64::from(count)
}

/// The error grows from one scenario to the next, and in the first there is nearly none.
fn grows(scenarios: &[String]) {
    let errors: Vec<f64> = scenarios.iter().map(|changes| error(changes)).collect();
    println!("{errors:?}");
    assert!(errors.is_sorted_by(|a, b| a < b), "{errors:?} do not grow: {scenarios:?}");
}

#[test]
fn what_a_central_controller_expects_is_the_truth_when_everything_is_known() {
    for rate in [10.0, 60.0] {
        let device =
            format!("devices = [{{ processor = 'phone', count = 1, rate_hz = {rate}, transmit_power_w = 2.0 }}]");
        let error = error(&format!("{FRESH}{PLAIN}\n{device}"));
        assert!(error < 1e-9, "{error}");
    }
    // The tensors of many devices may reach a server in another order than they were sent in.
    let error = error(&format!("{FRESH}{PLAIN}"));
    assert!(error < 1e-4, "{error}");
}

#[test]
fn expectations_get_worse_with_the_noise_of_service_times() {
    let with = |cv: f64| format!("noise_cv = {cv}\ntelemetry = {{ period_s = 0.0, delay_s = 0.0 }}\n{PLAIN}");
    grows(&[0.0, 0.1, 0.3, 1.0].map(with));
}

#[test]
fn expectations_get_worse_with_the_delay_and_the_period_of_telemetry() {
    let with = |(period, delay): (f64, f64)| {
        format!("noise_cv = 0.0\ntelemetry = {{ period_s = {period}, delay_s = {delay} }}\n{CONSTANT}")
    };
    grows(&[(0.0, 0.0), (0.0, 0.3), (0.0, 1.0), (0.0, 3.0)].map(with));
    grows(&[(0.0, 0.0), (0.5, 0.0), (1.5, 0.0), (6.0, 0.0)].map(with));
}

#[test]
fn expectations_get_worse_with_the_load_of_other_tenants() {
    let with = |utilisation: f64| format!("noise_cv = 0.0\n{CONSTANT}foreign = {{ utilisation = {utilisation} }}");
    grows(&[0.0, 0.2, 0.4, 0.7].map(with));
}

#[test]
fn expectations_get_worse_with_the_fading_of_links() {
    let with = |(shadowing, rayleigh): (f64, bool)| {
        let fading = format!("shadowing_db = {shadowing}, rayleigh = {rayleigh}");
        format!("{FRESH}link = {{ bandwidth_hz = 3e6, {fading} }}\nforeign = {{ utilisation = 0.0 }}")
    };
    grows(&[(0.0, false), (2.0, false), (6.0, false), (6.0, true)].map(with));
}

/// All that can be seen before each decision of an episode, with the time; every task goes to a server in turn.
fn seen(changes: &str, seed: u64) -> Vec<(f64, String)> {
    let setting = setting(changes);
    let (mut env, mut offload) = (OffloadEnv::new(Arc::clone(&setting)), Offload::new(setting));
    let mut observation = env.reset(Some(seed));
    offload.reset(Some(seed));
    let (mut seen, mut rng) = (Vec::new(), numbered_stream(seed, "scheme-", 0));
    for turn in 0.. {
        let view = offload.view().unwrap();
        let known: Vec<String> =
            (1..view.targets()).map(|target| belief_without_oracle(&beliefs(&view, target))).collect();
        let offers = (0..view.targets()).map(|target| view.offer(target, Knowledge::Forecast(1.0))).collect::<Vec<_>>();
        let own = (view.rate(), view.device(), view.station(), view.drained());
        let decisions = Scheme::ALL.iter().filter(|scheme| !scheme.is_oracle());
        let decisions: Vec<_> = decisions.map(|scheme| scheme.decide(&offload, turn, &mut rng)).collect();
        seen.push((view.now().0, format!("{known:?} {offers:?} {own:?} {decisions:?} {observation:?}")));
        let target = 1 + turn % (env.action_space().n() - 1);
        offload.decide(Decision::to(target)).unwrap();
        let step = env.step(&target).unwrap();
        if step.terminated || step.truncated {
            break;
        }
        observation = step.observation;
    }
    seen
}

/// The text of beliefs up to the wait that no scheme can know, the last of them.
fn belief_without_oracle(text: &str) -> String {
    let end = text.rfind(", Seconds").expect("waits are listed");
    text[..end].to_owned()
}

/// Links on which every network goes to a server as a whole, so that no noise shows on a device.
const FAST: &str = "link = { kind = 'constant', rate_mbit = 1e6 }\n";

#[test]
fn foreign_load_and_service_noise_do_not_show_before_a_report_does() {
    let with = |noise: f64, utilisation: f64, delay: f64| {
        let telemetry = format!("telemetry = {{ period_s = 0.5, delay_s = {delay} }}");
        format!("noise_cv = {noise}\nforeign = {{ utilisation = {utilisation} }}\n{telemetry}\n{FAST}")
    };
    for seed in 0..3 {
        let quiet = seen(&with(0.0, 0.0, 1e3), seed);
        assert_eq!(quiet, seen(&with(0.0, 0.9, 1e3), seed), "no report has arrived");
        assert_eq!(quiet, seen(&with(1.0, 0.0, 1e3), seed), "no report has arrived");
        let (quiet, busy) = (seen(&with(0.0, 0.0, 2.0), seed), seen(&with(1.0, 0.9, 2.0), seed));
        let same = quiet.iter().zip(&busy).take_while(|(a, b)| a == b).count();
        assert!(same < quiet.len() && quiet[same].0 > 2.0 && quiet[same].0 < 4.0, "{}", quiet[same].0);
    }
}

/// One device over a recording of 400 s that changes at 2.5 s of the episode: from then on its rates are halved, or the
/// one that holds at that moment lasts longer.
#[test]
fn what_a_link_will_do_does_not_show() {
    let folder = tempfile::tempdir().unwrap();
    let seed = 3;
    let mut rng = numbered_stream(derive_seed(seed, "episodes"), "link-", 0);
    let offset = (rng.random_range(0..1_usize), rng.random::<f64>() * 400.0).1;
    let change = offset + 2.5;
    assert!(change < 390.0, "another seed");
    let record = |name: &str, factor: f64, longer: f64| {
        let line = |second: i32| {
            let start = f64::from(second);
            let rate = f64::from(1 + second * 7 % 5) * if start > change { factor } else { 1.0 };
            format!("{} {rate}\n", if start == change.ceil() { start + longer } else { start })
        };
        let path = folder.path().join(name);
        std::fs::write(&path, (0..400).map(line).collect::<String>()).unwrap();
        let device = "devices = [{ processor = 'raspberry-pi-4', count = 1, rate_hz = 8.0, transmit_power_w = 2.0 }]";
        let link = format!("link = {{ kind = 'recorded', source = '{}' }}", path.display());
        format!("{device}\n{link}\nforeign = {{ utilisation = 0.0 }}")
    };
    let first = seen(&record("first", 1.0, 0.0), seed);
    for (name, factor, longer) in [("slower", 0.5, 0.0), ("longer", 1.0, 0.7)] {
        let second = seen(&record(name, factor, longer), seed);
        let same = first.iter().zip(&second).take_while(|(a, b)| a == b).count();
        assert!(same < first.len() && first[same].0 > change.ceil() - offset, "{name}: {} s", first[same].0);
    }
}

#[test]
fn a_device_by_itself_does_not_know_what_others_load_into_a_server() {
    let memory = "memory = { capacity_bytes = 1e9, load_bytes_per_s = 1e9 }";
    let servers = format!("servers = [{{ processor = 'mini-pc', count = 2, executors = 1, {memory} }}]");
    let model = "models = [{ name = 'alexnet', weight = 1.0, deadline_s = 1.0 }]";
    let mut offload = Offload::new(setting(&format!("{FRESH}{PLAIN}\n{servers}\n{model}")));
    offload.reset(Some(1));
    let loading = |offload: &Offload| {
        let view = offload.view().unwrap();
        [Knowledge::Idle, Knowledge::Reported, Knowledge::Booked, Knowledge::Oracle]
            .map(|knowledge| view.loading(1, knowledge).0 > 0.0)
    };
    assert_eq!(loading(&offload), [false, true, true, true], "the memory starts cold");
    offload.decide(Decision::to(1)).unwrap();
    assert_eq!(loading(&offload), [false, true, false, false], "the task sent brings the network there");
    while offload.world().unwrap().now() < 2.0 {
        offload.decide(Decision::to(0)).unwrap();
    }
    assert_eq!(loading(&offload), [false; 4], "a report says so");
}

/// The code of a file, without its comments and tests.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    lines.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn only_bounds_ask_what_nobody_can_know() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = [
        "schemes/dispatch.rs",
        "schemes/greedy.rs",
        "schemes/rolling_horizon.rs",
        "schemes/run.rs",
        "offload/observation.rs",
    ];
    let environments = [
        "offload/belief.rs",
        "offload/prospect.rs",
        "offload/episodes.rs",
        "offload/env/task_env.rs",
        "offload/env/box_env.rs",
    ];
    for file in files.iter().chain(&environments).chain(&["offload/env/set_env.rs", "offload/world/decide.rs"]) {
        let code = code(&source.join(file)).to_lowercase();
        assert!(!code.contains("oracle"), "{file} asks an oracle");
    }
    let schemes = code(&source.join("schemes/mod.rs"));
    let decide = &schemes[schemes.find("fn decide").unwrap()..];
    assert_eq!((decide.matches("Knowledge::Oracle").count(), decide.matches("clairvoyant::").count()), (1, 1));
    let view = code(&source.join("offload/view.rs"));
    let asking = view.lines().filter(|line| line.contains("world.oracle"));
    assert!(asking.clone().count() > 0 && asking.clone().all(|line| line.trim().starts_with("Knowledge::Oracle =>")));
}
