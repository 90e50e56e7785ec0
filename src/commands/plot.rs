//! `plot`.

use std::path::Path;
use std::process::ExitCode;

use mec_experiments::config::ExperimentConfig;
use mec_experiments::files::RunFolder;
use mec_experiments::pictures;

use super::print;

/// Draws the pictures of a run folder again.
pub fn run(folder: &Path) -> anyhow::Result<ExitCode> {
    let folder = RunFolder::open(folder)?;
    let config = ExperimentConfig::read(&folder.config(), &[])?;
    let pictures = pictures::draw(&folder, &config)?;
    print(&pictures.iter().map(|path| format!("{}\n", path.display())).collect::<String>())
}
