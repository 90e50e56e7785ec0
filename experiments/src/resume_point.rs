//! [`ResumePoint`]: where a run can go on.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use mec_agents::checkpoint::{self, CheckpointError};
use mec_agents::state::StateDict;
use serde::{Deserialize, Serialize};

use crate::vitals::Vitals;
use crate::warning::Warning;
use crate::window::Window;

/// The kind of a point between two trainings.
const BETWEEN: &str = "between trainings";

/// Where a run can go on: what `ckpt/resume.safetensors` holds.
///
/// # Design
/// One file for the whole run, replaced at once: the seeds are trained one after another and write into the same tables,
/// so how far each file of the run belongs to this moment is one piece of knowledge.
#[derive(Clone, Debug, PartialEq)]
pub struct ResumePoint {
    /// How much of the run is done.
    pub done: Done,
    /// The training that goes on; without it the next one begins, or after the last one what follows them.
    pub training: Option<TrainingPoint>,
}

/// How much of a run is done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// Trainings that are done, in the order of the seeds.
    pub trainings: usize,
    /// Rows of `progress.csv`.
    pub progress_rows: u64,
    /// Rows of `eval.csv`.
    pub eval_rows: u64,
    /// Warnings so far.
    pub warnings: Vec<Warning>,
}

/// A training at a moment from which it can go on.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingPoint {
    /// The run of the agent: [`Checkpoint::state`](mec_agents::runtime::Checkpoint::state).
    pub run: StateDict,
    /// The agent with the best evaluation so far.
    pub best: Option<StateDict>,
    /// What was written and seen of it.
    pub seen: Seen,
}

/// What was written and seen of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// When it began, since the Unix epoch.
    pub began: Duration,
    /// How long it has been at work, interruptions not counted, s.
    pub elapsed_s: f64,
    /// Rows of the monitor file of each environment that has one.
    pub monitor_rows: BTreeMap<usize, u64>,
    /// The last episodes.
    pub window: Window,
    /// Steps and seconds at the last row of `progress.csv`.
    pub last_progress: (u64, f64),
    /// Steps of the last evaluation.
    #[serde(default)]
    pub evaluated: Option<u64>,
    /// Return of the best evaluation, as bits: JSON has no NaN.
    pub best_return: Option<u64>,
    /// How the health of the training was seen.
    pub vitals: Vitals,
}

impl ResumePoint {
    /// Writes it to `path` at once.
    ///
    /// # Errors
    /// [`CheckpointError::Io`].
    pub fn save(self, path: &Path) -> Result<(), CheckpointError> {
        let mut state = match self.training {
            None => StateDict::new(BETWEEN),
            Some(TrainingPoint { run, best, seen }) => {
                let mut state = run;
                state.insert_value("resume/seen", seen);
                state.insert_value("resume/has_best", best.is_some());
                if let Some(best) = best {
                    state.insert_state("best", best);
                }
                state
            }
        };
        state.insert_value("resume/done", self.done);
        checkpoint::save(path, &state)
    }

    /// Reads it from `path`.
    ///
    /// # Errors
    /// [`CheckpointError`] when it cannot be read, is damaged or misses a part.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let run = checkpoint::load(path)?;
        let done = run.value("resume/done")?;
        if run.kind == BETWEEN {
            return Ok(Self { done, training: None });
        }
        let has_best: bool = run.value("resume/has_best")?;
        let best = if has_best { Some(run.inner_state("best")?) } else { None };
        let seen = run.value("resume/seen")?;
        Ok(Self { done, training: Some(TrainingPoint { run, best, seen }) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn training() -> TrainingPoint {
        let mut run = StateDict::new("run");
        run.insert_array("learner/w", &[2], vec![1.0_f32, f32::MIN_POSITIVE]);
        let mut best = StateDict::new("sac");
        best.insert_array("w", &[1], vec![3.0_f32]);
        best.insert_value("counters", 7);
        let seen = Seen {
            began: Duration::new(1_763_885_100, 250_000_001),
            elapsed_s: 0.1,
            monitor_rows: BTreeMap::from([(0, 3), (11, 4)]),
            window: Window::default(),
            last_progress: (300, 0.3),
            evaluated: Some(200),
            best_return: Some(f64::NAN.to_bits()),
            vitals: Vitals::default(),
        };
        TrainingPoint { run, best: Some(best), seen }
    }

    #[test]
    fn a_point_comes_back_from_its_file() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("resume.safetensors");
        let done = Done { trainings: 1, progress_rows: 5, eval_rows: 90, warnings: Vec::new() };
        let between = ResumePoint { done: done.clone(), training: None };
        between.clone().save(&path).unwrap();
        assert_eq!(ResumePoint::load(&path).unwrap(), between);
        ResumePoint { done: done.clone(), training: Some(training()) }.save(&path).unwrap();
        let ResumePoint { done: found, training: Some(found_training) } = ResumePoint::load(&path).unwrap() else {
            panic!("the training is missing");
        };
        let expected = training();
        assert_eq!((found, found_training.best, found_training.seen), (done, expected.best, expected.seen));
        assert_eq!(found_training.run.array::<f32>("learner/w", &[2]).unwrap(), [1.0, f32::MIN_POSITIVE]);
    }

    #[test]
    fn another_checkpoint_is_no_point_to_go_on_from() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("resume.safetensors");
        checkpoint::save(&path, &StateDict::new("sac")).unwrap();
        let error = ResumePoint::load(&path).unwrap_err();
        assert_eq!(error.to_string(), "the state has no entry \"resume/done\"");
    }
}
