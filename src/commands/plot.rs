//! `plot`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use mec_experiments::files::RunFolder;
use mec_experiments::pictures::{self, Pictured};
use mec_experiments::plan::Plan;
use mec_experiments::study;

use super::print;

/// Draws the pictures of a run or a study again.
pub fn run(folder: &Path) -> anyhow::Result<ExitCode> {
    let folder = RunFolder::open(folder)?;
    let plan = Plan::read(&folder.config(), &[])?;
    let pictured = match &plan {
        Plan::Experiment(config) => Pictured::of(config),
        Plan::Study(config) => study::pictured(config),
        Plan::Search(_) => bail!("{} holds a search, which has no pictures of its own", folder.path().display()),
    };
    let pictures = pictures::draw(&folder, &pictured)?;
    print(&pictures.iter().map(|path| format!("{}\n", path.display())).collect::<String>())
}
