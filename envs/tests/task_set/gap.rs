//! How far plans are from the optimum, and whether they earn their place beside a plain greedy.

use mec_envs::partition::*;
use mec_envs::rng::stream;
use mec_envs::units::Seconds;
use rand::RngExt;

use crate::instances::{Instance, Size, frontiers, instance};

/// The plain sequential greedy: in the order of the set each task takes what completes soonest by the queues so far.
fn sequential_greedy(instance: &Instance) -> Vec<Placement> {
    let mut state = instance.clone();
    let mut table = CutTable::default();
    let mut placements = Vec::new();
    for task in 0..instance.tasks.len() {
        table.fill(&state.set());
        let (placement, _) = table.best(task);
        let choice = state.set().expect(task, placement);
        let PendingTask { frontier, device, .. } = state.tasks[task];
        let backlog = &mut state.devices[device];
        match placement {
            Placement { target: 0, .. } => backlog.processor = choice.device_end,
            Placement { candidate: Frontier::EDGE_ONLY, .. } => backlog.uplink_now = choice.upload_end,
            _ => (backlog.processor, backlog.uplink) = (choice.device_end, choice.upload_end),
        }
        backlog.uplink = backlog.uplink.max(backlog.uplink_now);
        if let Some(server) = placement.target.checked_sub(1).map(|server| &mut state.servers[server]) {
            let end = choice.server_start + frontier.edge_time(placement.candidate, server.class);
            *server.executors.iter_mut().min_by(|a, b| a.0.total_cmp(&b.0)).unwrap() = end;
        }
        placements.push(placement);
    }
    placements
}

/// Excess over the optimum.
#[derive(Default)]
struct Gaps {
    gaps: Vec<f64>,
}

impl Gaps {
    fn add(&mut self, sum: Seconds, optimum: Seconds) {
        self.gaps.push(sum / optimum - 1.0);
    }

    fn mean(&self) -> f64 {
        self.gaps.iter().sum::<f64>() / self.gaps.len() as f64
    }

    fn worst(&self) -> f64 {
        self.gaps.iter().copied().fold(0.0, f64::max)
    }
}

/// Gaps of the plain greedy, of plans without evaluations, and of plans with 10,000, over the rounds `from..to`.
fn gaps(frontiers: &[Frontier], rounds: std::ops::Range<u64>) -> [Gaps; 3] {
    let mut gaps = [Gaps::default(), Gaps::default(), Gaps::default()];
    let (mut planner, mut timeline) = (Planner::default(), Timeline::default());
    for round in rounds {
        let mut rng = stream(round, "gap");
        // Half of the sets have several tasks on some devices.
        let devices = if round % 2 == 0 { 6 } else { rng.random_range(2..6) };
        let size = Size { tasks: 6, devices, servers: 3, executors: 2 };
        let instance = instance(frontiers, size, [0.0, 0.1, 0.4, 1.5][round as usize / 2 % 4], &mut rng);
        let set = instance.set();
        let best = optimum(&set, usize::MAX).unwrap();
        assert_eq!(best.lower_bound, best.sum, "round {round} is not solved");
        gaps[0].add(timeline.evaluate(&set, &sequential_greedy(&instance)), best.sum);
        gaps[1].add(planner.decide(&set, 0).sum(), best.sum);
        gaps[2].add(planner.decide(&set, 10_000).sum(), best.sum);
    }
    gaps
}

#[test]
fn plans_are_near_the_optimum_where_a_plain_greedy_is_not() {
    let frontiers = frontiers();
    let [first, second] = std::thread::scope(|scope| {
        let halves = [0..500, 500..1000].map(|rounds| scope.spawn(|| gaps(frontiers, rounds)));
        halves.map(|half| half.join().unwrap())
    });
    let [plain, greedy, plan] = std::array::from_fn(|at| {
        let gaps = first[at].gaps.iter().chain(&second[at].gaps).copied().collect();
        Gaps { gaps }
    });
    for (name, gaps) in [("plain greedy", &plain), ("greedy pass", &greedy), ("plan", &plan)] {
        println!("{name}: mean gap {:.5}, worst {:.4}", gaps.mean(), gaps.worst());
    }
    assert_eq!(plan.gaps.len(), 1000);
    assert!(plan.gaps.iter().all(|&gap| gap > -1e-8), "better than the optimum");
    assert!(plain.mean() > 0.02 && plain.worst() > 0.2, "these sets are easy");
    assert!(greedy.mean() < 0.8 * plain.mean());
    assert!(plan.mean() < 0.001 && plan.worst() < 0.05, "mean {}, worst {}", plan.mean(), plan.worst());
}

#[test]
fn more_evaluations_never_make_a_plan_worse_and_a_planner_may_be_used_again() {
    let frontiers = frontiers();
    let mut rng = stream(1, "again");
    let mut planner = Planner::default();
    for round in 0..60 {
        let size = Size { tasks: 1 + round % 12, devices: 1 + round % 5, servers: round % 5, executors: 2 };
        let instance = instance(frontiers, size, 0.2, &mut rng);
        let set = instance.set();
        let mut before = Seconds(f64::INFINITY);
        for evaluations in [0, 1, 2, 3, 10, 100, 1000, 5000] {
            let plan = planner.decide(&set, evaluations);
            assert!(plan.sum().0 <= before.0 * (1.0 + 1e-9), "{evaluations} evaluations: {:?} {before:?}", plan.sum());
            before = plan.sum();
            assert_eq!(plan, Planner::default().decide(&set, evaluations));
            let mut timeline = Timeline::default();
            assert_eq!(timeline.evaluate(&set, plan.placements()), plan.sum());
            assert_eq!(timeline.completions(), plan.completions());
        }
    }
}

#[test]
fn the_more_tasks_share_a_server_the_more_they_do_on_their_devices() {
    let frontiers = frontiers();
    let mut rng = stream(2, "contention");
    let size = Size { tasks: 1, devices: 1, servers: 1, executors: 1 };
    let mut planner = Planner::default();
    let mut shares = [0.0; 3];
    for _ in 0..60 {
        let one = instance(frontiers, size, 0.0, &mut rng);
        for (share, copies) in shares.iter_mut().zip([1, 3, 8]) {
            let mut many = one.clone();
            many.tasks = (0..copies).map(|device| PendingTask { device, ..one.tasks[0] }).collect();
            many.devices = vec![one.devices[0]; copies];
            many.uplinks = vec![one.uplinks[0]; copies];
            let frontier = one.tasks[0].frontier;
            let time = |placement: &Placement| frontier.device_time(placement.candidate).0;
            let plan = planner.decide(&many.set(), 2000);
            let whole = copies as f64 * frontier.device_time(frontier.local()).0;
            *share += plan.placements().iter().map(time).sum::<f64>() / whole / 60.0;
        }
    }
    assert!(shares[0] + 0.03 < shares[1] && shares[1] + 0.03 < shares[2], "{shares:?}");
}
