//! [`Setting`]: a scenario that has been read, checked and worked out.

use std::path::PathBuf;
use std::sync::Arc;

use mec_gym::envs::offload::{self, Scenario};
use pyo3::prelude::*;

use crate::errors;

/// A scenario that has been read, checked and worked out; shared by all that is made of it.
#[pyclass(frozen, module = "mec_gym._native")]
pub struct Setting {
    pub setting: Arc<offload::Setting>,
}

impl Setting {
    fn of(py: Python<'_>, table: toml::Table) -> PyResult<Self> {
        let made = py.detach(|| Scenario::from_table(table).and_then(offload::Setting::new));
        Ok(Self { setting: Arc::new(made.map_err(errors::value)?) })
    }
}

#[pymethods]
impl Setting {
    /// The scenario of a JSON object: what differs from the preset that it names.
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        let table = serde_json::from_str(text).map_err(|error| errors::value(format!("scenario: {error}")))?;
        Self::of(py, table)
    }

    /// The scenario of a TOML text; `place` is named in errors.
    #[staticmethod]
    fn from_toml(py: Python<'_>, text: &str, place: &str) -> PyResult<Self> {
        let table: Result<toml::Table, _> = text.parse();
        let table = table.map_err(|error| errors::value(format!("{place}: {}", error.to_string().trim_end())))?;
        Self::of(py, table).map_err(|error| errors::value(format!("{place}: {}", error.value(py))))
    }

    /// The scenario of a TOML file.
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let text = std::fs::read_to_string(&path).map_err(errors::unreadable(&path))?;
        Self::from_toml(py, &text, &path.display().to_string())
    }

    /// The names of the scenarios that ship.
    #[staticmethod]
    fn presets() -> Vec<&'static str> {
        Scenario::presets().collect()
    }

    /// The name of the scenario.
    #[getter]
    fn name(&self) -> &str {
        &self.setting.scenario.name
    }

    /// The complete scenario as TOML, from which an equal setting can be made.
    fn to_toml(&self) -> PyResult<String> {
        toml::to_string(&self.setting.scenario).map_err(errors::runtime)
    }
}
