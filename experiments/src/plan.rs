//! [`Plan`]: what a configuration file asks for.

use std::fs;
use std::path::Path;

use crate::changes::{self, Refused};
use crate::config::{ExperimentConfig, ExperimentError};
use crate::files::FileError;
use crate::search::SearchConfig;
use crate::study::StudyConfig;
use crate::sweep::SweepConfig;

/// What a configuration file asks for, by the keys that it has.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant)] // there is one of them per process
pub enum Plan {
    /// One method is trained and compared.
    Experiment(ExperimentConfig),
    /// Several methods (`methods`) are trained and compared.
    Study(StudyConfig),
    /// Hyperparameters of one method are searched (`tune` or `space`).
    Search(SearchConfig),
    /// A study is carried out at every point of `axes`.
    Sweep(SweepConfig),
}

impl Plan {
    /// Reads a configuration file of any kind, with `changes` (`key.path=value`) put over it. With `base = "FILE"`, the keys
    /// of that file, whose path begins where this one lies, are under its own.
    ///
    /// # Errors
    /// [`ExperimentError`] names the file and the field.
    pub fn read(path: &Path, changes: &[String]) -> Result<Self, ExperimentError> {
        let text = fs::read_to_string(path).map_err(FileError::on("read", path))?;
        let place = path.display().to_string();
        // What is no TOML is refused with its line as an experiment.
        let mut table: toml::Table = text.parse().unwrap_or_default();
        if SearchConfig::is_in(&table) {
            return SearchConfig::read(path, changes).map(Self::Search);
        }
        if let Some(base) = table.remove("base") {
            let merged = over_base(&base, path, table).map_err(|message| Refused::at(&place, message))?;
            let text = toml::to_string(&merged).expect("a configuration has only string keys");
            let of_text = |_: &str| Self::of_table(merged.clone());
            return Ok(changes::read(&text, &place, changes, of_text, Self::of_table)?);
        }
        if SweepConfig::is_in(&table) {
            SweepConfig::parse(&text, &place, changes).map(Self::Sweep)
        } else if StudyConfig::is_in(&table) {
            StudyConfig::parse(&text, &place, changes).map(Self::Study)
        } else {
            ExperimentConfig::parse(&text, &place, changes).map(Self::Experiment)
        }
    }

    /// What a table asks for that is no search's; what is wrong with it has no place yet.
    fn of_table(table: toml::Table) -> Result<Self, String> {
        if SweepConfig::is_in(&table) {
            SweepConfig::of_table(table).map(Self::Sweep)
        } else if StudyConfig::is_in(&table) {
            StudyConfig::of_table(table).map(Self::Study)
        } else {
            ExperimentConfig::of_table(table).map(Self::Experiment)
        }
    }
}

/// The table of the base of the configuration at `path`, with `own` over it.
fn over_base(base: &toml::Value, path: &Path, own: toml::Table) -> Result<toml::Table, String> {
    let folder = path.parent().unwrap_or(Path::new(""));
    // Alone first, so that its own mistakes are said with its name and its lines.
    changes::over_base(base, folder, own, |text, place| {
        // Bases of bases could lead in a circle.
        if text.parse::<toml::Table>().is_ok_and(|table| table.contains_key("base")) {
            return Err(format!("{place} has a base itself; accepted is a configuration without one"));
        }
        match Plan::read(Path::new(place), &[]).map_err(|error| error.to_string())? {
            Plan::Search(_) => Err(format!("{place} is a search; accepted is a run, a study or a sweep")),
            _ => Ok(()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_lies_under_what_its_file_and_the_command_line_say() {
        let home = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(home.path().join(name), text).unwrap();
        write(
            "base.toml",
            "name = \"base\"\nseeds = [1, 2]\n[runtime]\nsteps = 90\n[methods.a.algorithm]\nname = \"uniform\"\n",
        );
        write("own.toml", "base = \"base.toml\"\nname = \"own\"\n[runtime]\nenvs = 3\n");
        let read = |changes: &[&str]| {
            let changes: Vec<String> = changes.iter().map(|change| (*change).to_owned()).collect();
            Plan::read(&home.path().join("own.toml"), &changes)
        };
        let Plan::Study(study) = read(&["runtime.envs=5"]).unwrap() else { panic!("it has methods") };
        let runtime = study.methods["a"].runtime.clone();
        assert_eq!((study.name.as_str(), study.seeds, runtime.steps, runtime.envs), ("own", vec![1, 2], 90, 5));
        write("base.toml", "[runtime]\nstepz = 90\n");
        let error = read(&[]).unwrap_err().to_string();
        for part in ["own.toml: base: ", "base.toml: ", "line 2", "`stepz`"] {
            assert!(error.contains(part), "{part} is not in {error}");
        }
        write("base.toml", "base = \"own.toml\"\n");
        assert!(read(&[]).unwrap_err().to_string().contains("base.toml has a base itself"));
        write("base.toml", "[space]\nalgorithm.gamma = { uniform = [0.1, 0.2] }\n");
        assert!(read(&[]).unwrap_err().to_string().contains("base.toml is a search; accepted is a run"));
        write("base.toml", "");
        write("own.toml", "base = \"base.toml\"\n[runtime]\nstepz = 3\n");
        let error = read(&[]).unwrap_err().to_string();
        assert!(error.contains("own.toml: ") && error.contains("`stepz`") && !error.contains("line"), "{error}");
        fs::remove_file(home.path().join("base.toml")).unwrap();
        assert!(read(&[]).unwrap_err().to_string().contains("own.toml: base: cannot read"));
    }
}
