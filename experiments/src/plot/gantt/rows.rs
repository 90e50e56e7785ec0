//! From a timeline to the rows of a picture: who is shown, and what of it.

use mec_envs::offload::{Interval, TaskRecord, Timeline};
use mec_envs::system::server::Discipline;

use super::lanes::{Bar, Load, assign, clip, peak};
use super::{DeviceGroup, DeviceRow, Fate, ServerRow};

/// Devices of a picture.
const MOST_DEVICES: usize = 40;
/// Executors of a picture.
const MOST_EXECUTORS: usize = 32;
/// Lanes of a server that serves all its jobs at once: as many as it has jobs, up to this many.
const MOST_SHARED: usize = 8;
/// Overlap of two bars that no reader can see, as a share of the window.
const SLACK: f64 = 1e-3;

/// Which rows a picture has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Those with something in the window.
    InUse,
    /// The same for every window.
    Same,
}

/// A timeline in a window, s.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    pub timeline: &'a Timeline,
    pub window: (f64, f64),
    pub rows: Rows,
}

impl Shown<'_> {
    /// The servers, as many as there is room for, and how many of their lanes are left out.
    pub fn servers(&self) -> (Vec<ServerRow>, usize) {
        let mut room = MOST_EXECUTORS;
        let mut left_out = 0;
        let mut rows = Vec::new();
        for m in 0..self.timeline.setting().servers.len() {
            let mut row = self.server(m);
            let shown = row.executors.len().min(room);
            left_out += row.executors.len() - shown;
            room -= shown;
            // Each bar has the first lane that is free: the last lanes are the emptiest.
            row.executors.truncate(shown);
            if shown > 0 {
                rows.push(row);
            }
        }
        (rows, left_out)
    }

    fn server(&self, m: usize) -> ServerRow {
        let setting = self.timeline.setting();
        let spec = setting.servers[m];
        let own = self.timeline.tasks().iter().filter(|task| task.target == m + 1);
        let own = own.map(|task| bar(&task.server, task));
        let foreign = self.timeline.foreign(m, self.window).into_iter();
        let foreign = foreign.map(|taken| Bar { start: taken.start, end: taken.end, load: Load::Foreign });
        let bars = clip(own.chain(foreign), self.window);
        let shared = setting.scenario.servers[spec.group].discipline == Discipline::ProcessorSharing;
        let lanes = match (shared, self.rows) {
            (false, _) => spec.executors,
            (true, Rows::InUse) => peak(&bars).clamp(1, MOST_SHARED),
            (true, Rows::Same) => MOST_SHARED,
        };
        let reports = self.timeline.reports(m).iter().map(|trip| (trip.made, trip.arrived));
        ServerRow {
            name: setting.target_name(m + 1),
            processor: setting.server_processors[spec.class].name.clone(),
            executors: assign(&bars, lanes, SLACK * (self.window.1 - self.window.0)),
            reports: reports.filter(|trip| trip.0 < self.window.1 && trip.1 > self.window.0).collect(),
        }
    }

    /// The devices, without [`Rows::Same`] only those with tasks in the window, grouped by processor, and how many devices
    /// are left out. Where there are too many, they are picked at equal distances.
    pub fn devices(&self) -> (Vec<DeviceGroup>, usize) {
        let setting = self.timeline.setting();
        let mut tasks: Vec<Vec<&TaskRecord>> = vec![Vec::new(); setting.devices.len()];
        for task in self.timeline.tasks() {
            if task.arrival < self.window.1 && task.completion.max(task.arrival + task.deadline) > self.window.0 {
                tasks[task.user].push(task);
            }
        }
        let rows: Vec<usize> =
            (0..tasks.len()).filter(|&user| self.rows == Rows::Same || !tasks[user].is_empty()).collect();
        let picked = pick(&rows, MOST_DEVICES);
        let mut groups: Vec<DeviceGroup> = Vec::new();
        for &user in &picked {
            let processor = &setting.device_processor(user).name;
            if groups.last().is_none_or(|group| group.processor != *processor) {
                groups.push(DeviceGroup { processor: processor.clone(), rows: Vec::new() });
            }
            if let Some(group) = groups.last_mut() {
                group.rows.push(self.device(user, &tasks[user]));
            }
        }
        (groups, setting.devices.len() - picked.len())
    }

    fn device(&self, user: usize, tasks: &[&TaskRecord]) -> DeviceRow {
        let lane =
            |stage: fn(&TaskRecord) -> Interval| clip(tasks.iter().map(|task| bar(&stage(task), task)), self.window);
        let fate = |task: &&TaskRecord| Fate {
            arrival: task.arrival,
            decision: task.decision,
            deadline: task.arrival + task.deadline,
            completion: task.completion,
        };
        DeviceRow {
            name: format!("device {user}"),
            processor: lane(|task| task.device),
            uplink: lane(|task| task.upload),
            tasks: tasks.iter().map(fate).collect(),
        }
    }
}

fn bar(stage: &Interval, task: &TaskRecord) -> Bar {
    let load = Load::Task { network: task.model, late: !task.success() };
    Bar { start: stage.start, end: stage.end, load }
}

/// At most `most` of these, at equal distances.
fn pick(all: &[usize], most: usize) -> Vec<usize> {
    let count = all.len().min(most);
    (0..count).map(|index| all[index * all.len() / count]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_are_picked_at_equal_distances() {
        let all: Vec<usize> = (0..10).collect();
        assert_eq!(pick(&all, 20), all);
        assert_eq!(pick(&all, 5), [0, 2, 4, 6, 8]);
        assert_eq!(pick(&all, 3), [0, 3, 6]);
        assert!(pick(&[], 3).is_empty());
    }
}
