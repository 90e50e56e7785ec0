//! Pictures: learning curves, comparisons, cuts and episodes, the same drawing as SVG and as PNG.
//!
//! A figure lays itself out as a [`Drawing`], a list of plain shapes; only `render` knows the plotting crate. The
//! font is compiled in, so pictures look the same on every machine and need no system library.

mod axes;
mod comparison;
mod drawing;
mod font;
mod gantt;
mod labels;
mod learning_curve;
mod palette;
mod partition;
mod render;
mod scale;
mod sweep;

use std::path::Path;

use thiserror::Error;

pub use comparison::ComparisonFigure;
pub use drawing::Drawing;
pub use gantt::GanttFigure;
pub use learning_curve::{Curve, LearningCurve, Reference, SeedCurve};
pub use partition::PartitionFigure;
pub use sweep::{Places, SweepFigure, SweepSeries};

use crate::files::{FileError, Picture, RunFolder, write_atomic};

/// Something that can be drawn.
pub trait Figure {
    /// Lays the figure out.
    ///
    /// # Errors
    /// [`PlotError::NoData`] when there is nothing to show.
    fn drawing(&self) -> Result<Drawing, PlotError>;
}

/// Why a picture cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlotError {
    /// There is nothing to show.
    #[error("the {figure} has no finite value to show")]
    NoData {
        /// Which figure.
        figure: &'static str,
    },
    /// There is more to show than a reader can tell apart.
    #[error("the {figure} would have {found} bars; accepted is at most {most}: choose a shorter time")]
    TooMuch {
        /// Which figure.
        figure: &'static str,
        /// Bars that there are.
        found: usize,
        /// Bars that there may be.
        most: usize,
    },
    /// The plotting library gave up.
    #[error("cannot draw: {0}")]
    Render(String),
    /// The picture cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Writes `figure` into a run folder, as SVG and as PNG.
///
/// # Errors
/// [`PlotError`]; no file is left half-written.
pub fn write_picture(figure: &impl Figure, folder: &RunFolder, picture: Picture) -> Result<(), PlotError> {
    let drawing = figure.drawing()?;
    write_svg(&drawing, &folder.svg(picture))?;
    write_png(&drawing, &folder.png(picture))
}

/// Writes `drawing` as SVG to `path` at once.
///
/// # Errors
/// [`PlotError::Render`], or [`PlotError::File`] when `path` cannot be written.
pub fn write_svg(drawing: &Drawing, path: &Path) -> Result<(), PlotError> {
    Ok(write_atomic(path, render::svg(drawing)?.as_bytes())?)
}

/// A picture in memory, row by row from the upper left corner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green and blue of each pixel, `[height, width, 3]`.
    pub rgb: Vec<u8>,
}

/// `drawing` in memory, one pixel per unit of the drawing.
///
/// # Errors
/// [`PlotError::Render`].
pub fn pixels(drawing: &Drawing) -> Result<Pixels, PlotError> {
    render::pixels(drawing, render::TO_UNITS)
}

/// Writes `drawing` as PNG to `path` at once, two pixels per unit of the drawing.
///
/// # Errors
/// [`PlotError::Render`], or [`PlotError::File`] when `path` cannot be written.
pub fn write_png(drawing: &Drawing, path: &Path) -> Result<(), PlotError> {
    Ok(write_atomic(path, &render::png(drawing)?)?)
}
