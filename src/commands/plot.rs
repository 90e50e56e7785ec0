//! `plot`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use mec_experiments::files::RunFolder;
use mec_experiments::pictures::{self, Pictured};
use mec_experiments::plan::Plan;
use mec_experiments::{study, sweep};

use super::print;

/// Draws the pictures of a run, a study or a sweep again.
pub fn run(folder: &Path) -> anyhow::Result<ExitCode> {
    let folder = RunFolder::open(folder)?;
    let plan = Plan::read(&folder.config(), &[])?;
    let pictures = match &plan {
        Plan::Experiment(config) => pictures::draw(&folder, &Pictured::of(config))?,
        Plan::Study(config) => pictures::draw(&folder, &study::pictured(config))?,
        Plan::Sweep(config) => sweep::draw(&folder, config)?,
        Plan::Search(_) => bail!("{} holds a search, which has no pictures of its own", folder.path().display()),
    };
    print(&pictures.iter().map(|path| format!("{}\n", path.display())).collect::<String>())
}
