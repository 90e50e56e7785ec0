//! A learner that keeps every row it is given, and can tell whether rows are missing.

use std::collections::BTreeMap;

use mec_agents::agent::{Algorithm, Learner, Metrics, TrainError};
use mec_agents::checkpoint::CheckpointError;
use mec_agents::device::Device;
use mec_agents::random::{RandomConfig, RandomPolicy};
use mec_agents::spec::EnvSpec;
use mec_agents::state::StateDict;
use mec_agents::transition::Transitions;
use mec_envs::gym::classic::Pendulum;

/// Learns nothing of Pendulum and forgets nothing.
#[derive(Default)]
pub struct Recorder {
    rows: Vec<Row>,
}

/// A transition of Pendulum.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The number of its stream.
    pub stream: u32,
    observation: [f32; 3],
    next_observation: [f32; 3],
    last: bool,
}

impl Recorder {
    /// All rows, in the order in which they came.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Holds that so many rows of so many streams came, each of which starts where the one before of its stream ended.
    pub fn assert_whole(&self, rows: usize, streams: usize) {
        assert_eq!(self.rows.len(), rows);
        let mut newest: BTreeMap<u32, &Row> = BTreeMap::new();
        for (number, row) in self.rows.iter().enumerate() {
            if let Some(before) = newest.insert(row.stream, row).filter(|before| !before.last) {
                let stream = row.stream;
                assert_eq!(before.next_observation, row.observation, "row {number} of stream {stream} does not follow");
            }
        }
        assert_eq!(newest.len(), streams);
    }
}

impl Learner for Recorder {
    type Policy = RandomPolicy;

    fn add(&mut self, experience: &Transitions) {
        let three = |column: &[f32], row: usize| column[3 * row..3 * row + 3].try_into().unwrap();
        self.rows.extend((0..experience.len()).map(|row| Row {
            stream: experience.env[row],
            observation: three(&experience.observations, row),
            next_observation: three(&experience.next_observations, row),
            last: experience.terminated[row] || experience.truncated[row],
        }));
    }

    fn updates_due(&self) -> usize {
        0
    }

    fn train(&mut self, _updates: usize) -> Result<Metrics, TrainError> {
        Ok(Metrics::default())
    }

    fn policy(&self) -> RandomPolicy {
        RandomConfig::default().build(&EnvSpec::of(&Pendulum::v1()), &Device::flex(), 0).unwrap().policy()
    }

    fn version(&self) -> u64 {
        0
    }

    fn write_memory(&self, state: &mut StateDict) {
        let columns = self.rows.iter().flat_map(|row| [row.observation, row.next_observation]).flatten();
        state.insert_array("memory/columns", &[self.rows.len(), 6], columns.collect::<Vec<f32>>());
        let marks: Vec<(u32, bool)> = self.rows.iter().map(|row| (row.stream, row.last)).collect();
        state.insert_value("memory/marks", marks);
    }

    fn read_memory(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        let marks: Vec<(u32, bool)> = state.value("memory/marks")?;
        let columns: &[f32] = state.array("memory/columns", &[marks.len(), 6])?;
        let row = |(row, &(stream, last)): (&[f32], &(u32, bool))| Row {
            stream,
            observation: row[..3].try_into().unwrap(),
            next_observation: row[3..].try_into().unwrap(),
            last,
        };
        self.rows = columns.chunks_exact(6).zip(&marks).map(row).collect();
        Ok(())
    }

    fn state(&self) -> StateDict {
        StateDict::new("recorder")
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind("recorder")
    }
}
