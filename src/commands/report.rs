//! `report`.

use std::path::Path;
use std::process::ExitCode;

use mec_experiments::report;

use super::print;

/// Writes the report of a folder, by default into it.
pub fn run(folder: &Path, out: Option<&Path>) -> anyhow::Result<ExitCode> {
    let inside = folder.join("report.html");
    let out = out.unwrap_or(&inside);
    report::write(folder, out)?;
    print(&format!("{}\n", out.display()))
}
