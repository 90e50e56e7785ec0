//! Steps and resets use the memory that they have. The allocator of this program counts, so this is its only test.

use std::alloc::System;
use std::sync::Arc;

use mec_envs::gym::{Act, Env, Obs};
use mec_envs::offload::{OffloadBoxEnv, OffloadEnv, OffloadForm, OffloadSetEnv, Scenario, Setting};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Episodes that are played over again.
const SEEDS: u64 = 3;

fn setting(changes: &str) -> Arc<Setting> {
    let table = format!("preset = 'default'\n{changes}").parse().unwrap();
    Arc::new(Setting::new(Scenario::from_table(table).unwrap()).unwrap())
}

/// An environment with its action and observation, which are filled in anew at every step.
struct Player<E: Env> {
    env: E,
    action: Act<E>,
    observation: Obs<E>,
    choose: fn(&E, usize, &mut Act<E>),
}

impl<E: Env<Info: Copy>> Player<E> {
    fn play(&mut self, seed: u64) {
        self.env.reset_into(Some(seed), &mut self.observation);
        for step in 0.. {
            (self.choose)(&self.env, step, &mut self.action);
            let step = self.env.step_into(&self.action, &mut self.observation).unwrap();
            if step.terminated || step.truncated {
                return;
            }
        }
    }

    /// Allocations of playing the same episodes once more.
    fn allocations(mut self) -> usize {
        (0..SEEDS).for_each(|seed| self.play(seed));
        let region = Region::new(ALLOCATOR);
        (0..SEEDS).for_each(|seed| self.play(seed));
        let change = region.change();
        change.allocations + change.reallocations
    }
}

fn task_player(setting: Arc<Setting>) -> Player<OffloadEnv> {
    let env = OffloadEnv::new(setting);
    let choose = |env: &OffloadEnv, step: usize, action: &mut usize| *action = step * 7 % env.action_space().n();
    Player { env, action: 0, observation: Vec::new(), choose }
}

fn box_player(setting: Arc<Setting>) -> Player<OffloadBoxEnv> {
    let env = OffloadBoxEnv::new(setting);
    let action = vec![0.0; env.offload().setting().targets()];
    let choose = |_: &OffloadBoxEnv, step: usize, action: &mut Vec<f32>| {
        let targets = action.len();
        action.iter_mut().enumerate().for_each(|(target, score)| {
            *score = if target == step * 7 % targets { 1.0 } else { -1.0 };
        });
    };
    Player { env, action, observation: Vec::new(), choose }
}

fn set_player(setting: Arc<Setting>) -> Player<OffloadSetEnv> {
    let action = vec![0; setting.scenario.set_size];
    let choose = |env: &OffloadSetEnv, step: usize, action: &mut Vec<usize>| {
        let mask = env.action_mask().unwrap();
        let rows = mask.chunks(mask.len() / action.len()).zip(action).enumerate();
        rows.for_each(|(row, (mask, target))| {
            let wanted = (step + row) * 7 % mask.len();
            *target = if mask[wanted] { wanted } else { 0 };
        });
    };
    Player { env: OffloadSetEnv::new(setting), action, observation: Vec::new(), choose }
}

const WALKERS: &str = "devices = [{ processor = 'phone', count = 20, rate_hz = 2.0, transmit_power_w = 2.0, mobility = \
                       { kind = 'random_waypoint', speed_min_mps = 1.0, speed_max_mps = 20.0, pause_s = 1.0 } }]";

const SHARING: &str = "servers = [{ processor = 'xeon-6248', count = 3, executors = 2, discipline = \
                       'processor_sharing', memory = { capacity_bytes = 1e9, load_bytes_per_s = 5e9 } }]";

const MANY: &str = "reach = 4\narea_m = 1500.0\nservers = [{ processor = 'xeon-6248', count = 64, executors = 2 }]\n\
                    devices = [{ processor = 'phone', count = 1000, rate_hz = 0.2, transmit_power_w = 2.0 }]";

const BATTERIES: &str = "devices = [{ processor = 'phone', count = 20, rate_hz = 2.0, transmit_power_w = 2.0, \
                         battery_j = 1e6 }]";

#[test]
fn episodes_that_have_been_played_before_allocate_nothing() {
    let recorded = "link = { kind = 'recorded', source = 'lumos-4g' }\narrivals = { kind = 'recorded', source = \
                    'azure-llm-code-2023' }";
    let memory = "servers = [{ processor = 'xeon-6248', count = 3, executors = 2, memory = { capacity_bytes = 2e9, \
                  load_bytes_per_s = 5e9 } }]";
    let shared = format!("network = {{ band = 'shared' }}\n{WALKERS}\n{SHARING}");
    for changes in ["", MANY, recorded, memory, WALKERS, SHARING, &shared, BATTERIES] {
        let setting = setting(&format!("horizon_s = 10.0\n{changes}"));
        let counts = [
            task_player(Arc::clone(&setting)).allocations(),
            box_player(Arc::clone(&setting)).allocations(),
            set_player(setting).allocations(),
        ];
        assert_eq!(counts, [0; 3], "{changes}");
    }
}
