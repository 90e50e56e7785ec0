//! [`Relaxation`]: a lower bound on the sum of completions that sees the contention at the servers.

use super::domains::{Alternative, Domains, Outlook, least};
use super::task_set::{ServerBacklog, TaskSet};

/// Most tasks of a set that the bound can handle: its tables have an entry per subset.
pub(super) const MAX_TASKS: usize = 12;

/// A lower bound on the sum of completions under given [`Domains`].
///
/// # Design
/// A task's arrival depends on other tasks of its device, its start on all that arrive sooner at its server. The
/// relaxation keeps the second and takes the first at its least: every task arrives, for each of its alternatives, no
/// later than in any schedule. Then servers are independent. For each server, dynamic programming over subsets of
/// tasks appends one task after the other in the order of arrival; a [`Label`] is one way to get there, and one that
/// is no sooner in anything than another of its subset is dropped. A task whose arrival is exact must not arrive
/// before the last; any other is taken to be held up until then. In a server that takes jobs as they arrive, no job
/// starts later when others arrive sooner or leave, so every schedule has a label that is nowhere later. A second
/// pass over subsets shares the tasks out among device and servers. Without two tasks on one device the bound is the
/// optimum.
#[derive(Default)]
pub(super) struct Relaxation {
    /// For each task and alternative when it would complete without any other task, s.
    alone: Vec<Vec<f64>>,
    /// For each task the least of these.
    soonest: Vec<f64>,
    /// For each subset the least sum of its completions on the targets seen so far.
    cost: Vec<f64>,
    next_cost: Vec<f64>,
    labels: Vec<Vec<Label>>,
}

/// Some tasks on one server in one order of arrival.
#[derive(Clone, Copy)]
struct Label {
    /// Arrival of the last task, and which it is: equal arrivals are served in the order of the set.
    last: (f64, usize),
    sum: f64,
    /// Until when the executors are taken, ascending; as many as the server has.
    free: [f64; MAX_TASKS],
}

/// A job that a task may bring to a server.
#[derive(Clone, Copy)]
struct Job {
    arrival: f64,
    service: f64,
    back: f64,
}

impl Relaxation {
    /// The bound, or any number from `cutoff` on if it is no less than that.
    ///
    /// # Complexity
    /// O(m 3^n) for n tasks and m servers, and as many labels as the cutoff leaves.
    pub(super) fn bound(&mut self, set: &TaskSet, domains: &Domains, cutoff: f64) -> f64 {
        let outlooks: Vec<Outlook> = (0..domains.0.len()).map(|task| domains.outlook(set, task)).collect();
        self.take_alone(set, domains, &outlooks);
        if self.soonest.iter().sum::<f64>() >= cutoff {
            return f64::INFINITY;
        }
        self.place_locally(domains, &outlooks);
        for (server, backlog) in set.servers().iter().enumerate() {
            let jobs = jobs_of(server, domains, &outlooks);
            let exact: Vec<bool> = outlooks.iter().map(|outlook| outlook.exact).collect();
            let costs = self.serve(&Queue { backlog, jobs, exact, cutoff });
            self.share(&costs);
        }
        self.cost.last().copied().unwrap_or(0.0)
    }

    /// The bound for all tasks but one, whatever that one does; infinite as in [`bound`](Self::bound).
    pub(super) fn without(&self, task: usize) -> f64 {
        self.cost[(self.cost.len() - 1) ^ (1 << task)]
    }

    /// For each alternative of a task when it would complete without any other task.
    pub(super) fn alone(&self, task: usize) -> &[f64] {
        &self.alone[task]
    }

    fn take_alone(&mut self, set: &TaskSet, domains: &Domains, outlooks: &[Outlook]) {
        let alone = |(alternative, &arrival): (&Alternative, &f64)| match alternative.placement.target {
            0 => arrival,
            m => arrival.max(set.servers()[m - 1].wait().0) + alternative.parts.service + alternative.parts.back,
        };
        let all = domains.0.iter().zip(outlooks);
        self.alone.clear();
        self.alone.extend(all.map(|(all, outlook)| all.iter().zip(&outlook.arrivals).map(alone).collect()));
        self.soonest.clear();
        self.soonest.extend(self.alone.iter().map(|times| least(times.iter().copied())));
    }

    /// Starts the costs of subsets with the device as the only target.
    fn place_locally(&mut self, domains: &Domains, outlooks: &[Outlook]) {
        self.cost.clear();
        self.cost.resize(1 << domains.0.len(), 0.0);
        for (task, (alternatives, outlook)) in domains.0.iter().zip(outlooks).enumerate() {
            let local = alternatives.iter().zip(&outlook.arrivals).filter(|(a, _)| a.placement.target == 0);
            let end = least(local.map(|(_, &end)| end));
            let bit = 1 << task;
            (0..bit).for_each(|subset| self.cost[subset | bit] = self.cost[subset] + end);
        }
    }

    /// For each subset that can pay the least sum of completions on one server.
    fn serve(&mut self, queue: &Queue) -> Vec<(usize, f64)> {
        let tasks = self.soonest.len();
        let mut free = [0.0; MAX_TASKS];
        let executors = queue.executors(&mut free);
        self.labels.iter_mut().for_each(Vec::clear);
        self.labels.resize(1 << tasks, Vec::new());
        self.labels[0].push(Label { last: (0.0, 0), sum: 0.0, free });
        let mut costs = Vec::new();
        for subset in 0..1 << tasks {
            let labels = std::mem::take(&mut self.labels[subset]);
            if subset > 0 && !labels.is_empty() {
                costs.push((subset, least(labels.iter().map(|label| label.sum))));
            }
            let others: f64 = (0..tasks).filter(|task| subset >> task & 1 == 0).map(|task| self.soonest[task]).sum();
            for task in (0..tasks).filter(|task| subset >> task & 1 == 0) {
                let limit = queue.cutoff - (others - self.soonest[task]);
                for label in &labels {
                    let longer = queue.jobs[task].iter().filter_map(|job| queue.append(label, task, job, executors));
                    for new in longer.filter(|new| new.sum < limit) {
                        keep(&mut self.labels[subset | 1 << task], new, executors);
                    }
                }
            }
            self.labels[subset] = labels;
        }
        costs
    }

    /// Lets every subset send a part of itself to the server with these `costs`.
    fn share(&mut self, costs: &[(usize, f64)]) {
        let all = self.cost.len() - 1;
        self.next_cost.clone_from(&self.cost);
        for &(sent, cost) in costs {
            let rest = all ^ sent;
            let mut stays = rest;
            loop {
                let sum = self.cost[stays] + cost;
                if sum < self.next_cost[stays | sent] {
                    self.next_cost[stays | sent] = sum;
                }
                if stays == 0 {
                    break;
                }
                stays = (stays - 1) & rest;
            }
        }
        std::mem::swap(&mut self.cost, &mut self.next_cost);
    }
}

/// One server, and what each task may bring to it.
struct Queue<'a> {
    backlog: &'a ServerBacklog,
    jobs: Vec<Vec<Job>>,
    exact: Vec<bool>,
    cutoff: f64,
}

impl Queue<'_> {
    /// Until when the executors are taken, ascending, as many as the tasks can use; returns their number.
    fn executors(&self, free: &mut [f64; MAX_TASKS]) -> usize {
        let mut all: Vec<f64> = self.backlog.executors.iter().map(|time| time.0).collect();
        all.sort_unstable_by(f64::total_cmp);
        let used = all.len().min(MAX_TASKS);
        free[..used].copy_from_slice(&all[..used]);
        used
    }

    /// `label` with one more job at its end; `None` if that one arrives sooner for certain.
    fn append(&self, label: &Label, task: usize, job: &Job, executors: usize) -> Option<Label> {
        let mut new = *label;
        if (job.arrival, task) >= label.last {
            new.last = (job.arrival, task);
        } else if self.exact[task] {
            return None;
        }
        let end = new.last.0.max(label.free[0]) + job.service;
        new.sum += end + job.back;
        new.free[0] = end;
        let mut at = 0;
        while at + 1 < executors && new.free[at] > new.free[at + 1] {
            new.free.swap(at, at + 1);
            at += 1;
        }
        Some(new)
    }
}

/// What each task may bring to a server.
fn jobs_of(server: usize, domains: &Domains, outlooks: &[Outlook]) -> Vec<Vec<Job>> {
    let of_task = |(alternatives, outlook): (&Vec<Alternative>, &Outlook)| {
        let both = alternatives.iter().zip(&outlook.arrivals);
        let here = both.filter(|(alternative, _)| alternative.placement.target == server + 1);
        here.map(|(a, &arrival)| Job { arrival, service: a.parts.service, back: a.parts.back }).collect()
    };
    domains.0.iter().zip(outlooks).map(of_task).collect()
}

/// Adds a label unless another is nowhere later, and drops those that are nowhere sooner.
fn keep(labels: &mut Vec<Label>, new: Label, executors: usize) {
    let covers = |a: &Label, b: &Label| {
        let soon = a.free[..executors].iter().zip(&b.free[..executors]).all(|(a, b)| a <= b);
        a.sum <= b.sum && a.last <= b.last && soon
    };
    if !labels.iter().any(|old| covers(old, &new)) {
        labels.retain(|old| !covers(&new, old));
        labels.push(new);
    }
}
