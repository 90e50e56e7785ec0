//! [`StoredWeights`]: the arrays of one network in a stored state.

use std::collections::BTreeSet;

use crate::checkpoint::CheckpointError;
use crate::state::StateDict;

/// A named matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Its name within the network, for example `layer0/weight`.
    pub name: String,
    /// Rows and columns.
    pub shape: [usize; 2],
    /// Its entries, row by row.
    pub data: Vec<f32>,
}

/// The arrays stored as `prefix/name`, read one after another.
///
/// # Design
/// Whatever an exporter does not know would be missing from the exported policy, which would then act otherwise than
/// the agent. So [`finish`](Self::finish) refuses a network of which something was not read.
#[derive(Debug)]
pub struct StoredWeights<'a> {
    state: &'a StateDict,
    prefix: String,
    read: BTreeSet<String>,
}

impl<'a> StoredWeights<'a> {
    /// The network stored as `prefix/...`.
    pub fn new(state: &'a StateDict, prefix: &str) -> Self {
        Self { state, prefix: format!("{prefix}/"), read: BTreeSet::new() }
    }

    /// The matrix `name`, which must have this shape.
    ///
    /// # Errors
    /// [`CheckpointError`] when it is missing or of another shape.
    pub fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Matrix, CheckpointError> {
        let stored = format!("{}{name}", self.prefix);
        let data = self.state.array(&stored, &shape)?.to_vec();
        self.read.insert(stored);
        Ok(Matrix { name: name.to_owned(), shape, data })
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`CheckpointError::NotExported`] when the network has an array that was not read.
    pub fn finish(self) -> Result<(), CheckpointError> {
        let of_network = |name: &&String| name.starts_with(&self.prefix);
        match self.state.arrays().keys().filter(of_network).find(|name| !self.read.contains(*name)) {
            Some(name) => Err(CheckpointError::NotExported {
                what: format!("array {name:?}"),
                accepted: "the weights and biases of its layers".to_owned(),
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_with_an_array_that_nobody_read_is_refused_by_its_name() {
        let mut state = StateDict::new("sac");
        state.insert_array("actor/layer0/weight", &[1, 2], vec![1.0_f32, 2.0]);
        state.insert_array("actor_2/layer0/weight", &[1, 1], vec![3.0_f32]);
        let mut weights = StoredWeights::new(&state, "actor");
        assert_eq!(weights.matrix("layer0/weight", [1, 2]).unwrap().data, [1.0, 2.0]);
        assert!(matches!(weights.matrix("layer1/weight", [1, 2]), Err(CheckpointError::Missing { .. })));
        weights.finish().unwrap();
        state.insert_array("actor/layer0/norm", &[1, 2], vec![1.0_f32, 1.0]);
        let mut weights = StoredWeights::new(&state, "actor");
        weights.matrix("layer0/weight", [1, 2]).unwrap();
        let error = weights.finish().unwrap_err().to_string();
        assert!(error.contains("actor/layer0/norm"), "{error}");
    }
}
