//! What makes no task set, and what the smallest ones come to.

use mec_envs::partition::*;
use mec_envs::rng::stream;
use mec_envs::units::{BytesPerSecond, Seconds};

use crate::instances::{Instance, Size, frontiers_within, instance};

const COARSE: f64 = 0.25;

const SIZE: Size = Size { tasks: 4, devices: 2, servers: 3, executors: 2 };

fn error(change: impl FnOnce(&mut Instance)) -> String {
    let frontiers = frontiers_within(COARSE);
    let mut instance = instance(&frontiers, SIZE, 0.1, &mut stream(1, "validation"));
    change(&mut instance);
    let Instance { tasks, devices, uplinks, servers } = &instance;
    TaskSet::new(tasks, devices, uplinks, servers).unwrap_err().to_string()
}

#[test]
fn bad_input_is_refused_and_the_error_names_place_value_and_what_is_accepted() {
    assert_eq!(
        error(|set| set.uplinks[4].rate = BytesPerSecond(f64::NAN)),
        "uplink from device 1 to server 1, rate: NaN is not finite and at least 0"
    );
    assert_eq!(
        error(|set| set.uplinks[0].propagation = Seconds(-1.0)),
        "uplink from device 0 to server 0, propagation: -1 is not finite and at least 0"
    );
    assert_eq!(
        error(|set| set.devices[1].processor = Seconds(f64::INFINITY)),
        "device 1, processor: inf is not finite and at least 0"
    );
    assert_eq!(
        error(|set| set.devices[0] = DeviceBacklog { uplink_now: Seconds(2.0), ..DeviceBacklog::default() }),
        "device 0, uplink: 0 is not at least uplink_now"
    );
    assert_eq!(
        error(|set| set.servers[2].executors[0] = Seconds(-0.5)),
        "server 2, executors: -0.5 is not finite and at least 0"
    );
    assert_eq!(
        error(|set| set.tasks[3].return_time = Seconds(f64::NAN)),
        "task 3, return_time: NaN is not finite and at least 0"
    );
    assert_eq!(error(|set| set.tasks[2].device = 2), "task 2: there is no device 2, there are 2 devices");
    assert_eq!(
        error(|set| set.servers[1].class = 9),
        "task 0: server 1 is of class 9, the task's frontier knows 4 classes"
    );
    assert_eq!(error(|set| set.servers[0].executors.clear()), "server 0 has no executor; it needs at least one");
    assert_eq!(
        error(|set| set.uplinks.truncate(5)),
        "5 uplinks for 2 devices and 3 servers; there must be one for each pair"
    );
}

#[test]
fn without_servers_or_links_everything_stays_on_its_device() {
    let frontiers = frontiers_within(COARSE);
    for servers in [0, 3] {
        let mut instance = instance(&frontiers, Size { servers, ..SIZE }, 0.1, &mut stream(1, "validation"));
        instance.uplinks.iter_mut().for_each(|uplink| uplink.rate = BytesPerSecond(0.0));
        let set = instance.set();
        let mut planner = Planner::default();
        for evaluations in [0, 1, 1000] {
            let plan = planner.decide(&set, evaluations);
            assert!(plan.placements().iter().all(|placement| placement.target == 0));
            assert!(plan.sum().0.is_finite());
            assert_eq!(plan.mean(), Some(plan.sum() / 4.0));
        }
        assert_eq!(optimum(&set, usize::MAX).unwrap().sum, planner.decide(&set, 0).sum());
    }
}

#[test]
fn a_set_without_tasks_has_an_empty_plan() {
    let frontiers = frontiers_within(COARSE);
    let instance = instance(&frontiers, Size { tasks: 0, ..SIZE }, 0.1, &mut stream(1, "validation"));
    let mut planner = Planner::default();
    let plan = planner.decide(&instance.set(), 10);
    assert_eq!((plan.placements().len(), plan.sum(), plan.mean()), (0, Seconds::ZERO, None));
}
