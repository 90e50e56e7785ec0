//! [`run`]: a [`SweepConfig`] becomes a folder with a study per point, and all points in one table; [`resume`] goes on
//! with one.
//!
//! A point at which methods are trained is a study in a folder of its own, `runs/<axis>-<at>/`. Points that are the same,
//! such as the scenario itself on every axis, are carried out once. Where an axis says where its methods are trained, its
//! other points test those agents. Schemes with `tuned` numbers get those that serve best at each point.
//!
//! # Design
//! `sweep.csv` is all there is to know of what is done: a point with rows in it is not carried out again, and a point
//! without is a study that goes on from its own folder. A point of which a training failed leaves the others alone and gets
//! no rows, so that resuming tries it again.

mod config;
mod pictures;
mod point;
mod table;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mec_envs::offload::Setting;

use crate::comparison::SchemeSummary;
use crate::custody::{Custody, Ending};
use crate::error::RunError;
use crate::files::{Checkpoint, RunFolder};
use crate::manifest::{After, Manifest, Status};
use crate::pool::is_begun;
use crate::reporter::Reporter;
use crate::run::{RunOptions, RunReport};
use crate::study::{self, StudyConfig};
use crate::table::read_csv_table;
use crate::tuned;

pub use config::{AxisConfig, Place, PointConfig, SweepConfig};
pub use pictures::draw;
pub use table::{SweepRow, read_sweep, sweep_json, sweep_text, write_sweep};

/// What came of a sweep.
#[derive(Debug)]
pub struct SweepReport {
    /// The folder.
    pub folder: RunFolder,
    /// The manifest, whose status says whether the sweep is finished, was stopped, or failed at some points.
    pub manifest: Manifest,
    /// All rows of its table.
    pub rows: Vec<SweepRow>,
}

/// Carries out a sweep with `jobs` trainings at a time, and writes `sweep.csv` and a picture per axis into the folder; it
/// compares, whatever `options` say of that. The report of a sweep of which points failed has the rows of the others, and
/// says so in its manifest.
///
/// # Errors
/// [`RunError`] when a method does not fit the scenario of a point, before anything is written, or the files of the sweep
/// cannot be written.
pub fn run(
    config: &SweepConfig,
    options: &RunOptions<'_>,
    jobs: usize,
    reporter: &mut Reporter,
) -> Result<SweepReport, RunError> {
    let sweep = Sweep::of(config, options.stop, jobs)?;
    let (text, study) = (config.to_toml(), &config.study);
    let mut manifest = Manifest::start(&study.name, &text, &study.seeds, &study.device.to_string())?;
    manifest.after = After::Comparison;
    sweep.to_the_end(Custody::begin(options.folder, options.force, manifest, text)?, reporter)
}

/// Goes on with the sweep in a folder that was killed or stopped, or of which points failed. `None` when it is finished
/// already.
///
/// # Errors
/// [`RunError`] when the folder is no sweep's, another process is at it, or its configuration was changed; nothing is then
/// changed. Otherwise as [`run`].
pub fn resume(
    folder: &Path,
    stop: &AtomicBool,
    jobs: usize,
    reporter: &mut Reporter,
) -> Result<Option<SweepReport>, RunError> {
    let custody = Custody::reopen(folder)?;
    if custody.manifest.status == Status::Finished {
        return Ok(None);
    }
    let config = SweepConfig::parse(&custody.config()?, &custody.folder.config().display().to_string(), &[])?;
    Sweep::of(&config, stop, jobs)?.to_the_end(custody, reporter).map(Some)
}

/// The rows of a sweep so far, methods highlighted.
pub(crate) fn rows_of(folder: &RunFolder, config: &SweepConfig) -> Result<Vec<SweepRow>, RunError> {
    let path = folder.sweep_table();
    let mut rows = if path.is_file() { read_sweep(&path)? } else { Vec::new() };
    for SweepRow { summary, .. } in &mut rows {
        summary.highlighted = config.study.methods.contains_key(&summary.scheme);
    }
    Ok(rows)
}

/// A point of a sweep.
struct Point<'a> {
    axis: &'a str,
    place: &'a Place,
    /// What is carried out there, under the point's label as its name.
    study: StudyConfig,
    /// Label of the point whose agents serve: its own, that of an equal one, or that of where its axis trains.
    agents: String,
    /// Whether its agents are trained in its own scenario.
    trained_here: bool,
}

impl Point<'_> {
    fn label(&self) -> &str {
        &self.study.name
    }

    fn has(&self, row: &SweepRow) -> bool {
        row.axis == self.axis && row.at == self.place.to_string()
    }
}

/// What came of one point.
enum Outcome<T> {
    Done(T),
    Stopped,
    Failed(String),
}

/// A sweep that is carried out.
struct Sweep<'a> {
    config: &'a SweepConfig,
    /// Those that are trained in their own scenario first.
    points: Vec<Point<'a>>,
    stop: &'a AtomicBool,
    jobs: usize,
}

impl<'a> Sweep<'a> {
    /// The points of a sweep, found to fit.
    fn of(config: &'a SweepConfig, stop: &'a AtomicBool, jobs: usize) -> Result<Self, RunError> {
        let mut points: Vec<Point<'a>> = Vec::new();
        for point in points_of(config) {
            study::check(&point.study)
                .map_err(|source| RunError::Part { label: point.label().to_owned(), source: Box::new(source) })?;
            points.push(point);
        }
        Ok(Self { config, points, stop, jobs })
    }

    fn to_the_end(&self, custody: Custody, reporter: &mut Reporter) -> Result<SweepReport, RunError> {
        let (folder, manifest, rows) = custody.through(|custody| self.carry_out(&custody.folder, reporter))?;
        Ok(SweepReport { folder, manifest, rows })
    }

    fn carry_out(&self, folder: &RunFolder, reporter: &mut Reporter) -> Result<(Ending, Vec<SweepRow>), RunError> {
        let mut rows = rows_of(folder, self.config)?;
        let mut failures = Vec::new();
        for (index, point) in self.points.iter().enumerate() {
            if rows.iter().any(|row| point.has(row)) {
                continue;
            }
            reporter.note(&format!("{} ({} of {})", point.label(), index + 1, self.points.len()));
            match self.at(point, folder, &rows, reporter) {
                Ok(Outcome::Done(new)) => rows.extend(new),
                Ok(Outcome::Stopped) => return Ok((Ending::Stopped, rows)),
                Ok(Outcome::Failed(error)) => failures.push(format!("{}: {error}", point.label())),
                Err(error) => failures.push(format!("{}: {error}", point.label())),
            }
            self.sort(&mut rows);
            write_sweep(&folder.sweep_table(), &rows)?;
        }
        draw(folder, self.config)?;
        let points = self.points.len();
        let failed = || format!("{} of {points} points failed: {}", failures.len(), failures.join("; "));
        Ok((if failures.is_empty() { Ending::Finished } else { Ending::Failed(failed()) }, rows))
    }

    /// Carries out one point.
    fn at(
        &self,
        point: &Point<'_>,
        folder: &RunFolder,
        rows: &[SweepRow],
        reporter: &mut Reporter,
    ) -> Result<Outcome<Vec<SweepRow>>, RunError> {
        let home = self.points.iter().find(|other| other.label() == point.agents && other.label() != point.label());
        let Some(home) = home else { return self.compared(point, None, folder, reporter) };
        let of_home = rows.iter().filter(|row| home.has(row));
        let (axis, at) = (point.axis, point.place.to_string());
        let moved: Vec<SweepRow> =
            of_home.map(|row| SweepRow { axis: axis.to_owned(), at: at.clone(), ..row.clone() }).collect();
        match point.trained_here {
            _ if moved.is_empty() => Ok(Outcome::Failed(format!("{} has no agents for it", home.label()))),
            true => Ok(Outcome::Done(moved)),
            false => self.compared(point, Some(home), folder, reporter),
        }
    }

    /// The comparison at a point: of its own agents, which may have to be trained, or of those of another one.
    fn compared(
        &self,
        point: &Point<'_>,
        home: Option<&Point<'_>>,
        folder: &RunFolder,
        reporter: &mut Reporter,
    ) -> Result<Outcome<Vec<SweepRow>>, RunError> {
        let setting = Arc::new(Setting::new(point.study.base().scenario)?);
        let settled = tuned::settle(&point.study.comparison, &setting, point.study.evaluation.first_seed)?;
        if self.stop.load(Ordering::Relaxed) {
            return Ok(Outcome::Stopped);
        }
        let study = StudyConfig { comparison: settled.comparison, ..point.study.clone() };
        let outcome = match home {
            None => self.study(&study, &folder.run(point.label()), reporter)?,
            Some(home) => {
                let agents = RunFolder::open(&folder.run(home.label()))?;
                let compared = study::compare_agents(&study, (&agents, Checkpoint::Best), self.stop, reporter)?;
                compared.map_or(Outcome::Stopped, Outcome::Done)
            }
        };
        Ok(match outcome {
            Outcome::Done(summaries) => Outcome::Done(self.named(point, &summaries, &settled.names)),
            Outcome::Stopped => Outcome::Stopped,
            Outcome::Failed(error) => Outcome::Failed(error),
        })
    }

    /// Carries out the study of a point in its folder, or goes on with it.
    fn study(
        &self,
        study: &StudyConfig,
        path: &Path,
        reporter: &mut Reporter,
    ) -> Result<Outcome<Vec<SchemeSummary>>, RunError> {
        let folder = RunFolder::at(path);
        let report: Option<RunReport> = if is_begun(&folder)? {
            study::resume(path, self.stop, self.jobs, reporter)?
        } else {
            let force = folder.manifest().is_file();
            let options = RunOptions { folder: path, force, compare: true, stop: self.stop };
            Some(study::run(study, &options, self.jobs, reporter)?)
        };
        let Some(RunReport { schemes, manifest, .. }) = report else {
            return Ok(Outcome::Done(read_csv_table(&folder.comparison())?));
        };
        Ok(match manifest.status {
            Status::Finished => Outcome::Done(schemes),
            Status::Failed => Outcome::Failed(manifest.error.unwrap_or_default()),
            Status::Stopped | Status::Running => Outcome::Stopped,
        })
    }

    /// Rows for all methods and schemes of the configuration, by the names that they have there.
    fn named(&self, point: &Point<'_>, summaries: &[SchemeSummary], names: &[(String, String)]) -> Vec<SweepRow> {
        let methods = self.config.study.methods.keys().map(|label| (label.clone(), label.clone()));
        let all = methods.map(|name| (name, true)).chain(names.iter().cloned().map(|name| (name, false)));
        let row = |((scheme, variant), highlighted): ((String, String), bool)| {
            let found = summaries.iter().find(|summary| summary.scheme == variant)?;
            let summary = SchemeSummary { scheme, highlighted, ..found.clone() };
            Some(SweepRow { axis: point.axis.to_owned(), at: point.place.to_string(), variant, summary })
        };
        all.filter_map(row).collect()
    }

    /// Rows by the names of their axes, and along each in the order of the configuration.
    fn sort(&self, rows: &mut [SweepRow]) {
        let place = |row: &SweepRow| {
            let axis = self.config.axes.get(&row.axis)?;
            axis.points.iter().position(|point| point.at.to_string() == row.at)
        };
        rows.sort_by(|left, right| (&left.axis, place(left)).cmp(&(&right.axis, place(right))));
    }
}

/// All points, those that are trained in their own scenario first.
fn points_of(config: &SweepConfig) -> Vec<Point<'_>> {
    let mut points: Vec<Point<'_>> = Vec::new();
    for (axis, AxisConfig { trained_at, points: of_axis, .. }) in &config.axes {
        for point in of_axis {
            let label = SweepConfig::point_label(axis, &point.at);
            let study = config.point(&label, point).expect("a configuration's points are checked");
            let trained_here = trained_at.as_ref().is_none_or(|place| *place == point.at);
            points.push(Point { axis, place: &point.at, study, agents: label, trained_here });
        }
    }
    points.sort_by_key(|point| !point.trained_here);
    for index in 0..points.len() {
        let Point { axis, ref study, trained_here, .. } = points[index];
        let is_home = |other: &&Point<'_>| match trained_here {
            true => StudyConfig { name: study.name.clone(), ..other.study.clone() } == *study,
            false => other.axis == axis,
        };
        let home = points.iter().filter(|other| other.trained_here).find(is_home);
        points[index].agents = home.expect("it is there, or its axis trains at one of its points").agents.clone();
    }
    points
}
