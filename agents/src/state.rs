//! [`StateDict`]: the named arrays and values that make up an agent.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::array::{Array, Element};
use crate::checkpoint_error::CheckpointError;

/// Everything that makes up a learner: arrays (networks, optimiser moments) and values (counters, generators).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateDict {
    /// What it is the state of, for example `sac`.
    pub kind: String,
    arrays: BTreeMap<String, Array>,
    values: BTreeMap<String, serde_json::Value>,
}

impl StateDict {
    /// An empty state of a learner of this kind.
    pub fn new(kind: &str) -> Self {
        Self { kind: kind.to_owned(), ..Self::default() }
    }

    /// The arrays by name.
    pub fn arrays(&self) -> &BTreeMap<String, Array> {
        &self.arrays
    }

    /// The values by name.
    pub fn values(&self) -> &BTreeMap<String, serde_json::Value> {
        &self.values
    }

    /// Adds an array.
    ///
    /// # Panics
    /// When the entries do not fill the shape.
    pub fn insert_array<T: Element>(&mut self, name: impl Into<String>, shape: &[usize], data: Vec<T>) {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "the entries must fill the shape");
        self.arrays.insert(name.into(), Array { shape: shape.to_vec(), data: T::wrap(data) });
    }

    /// Adds a value: a counter, a generator, or anything else that serde can write.
    ///
    /// # Panics
    /// When the value has no JSON form (a map with keys that are no strings).
    pub fn insert_value(&mut self, name: impl Into<String>, value: impl serde::Serialize) {
        let value = serde_json::to_value(value).expect("counters, generators and plain structs have a JSON form");
        self.values.insert(name.into(), value);
    }

    /// The array `name`, which must have this shape and entries of type `T`.
    ///
    /// # Errors
    /// [`CheckpointError`] when it is missing, of another shape or of another type.
    pub fn array<T: Element>(&self, name: &str, shape: &[usize]) -> Result<&[T], CheckpointError> {
        let array = self.arrays.get(name).ok_or_else(|| CheckpointError::Missing { name: name.to_owned() })?;
        if array.shape != shape {
            return Err(CheckpointError::Shape {
                name: name.to_owned(),
                found: array.shape.clone(),
                expected: shape.to_vec(),
            });
        }
        T::slice(&array.data).ok_or_else(|| CheckpointError::Dtype {
            name: name.to_owned(),
            found: array.data.dtype().to_string(),
            expected: T::DTYPE.to_string(),
        })
    }

    /// The value `name`.
    ///
    /// # Errors
    /// [`CheckpointError`] when it is missing or of another type.
    pub fn value<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, CheckpointError> {
        let value = self.values.get(name).ok_or_else(|| CheckpointError::Missing { name: name.to_owned() })?;
        serde_json::from_value(value.clone()).map_err(|error| CheckpointError::Value {
            name: name.to_owned(),
            found: value.to_string(),
            reason: error.to_string(),
        })
    }

    /// Adds all of another state, its kind included, as `prefix/...`.
    pub fn insert_state(&mut self, prefix: &str, state: StateDict) {
        self.insert_value(format!("{prefix}/kind"), state.kind);
        let named = |name: String| format!("{prefix}/{name}");
        self.arrays.extend(state.arrays.into_iter().map(|(name, array)| (named(name), array)));
        self.values.extend(state.values.into_iter().map(|(name, value)| (named(name), value)));
    }

    /// What [`insert_state`](Self::insert_state) added.
    ///
    /// # Errors
    /// [`CheckpointError::Missing`] when there is nothing of that prefix.
    pub fn inner_state(&self, prefix: &str) -> Result<StateDict, CheckpointError> {
        let mut state = StateDict::new(&self.value::<String>(&format!("{prefix}/kind"))?);
        let inner = |name: &String| Some(name.strip_prefix(prefix)?.strip_prefix('/')?.to_owned());
        let arrays = self.arrays.iter().filter_map(|(name, array)| Some((inner(name)?, array.clone())));
        state.arrays.extend(arrays);
        let values = self.values.iter().filter_map(|(name, value)| Some((inner(name)?, value.clone())));
        state.values.extend(values.filter(|(name, _)| name != "kind"));
        Ok(state)
    }

    /// The first array of a name that begins with `prefix` and with an entry that is infinite or NaN.
    pub fn not_finite(&self, prefix: &str) -> Option<&str> {
        let below = self.arrays.iter().filter(|(name, _)| name.starts_with(prefix));
        let mut broken = below.filter(|(_, array)| !array.data.is_finite());
        broken.next().map(|(name, _)| name.as_str())
    }

    /// Refuses the state of another kind of learner.
    ///
    /// # Errors
    /// [`CheckpointError::Kind`].
    pub fn expect_kind(&self, expected: &str) -> Result<(), CheckpointError> {
        if self.kind == expected {
            return Ok(());
        }
        Err(CheckpointError::Kind { found: self.kind.clone(), expected: expected.to_owned() })
    }

    /// A digest of every name, type, shape, bit and value: equal digests mean equal states. 64 hexadecimal digits.
    pub fn checksum(&self) -> String {
        self.digest(&self.values_json())
    }

    /// The values as JSON, in the order of their names.
    pub(crate) fn values_json(&self) -> String {
        serde_json::to_string(&self.values).expect("JSON values have a JSON form")
    }

    /// The digest, with the values in the JSON text given: a text that was read back may differ from
    /// [`values_json`](Self::values_json) in the last digit of a float.
    pub(crate) fn digest(&self, values: &str) -> String {
        let mut hash = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        field(self.kind.as_bytes());
        field(values.as_bytes());
        for (name, array) in &self.arrays {
            field(name.as_bytes());
            field(format!("{} {:?}", array.data.dtype(), array.shape).as_bytes());
            field(&array.data.bytes());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn from_parts(
        kind: String,
        arrays: BTreeMap<String, Array>,
        values: BTreeMap<String, serde_json::Value>,
    ) -> Self {
        Self { kind, arrays, values }
    }
}
