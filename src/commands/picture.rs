//! Where a picture goes, by the name of its file.

use std::path::Path;

use anyhow::{Context, bail};
use mec_experiments::plot::{Figure, write_png, write_svg};

/// A file for a picture, whose name ends in `.svg` or `.png`.
pub struct PictureFile<'a> {
    option: &'static str,
    path: &'a Path,
    format: Format,
}

enum Format {
    Svg,
    Png,
}

impl<'a> PictureFile<'a> {
    /// The file that this option of the command line names; its extension says the format.
    pub fn named(option: &'static str, path: &'a Path) -> anyhow::Result<Self> {
        let format = match path.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => Format::Svg,
            Some("png") => Format::Png,
            _ => bail!("{option} {}: accepted is a file that ends in .svg or .png", path.display()),
        };
        Ok(Self { option, path, format })
    }

    /// Draws into it, whole or not at all.
    pub fn draw(&self, figure: &impl Figure) -> anyhow::Result<()> {
        let drawing = figure.drawing().with_context(|| self.option)?;
        let written = match self.format {
            Format::Svg => write_svg(&drawing, self.path),
            Format::Png => write_png(&drawing, self.path),
        };
        written.with_context(|| format!("{} {}", self.option, self.path.display()))
    }
}
