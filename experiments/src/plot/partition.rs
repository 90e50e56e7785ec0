//! [`PartitionFigure`]: one network between a device and a server, cut everywhere.

use super::drawing::{Anchor, Drawing, Ink, Point};
use super::font::text_width;
use super::labels::spread;
use super::palette::{AXIS, GRID, NEUTRAL, QUIET_TEXT, SERIES, TEXT};
use super::scale::{Scale, Spacing, count_label, three_digits};
use super::{Figure, PlotError};

const WIDTH: f64 = 1240.0;
const HEIGHT: f64 = 540.0;
const TOP: f64 = 128.0;
const BOTTOM: f64 = HEIGHT - 66.0;
const MARGIN: f64 = 28.0;
const TITLE: f64 = 22.0;
const BODY: f64 = 15.0;
const SMALL: f64 = 13.5;

/// Right end of the left panel.
const LEFT_PANEL_END: f64 = 580.0;

/// One network between a device and a server: latency over the number of layers on the device at one rate, and every
/// scheme's latency over the rate.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionFigure {
    /// What the picture shows.
    pub title: String,
    /// What holds for both panels, for example the processors.
    pub note: String,
    /// The rate of the left panel, for example `20Mbit/s`.
    pub rate: String,
    /// Latency of the split after each layer in topological order: (layers on the device, s).
    pub prefixes: Vec<Point>,
    /// The cuts worth keeping: (layers on the device, s).
    pub candidates: Vec<Point>,
    /// The chosen one.
    pub chosen: Point,
    /// One line per scheme, ours first: name, and (rate in Mbit/s, s) with rates rising.
    pub schemes: Vec<(String, Vec<Point>)>,
}

/// Where values fall in a panel.
struct Frame {
    x: Scale,
    y: Scale,
    left: f64,
    right: f64,
}

impl Figure for PartitionFigure {
    fn drawing(&self) -> Result<Drawing, PlotError> {
        let finite = |points: &[Point]| points.iter().any(|point| point.1.is_finite());
        if !finite(&self.prefixes) || !self.schemes.iter().any(|(_, points)| finite(points)) {
            return Err(PlotError::NoData { figure: "partition" });
        }
        let mut drawing = Drawing::new(WIDTH, HEIGHT);
        drawing.text((MARGIN, 34.0), Anchor::Start, (TITLE, TEXT), &self.title);
        drawing.text((MARGIN, 64.0), Anchor::Start, (BODY, QUIET_TEXT), &self.note);
        self.draw_cuts(&mut drawing);
        self.draw_rates(&mut drawing);
        Ok(drawing)
    }
}

impl PartitionFigure {
    fn draw_cuts(&self, drawing: &mut Drawing) {
        let points = self.prefixes.iter().chain(&self.candidates);
        let values: Vec<f64> = points.clone().map(|point| point.1).collect();
        let layers = points.map(|point| point.0).fold(1.0, f64::max);
        let y = Scale::around(&values, Spacing::for_values(&values), 6, (BOTTOM, TOP));
        let left = MARGIN + tick_width(&y) + 10.0;
        let x = Scale::exactly((0.0, layers), 6, (left, LEFT_PANEL_END));
        let frame = Frame { x, y, left, right: LEFT_PANEL_END };
        draw_frame(&frame, ("Layers on the device", count_label), drawing);
        let place = |&(layers, latency): &Point| (frame.x.position(layers), frame.y.position(latency));
        drawing.line(self.prefixes.iter().map(place).collect(), 1.6, NEUTRAL);
        self.candidates.iter().for_each(|point| drawing.dot(place(point), 3.6, SERIES[0]));
        let chosen = place(&self.chosen);
        drawing.line(vec![(chosen.0, BOTTOM), (chosen.0, TOP)], 1.0, SERIES[0].faint(0.5));
        drawing.dot(chosen, 6.4, SERIES[0]);
        let heading = format!("Latency (s) at {}; line: every split of the chain, dots: cuts kept,", self.rate);
        drawing.text((MARGIN, TOP - 34.0), Anchor::Start, (SMALL, QUIET_TEXT), heading);
        let chosen = format!("large: the choice, {} s", three_digits(self.chosen.1));
        drawing.text((MARGIN, TOP - 15.0), Anchor::Start, (SMALL, QUIET_TEXT), chosen);
    }

    fn draw_rates(&self, drawing: &mut Drawing) {
        let points: Vec<Point> = self.schemes.iter().flat_map(|(_, points)| points).copied().collect();
        let (rates, latencies): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        let y = Scale::around(&latencies, Spacing::for_values(&latencies), 6, (BOTTOM, TOP));
        let left = LEFT_PANEL_END + 44.0 + tick_width(&y);
        let names = self.schemes.iter().map(|(name, _)| text_width(name, BODY)).fold(0.0, f64::max);
        let right = WIDTH - MARGIN - names - 24.0;
        let x = Scale::around(&rates, Spacing::Log, 6, (left, right));
        let frame = Frame { x, y, left, right };
        draw_frame(&frame, ("Uplink rate (Mbit/s)", rate_label), drawing);
        let heading = "Latency (s) of every scheme over the rate";
        drawing.text((LEFT_PANEL_END + 34.0, TOP - 34.0), Anchor::Start, (SMALL, QUIET_TEXT), heading);
        // Ours is a broad band under the others, so that those that coincide with it show.
        for (index, (_, points)) in self.schemes.iter().enumerate() {
            let line = points.iter().map(|&(rate, latency)| (frame.x.position(rate), frame.y.position(latency)));
            match index {
                0 => drawing.line(line.collect(), 9.0, ink(index).faint(0.35)),
                _ => drawing.dashed_line(line.collect(), 2.0, ink(index), 3.0 + 1.5 * index as f64),
            }
        }
        let last = |points: &Vec<Point>| points.last().map_or(TOP, |point| frame.y.position(point.1));
        let wanted: Vec<f64> = self.schemes.iter().map(|(_, points)| last(points)).collect();
        let places = spread(&wanted, BODY * 1.28, (TOP, BOTTOM));
        for (index, ((name, _), (from, to))) in self.schemes.iter().zip(wanted.into_iter().zip(places)).enumerate() {
            drawing.line(vec![(frame.right + 4.0, from), (frame.right + 18.0, to)], 1.0, ink(index).faint(0.6));
            drawing.text((frame.right + 22.0, to), Anchor::Start, (BODY, ink(index)), name);
        }
    }
}

fn ink(index: usize) -> Ink {
    SERIES[index % SERIES.len()]
}

fn tick_width(scale: &Scale) -> f64 {
    scale.ticks().iter().map(|(_, label)| text_width(label, SMALL)).fold(0.0, f64::max)
}

fn rate_label(rate: f64) -> String {
    if rate < 1.0 { format!("{rate}") } else { count_label(rate) }
}

fn draw_frame(frame: &Frame, (name, label): (&str, fn(f64) -> String), drawing: &mut Drawing) {
    for (value, label) in frame.y.ticks() {
        let y = frame.y.position(value);
        drawing.line(vec![(frame.left, y), (frame.right, y)], 1.0, GRID);
        drawing.text((frame.left - 10.0, y), Anchor::End, (SMALL, QUIET_TEXT), label);
    }
    drawing.line(vec![(frame.left, BOTTOM), (frame.right, BOTTOM)], 1.2, AXIS);
    for (value, _) in frame.x.ticks() {
        let x = frame.x.position(value);
        drawing.line(vec![(x, BOTTOM), (x, BOTTOM + 5.0)], 1.2, AXIS);
        drawing.text((x, BOTTOM + 18.0), Anchor::Middle, (SMALL, QUIET_TEXT), label(value));
    }
    let middle = (frame.left + frame.right) / 2.0;
    drawing.text((middle, BOTTOM + 44.0), Anchor::Middle, (BODY, QUIET_TEXT), name);
}

#[cfg(test)]
mod tests {
    use super::super::drawing::checks;
    use super::*;

    fn made_up() -> PartitionFigure {
        let prefixes: Vec<Point> = (0..=44).map(|at| (f64::from(at), 0.2 + 0.01 * f64::from(at))).collect();
        let line = |level: f64| {
            (0..=20).map(|at| (10.0_f64.powf(f64::from(at) / 5.0 - 1.0), level + 1.0 / f64::from(at + 1))).collect()
        };
        let names = ["cdlp", "device-only", "edge-only", "neurosurgeon", "dads", "dads-heavy", "exhaustive"];
        PartitionFigure {
            title: "Where to cut vgg-19".into(),
            note: "phone to nvidia-t4, no backlog".into(),
            rate: "20Mbit/s".into(),
            candidates: vec![prefixes[0], prefixes[9], prefixes[44]],
            chosen: prefixes[9],
            schemes: names.iter().map(|name| (name.to_string(), line(0.2))).collect(),
            prefixes,
        }
    }

    #[test]
    fn no_text_overlaps_another() {
        checks::texts_are_clear(&made_up().drawing().unwrap());
    }

    #[test]
    fn nothing_to_show_is_an_error() {
        let figure = PartitionFigure { schemes: Vec::new(), ..made_up() };
        assert!(matches!(figure.drawing(), Err(PlotError::NoData { figure: "partition" })));
    }
}
