//! The last seconds of an episode as pixels.

use mec_gym::envs::offload::{Timeline, World};
use mec_gym::experiments::plot::{Figure, GanttFigure, Pixels, pixels};
use numpy::{IntoPyArray, PyArray3, PyArrayMethods};
use pyo3::prelude::*;

use crate::errors;

/// How much of an episode a picture shows, s.
const WINDOW_S: f64 = 10.0;

/// What every device, uplink and server did in the last seconds before the present moment, and does after it by the
/// decisions so far; `[height, width, 3]`, the same size throughout an episode.
pub fn draw<'py>(
    py: Python<'py>,
    timeline: &Timeline,
    world: &World,
    heading: &str,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let drawn = py.detach(|| {
        let mut timeline = timeline.clone();
        timeline.finish(world);
        // A tenth of the window is what is to come.
        let start = (world.now() - 0.9 * WINDOW_S).max(0.0);
        // In tenths, so that it is written briefly.
        let window = [start, start + WINDOW_S].map(|time| (10.0 * time).round() / 10.0);
        let figure = GanttFigure::of_film(&timeline, window.into(), heading.to_owned());
        pixels(&figure.drawing()?)
    });
    let Pixels { width, height, rgb } = drawn.map_err(errors::runtime)?;
    rgb.into_pyarray(py).reshape([height as usize, width as usize, 3])
}
