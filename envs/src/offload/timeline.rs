//! [`Timeline`]: what an episode leaves behind for a picture, beyond its tasks.

use std::sync::Arc;

use super::record::{Interval, TaskRecord};
use super::setting::Setting;
use super::world::World;
use crate::system::server::{Discipline, Job, Server};

/// Steps in which a window is scanned for foreign jobs.
const SCAN: usize = 4000;

/// A report of a server on its way to the schedulers, s since the start of the episode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReportTrip {
    /// When the server made it.
    pub made: f64,
    /// When decisions could rely on it.
    pub arrived: f64,
}

/// The tasks of an episode, the reports that its schedulers saw, and the load of other tenants.
///
/// # Design
/// Other tenants' jobs depend on no decision and servers run all jobs in the order of their arrival. So the schedule
/// of a server follows from its state at the first decision and the arrivals of our tasks, and is worked out again
/// here: nothing has to be noted down while an episode runs, and simulations pay nothing for pictures.
#[derive(Clone, Debug)]
pub struct Timeline {
    setting: Arc<Setting>,
    /// The servers as the first decision found them, with that time.
    start: (f64, Vec<Server>),
    reports: Vec<Vec<ReportTrip>>,
    tasks: Vec<TaskRecord>,
}

impl Timeline {
    /// The timeline of an episode that stands at its first decision.
    pub fn new(world: &World) -> Self {
        Self {
            setting: Arc::clone(&world.setting),
            start: (world.now, world.servers.clone()),
            reports: vec![Vec::new(); world.servers.len()],
            tasks: Vec::new(),
        }
    }

    /// Notes the reports that have arrived; to be called after every decision.
    pub fn watch(&mut self, world: &World) {
        let delay = self.setting.scenario.telemetry.delay_s.0;
        for (trips, watch) in self.reports.iter_mut().zip(&world.watches) {
            let made = watch.belief.report().time;
            // The idle server that everybody believes in at the start is no report.
            if made > trips.last().map_or(0.0, |last| last.made) {
                trips.push(ReportTrip { made, arrived: made + delay });
            }
        }
    }

    /// Takes over the tasks, whose times are final once all decisions are made.
    pub fn finish(&mut self, world: &World) {
        self.tasks = world.tasks[..world.decided].to_vec();
    }

    /// The setting.
    pub fn setting(&self) -> &Setting {
        &self.setting
    }

    /// The decided tasks, in order of arrival.
    pub fn tasks(&self) -> &[TaskRecord] {
        &self.tasks
    }

    /// Reports of server `m` (from 0 on) that arrived while the episode ran, in order. Of reports that arrive between
    /// the same two decisions only the last is there.
    pub fn reports(&self, m: usize) -> &[ReportTrip] {
        &self.reports[m]
    }

    /// When executors of server `m` (from 0 on) were taken by other tenants in the window from `from` to `to`, to a
    /// 4000th of it; at most as many at a time as there are executors, or on a server that shares its processor as many as
    /// there are jobs. Jobs that follow each other without a gap are one interval. What ended before the first decision is not seen.
    ///
    /// Complexity: O(scan x (tasks of the server in its queue)).
    pub fn foreign(&self, m: usize, (from, to): (f64, f64)) -> Vec<Interval> {
        let mut replay = Replay::new(self, m);
        let mut open: Vec<f64> = Vec::new();
        let mut taken = Vec::new();
        for step in 0..=SCAN {
            let time = from + (to - from) * step as f64 / SCAN as f64;
            let busy = if time < self.start.0 { 0 } else { replay.foreign_at(time) };
            while open.len() > busy {
                taken.push(Interval { start: open.remove(0), end: time });
            }
            open.resize(busy, time);
        }
        taken.extend(open.into_iter().map(|start| Interval { start, end: to }));
        taken
    }
}

/// The schedule of one server, run again from the first decision on.
struct Replay<'a> {
    server: Server,
    executors: usize,
    /// Whether all jobs are served at once.
    shared: bool,
    /// Our tasks on it, in order of arrival.
    tasks: Vec<&'a TaskRecord>,
    jobs: std::vec::IntoIter<Job>,
}

impl<'a> Replay<'a> {
    fn new(timeline: &'a Timeline, m: usize) -> Self {
        let setting = &timeline.setting;
        let spec = setting.servers[m];
        let mut tasks: Vec<(usize, &TaskRecord)> = timeline
            .tasks
            .iter()
            .enumerate()
            .filter(|(_, task)| task.target == m + 1 && task.server_arrival.is_finite())
            .collect();
        tasks.sort_by(|left, right| left.1.server_arrival.total_cmp(&right.1.server_arrival));
        let job = |&(index, task): &(usize, &TaskRecord)| {
            let expected = setting.frontier(task.model, task.user).edge_time(task.candidate, spec.class).0;
            Job {
                task: Some(index),
                model: Some(task.model),
                arrival: task.server_arrival,
                service: task.service,
                expected,
            }
        };
        let jobs: Vec<Job> = tasks.iter().map(job).collect();
        Self {
            server: timeline.start.1[m].clone(),
            executors: spec.executors,
            shared: setting.scenario.servers[spec.group].discipline == Discipline::ProcessorSharing,
            tasks: tasks.into_iter().map(|(_, task)| task).collect(),
            jobs: jobs.into_iter(),
        }
    }

    /// Executors that other tenants have at `time`, which may not go back.
    fn foreign_at(&mut self, time: f64) -> usize {
        let mut moved = Vec::new();
        let due = self.jobs.as_slice().iter().take_while(|job| job.arrival <= time).count();
        for job in self.jobs.by_ref().take(due) {
            // A job is placed only among those that have not started.
            self.server.advance(job.arrival);
            self.server.insert(job, &mut moved);
        }
        self.server.advance(time);
        let idle = self.server.remaining(time, &mut Vec::new());
        if self.shared {
            return self.server.population().foreign;
        }
        let own = self.tasks.iter().filter(|task| task.server.start <= time && time < task.server.end).count();
        (self.executors - idle).saturating_sub(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offload::Scenario;
    use crate::schemes::{Scheme, watch_episode};

    fn timeline(change: &str) -> Timeline {
        let table = format!("preset = \"default\"\nhorizon_s = 10.0\n{change}").parse().unwrap();
        let setting = Arc::new(Setting::new(Scenario::from_table(table).unwrap()).unwrap());
        let mut offload = crate::offload::Offload::new(setting);
        let mut timeline: Option<Timeline> = None;
        watch_episode(&mut offload, &Scheme::CentralGreedy, 3, |offload| {
            let world = offload.world().unwrap();
            timeline.get_or_insert_with(|| Timeline::new(world)).watch(world);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        let mut timeline = timeline.unwrap();
        timeline.finish(offload.world().unwrap());
        timeline
    }

    const SERVERS: &str = "servers = [{ processor = 'xeon-6248', count = 2, executors = 2 }, \
                           { processor = 'mini-pc', count = 2, executors = 1 }]";

    /// The schedule worked out again puts our tasks where the simulation put them.
    #[test]
    fn a_replay_gives_every_task_its_place() {
        let timeline = timeline(SERVERS);
        for m in 0..4 {
            let mut replay = Replay::new(&timeline, m);
            let mut moved = Vec::new();
            for job in replay.jobs {
                replay.server.advance(job.arrival);
                replay.server.insert(job, &mut moved);
            }
            assert!(!moved.is_empty());
            for place in moved {
                let task = &timeline.tasks[place.task];
                assert_eq!((place.start, place.end), (task.server.start, task.server.end), "server {m}");
            }
        }
    }

    #[test]
    fn without_other_tenants_no_executor_is_taken_by_one() {
        let timeline = timeline("[foreign]\nutilisation = 0.0");
        assert!((0..4).all(|m| timeline.foreign(m, (0.0, 10.0)).is_empty()));
    }

    /// A task waits only while every executor is taken, by us or by others.
    #[test]
    fn while_a_task_waits_all_executors_are_taken() {
        let timeline = timeline(SERVERS);
        let mut waited = 0;
        for m in 0..4 {
            let foreign = timeline.foreign(m, (0.0, 10.0));
            let own = timeline.tasks.iter().filter(|task| task.target == m + 1);
            for task in own.clone() {
                let (start, end) = (task.server_arrival, task.server.start);
                if end - start < 0.02 || end > 10.0 {
                    continue;
                }
                let middle = (start + end) / 2.0;
                // A foreign interval starts up to a step of the scan late.
                let at = |interval: &Interval| interval.start - 10.0 / SCAN as f64 <= middle && middle < interval.end;
                let busy = own.clone().filter(|other| at(&other.server)).count();
                let others = foreign.iter().filter(|interval| at(interval)).count();
                assert!(busy + others >= timeline.setting.servers[m].executors, "server {m} at {middle}");
                waited += 1;
            }
        }
        assert!(waited > 20, "{waited}");
    }

    #[test]
    fn reports_travel_for_the_delay_and_follow_each_other_by_the_period() {
        let timeline = timeline("telemetry = { period_s = 1.5, delay_s = 0.5 }");
        for m in 0..4 {
            let trips = timeline.reports(m);
            assert!(trips.len() >= 6, "{trips:?}");
            assert!(trips.iter().all(|trip| (trip.arrived - trip.made - 0.5).abs() < 1e-12));
            assert!(trips.windows(2).all(|pair| (pair[1].made - pair[0].made - 1.5).abs() < 1e-9), "{trips:?}");
        }
    }
}
