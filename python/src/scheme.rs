//! Schemes that do not learn, on episodes of a scenario.

use std::sync::Arc;

use mec_gym::envs::gym::Metric;
use mec_gym::envs::schemes::Scheme;
use mec_gym::experiments::evaluate::{HeldOut, scheme_episodes};
use pyo3::prelude::*;

use crate::errors;
use crate::setting::Setting;

/// The figures of an episode, with its seed.
pub type Row = (u64, Vec<Metric>);

/// The figures of episodes, the return first.
pub fn rows(episodes: &[HeldOut]) -> Vec<Row> {
    let row = |episode: &HeldOut| {
        let mut figures = vec![("return", episode.episode_return)];
        figures.extend(episode.metrics.list());
        (episode.episode, figures)
    };
    episodes.iter().map(row).collect()
}

/// The seeds of so many episodes from the first one on.
pub fn seeds(first: u64, episodes: u64) -> PyResult<std::ops::Range<u64>> {
    let end = first.checked_add(episodes).filter(|_| episodes > 0);
    let end = end.ok_or_else(|| errors::value(format!("episodes is {episodes}; accepted is 1 or more")))?;
    Ok(first..end)
}

/// The names of all schemes.
#[pyfunction]
pub fn schemes() -> Vec<&'static str> {
    Scheme::ALL.iter().map(Scheme::name).collect()
}

/// Runs a scheme through the episodes of these seeds, in parallel.
#[pyfunction]
pub fn simulate(py: Python<'_>, setting: &Setting, scheme: &str, seed: u64, episodes: u64) -> PyResult<Vec<Row>> {
    let scheme = Scheme::named(scheme).map_err(errors::value)?;
    let (setting, seeds) = (Arc::clone(&setting.setting), seeds(seed, episodes)?);
    let episodes = py.detach(|| scheme_episodes(&scheme, &setting, seeds)).map_err(errors::refused)?;
    Ok(rows(&episodes))
}
