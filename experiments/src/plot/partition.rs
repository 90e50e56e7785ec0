//! [`PartitionFigure`]: one network between a device and a server, cut everywhere.

use super::axes::Axes;
use super::drawing::{Anchor, Drawing, Ink, Point};
use super::font::text_width;
use super::labels::spread;
use super::palette::{NEUTRAL, QUIET_TEXT, SERIES, TEXT};
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
        let left = MARGIN + Axes::label_width(&y);
        let x = Scale::exactly((0.0, layers), 6, (left, LEFT_PANEL_END));
        let axes = Axes { x, y, left, right: LEFT_PANEL_END, bottom: BOTTOM };
        axes.draw(("Layers on the device", count_label), drawing);
        let place = |&point: &Point| axes.place(point);
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
        let left = LEFT_PANEL_END + 34.0 + Axes::label_width(&y);
        let names = self.schemes.iter().map(|(name, _)| text_width(name, BODY)).fold(0.0, f64::max);
        let right = WIDTH - MARGIN - names - 24.0;
        let x = Scale::around(&rates, Spacing::Log, 6, (left, right));
        let axes = Axes { x, y, left, right, bottom: BOTTOM };
        axes.draw(("Uplink rate (Mbit/s)", rate_label), drawing);
        let heading = "Latency (s) of every scheme over the rate";
        drawing.text((LEFT_PANEL_END + 34.0, TOP - 34.0), Anchor::Start, (SMALL, QUIET_TEXT), heading);
        // Ours is a broad band under the others, so that those that coincide with it show.
        for (index, (_, points)) in self.schemes.iter().enumerate() {
            let line = points.iter().map(|&point| axes.place(point));
            match index {
                0 => drawing.line(line.collect(), 9.0, ink(index).faint(0.35)),
                _ => drawing.dashed_line(line.collect(), 2.0, ink(index), 3.0 + 1.5 * index as f64),
            }
        }
        let last = |points: &Vec<Point>| points.last().map_or(TOP, |point| axes.y.position(point.1));
        let wanted: Vec<f64> = self.schemes.iter().map(|(_, points)| last(points)).collect();
        let places = spread(&wanted, BODY * 1.28, (TOP, BOTTOM));
        for (index, ((name, _), (from, to))) in self.schemes.iter().zip(wanted.into_iter().zip(places)).enumerate() {
            drawing.line(vec![(axes.right + 4.0, from), (axes.right + 18.0, to)], 1.0, ink(index).faint(0.6));
            drawing.text((axes.right + 22.0, to), Anchor::Start, (BODY, ink(index)), name);
        }
    }
}

fn ink(index: usize) -> Ink {
    SERIES[index % SERIES.len()]
}

fn rate_label(rate: f64) -> String {
    if rate < 1.0 { format!("{rate}") } else { count_label(rate) }
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
