//! Schemes with the best numbers for the scenario at hand: what `NAME=tuned` stands for.
//!
//! A rival whose numbers were chosen for another world is a weak rival. The numbers that
//! [`Scheme::candidates`] lists are tried on episodes that no comparison uses, and those of the largest mean return win,
//! which is what agents are trained for: minus the mean latency where the reward has no penalties. Equal configurations
//! give equal numbers, on any machine.

use std::ops::Range;
use std::sync::Arc;

use mec_envs::gym::EnvError;
use mec_envs::offload::Setting;
use mec_envs::schemes::{Scheme, UnknownScheme};

use crate::config::{ComparisonConfig, ExperimentError, scheme_to_tune};
use crate::error::RunError;
use crate::evaluate::scheme_episodes;

/// Episodes on which all candidates are tried.
const FIRST_EPISODES: u64 = 6;
/// Episodes, those among them, on which the better candidates are tried: as many as the tuned numbers of
/// `docs/schemes.md` were chosen on.
const EPISODES: u64 = 30;
/// One candidate in so many goes on from the first episodes, but not fewer than [`AT_LEAST`].
const ONE_IN: usize = 4;
const AT_LEAST: usize = 4;

/// Refuses a name that [`named`] does not know.
///
/// # Errors
/// [`UnknownScheme`] lists the names.
pub fn check(name: &str) -> Result<(), UnknownScheme> {
    if scheme_to_tune(name).is_some() { Ok(()) } else { Scheme::named(name).map(|_| ()) }
}

/// The scheme of that name, with numbers for this setting if the name ends with `=tuned`; they are chosen on the episodes
/// from `first_seed` on, in parallel.
///
/// # Errors
/// [`RunError`] for an unknown name.
pub fn named(name: &str, setting: &Arc<Setting>, first_seed: u64) -> Result<Scheme, RunError> {
    match scheme_to_tune(name) {
        Some(scheme) => Ok(best(scheme.candidates(), setting, first_seed)?),
        None => Ok(Scheme::named(name).map_err(ExperimentError::from)?),
    }
}

/// What to call the scheme that [`named`] found under a name: the same, unless it was tuned.
pub fn label(name: &str, scheme: &Scheme) -> String {
    if scheme_to_tune(name).is_some() { scheme.to_string() } else { name.to_owned() }
}

/// The comparison with numbers in place of every `tuned`, as [`named`] chooses them; what is then there twice is left out.
///
/// # Errors
/// [`RunError`] for an unknown name.
pub fn settled(
    comparison: &ComparisonConfig,
    setting: &Arc<Setting>,
    first_seed: u64,
) -> Result<ComparisonConfig, RunError> {
    Ok(settle(comparison, setting, first_seed)?.comparison)
}

/// A comparison with numbers in place of every `tuned`.
pub(crate) struct Settled {
    pub(crate) comparison: ComparisonConfig,
    /// What every scheme was called before, and is called now.
    pub(crate) names: Vec<(String, String)>,
}

/// As [`settled`], with the names.
pub(crate) fn settle(
    comparison: &ComparisonConfig,
    setting: &Arc<Setting>,
    first_seed: u64,
) -> Result<Settled, RunError> {
    let (mut schemes, mut names) = (Vec::new(), Vec::new());
    for name in &comparison.schemes {
        let settled = label(name, &named(name, setting, first_seed)?);
        names.push((name.clone(), settled.clone()));
        if !schemes.contains(&settled) {
            schemes.push(settled);
        }
    }
    let mut comparison = ComparisonConfig { schemes, ..comparison.clone() };
    for name in [&mut comparison.baseline, &mut comparison.target].into_iter().flatten() {
        if let Some((_, numbers)) = names.iter().find(|(tuned, _)| tuned == name) {
            name.clone_from(numbers);
        }
    }
    Ok(Settled { comparison, names })
}

/// The candidate of the largest mean return; of equals, the first.
fn best(candidates: Vec<Scheme>, setting: &Arc<Setting>, first_seed: u64) -> Result<Scheme, EnvError> {
    let first = ranked(candidates, setting, first_seed..first_seed + FIRST_EPISODES)?;
    let kept = first.len().div_ceil(ONE_IN).max(AT_LEAST).min(first.len());
    let last = ranked(first[..kept].to_vec(), setting, first_seed..first_seed + EPISODES)?;
    Ok(last[0])
}

/// The schemes by their mean return on these episodes, the largest first.
fn ranked(schemes: Vec<Scheme>, setting: &Arc<Setting>, seeds: Range<u64>) -> Result<Vec<Scheme>, EnvError> {
    let mut scored = Vec::with_capacity(schemes.len());
    for scheme in schemes {
        let episodes = scheme_episodes(&scheme, setting, seeds.clone())?;
        scored.push((episodes.iter().map(|episode| episode.episode_return).sum::<f64>(), scheme));
    }
    scored.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    Ok(scored.into_iter().map(|(_, scheme)| scheme).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mec_envs::offload::Scenario;

    fn setting() -> Arc<Setting> {
        let mut scenario = Scenario::preset("default").unwrap();
        scenario.horizon_s = mec_envs::units::Seconds(3.0);
        Arc::new(Setting::new(scenario).unwrap())
    }

    #[test]
    fn no_candidate_has_a_larger_return_than_the_one_that_is_chosen() {
        let (setting, first_seed) = (setting(), 50);
        let mean_return = |scheme: &Scheme| {
            let episodes = scheme_episodes(scheme, &setting, first_seed..first_seed + EPISODES).unwrap();
            episodes.iter().map(|episode| episode.episode_return).sum::<f64>()
        };
        let tuned = named("forecasting-greedy=tuned", &setting, first_seed).unwrap();
        // With so few candidates the first episodes might leave the best out; with these they do not.
        let returns: Vec<f64> = tuned.candidates().iter().map(mean_return).collect();
        assert!(returns.iter().all(|other| *other <= mean_return(&tuned)), "{tuned} of {returns:?}");
        assert!(returns.iter().any(|other| *other < mean_return(&tuned)), "all are equal: {returns:?}");
    }

    #[test]
    fn a_settled_comparison_has_numbers_for_every_tuned_and_nothing_twice() {
        let setting = setting();
        let tuned = named("forecasting-greedy=tuned", &setting, 50).unwrap().to_string();
        let schemes = ["nearest", &tuned, "forecasting-greedy=tuned"].map(str::to_owned).to_vec();
        let [baseline, target] = ["forecasting-greedy=tuned", "nearest"].map(|name| Some(name.to_owned()));
        let comparison = ComparisonConfig { schemes, baseline, target, ..ComparisonConfig::default() };
        let settled = settled(&comparison, &setting, 50).unwrap();
        assert_eq!(settled.schemes, ["nearest", &tuned]);
        assert_eq!([settled.baseline, settled.target], [Some(tuned), Some("nearest".to_owned())]);
    }

    #[test]
    fn what_has_no_numbers_cannot_be_tuned() {
        let error = named("nearest=tuned", &setting(), 50).unwrap_err().to_string();
        assert!(error.contains("\"nearest=tuned\"") && error.contains("forecasting-greedy"), "{error}");
    }
}
