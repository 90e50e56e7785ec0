//! What a run warns of, in `run.json` and on standard error.

use std::collections::BTreeSet;

use super::{manifest, mec_gym, smoke};

const MLP: &str = "algorithm.body={kind='mlp', hidden=[16]}";

/// The kinds of warnings of a short run with these changes, by `run.json`, each of which is also said.
fn warned(changes: &[&str]) -> BTreeSet<String> {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("run");
    let smoke = smoke();
    let mut arguments = vec!["train", &smoke, "--out", out.to_str().unwrap()];
    arguments.extend(["--set", "runtime.progress_every=60", "--set", "algorithm.learn_alpha=false"]);
    arguments.extend(changes.iter().flat_map(|change| ["--set", change]));
    let said = mec_gym(&arguments).done().err;
    let manifest = manifest(&out);
    let warnings = manifest["warnings"].as_array().unwrap();
    let text = |warning: &serde_json::Value, key: &str| warning[key].as_str().unwrap().to_owned();
    for warning in warnings {
        assert!(said.contains(&text(warning, "message")), "{warning} is not in: {said}");
    }
    warnings.iter().map(|warning| text(warning, "kind")).collect()
}

/// Some choices are closed in every state, so that a uniform policy has less entropy than all choices would allow. The
/// batches are large because the entropy of continuous entries is estimated from them.
#[test]
fn a_policy_that_is_all_but_uniform_is_warned_of_in_every_form() {
    let hot = "algorithm.initial_alpha=1000";
    for form in ["form=task", "form=set", "form=box"] {
        let body = if form == "form=box" { MLP } else { "algorithm.body.prior_scale=0" };
        let found = warned(&[form, hot, body, "algorithm.actor_lr=0.01", "algorithm.batch_size=512"]);
        assert!(found.contains("entropy_high") && !found.contains("entropy_low"), "{form}: {found:?}");
    }
}

#[test]
fn a_policy_that_tries_nothing_any_more_is_warned_of_in_every_form() {
    for form in ["form=task", "form=set", "form=box"] {
        let body = if form == "form=box" { MLP } else { "algorithm.body.prior_scale=1e6" };
        let found = warned(&[form, "algorithm.initial_alpha=1e-8", "algorithm.actor_lr=0.05", body]);
        assert!(found.contains("entropy_low") && !found.contains("entropy_high"), "{form}: {found:?}");
    }
}

/// Episodes of some six tasks, whose devices or servers are so much faster than the others that the prior, which the
/// policy follows, has one side alone.
#[test]
fn a_policy_that_keeps_all_tasks_or_sends_them_all_is_warned_of() {
    let short = ["scenario.horizon_s=0.1", "scenario.arrivals={kind='poisson'}", "algorithm.body.prior_scale=1e6"];
    let devices = |processor| format!("scenario.devices=[{{{processor}, count=30, rate_hz=2, transmit_power_w=1}}]");
    let servers = |processor| format!("scenario.servers=[{{{processor}, count=2, executors=1}}]");
    let [slow, fast] = ["processor='raspberry-pi-4'", "processor='nvidia-a100'"];
    let local = [devices(fast), servers(slow)];
    let edge = [devices(slow), servers(fast), "scenario.link={kind='constant', rate_mbit=1e5}".to_owned()];
    for (hardware, kind, other) in [(&local[..], "all_local", "all_edge"), (&edge, "all_edge", "all_local")] {
        let found = warned(&short.into_iter().chain(hardware.iter().map(String::as_str)).collect::<Vec<_>>());
        assert!(found.contains(kind) && !found.contains(other), "{kind}: {found:?}");
    }
}

#[test]
fn a_temperature_at_a_bound_and_values_beyond_all_rewards_are_warned_of_and_nothing_else() {
    let only = |change, kind: &str| assert_eq!(warned(&[change]), BTreeSet::from([kind.to_owned()]), "{change}");
    only("algorithm.initial_alpha=1e-8", "temperature_low");
    only("algorithm.initial_alpha=1e4", "temperature_high");
    only("algorithm.body.q_prior_scale=1e4", "divergence");
}

#[test]
fn a_training_in_good_health_is_warned_of_nothing() {
    assert_eq!(warned(&["algorithm.learn_alpha=true"]), BTreeSet::new());
}
