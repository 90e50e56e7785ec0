//! [`SweepConfig`]: one TOML file that defines a sweep completely.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use mec_envs::offload::Scenario;
use serde::{Deserialize, Serialize};

use super::point;
use crate::changes::{self, Refused};
use crate::config::{ExperimentConfig, ExperimentError};
use crate::files::FileError;
use crate::study::StudyConfig;

/// A sweep: a study is carried out at every point of one or more axes, each a scenario of its own.
///
/// In TOML, the keys of the study stand beside `[axes.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepConfig {
    /// What is carried out at every point. Its scenario is what points differ from.
    pub study: StudyConfig,
    /// The axes by their names, which name them in tables, pictures and folders; one or more.
    pub axes: BTreeMap<String, AxisConfig>,
}

/// An axis of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AxisConfig {
    /// What it is for people, with its unit: the name of the axis in pictures.
    pub label: String,
    /// The place of the one point at which methods are trained, to be tested at all of them; without it they are trained
    /// anew at each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_at: Option<Place>,
    /// The points, in the order of tables; one or more.
    pub points: Vec<PointConfig>,
}

/// A point of an axis: a scenario, and where it lies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointConfig {
    /// Where it lies on the axis.
    pub at: Place,
    /// Values put over the scenario, by their paths: `"telemetry.delay_s"`. In an array, `*` is every entry and a number
    /// the one of that number, from 0: `"devices.*.rate_hz"`. With `preset`, they go over that one instead.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub set: toml::Table,
    /// Factors by which numbers of the scenario are multiplied, by their paths, after `set`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scale: BTreeMap<String, f64>,
}

/// Where a point lies on its axis: all of an axis are numbers, or all are names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Place {
    /// On a scale.
    Number(f64),
    /// Among others that have no order.
    Name(String),
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(out, "{number}"),
            Self::Name(name) => write!(out, "{name}"),
        }
    }
}

impl Place {
    /// The number; `None` for a name.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Name(_) => None,
        }
    }
}

/// The part of a sweep that a study does not have.
#[derive(Serialize, Deserialize)]
struct Own {
    axes: BTreeMap<String, AxisConfig>,
}

impl SweepConfig {
    /// Whether a table is the configuration of a sweep.
    pub fn is_in(table: &toml::Table) -> bool {
        table.contains_key("axes")
    }

    /// Reads a configuration file, with `changes` (`key.path=value`) put over it.
    ///
    /// # Errors
    /// [`ExperimentError`] names the file and the field.
    pub fn read(path: &Path, changes: &[String]) -> Result<Self, ExperimentError> {
        let text = fs::read_to_string(path).map_err(FileError::on("read", path))?;
        Self::parse(&text, &path.display().to_string(), changes)
    }

    /// Parses and validates a configuration; `place` is named in errors.
    ///
    /// # Errors
    /// [`ExperimentError`] names the place and the field.
    pub fn parse(text: &str, place: &str, changes: &[String]) -> Result<Self, ExperimentError> {
        let of_text = |text: &str| Self::of_table(text.parse().map_err(|error: toml::de::Error| error.to_string())?);
        Ok(changes::read(text, place, changes, of_text, Self::of_table)?)
    }

    pub(crate) fn of_table(mut table: toml::Table) -> Result<Self, String> {
        let axes = table.remove("axes").unwrap_or_else(|| toml::Value::Table(toml::Table::new()));
        let own = toml::Table::from_iter([("axes".to_owned(), axes)]);
        let Own { axes } = own.try_into().map_err(|error: toml::de::Error| error.to_string())?;
        let config = Self { study: StudyConfig::of_table(table)?, axes };
        if config.axes.is_empty() {
            return Err("axes is empty; accepted is one axis or more, such as [axes.load]".to_owned());
        }
        for (name, axis) in &config.axes {
            config.check(name, axis).map_err(|message| Refused::at(&format!("axes.{name}"), message).to_string())?;
        }
        let labels = |(name, axis): (&String, &AxisConfig)| {
            axis.points.iter().map(|point| Self::point_label(name, &point.at)).collect::<Vec<_>>()
        };
        let mut labels: Vec<String> = config.axes.iter().flat_map(labels).collect();
        labels.sort();
        match labels.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("axes: {} would be the folder of two points; rename one", pair[0])),
            None => Ok(config),
        }
    }

    fn check(&self, name: &str, axis: &AxisConfig) -> Result<(), String> {
        let AxisConfig { trained_at, points, .. } = axis;
        if points.is_empty() {
            return Err("points is empty; accepted is one point or more, such as { at = 1 }".to_owned());
        }
        for (index, PointConfig { at, .. }) in points.iter().enumerate() {
            if points[..index].iter().any(|earlier| earlier.at == *at) {
                return Err(format!("{at} is there twice; accepted are points at different places"));
            }
            let same_kind = at.number().is_some() == points[0].at.number().is_some();
            if !same_kind || at.number().is_some_and(|number| !number.is_finite()) {
                return Err(format!("a point is at {at}; accepted are finite numbers for all points, or names"));
            }
            let label = Self::point_label(name, at);
            let at_point = |error: String| Refused::at(&format!("the point at {at}"), error).to_string();
            self.point(&label, &points[index]).map_err(at_point)?;
        }
        match trained_at {
            Some(place) if !points.iter().any(|point| point.at == *place) => {
                Err(format!("trained_at is {place}; accepted is where one of the points lies"))
            }
            _ => Ok(()),
        }
    }

    /// What a point is called where its axis is not said; also the name of its folder.
    pub fn point_label(axis: &str, place: &Place) -> String {
        let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        let plain = |character: char| if is_plain(character) { character } else { '-' };
        format!("{axis}-{}", place.to_string().chars().map(plain).collect::<String>())
    }

    /// The study at a point, with this name.
    pub(super) fn point(&self, name: &str, point: &PointConfig) -> Result<StudyConfig, String> {
        let scenario: Scenario = point::scenario(&self.study.scenario, point)?;
        let study = StudyConfig { name: name.to_owned(), scenario, ..self.study.clone() };
        let base: ExperimentConfig = study.base();
        base.validate().map_err(|error| error.to_string())?;
        Ok(study)
    }

    /// The complete configuration as TOML.
    pub fn to_toml(&self) -> String {
        let own = toml::to_string(&Own { axes: self.axes.clone() }).expect("a configuration has only string keys");
        format!("{}\n{own}", self.study.to_toml())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOADS: &str = "
        name = \"loads\"
        [methods.floor.algorithm]
        name = \"uniform\"
        [scenario]
        preset = \"default\"
        [axes.load]
        label = \"Tasks per device (1/s)\"
        points = [
            { at = 1, set = { \"devices.*.rate_hz\" = 1.0 } },
            { at = 2.5, scale = { \"devices.*.rate_hz\" = 1.25, \"devices.0.count\" = 0.5 } },
        ]
        [axes.world]
        label = \"Scenario\"
        trained_at = \"here\"
        points = [{ at = \"here\" }, { at = \"there\", set = { preset = \"drones\", horizon_s = 3.0 } }]
    ";

    fn study(config: &SweepConfig, axis: &str, index: usize) -> StudyConfig {
        let point = &config.axes[axis].points[index];
        config.point(&SweepConfig::point_label(axis, &point.at), point).unwrap()
    }

    #[test]
    fn points_are_the_scenario_with_their_changes() {
        let config = SweepConfig::parse(LOADS, "loads.toml", &["scenario.horizon_s=2".to_owned()]).unwrap();
        let rates = |study: &StudyConfig| study.scenario.devices.iter().map(|group| group.rate_hz).collect::<Vec<_>>();
        let (low, high) = (study(&config, "load", 0), study(&config, "load", 1));
        assert_eq!((low.name.as_str(), high.name.as_str()), ("load-1", "load-2.5"));
        assert_eq!((rates(&low), rates(&high)), (vec![1.0; 3], vec![2.5; 3]));
        assert_eq!(high.scenario.devices.iter().map(|group| group.count).collect::<Vec<_>>(), [5, 10, 10]);
        assert_eq!((low.scenario.horizon_s.0, high.scenario.telemetry.delay_s.0), (2.0, 2.0));
        assert_eq!(study(&config, "world", 0).scenario, config.study.scenario);
        let there = study(&config, "world", 1).scenario;
        assert_eq!((there.name.as_str(), there.horizon_s.0), ("drones", 3.0));
    }

    #[test]
    fn a_sweep_survives_a_round_trip() {
        let config = SweepConfig::parse(LOADS, "loads.toml", &[]).unwrap();
        assert_eq!(SweepConfig::parse(&config.to_toml(), "again", &[]).unwrap(), config);
    }

    #[test]
    fn mistakes_are_refused_with_axis_and_point() {
        let cases = [
            ("axes.load.points=[]", "axes.load: points is empty"),
            ("axes.load.points=[{at=1},{at=1.0}]", "1 is there twice"),
            ("axes.load.points=[{at=1},{at=\"b\"}]", "a point is at b"),
            ("axes.load.points=[{at=1,set={\"devices.*.rate\"=1}}]", "rate_hz"),
            ("axes.load.points=[{at=1,set={\"devices.7.rate_hz\"=1}}]", "devices.7: there are 3 entries"),
            ("axes.load.points=[{at=1,scale={\"devices.*.rates\"=2}}]", "devices.0.rates: there is nothing to scale"),
            (
                "axes.load.points=[{at=1,scale={\"devices.0.count\"=0.33}}]",
                "devices.0.count: 10 times 0.33 is not whole",
            ),
            ("axes.load.points=[{at=1,scale={\"name\"=2}}]", "name: \"default\" is no number"),
            ("axes.load.points=[{at=1,set={\"noise_cv\"=-1}}]", "noise_cv"),
            ("axes.load.points=[{at=1,set={preset=\"mars\"}}]", "mars"),
            ("axes.load.points=[{at=\"a b\"},{at=\"a,b\"}]", "load-a-b would be the folder of two points"),
            ("axes.load.trained_at=7", "trained_at is 7"),
            ("axes.load.color=1", "unknown field `color`"),
        ];
        for (change, message) in cases {
            let error = SweepConfig::parse(LOADS, "loads.toml", &[change.to_owned()]).unwrap_err().to_string();
            assert!(error.contains(message) && error.contains(change), "{change}: {error}");
        }
    }
}
