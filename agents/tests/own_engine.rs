//! What an engine of one's own relies on: experience and weights as bytes, rows that can be checked, workers that can be
//! stored and mended.

mod before_step;
mod recorder;

use std::collections::BTreeSet;

use before_step::BeforeStep;
use mec_agents::actor::{Actor, ActorError, EnvStream, EpisodeReport, Experience, StreamState, Worker};
use mec_agents::agent::{Algorithm, Learner};
use mec_agents::checkpoint::{CheckpointError, parse, to_bytes};
use mec_agents::device::Device;
use mec_agents::random::{RandomConfig, RandomPolicy};
use mec_agents::spec::EnvSpec;
use mec_agents::state::StateDict;
use mec_agents::transition::Transitions;
use mec_envs::gym::classic::Pendulum;
use mec_envs::gym::probe::{Probe, ProbeSpace, Rung};
use mec_envs::gym::{Env, EnvError, TimeLimit};
use mec_envs::rng::{Prng, stream};
use recorder::Recorder;

fn policy<E: Env>(env: &E) -> RandomPolicy {
    RandomConfig::default().build(&EnvSpec::of(env), &Device::flex(), 0).unwrap().policy()
}

fn worker<E: Env>(make_env: impl Fn(usize) -> E, envs: usize) -> Worker<E, RandomPolicy> {
    let streams = (0..envs).map(|index| EnvStream::new(make_env(index), index, 1)).collect();
    Worker::new(Actor::new(streams, stream(1, "worker")), policy(&make_env(0)))
}

/// Numbers that a way by decimal digits would change.
fn odd_numbers() -> Experience {
    let floats = [0x7fc0_1234, 0xffff_ffff, 0x8000_0000, 1, 0x7f80_0000, 0x3dcc_cccd].map(f32::from_bits);
    let doubles = [0x7ff8_0000_0000_1234, 0x8000_0000_0000_0000, 1, 0xfff0_0000_0000_0000, 0x3fd3_3333_3333_3334];
    let [first, second, third, fourth, fifth] = doubles.map(f64::from_bits);
    let transitions = Transitions {
        observations: floats[..4].to_vec(),
        masks: vec![true, false, false, true, true, true],
        actions: floats[4..].to_vec(),
        rewards: floats[1..3].to_vec(),
        next_observations: floats[2..].to_vec(),
        next_masks: vec![false, true, true, true, true, false],
        terminated: vec![false, true],
        truncated: vec![true, false],
        env: vec![u32::MAX, 0],
    };
    let report = |episode, episode_return, ended_s, metrics| EpisodeReport {
        env: 3,
        episode,
        episode_return,
        length: u64::MAX,
        ended_s,
        terminated: true,
        metrics,
    };
    let metrics = vec![("\"latency\" µs".into(), third), ("".into(), fourth)];
    Experience { transitions, episodes: vec![report(u64::MAX, first, fifth, metrics), report(0, second, 1.5, vec![])] }
}

fn bits(experience: &Experience) -> (Vec<u32>, Vec<u64>) {
    let rows = &experience.transitions;
    let floats = [&rows.observations, &rows.actions, &rows.rewards, &rows.next_observations];
    let of_report = |report: &EpisodeReport| {
        let metrics: Vec<u64> = report.metrics.iter().map(|(_, value)| value.to_bits()).collect();
        [vec![report.episode_return.to_bits(), report.ended_s.to_bits()], metrics].concat()
    };
    let floats = floats.into_iter().flatten().map(|float| float.to_bits()).collect();
    (floats, experience.episodes.iter().flat_map(of_report).collect())
}

#[test]
fn experience_survives_the_way_to_another_machine_to_the_bit() {
    let sent = odd_numbers();
    let received = Experience::from_bytes(&sent.to_bytes()).unwrap();
    assert_eq!(bits(&received), bits(&sent));
    // What is no float, too; NaN alone has no equal.
    assert_eq!(format!("{received:?}"), format!("{sent:?}"));
    assert_eq!(received.to_bytes(), sent.to_bytes());
    let empty = Experience::default();
    assert_eq!(Experience::from_bytes(&empty.to_bytes()).unwrap(), empty);
    let sent = worker(|_| Pendulum::v1(), 2).collect(450).unwrap();
    assert_eq!((sent.transitions.len(), sent.episodes.len()), (900, 4));
    assert_eq!(Experience::from_bytes(&sent.to_bytes()).unwrap(), sent);
}

#[test]
fn damaged_bytes_are_refused_whichever_bit_it_is() {
    let good = odd_numbers().to_bytes();
    for at in 0..good.len() {
        let mut damaged = good.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(matches!(Experience::from_bytes(&damaged), Err(CheckpointError::Damaged { .. })), "byte {at}");
        assert!(Experience::from_bytes(&good[..at]).is_err(), "cut at byte {at}");
    }
    let mut damaged = good.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let message = Experience::from_bytes(&damaged).unwrap_err().to_string();
    assert!(message.starts_with("checkpoint of the experience: found content of digest "), "{message}");
}

#[test]
fn bytes_of_something_else_are_refused() {
    let mut worker = worker(|_| Pendulum::v1(), 1);
    let weights = to_bytes(&mec_agents::agent::Policy::state(&policy(&Pendulum::v1())));
    assert!(matches!(Experience::from_bytes(&weights), Err(CheckpointError::Kind { .. })));
    assert!(worker.set_weights(&odd_numbers().to_bytes(), 3).is_err());
    assert_eq!(worker.version(), 0);
    let bare = StateDict::new("experience");
    let error = Experience::from_bytes(&to_bytes(&bare)).unwrap_err();
    assert!(matches!(&error, CheckpointError::Missing { name } if name == "observations"), "{error}");
    // Whole, of the right kind, and with a column of another type.
    let mut state = parse(&odd_numbers().to_bytes(), "here".as_ref()).unwrap();
    state.insert_array("env", &[2], vec![0.5_f32; 2]);
    let error = Experience::from_bytes(&to_bytes(&state)).unwrap_err();
    assert!(matches!(&error, CheckpointError::Dtype { name, .. } if name == "env"), "{error}");
    state.insert_array("env", &[2], vec![0_u32; 2]);
    state.insert_array("episodes", &[3], b"[1]".to_vec());
    let error = Experience::from_bytes(&to_bytes(&state)).unwrap_err();
    assert!(matches!(&error, CheckpointError::Value { name, .. } if name == "episodes"), "{error}");
}

fn bring_rows_that_pass<A: ProbeSpace>(make: impl Fn(Rung) -> Probe<A>) {
    for rung in Rung::ALL {
        let make_env = |_| TimeLimit::new(make(rung), 3);
        let rows = worker(make_env, 2).collect(20).unwrap().transitions;
        assert_eq!(rows.check(&EnvSpec::of(&make_env(0))), Ok(()), "{rung:?}");
    }
}

#[test]
fn what_actors_bring_passes_the_check_of_every_action_space() {
    bring_rows_that_pass(Probe::discrete);
    bring_rows_that_pass(Probe::multi_discrete);
    bring_rows_that_pass(Probe::continuous);
    bring_rows_that_pass(Probe::mixed);
    let rows = worker(|_| Pendulum::v1(), 2).collect(20).unwrap().transitions;
    let other = EnvSpec::of(&Probe::continuous(Rung::Match));
    let message = rows.check(&other).unwrap_err().to_string();
    assert_eq!(message, "observations has 120 entries; accepted is 40, 1 for each of 40 rewards");
}

#[test]
fn a_stored_worker_goes_on_as_if_it_had_never_stopped() {
    let mut first = worker(|_| Pendulum::v1(), 3);
    first.collect(257).unwrap();
    let mut stored = StateDict::new("worker");
    first.actor().states().for_each(|state| state.write(&mut stored));
    stored.insert_value("rng", first.actor().rng());
    let stored = parse(&to_bytes(&stored), "here".as_ref()).unwrap();
    let resumed = |index| EnvStream::resume(Pendulum::v1(), 1, StreamState::read(index, &stored).unwrap()).unwrap();
    let rng: Prng = stored.value("rng").unwrap();
    let mut second = Worker::new(Actor::new((0..3).map(resumed).collect(), rng), policy(&Pendulum::v1()));
    let (found, expected) = (second.collect(300).unwrap(), first.collect(300).unwrap());
    assert_eq!(found.transitions, expected.transitions);
    let returns = |experience: &Experience| -> Vec<(u64, f64)> {
        experience.episodes.iter().map(|report| (report.episode, report.episode_return)).collect()
    };
    assert_eq!((returns(&found), found.episodes.len()), (returns(&expected), 3));
}

#[test]
fn environments_of_a_worker_that_broke_are_replaced_and_no_row_is_lost() {
    let make_env = |at: usize| {
        let refuse = move |steps| if steps < at { Ok(()) } else { Err(EnvError::ResetNeeded) };
        BeforeStep::new(Pendulum::v1(), refuse)
    };
    let mut worker = worker(|index| make_env(if index == 1 { 7 } else { usize::MAX }), 2);
    let error = worker.collect(20).unwrap_err();
    assert!(matches!(error, ActorError::Refused { env: 1, step: 7, .. }), "{error}");
    worker.actor_mut().replace_all(|_| make_env(usize::MAX), |index| 10 + index as u32).unwrap();
    let mut learner = Recorder::default();
    learner.add(&worker.collect(5).unwrap().transitions);
    // Eight steps of the one, seven of the other, then five of each under new numbers.
    learner.assert_whole(8 + 7 + 2 * 5, 4);
    let streams: BTreeSet<u32> = learner.rows().iter().map(|row| row.stream).collect();
    assert_eq!(streams, BTreeSet::from([0, 1, 10, 11]));
    assert_eq!(worker.actor_mut().salvage(), Experience::default());
}
