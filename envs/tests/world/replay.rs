//! The decisions of one episode in another world, and what is seen there.

use std::collections::HashMap;
use std::sync::Arc;

use mec_envs::gym::Env;
use mec_envs::offload::{Decision, Knowledge, Offload, OffloadEnv, OffloadForm, Setting, TaskRecord, View};

/// All that is known of a task, as text: equal if and only if every number is, to the bit.
pub fn text(tasks: &[TaskRecord]) -> Vec<String> {
    tasks.iter().map(|task| format!("{task:?}")).collect()
}

/// What a view says of a server.
pub fn beliefs(view: &View<'_>, target: usize) -> String {
    let belief = view.server(target);
    let known = (belief.report(), belief.change(), belief.foreign_growth(), belief.own_sent());
    let waits = [Knowledge::Reported, Knowledge::Booked, Knowledge::Forecast(0.7), Knowledge::Oracle]
        .map(|knowledge| view.server_wait(target, knowledge));
    format!("{known:?} {waits:?} {:?}", view.loading(target, Knowledge::Booked))
}

/// Takes the decisions of recorded tasks again, and gives what is seen of each server in reach before each of them.
pub fn replay(
    setting: &Arc<Setting>,
    seed: u64,
    tasks: &[TaskRecord],
) -> (Vec<TaskRecord>, Vec<HashMap<usize, String>>) {
    let mut offload = Offload::new(Arc::clone(setting));
    offload.reset(Some(seed));
    let mut seen = Vec::new();
    for task in tasks {
        let view = offload.view().unwrap();
        let servers: Vec<usize> = (1..view.targets()).map(|target| view.server_behind(target)).collect();
        seen.push((1..).zip(&servers).map(|(target, server)| (*server, beliefs(&view, target))).collect());
        let target = match task.target.checked_sub(1) {
            None => 0,
            Some(server) => 1 + servers.iter().position(|other| *other == server).expect("the server is in reach"),
        };
        offload.decide(Decision { target, candidate: Some(task.candidate) }).unwrap();
    }
    let world = offload.world().unwrap();
    (world.accounted().to_vec(), seen)
}

/// Every bit that an environment shows in an episode, whose actions go round the targets, and its rewards.
pub fn trail(env: &mut OffloadEnv, seed: u64) -> Vec<u64> {
    let targets = env.action_space().n();
    let bits = |observation: &[f32]| observation.iter().map(|entry| u64::from(entry.to_bits())).collect::<Vec<_>>();
    let mut trail = bits(&env.reset(Some(seed)));
    for turn in 0.. {
        let step = env.step(&(turn * 5 % targets)).unwrap();
        trail.push(step.reward.to_bits());
        trail.extend(bits(&step.observation));
        if step.terminated || step.truncated {
            break;
        }
    }
    let tasks = text(env.offload().world().unwrap().tasks()).concat();
    trail.extend(tasks.bytes().map(u64::from));
    trail
}
