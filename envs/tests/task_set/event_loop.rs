//! The dynamics of a set once more, as an event loop: whatever becomes ready first is served first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use mec_envs::partition::{Placement, TaskSet};

/// A task in front of a queue: earlier ones first, of equal ones the first of the set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    /// Since when, s, as bits: those of floats from 0 on are in the order of the floats.
    since: u64,
    task: usize,
    stage: Stage,
}

impl Waiting {
    fn at(ready: f64, task: usize, stage: Stage) -> Reverse<Self> {
        Reverse(Self { since: ready.to_bits(), task, stage })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Processor,
    Uplink,
    Server,
}

/// When each task completes.
pub fn completions(set: &TaskSet, placements: &[Placement]) -> Vec<f64> {
    let mut processors: Vec<f64> = set.devices().iter().map(|device| device.processor.0).collect();
    let mut uplinks: Vec<f64> = set.devices().iter().map(|device| device.uplink_now.0).collect();
    let mut executors: Vec<Vec<f64>> =
        set.servers().iter().map(|server| server.executors.iter().map(|free| free.0).collect()).collect();
    let mut done = vec![f64::NAN; placements.len()];
    let mut waiting = BinaryHeap::new();
    for (task, placement) in placements.iter().enumerate() {
        let whole = placement.target > 0 && set.tasks()[task].frontier.device_time(placement.candidate).0 == 0.0;
        waiting.push(Waiting::at(0.0, task, if whole { Stage::Uplink } else { Stage::Processor }));
    }
    while let Some(Reverse(Waiting { since, task, stage })) = waiting.pop() {
        let ready = f64::from_bits(since);
        let (of, Placement { target, candidate }) = (&set.tasks()[task], placements[task]);
        let device = of.device;
        match stage {
            Stage::Processor => {
                processors[device] += of.frontier.device_time(candidate).0;
                let ready = processors[device];
                if target == 0 {
                    done[task] = ready;
                } else {
                    waiting.push(Waiting::at(ready, task, Stage::Uplink));
                }
            }
            Stage::Uplink => {
                let way = set.uplink(device, target - 1);
                let earlier = if ready > 0.0 { set.devices()[device].uplink.0 } else { 0.0 };
                let free = uplinks[device].max(earlier);
                uplinks[device] = ready.max(free) + of.frontier.upload(candidate).0 / way.rate.0;
                let ready = uplinks[device] + way.propagation.0;
                waiting.push(Waiting::at(ready, task, Stage::Server));
            }
            Stage::Server => {
                let service = of.frontier.edge_time(candidate, set.servers()[target - 1].class).0;
                let free = executors[target - 1].iter_mut().min_by(|a, b| a.total_cmp(b)).unwrap();
                *free = ready.max(*free) + service;
                done[task] = *free + (of.return_time + set.uplink(device, target - 1).return_delay).0;
            }
        }
    }
    done
}
