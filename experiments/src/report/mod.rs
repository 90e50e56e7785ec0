//! [`write()`]: runs and studies as one web page that needs nothing else, neither the network nor other files.
//!
//! # Design
//! Tables and configurations are plain HTML, which any browser shows; a script of our own draws the curves from data in
//! the page, and sorts. It has no library in it, so that a report is small, and stays readable for as long as browsers
//! are.

mod chart;
mod entry;
mod evaluations;
mod html;
mod page;
mod points;
mod profile;
mod table;
mod trainings;

use std::path::Path;

use crate::error::RunError;
use crate::files::write_atomic;
use entry::Entry;

/// Writes the report of a folder to `out`: that of a run, a study or a search, or one that holds several of them. Equal
/// folders give equal pages.
///
/// # Errors
/// [`RunError`] when there is no run in it, a file of a run cannot be read, or the page not be written.
pub fn write(folder: &Path, out: &Path) -> Result<(), RunError> {
    let entries = Entry::all_in(folder)?;
    Ok(write_atomic(out, page::page(&title(folder), &entries).as_bytes())?)
}

/// The folder's own name.
fn title(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    folder.file_name().map_or_else(|| "results".to_owned(), |name| name.to_string_lossy().into_owned())
}
