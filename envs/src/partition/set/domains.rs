//! [`Domains`]: what the tasks of a set may still choose from, and how soon that lets them arrive.

use super::parts::Parts;
use super::placement::Placement;
use super::task_set::TaskSet;

/// One placement of one task with its parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alternative {
    pub(super) placement: Placement,
    pub(super) parts: Parts,
}

/// Which of a device's queues a task passes: the processor, the uplink, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    Local,
    Direct,
    Split,
}

impl Alternative {
    pub(super) fn mode(&self) -> Mode {
        match self.placement.target {
            0 => Mode::Local,
            target if self.parts.is_direct(target) => Mode::Direct,
            _ => Mode::Split,
        }
    }
}

/// For each task the alternatives left to it.
#[derive(Clone, Debug)]
pub(super) struct Domains(pub(super) Vec<Vec<Alternative>>);

/// How soon one task can arrive.
pub(super) struct Outlook {
    /// For each alternative a time no later than its arrival at the server, or than its end on the device, s.
    pub(super) arrivals: Vec<f64>,
    /// Whether these times are exact: nothing else on the device is undecided.
    pub(super) exact: bool,
}

impl Domains {
    /// Every placement of every task.
    pub(super) fn all(set: &TaskSet) -> Self {
        let placements = |task: usize| {
            let local = set.tasks()[task].frontier.local();
            let splits = (1..set.targets())
                .flat_map(move |target| (0..local).map(move |candidate| Placement { target, candidate }));
            std::iter::once(Placement { target: 0, candidate: local }).chain(splits)
        };
        let alternative = |task, placement| Alternative { placement, parts: Parts::of(set, task, placement) };
        let all = |task| placements(task).map(|placement| alternative(task, placement)).collect();
        Self((0..set.tasks().len()).map(all).collect())
    }

    /// How soon `task` can arrive, as far as the other tasks of its device are decided.
    ///
    /// Every step of the device's queues is taken at the least that the alternatives left allow, in the order and
    /// with the rounding of [`Timeline`](super::Timeline).
    pub(super) fn outlook(&self, set: &TaskSet, task: usize) -> Outlook {
        let device = set.tasks()[task].device;
        let backlog = &set.devices()[device];
        let mates = || (0..self.0.len()).filter(|&mate| mate != task && set.tasks()[mate].device == device);
        // The uplink takes what is ready at once before everything else.
        let direct = |free: f64, mate: usize| if self.only(mate, Mode::Direct) { free + self.send(mate) } else { free };
        let before = mates().filter(|&mate| mate < task).fold(backlog.uplink_now.0, direct);
        let mut uplink = mates().fold(backlog.uplink_now.0, direct).max(backlog.uplink.0);
        let mut processor = backlog.processor.0;
        for mate in mates().filter(|&mate| mate < task) {
            if self.only(mate, Mode::Split) {
                let sent = self.0[mate].iter().map(|a| (processor + a.parts.device).max(uplink) + a.parts.send);
                uplink = least(sent);
            }
            processor += least(self.0[mate].iter().map(|alternative| alternative.parts.device));
        }
        let arrival = |alternative: &Alternative| {
            let parts = &alternative.parts;
            match alternative.mode() {
                Mode::Local => processor + parts.device,
                Mode::Direct => before + parts.send + parts.propagation,
                Mode::Split => (processor + parts.device).max(uplink) + parts.send + parts.propagation,
            }
        };
        let exact = mates().all(|mate| self.0[mate].len() == 1);
        Outlook { arrivals: self.0[task].iter().map(arrival).collect(), exact }
    }

    fn only(&self, task: usize, mode: Mode) -> bool {
        self.0[task].iter().all(|alternative| alternative.mode() == mode)
    }

    fn send(&self, task: usize) -> f64 {
        least(self.0[task].iter().map(|alternative| alternative.parts.send))
    }
}

/// The least of some numbers, infinity for none.
pub(super) fn least(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::INFINITY, f64::min)
}
