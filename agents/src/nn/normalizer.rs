//! [`Normalizer`]: observations brought to mean 0 and variance 1, by statistics that travel with the policy.

use mec_envs::gym::RunningMoments;

use crate::checkpoint::CheckpointError;
use crate::spec::EnvSpec;
use crate::state::StateDict;

/// Normal observations are cut to this range, as stable-baselines3's `VecNormalize` does (`clip_obs`).
const CLIP: f32 = 10.0;

/// Added to the variance, as there.
const EPSILON: f64 = 1e-8;

/// Running mean and variance of observations.
///
/// The part `options` shares its statistics among options, so that they serve any number of them; `prior`, whose unit
/// means something to a scorer, is left as it is. Every other entry has its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalizer {
    parts: Vec<Part>,
    obs_dim: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct Part {
    name: String,
    start: usize,
    len: usize,
    moments: RunningMoments,
}

/// What a [`Normalizer`] does to observations at one moment, as plain numbers: x' = (x - mean) x scale, within the
/// clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// `[obs_dim]`.
    pub mean: Vec<f32>,
    /// `[obs_dim]`.
    pub scale: Vec<f32>,
    /// `[obs_dim]`; infinite where nothing is cut.
    pub clip: Vec<f32>,
}

impl Normalizer {
    /// A normaliser that has seen nothing.
    pub fn new(spec: &EnvSpec) -> Self {
        let (mut parts, mut start) = (Vec::new(), 0);
        for part in &spec.observation {
            let len = part.len();
            if part.name != "prior" && len > 0 {
                let shared = part.name == "options" && part.shape.len() > 1;
                let entries = if shared { part.shape[part.shape.len() - 1] } else { len };
                parts.push(Part { name: part.name.clone(), start, len, moments: RunningMoments::new(entries) });
            }
            start += len;
        }
        Self { parts, obs_dim: start }
    }

    /// Counts observations, `[n, obs_dim]`. Of options, all count, closed ones too.
    ///
    /// # Panics
    /// When the rows have another length.
    pub fn observe(&mut self, observations: &[f32]) {
        assert!(observations.len().is_multiple_of(self.obs_dim), "observations must be [n, {}]", self.obs_dim);
        for Part { start, len, moments, .. } in &mut self.parts {
            let rows = observations.chunks_exact(self.obs_dim).flat_map(|row| &row[*start..*start + *len]);
            moments.update_rows(&rows.copied().collect::<Vec<f32>>());
        }
    }

    /// What it does to observations now.
    pub fn scaling(&self) -> Scaling {
        let size = self.obs_dim;
        let mut scaling = Scaling { mean: vec![0.0; size], scale: vec![1.0; size], clip: vec![f32::INFINITY; size] };
        for Part { start, len, moments, .. } in &self.parts {
            let entries = moments.mean().len();
            for offset in 0..*len {
                let (place, entry) = (start + offset, offset % entries);
                scaling.mean[place] = moments.mean()[entry] as f32;
                scaling.scale[place] = (1.0 / (moments.variance()[entry] + EPSILON).sqrt()) as f32;
                scaling.clip[place] = CLIP;
            }
        }
        scaling
    }

    /// Adds the statistics to `state`, as `normalizer/<part>`.
    pub fn write(&self, state: &mut StateDict) {
        for Part { name, moments, .. } in &self.parts {
            state.insert_value(value_name(name), moments);
        }
    }

    /// The normaliser stored in `state` for whoever has `own`; none for those who have none.
    ///
    /// # Errors
    /// As [`read`](Self::read), and when there is one that is not wanted.
    pub fn read_like(own: Option<&Self>, state: &StateDict) -> Result<Option<Self>, CheckpointError> {
        match own {
            Some(own) => own.read(state).map(Some),
            None => not_stored("normalizer", state.values().keys()).map(|()| None),
        }
    }

    /// The normaliser stored in `state`, for the parts of `self`.
    ///
    /// # Errors
    /// [`CheckpointError`] when the statistics of a part are missing, no statistics, or of another length.
    pub fn read(&self, state: &StateDict) -> Result<Self, CheckpointError> {
        let mut loaded = self.clone();
        for part in &mut loaded.parts {
            let name = value_name(&part.name);
            let moments: RunningMoments = state.value(&name)?;
            let (found, expected) = (moments.mean().len(), part.moments.mean().len());
            if found != expected {
                let (found, reason) =
                    (format!("statistics of {found} entries"), format!("expected {expected} entries"));
                return Err(CheckpointError::Value { name, found, reason });
            }
            part.moments = moments;
        }
        Ok(loaded)
    }
}

fn value_name(part: &str) -> String {
    format!("normalizer/{part}")
}

impl Scaling {
    /// Normal observations, `[n, obs_dim]`.
    pub fn apply(&self, observations: &[f32]) -> Vec<f32> {
        let mut normal = Vec::with_capacity(observations.len());
        for row in observations.chunks_exact(self.mean.len()) {
            let entries = row.iter().zip(&self.mean).zip(self.scale.iter().zip(&self.clip));
            normal.extend(entries.map(|((value, mean), (scale, clip))| ((value - mean) * scale).clamp(-clip, *clip)));
        }
        normal
    }

    /// Adds mean and scale to `state` as `prefix/mean` and `prefix/scale`; the clip follows from the observation.
    pub fn write(&self, prefix: &str, state: &mut StateDict) {
        for (name, values) in [("mean", &self.mean), ("scale", &self.scale)] {
            state.insert_array(format!("{prefix}/{name}"), &[values.len()], values.clone());
        }
    }

    /// The scaling stored under `prefix` for whoever has `own`, with its clip; none for those who have none.
    ///
    /// # Errors
    /// [`CheckpointError`] when mean or scale is missing or of another length, or there and not wanted.
    pub fn read_like(own: Option<&Self>, prefix: &str, state: &StateDict) -> Result<Option<Self>, CheckpointError> {
        match own {
            Some(own) => own.read(prefix, state).map(Some),
            None => not_stored(prefix, state.arrays().keys()).map(|()| None),
        }
    }

    fn read(&self, prefix: &str, state: &StateDict) -> Result<Self, CheckpointError> {
        let read = |name: &str| Ok(state.array(&format!("{prefix}/{name}"), &[self.mean.len()])?.to_vec());
        Ok(Self { mean: read("mean")?, scale: read("scale")?, clip: self.clip.clone() })
    }
}

/// Refuses statistics that nobody here would use: the networks beside them have only seen normal observations.
fn not_stored<'a>(prefix: &str, mut names: impl Iterator<Item = &'a String>) -> Result<(), CheckpointError> {
    let below = |name: &&String| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
    match names.find(below) {
        None => Ok(()),
        Some(name) => Err(CheckpointError::Value {
            name: name.clone(),
            found: "statistics of observations".to_owned(),
            reason: "nothing normalises observations here".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mec_envs::gym::{ActionLayout, Part as Block};

    fn spec(options: usize) -> EnvSpec {
        let observation =
            vec![Block::new("global", &[1]), Block::new("options", &[options, 2]), Block::new("prior", &[options])];
        EnvSpec { observation, action: ActionLayout { heads: vec![options], continuous: 0 } }
    }

    /// Global 1, 3: mean 2, variance 1. First feature 0, 4, 0, 4: mean 2, variance 4. Second one constant 5, whose
    /// variance is 0 (the prior of mean 0 counts 1e-4 rows of 4). The prior stays.
    #[test]
    fn options_share_statistics_and_the_prior_stays() {
        let mut normalizer = Normalizer::new(&spec(2));
        normalizer.observe(&[1.0, 0.0, 5.0, 4.0, 5.0, -7.0, 9.0, 3.0, 0.0, 5.0, 4.0, 5.0, -7.0, 9.0]);
        let normal = normalizer.scaling().apply(&[3.0, 4.0, 5.0, 0.0, 1e9, -7.0, 9.0]);
        for (found, expected) in normal.iter().zip([1.0, 1.0, 0.0, -1.0, 10.0, -7.0, 9.0]) {
            assert!((found - expected).abs() < 1e-2, "{normal:?}");
        }
        let mut larger = Normalizer::new(&spec(3));
        let mut state = StateDict::new("test");
        normalizer.write(&mut state);
        larger = larger.read(&state).unwrap();
        assert_eq!(larger.scaling().mean[1..7], normalizer.scaling().mean[1..3].repeat(3));
    }

    #[test]
    fn statistics_of_another_length_are_refused_with_their_name() {
        let mut state = StateDict::new("test");
        Normalizer::new(&spec(2)).write(&mut state);
        let mut wider = spec(2);
        wider.observation[0] = Block::new("global", &[2]);
        let error = Normalizer::new(&wider).read(&state).unwrap_err().to_string();
        assert!(error.contains("normalizer/global") && error.contains("expected 2 entries"), "{error}");
    }
}
