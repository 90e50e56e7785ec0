//! For `scripts/onnx_policy_test.sh`: agents, and what they do on 1,000 random observations and masks.
//!
//! `policy_fixtures FOLDER [CHECKPOINT...]` writes, for every kind of agent, `FOLDER/NAME.checkpoint.safetensors`
//! and `FOLDER/NAME.fixture.safetensors` with the arrays `observation`, `mask` (1 for open; only where there are
//! choices) and `action`. For each checkpoint named it writes the same.

mod cases;

use std::path::{Path, PathBuf};

use cases::{Case, cases};
use mec_gym::agents::checkpoint::{load, save};
use mec_gym::agents::state::StateDict;

const ROWS: usize = 1000;

fn main() {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = arguments.next().expect("usage: policy_fixtures FOLDER [CHECKPOINT...]");
    let named = arguments.enumerate().map(|(index, path)| {
        let state = load(&path).unwrap_or_else(|error| panic!("{error}"));
        Case { name: format!("trained-{index}"), state }
    });
    for case in cases().into_iter().chain(named) {
        write(&folder, &case);
    }
}

fn write(folder: &Path, case: &Case) {
    let place = |ending: &str| folder.join(format!("{}.{ending}", case.name));
    save(&place("checkpoint.safetensors"), &case.state).expect("the folder can be written");
    let fixture = case.fixture(ROWS);
    let (rows, action) = (fixture.rows, &fixture.spec.action);
    let mut arrays = StateDict::new("fixture");
    arrays.insert_array("observation", &[rows, fixture.spec.obs_dim()], fixture.observations);
    if action.choices() > 0 {
        let masks: Vec<f32> = fixture.masks.iter().map(|&open| f32::from(u8::from(open))).collect();
        arrays.insert_array("mask", &[rows, action.choices()], masks);
    }
    arrays.insert_array("action", &[rows, action.codes()], fixture.actions);
    save(&place("fixture.safetensors"), &arrays).expect("the folder can be written");
}
