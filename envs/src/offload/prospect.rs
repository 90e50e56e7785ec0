//! [`Prospect`]: decisions that are supposed, and what would be believed after them.

use super::belief::{ServerBelief, Work};
use super::view::{Knowledge, View};
use super::world::{DeviceWaits, World};
use crate::partition::Choice;

/// Decisions for the first of the waiting tasks that are supposed and not carried out, on what is believed and never on
/// what is true: plans of several tasks look at the [`View`] of the next task after each.
///
/// A device expects of its queues what [`TaskSet`](crate::partition::TaskSet) says: what is supposed to be ready at once
/// is sent before all tensors in the making, and delays none of those. [`Knowledge::Oracle`] sees nothing supposed.
///
/// # Example
/// ```
/// use mec_envs::offload::{Decision, Knowledge, Offload, Scenario, Setting};
/// let mut offload = Offload::new(Setting::new(Scenario::default())?.into());
/// offload.reset(Some(1));
/// let plan = offload.prospect()?;
/// let view = plan.view().ok_or("the first waiting task")?;
/// let (target, choice) = view.best(Knowledge::Booked);
/// let after = plan.place(target, &choice);
/// assert_eq!(after.view().map(|next| next.task()), (view.waiting() > 1).then(|| view.task() + 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Prospect<'a> {
    world: &'a World,
    supposed: usize,
    /// Servers to which work is supposed to go.
    servers: Vec<(usize, ServerBelief)>,
    /// Devices whose tasks are supposed to be decided.
    devices: Vec<(usize, DeviceWaits)>,
}

impl<'a> Prospect<'a> {
    /// Nothing is supposed yet.
    pub(super) fn new(world: &'a World) -> Self {
        Self { world, supposed: 0, servers: Vec::new(), devices: Vec::new() }
    }

    /// The next waiting task as it would be seen; `None` when all are supposed to be decided.
    pub fn view(&self) -> Option<View<'_>> {
        (self.supposed < self.world.waiting()).then(|| View::new(self.world, self.supposed).supposing(self))
    }

    /// The same with the next waiting task on `target`, with a choice of its [`view`](Self::view) for that.
    ///
    /// # Panics
    /// If no task waits.
    pub fn place(&self, target: usize, choice: &Choice) -> Self {
        let view = self.view().expect("a task waits");
        let mut after = Self { supposed: self.supposed + 1, ..self.clone() };
        let (user, frontier, mut waits) = (view.user(), view.frontier(), view.device());
        let (computing, candidate) = (frontier.device_time(choice.candidate).0, choice.candidate);
        waits.processor += computing;
        if target > 0 {
            let sending = (frontier.upload(candidate) / view.rate()).0;
            if computing > 0.0 {
                waits.radio = waits.radio.max(waits.processor) + sending;
            } else {
                waits.radio_now += sending;
                waits.radio = waits.radio.max(waits.radio_now);
            }
            after.book(&view, target, choice);
        }
        after.devices.retain(|(other, _)| *other != user);
        after.devices.push((user, waits));
        after
    }

    fn book(&mut self, view: &View<'_>, target: usize, choice: &Choice) {
        let m = view.server_behind(target);
        let service = view.frontier().edge_time(choice.candidate, view.setting().servers[m].class);
        let work = Work {
            task: view.task(),
            model: view.model(),
            arrival: view.arrival(m, choice),
            service: (service + view.loading(target, Knowledge::Booked)).0,
        };
        let known = self.servers.iter().position(|(other, _)| *other == m);
        let index = known.unwrap_or_else(|| {
            self.servers.push((m, view.server(target).for_a_plan()));
            self.servers.len() - 1
        });
        self.servers[index].1.book(work);
    }

    /// What is believed of server `m`, if work is supposed to go there.
    pub(super) fn belief(&self, m: usize) -> Option<&ServerBelief> {
        self.servers.iter().find(|(other, _)| *other == m).map(|(_, belief)| belief)
    }

    /// What a device expects of its queues, if a task of it is supposed to be decided.
    pub(super) fn device_waits(&self, user: usize) -> Option<DeviceWaits> {
        self.devices.iter().find(|(other, _)| *other == user).map(|(_, waits)| *waits)
    }
}
