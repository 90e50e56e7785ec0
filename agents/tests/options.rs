//! No option of soft actor-critic is ignored: each, changed alone, changes what is learned from the same experience.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use mec_agents::agent::{ActMode, Algorithm, Learner, ObservationBatch, Policy};
use mec_agents::array::Array;
use mec_agents::device::Device;
use mec_agents::nn::BodyConfig;
use mec_agents::replay::PriorityConfig;
use mec_agents::sac::{SacConfig, SacLearner, Warmup};
use mec_agents::spec::EnvSpec;
use mec_agents::state::StateDict;
use mec_agents::transition::Transitions;
use mec_envs::gym::{ActionLayout, Part};
use mec_envs::rng::stream;
use serde_json::{Value, json};

/// An option by its path, another value of it, and what is set beside it because it says nothing without.
type Change = (&'static str, Value, Value);

fn heads() -> EnvSpec {
    let observation = vec![Part::new("global", &[2]), Part::new("options", &[4, 2]), Part::new("prior", &[4])];
    EnvSpec { observation, action: ActionLayout { heads: vec![4], continuous: 0 } }
}

fn entries() -> EnvSpec {
    EnvSpec { observation: vec![Part::new("", &[5])], action: ActionLayout { heads: vec![], continuous: 2 } }
}

/// Allows 16 updates of 48 rows.
fn config() -> SacConfig {
    SacConfig {
        actor_lr: 1e-3,
        critic_lr: 1e-2,
        alpha_lr: 1e-2,
        batch_size: 8,
        buffer_capacity: 64,
        learning_starts: 16,
        replay_ratio: 0.5,
        body: BodyConfig::mlp(&[8, 8]),
        ..SacConfig::default()
    }
}

fn scorer() -> BodyConfig {
    BodyConfig::Scorer { hidden: vec![8, 8], prior_scale: 1.0, q_prior_scale: 1.0 }
}

/// What concerns every kind of action.
fn of_all() -> Vec<Change> {
    let alone = [
        ("gamma", json!(0.5)),
        ("tau", json!(0.5)),
        ("target_update_every", json!(3)),
        ("policy_delay", json!(2)),
        ("actor_lr", json!(2e-3)),
        ("critic_lr", json!(2e-3)),
        ("alpha_lr", json!(2e-3)),
        ("decay_steps", json!(64)),
        ("max_grad_norm", json!(0.01)),
        ("batch_size", json!(9)),
        ("buffer_capacity", json!(40)),
        ("n_step", json!(3)),
        ("replay_storage", json!("f16")),
        ("priority", json!({})),
        ("learning_starts", json!(20)),
        ("replay_ratio", json!(0.4)),
        ("body/hidden", json!([8])),
        ("body/activation", json!("tanh")),
        ("reward_scale", json!(2.0)),
        ("initial_alpha", json!(0.5)),
        ("learn_alpha", json!(false)),
        ("normalize_observations", json!(true)),
        ("critics", json!(3)),
        // Other rows are drawn then, which is enough here; what it does is held below.
        ("target_critics", json!(1)),
        ("actor_critics", json!("mean")),
        ("critic_norm", json!("layer")),
    ];
    let alone = alone.map(|(option, value)| (option, value, json!({})));
    // From one share to another: none would draw other rows, too.
    let dropout = ("critic_dropout", json!(0.5), json!({ "critic_dropout": 0.1 }));
    alone.into_iter().chain([dropout]).chain(of_priority()).collect()
}

fn of_priority() -> Vec<Change> {
    let beside = || json!({ "priority": { "beta_anneal_updates": 10 } });
    vec![
        ("priority/alpha", json!(0.1), beside()),
        ("priority/beta", json!(0.9), beside()),
        ("priority/beta_final", json!(0.5), beside()),
        ("priority/beta_anneal_updates", json!(20), beside()),
        ("priority/epsilon", json!(1.0), beside()),
    ]
}

/// What concerns categorical heads alone.
fn of_heads() -> Vec<Change> {
    let annealed = json!({ "target_entropy_anneal_updates": 10 });
    let falls = json!({ "target_entropy_anneal_updates": 10, "target_entropy_final_scale": 0.9 });
    let scored = || json!({ "body": scorer() });
    vec![
        ("target_entropy_scale", json!(0.9), json!({})),
        ("target_entropy_final_scale", json!(0.9), annealed),
        ("target_entropy_anneal_updates", json!(20), falls),
        ("body/hidden", json!([8]), scored()),
        ("body/prior_scale", json!(2.0), scored()),
        ("body/q_prior_scale", json!(2.0), scored()),
    ]
}

/// What concerns continuous entries alone.
fn of_entries() -> Vec<Change> {
    let annealed = json!({ "target_entropy_anneal_updates": 10 });
    let falls = json!({ "target_entropy_anneal_updates": 10, "target_entropy_final": -8.0 });
    vec![
        ("target_entropy", json!(-8.0), json!({})),
        ("target_entropy_final", json!(-8.0), annealed),
        ("target_entropy_anneal_updates", json!(20), falls),
    ]
}

fn configured(settings: Value, option: &str) -> SacConfig {
    serde_json::from_value(settings).unwrap_or_else(|error| panic!("{option}: {error}"))
}

/// The configuration without the change and with it.
fn both((option, value, beside): &Change) -> [SacConfig; 2] {
    let mut settings = serde_json::to_value(config()).unwrap();
    for (name, value) in beside.as_object().unwrap() {
        settings[name] = value.clone();
    }
    let before = configured(settings, option);
    // Written out anew, with every option of what was set.
    let mut settings = serde_json::to_value(&before).unwrap();
    *settings.pointer_mut(&format!("/{option}")).unwrap_or_else(|| panic!("there is no {option}")) = value.clone();
    let after = configured(settings, option);
    assert_ne!(before, after, "{option} is not changed");
    [before, after]
}

/// Rows of three streams in turn, far from mean 0 and variance 1, with ends of both kinds.
fn experience(spec: &EnvSpec, rows: Range<usize>) -> Transitions {
    let dim = spec.obs_dim();
    let observation = |row: usize| (0..dim).map(move |entry| 3.0 + 2.0 * ((17 * row + 5 * entry) as f32).sin());
    let heads = |row: usize| spec.action.heads.iter().map(move |choices| (row % choices) as f32);
    let continuous = |row: usize| (0..spec.action.continuous).map(move |entry| ((row + 5 * entry) as f32).cos());
    Transitions {
        observations: rows.clone().flat_map(observation).collect(),
        next_observations: rows.clone().flat_map(|row| observation(row + 3)).collect(),
        actions: rows.clone().flat_map(|row| heads(row).chain(continuous(row))).collect(),
        rewards: rows.clone().map(|row| (row as f32).sin()).collect(),
        terminated: rows.clone().map(|row| row % 10 == 9).collect(),
        truncated: rows.clone().map(|row| row % 11 == 7).collect(),
        env: rows.map(|row| (row % 3) as u32).collect(),
        ..Transitions::default()
    }
}

fn built(config: &SacConfig, spec: &EnvSpec, seed: u64) -> SacLearner {
    config.build(spec, &Device::flex(), seed).unwrap()
}

/// What is learned in as many updates as the experience allows. It comes in two parts, so that a small replay allows no
/// fewer.
fn trained(config: &SacConfig, spec: &EnvSpec) -> StateDict {
    let mut learner = built(config, spec, 1);
    learner.add(&experience(spec, 0..24));
    learner.add(&experience(spec, 24..48));
    learner.train(learner.updates_due()).unwrap();
    learner.state()
}

/// The weights of the actor, which every option gets to in the end. What else there is may differ in its shape alone.
fn actor(state: &StateDict) -> BTreeMap<&String, &Array> {
    state.arrays().iter().filter(|(name, _)| name.starts_with("actor/")).collect()
}

#[test]
fn every_option_changes_what_the_actor_learns() {
    for (spec, own) in [(heads(), of_heads()), (entries(), of_entries())] {
        let is_ignored = |change: &Change| {
            let [before, after] = both(change).map(|config| trained(&config, &spec));
            actor(&before) == actor(&after)
        };
        let mut changes = of_all();
        changes.extend(own);
        changes.retain(is_ignored);
        assert!(changes.is_empty(), "ignored in {:?}: {changes:?}", spec.action);
    }
}

#[test]
fn what_does_not_concern_an_action_changes_nothing() {
    let threads = || ("threads", json!(2), json!({}));
    for (spec, changes) in [(heads(), of_entries()), (entries(), of_heads())] {
        let others = changes.into_iter().filter(|(option, ..)| !option.starts_with("body"));
        for change in others.chain([threads()]) {
            let [before, after] = both(&change).map(|config| trained(&config, &spec));
            assert_eq!(before.arrays(), after.arrays(), "{} matters: {:?}", change.0, spec.action);
        }
    }
}

/// The options in these settings by their paths, those of a table in their place. What a body is called says nothing
/// beside what it has.
fn paths(settings: &Value) -> Vec<String> {
    let of_option = |(name, value): (&String, &Value)| match value.as_object() {
        Some(inner) => inner.keys().filter(|key| *key != "kind").map(|key| format!("{name}/{key}")).collect(),
        None => vec![name.clone()],
    };
    settings.as_object().unwrap().iter().flat_map(of_option).collect()
}

#[test]
fn every_option_has_its_row_here() {
    let changes = of_all().into_iter().chain(of_heads()).chain(of_entries());
    let mut listed: BTreeSet<String> = changes.map(|(option, ..)| option.to_owned()).collect();
    // Those of the other tests.
    listed.extend(["threads", "warmup"].map(str::to_owned));
    let all = SacConfig { priority: Some(PriorityConfig::default()), ..config() };
    for config in [all, SacConfig { body: scorer(), ..config() }] {
        for path in paths(&serde_json::to_value(&config).unwrap()) {
            assert!(listed.contains(&path), "{path} has no row");
        }
    }
}

/// The choices that an untrained policy with a strong prior for the last one makes, after so many rows.
fn first_choices(warmup: Warmup, rows: usize) -> BTreeSet<u32> {
    let body = BodyConfig::Scorer { hidden: vec![8], prior_scale: 1e6, q_prior_scale: 1.0 };
    let spec = heads();
    let mut learner = built(&SacConfig { warmup, body, ..config() }, &spec, 1);
    learner.add(&experience(&spec, 0..rows));
    let row: Vec<f32> = (0..spec.obs_dim()).map(|entry| entry as f32).collect();
    let batch = ObservationBatch { rows: 64, observations: &row.repeat(64), masks: None };
    let mut actions = Vec::new();
    learner.policy().act(&batch, ActMode::Explore, &mut stream(1, "actions"), &mut actions);
    actions.into_iter().map(|action| action as u32).collect()
}

#[test]
fn acting_is_uniform_until_learning_starts_or_follows_the_policy_from_the_first_step_on() {
    let (all, last) = (BTreeSet::from([0, 1, 2, 3]), BTreeSet::from([3]));
    for (rows, uniform) in [(0, &all), (15, &all), (16, &last)] {
        assert_eq!(&first_choices(Warmup::Uniform, rows), uniform, "after {rows} rows");
        assert_eq!(first_choices(Warmup::Policy, rows), last, "after {rows} rows");
    }
}

/// Critics that say 0 of everything, with slow copies that say 2, 4 and 8.
fn of_known_critics(learner: &SacLearner) -> StateDict {
    let mut state = learner.state();
    for (name, array) in learner.state().arrays() {
        let value = match name.as_str() {
            "target_1/layer2/bias" => 2.0_f32,
            "target_2/layer2/bias" => 4.0,
            "target_3/layer2/bias" => 8.0,
            name if name.starts_with("critic_") || name.starts_with("target_") => 0.0,
            _ => continue,
        };
        state.insert_array(name, &array.shape, vec![value; array.data.len()]);
    }
    state
}

/// The targets that first updates with these draws make, in hundredths: what critics that say 0 are wrong by.
fn targets(target_critics: Option<usize>, spec: &EnvSpec) -> BTreeSet<u32> {
    let config = SacConfig { gamma: 0.5, critics: 3, target_critics, initial_alpha: 1e-8, ..config() };
    let target = |seed| {
        let mut learner = built(&config, spec, seed);
        learner.load_state(&of_known_critics(&learner)).unwrap();
        let rows = experience(spec, 0..24);
        learner.add(&Transitions { rewards: vec![1.0; 24], terminated: vec![false; 24], ..rows });
        (learner.train(1).unwrap().get("train/td_error") * 100.0).round() as u32
    };
    (0..32).map(target).collect()
}

/// 1 + 0.5 x 2 = 2, and 3 and 5 from the others: of one critic alone any of these, of two the smaller one, which is never
/// the largest, and of all the smallest.
#[test]
fn targets_take_the_smallest_value_of_as_many_critics_as_asked_for() {
    for spec in [heads(), entries()] {
        assert_eq!(targets(Some(1), &spec), BTreeSet::from([200, 300, 500]));
        assert_eq!(targets(Some(2), &spec), BTreeSet::from([200, 300]));
        assert_eq!(targets(Some(3), &spec), BTreeSet::from([200]));
        assert_eq!(targets(None, &spec), BTreeSet::from([200]));
    }
}
