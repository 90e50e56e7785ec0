//! [`SweepFigure`]: what schemes reach along an axis.

use super::axes::Axes;
use super::drawing::{Anchor, Drawing, Ink, Point};
use super::font::text_width;
use super::labels::spread;
use super::palette::{AXIS, GRID, NEUTRAL, QUIET_TEXT, SERIES, TEXT};
use super::scale::{Scale, Spacing, three_digits};
use super::{Figure, PlotError};
use crate::statistics::Estimate;

const WIDTH: f64 = 960.0;
const TOP: f64 = 104.0;
/// Of a panel with a horizontal axis of numbers.
const PANEL: f64 = 360.0;
/// Below a panel: ticks, and the name of the axis.
const BELOW: f64 = 84.0;
/// Of a point with a name.
const ROW: f64 = 30.0;
const MARGIN: f64 = 28.0;
const TITLE: f64 = 22.0;
const BODY: f64 = 15.0;
const SMALL: f64 = 13.5;

/// What schemes reach along an axis: mean latency, and the share of tasks in time. On an axis of numbers each scheme is a
/// line in two panels, named at its end; on one of names each point is a row of dots. Highlighted schemes are coloured.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepFigure {
    /// What the picture shows.
    pub title: String,
    /// What the axis is, with its unit.
    pub axis: String,
    /// The points.
    pub places: Places,
    /// The schemes.
    pub series: Vec<SweepSeries>,
}

/// Where the points lie.
#[derive(Clone, Debug, PartialEq)]
pub enum Places {
    /// On a scale, rising.
    Numbers(Vec<f64>),
    /// Among others that have no order.
    Names(Vec<String>),
}

/// What one scheme reaches at every point.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepSeries {
    /// Its name.
    pub label: String,
    /// Whether the picture is about it.
    pub highlighted: bool,
    /// Mean latency, s, one per point.
    pub latency: Vec<Estimate>,
    /// Share of tasks in time, 0 to 1, one per point.
    pub success: Vec<Estimate>,
}

/// Where a series is named, with its colour and its number among the marks.
type Named<'a> = (Point, (&'a SweepSeries, Ink), usize);

impl Figure for SweepFigure {
    fn drawing(&self) -> Result<Drawing, PlotError> {
        let shows = |series: &SweepSeries| series.latency.iter().any(|estimate| estimate.value.is_finite());
        if !self.series.iter().any(shows) {
            return Err(PlotError::NoData { figure: "sweep" });
        }
        Ok(match &self.places {
            Places::Numbers(numbers) => self.lines(numbers),
            Places::Names(names) => self.rows(names),
        })
    }
}

impl SweepFigure {
    /// Each series with its colour.
    fn inked(&self) -> Vec<(&SweepSeries, Ink)> {
        let mut colours = SERIES.iter().cycle();
        let ink = |series: &SweepSeries| if series.highlighted { colours.next().copied() } else { None };
        let inks: Vec<Ink> = self.series.iter().map(ink).map(|ink| ink.unwrap_or(NEUTRAL)).collect();
        // What the picture is about is painted last, over the others.
        let mut inked: Vec<_> = self.series.iter().zip(inks).collect();
        inked.sort_by_key(|(series, _)| series.highlighted);
        inked
    }

    fn head(&self, note: &str, drawing: &mut Drawing) {
        drawing.text((MARGIN, 34.0), Anchor::Start, (TITLE, TEXT), &self.title);
        drawing.text((MARGIN, 64.0), Anchor::Start, (BODY, QUIET_TEXT), note);
    }

    /// The picture of an axis of numbers.
    fn lines(&self, numbers: &[f64]) -> Drawing {
        let mut drawing = Drawing::new(WIDTH, TOP + 2.0 * (PANEL + BELOW));
        self.head("above: mean latency (s), lower is better; below: tasks in time (%), higher is better", &mut drawing);
        let latency = |series: &SweepSeries| series.latency.clone();
        self.panel((TOP, numbers), latency, &mut drawing);
        self.panel((TOP + PANEL + BELOW, numbers), percent, &mut drawing);
        drawing
    }

    fn panel(&self, (top, numbers): (f64, &[f64]), of: fn(&SweepSeries) -> Vec<Estimate>, drawing: &mut Drawing) {
        let bottom = top + PANEL;
        let values: Vec<f64> =
            self.series.iter().flat_map(|series| of(series).into_iter().map(|one| one.value)).collect();
        let y = Scale::around(&values, Spacing::for_values(&values), 6, (bottom, top));
        let labels: Vec<(String, f64, Ink)> = self
            .inked()
            .into_iter()
            .filter_map(|(series, ink)| {
                let last = of(series).last()?.value;
                let ink = if series.highlighted { ink } else { QUIET_TEXT };
                last.is_finite().then(|| (format!("{}  {}", series.label, three_digits(last)), last, ink))
            })
            .collect();
        let widest = labels.iter().map(|(text, ..)| text_width(text, SMALL)).fold(0.0, f64::max);
        let (left, right) = (MARGIN + Axes::label_width(&y), WIDTH - MARGIN - widest - 26.0);
        let x = Scale::around(numbers, Spacing::for_values(numbers), 6, (left, right));
        let axes = Axes { x, y, left, right, bottom };
        axes.draw((&self.axis, three_digits), drawing);
        for (series, ink) in self.inked() {
            draw_line(numbers, &of(series), (ink, series.highlighted), &axes, drawing);
        }
        let wanted: Vec<f64> = labels.iter().map(|(_, value, _)| axes.y.position(*value)).collect();
        let places = spread(&wanted, SMALL * 1.28, (top, bottom));
        let end = axes.x.position(numbers[numbers.len() - 1]);
        for (((text, _, ink), from), to) in labels.iter().zip(wanted).zip(places) {
            drawing.line(vec![(end + 8.0, from), (right + 20.0, to)], 1.0, ink.faint(0.45));
            drawing.text((right + 24.0, to), Anchor::Start, (SMALL, *ink), text);
        }
    }

    /// The picture of an axis of names.
    fn rows(&self, names: &[String]) -> Drawing {
        let (legend, height) = self.legend();
        let top = TOP + height;
        let bottom = top + ROW * names.len() as f64;
        let mut drawing = Drawing::new(WIDTH, bottom + BELOW);
        self.head(&format!("a row per point; {}", self.axis), &mut drawing);
        for ((x, y), (series, ink), number) in legend {
            draw_mark((x, y), number, ink, &mut drawing);
            drawing.text((x + 12.0, y), Anchor::Start, (SMALL, TEXT), &series.label);
        }
        let left = MARGIN + names.iter().map(|name| text_width(name, BODY)).fold(0.0, f64::max) + 20.0;
        let half = (WIDTH - MARGIN - left - 60.0) / 2.0;
        for (row, name) in names.iter().enumerate() {
            drawing.text((left - 16.0, top + ROW * (row as f64 + 0.5)), Anchor::End, (BODY, TEXT), name);
        }
        let latency = |series: &SweepSeries| series.latency.clone();
        self.dots((top, bottom), (left, left + half), ("Mean latency (s)", latency), &mut drawing);
        self.dots((top, bottom), (left + half + 60.0, WIDTH - MARGIN), ("Tasks in time (%)", percent), &mut drawing);
        drawing
    }

    /// Where names of series stand above the rows, with the height that they take.
    fn legend(&self) -> (Vec<Named<'_>>, f64) {
        let (mut x, mut y, mut placed) = (MARGIN + 6.0, TOP - 8.0, Vec::new());
        for (number, (series, ink)) in self.inked().into_iter().enumerate() {
            let width = text_width(&series.label, SMALL) + 34.0;
            if x + width > WIDTH - MARGIN {
                (x, y) = (MARGIN + 6.0, y + 22.0);
            }
            placed.push(((x, y), (series, ink), number));
            x += width;
        }
        (placed, y - TOP + 38.0)
    }

    fn dots(
        &self,
        (top, bottom): (f64, f64),
        (left, right): (f64, f64),
        (name, of): (&str, fn(&SweepSeries) -> Vec<Estimate>),
        drawing: &mut Drawing,
    ) {
        let values: Vec<f64> =
            self.series.iter().flat_map(|series| of(series).into_iter().map(|one| one.value)).collect();
        let scale = Scale::around(&values, Spacing::for_values(&values), 4, (left, right));
        for (value, label) in scale.ticks() {
            let x = scale.position(value);
            drawing.line(vec![(x, top), (x, bottom)], 1.0, GRID);
            drawing.text((x, bottom + 18.0), Anchor::Middle, (SMALL, QUIET_TEXT), label);
        }
        drawing.line(vec![(left, bottom), (right, bottom)], 1.2, AXIS);
        drawing.text(((left + right) / 2.0, bottom + 46.0), Anchor::Middle, (BODY, QUIET_TEXT), name);
        for (number, (series, ink)) in self.inked().into_iter().enumerate() {
            let finite = of(series).into_iter().map(|estimate| estimate.value).enumerate();
            for (row, value) in finite.filter(|(_, value)| value.is_finite()) {
                let at = (scale.position(value), top + ROW * (row as f64 + 0.5));
                draw_mark(at, number, ink, drawing);
            }
        }
    }
}

fn percent(series: &SweepSeries) -> Vec<Estimate> {
    let of = |Estimate { value, low, high }: &Estimate| Estimate {
        value: 100.0 * value,
        low: 100.0 * low,
        high: 100.0 * high,
    };
    series.success.iter().map(of).collect()
}

fn draw_line(numbers: &[f64], values: &[Estimate], (ink, bold): (Ink, bool), axes: &Axes, drawing: &mut Drawing) {
    let points = numbers.iter().copied().zip(values).filter(|(_, estimate)| estimate.value.is_finite());
    let places: Vec<_> = points.clone().map(|(x, estimate)| axes.place((x, estimate.value))).collect();
    if bold {
        for (x, estimate) in points {
            let ends = [estimate.low, estimate.high].map(|value| axes.place((x, value)));
            drawing.line(ends.to_vec(), 1.6, ink);
        }
        drawing.line(places.clone(), 2.8, ink);
    } else {
        drawing.dashed_line(places.clone(), 1.3, ink, 5.0);
    }
    for place in places {
        drawing.dot(place, if bold { 4.5 } else { 2.5 }, ink);
    }
}

/// A dot for what the picture is about; for the others marks that differ by their number, since they are all grey.
fn draw_mark((x, y): (f64, f64), number: usize, ink: Ink, drawing: &mut Drawing) {
    let stroke = |points: Vec<(f64, f64)>, drawing: &mut Drawing| drawing.line(points, 1.4, ink);
    if ink != NEUTRAL {
        return drawing.dot((x, y), 5.0, ink);
    }
    let r = 4.0;
    if number / 6 % 2 == 1 {
        drawing.dot((x, y), 2.0, ink);
    }
    match number % 6 {
        0 => stroke(vec![(x - r, y), (x + r, y)], drawing),
        1 => stroke(vec![(x, y - r), (x, y + r)], drawing),
        2 => stroke(vec![(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r), (x - r, y - r)], drawing),
        3 => stroke(vec![(x - r, y + r), (x, y - r), (x + r, y + r), (x - r, y + r)], drawing),
        4 => stroke(vec![(x, y - 1.3 * r), (x + r, y), (x, y + 1.3 * r), (x - r, y), (x, y - 1.3 * r)], drawing),
        _ => {
            stroke(vec![(x - r, y - r), (x + r, y + r)], drawing);
            stroke(vec![(x - r, y + r), (x + r, y - r)], drawing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::drawing::{Shape, checks};
    use super::*;

    fn figure(places: Places) -> SweepFigure {
        let points = match &places {
            Places::Numbers(numbers) => numbers.len(),
            Places::Names(names) => names.len(),
        };
        let of = |label: &str, level: f64, highlighted| {
            let value = |index: usize| level * (1.0 + 0.3 * index as f64);
            let latency = (0..points).map(|index| Estimate {
                value: value(index),
                low: 0.9 * value(index),
                high: 1.2 * value(index),
            });
            let success = (0..points).map(|index| Estimate::exact(1.0 / (1.0 + 0.2 * value(index))));
            SweepSeries { label: label.into(), highlighted, latency: latency.collect(), success: success.collect() }
        };
        let series = vec![
            of("dsaco", 0.2, true),
            of("central-greedy", 0.3, false),
            of("forecasting-greedy=tuned", 0.29, false),
            of("cautious-greedy=tuned", 0.21, false),
            of("random", 1.1, false),
            of("device-only", 4.0, false),
            of("neurosurgeon-nearest", 4.1, false),
        ];
        SweepFigure { title: "Scenario \"default\"".into(), axis: "Tasks per device (1/s)".into(), places, series }
    }

    #[test]
    fn no_text_overlaps_another() {
        let numbers = Places::Numbers(vec![0.0, 0.5, 1.0, 4.0]);
        checks::texts_are_clear(&figure(numbers).drawing().unwrap());
        let names = Places::Names(["alexnet", "mobilenet-v2", "vit-b-16"].map(str::to_owned).to_vec());
        checks::texts_are_clear(&figure(names).drawing().unwrap());
        checks::texts_are_clear(&figure(Places::Numbers(vec![1.0])).drawing().unwrap());
    }

    #[test]
    fn only_what_the_picture_is_about_is_coloured() {
        let drawing = figure(Places::Numbers(vec![1.0, 2.0])).drawing().unwrap();
        let bold = drawing
            .shapes
            .iter()
            .filter(|shape| matches!(shape, Shape::Line { stroke, ink, .. } if *stroke == 2.8 && *ink == SERIES[0]));
        assert_eq!(bold.count(), 2, "a line in each panel");
    }

    #[test]
    fn what_has_no_finite_value_is_an_error_or_left_out() {
        let mut figure = figure(Places::Numbers(vec![1.0, 2.0]));
        figure.series[1].latency[0].value = f64::NAN;
        checks::texts_are_clear(&figure.drawing().unwrap());
        figure.series.retain(|series| series.label == "nobody");
        assert!(matches!(figure.drawing(), Err(PlotError::NoData { figure: "sweep" })));
    }
}
