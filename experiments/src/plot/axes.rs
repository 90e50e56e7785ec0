//! [`Axes`]: the frame of a panel with a horizontal and a vertical axis.

use super::drawing::{Anchor, Drawing, Point};
use super::font::text_width;
use super::palette::{AXIS, GRID, QUIET_TEXT};
use super::scale::Scale;

const NAME: f64 = 15.0;
const TICKS: f64 = 13.5;

/// Where values of a panel fall.
pub struct Axes {
    pub x: Scale,
    pub y: Scale,
    /// Ends of the horizontal axis.
    pub left: f64,
    pub right: f64,
    /// Where it lies.
    pub bottom: f64,
}

impl Axes {
    /// Width that the labels of a vertical axis take.
    pub fn label_width(y: &Scale) -> f64 {
        y.ticks().iter().map(|(_, label)| text_width(label, TICKS)).fold(0.0, f64::max) + 10.0
    }

    /// Where a point falls.
    pub fn place(&self, (x, y): (f64, f64)) -> Point {
        (self.x.position(x), self.y.position(y))
    }

    /// Draws both axes with their ticks, and the name of the horizontal one below it.
    pub fn draw(&self, (name, label): (&str, fn(f64) -> String), drawing: &mut Drawing) {
        let Self { left, right, bottom, .. } = *self;
        for (value, label) in self.y.ticks() {
            let y = self.y.position(value);
            drawing.line(vec![(left, y), (right, y)], 1.0, GRID);
            drawing.text((left - 10.0, y), Anchor::End, (TICKS, QUIET_TEXT), label);
        }
        drawing.line(vec![(left, bottom), (right, bottom)], 1.2, AXIS);
        for (value, _) in self.x.ticks() {
            let x = self.x.position(value);
            drawing.line(vec![(x, bottom), (x, bottom + 5.0)], 1.2, AXIS);
            drawing.text((x, bottom + 18.0), Anchor::Middle, (TICKS, QUIET_TEXT), label(value));
        }
        let middle = (left + right) / 2.0;
        drawing.text((middle, bottom + 46.0), Anchor::Middle, (NAME, QUIET_TEXT), name);
    }
}
