//! [`LearningCurve`]: a metric of the evaluation over environment steps.

use mec_envs::rng::stream;

use super::axes::Axes;
use super::drawing::{Anchor, Drawing, Ink};
use super::font::text_width;
use super::labels::spread;
use super::palette::{NEUTRAL, QUIET_TEXT, SERIES, TEXT};
use super::scale::{Scale, Spacing, count_label, extent, three_digits};
use super::{Figure, PlotError};
use crate::statistics::{Estimate, bootstrap, mean};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 560.0;
const TOP: f64 = 104.0;
const BOTTOM: f64 = HEIGHT - 70.0;
const LEFT_MARGIN: f64 = 28.0;
const RIGHT_MARGIN: f64 = 24.0;
const TITLE: f64 = 22.0;
const BODY: f64 = 15.0;

/// Resamples of the band: it is drawn, not read to digits.
const RESAMPLES: usize = 500;

/// Most curves that are drawn with a thin line per seed.
const MOST_WITH_SEEDS: usize = 2;

/// A metric of the evaluation over environment steps: with few curves a thin line per seed, their mean bold with its 95 % interval,
/// and horizontal lines for schemes that do not learn.
#[derive(Clone, Debug, PartialEq)]
pub struct LearningCurve {
    /// What the picture shows.
    pub title: String,
    /// The metric with its unit, for example `Mean latency (s)`.
    pub metric: String,
    /// Whether small values are the good ones; said beside the metric.
    pub lower_is_better: bool,
    /// One per learning algorithm; the first is the one that the picture is about.
    pub curves: Vec<Curve>,
    /// Schemes that do not learn.
    pub references: Vec<Reference>,
}

/// The curve of one algorithm.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Name of the algorithm.
    pub label: String,
    /// One per training seed.
    pub seeds: Vec<SeedCurve>,
}

/// The metric over environment steps of one training: `(step, value)`, steps rising.
pub type SeedCurve = Vec<(f64, f64)>;

/// The level of a scheme that does not learn.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// Name of the scheme.
    pub label: String,
    /// Its metric.
    pub value: f64,
}

/// A label at the right end, beside what it names.
struct EndLabel {
    text: String,
    value: f64,
    ink: Ink,
}

impl Figure for LearningCurve {
    fn drawing(&self) -> Result<Drawing, PlotError> {
        let means: Vec<Vec<(f64, Estimate)>> = self.curves.iter().map(Curve::mean).collect();
        let labels = self.end_labels(&means);
        let axes = self.axes(&means, &labels)?;
        let mut drawing = Drawing::new(WIDTH, HEIGHT);
        self.draw_frame(&axes, &mut drawing);
        for reference in self.references.iter().filter(|reference| reference.value.is_finite()) {
            let y = axes.y.position(reference.value);
            drawing.dashed_line(vec![(axes.left, y), (axes.right, y)], 1.3, NEUTRAL, 5.0);
        }
        // The first curve is painted last, over the others.
        for (index, (curve, mean)) in self.curves.iter().zip(&means).enumerate().rev() {
            if self.shows_seeds() {
                draw_seeds(curve, ink(index), &axes, &mut drawing);
            }
            draw_mean(mean, index, &axes, &mut drawing);
        }
        draw_end_labels(&labels, &axes, &mut drawing);
        Ok(drawing)
    }
}

/// The colour of a curve.
fn ink(index: usize) -> Ink {
    SERIES[index % SERIES.len()]
}

impl Curve {
    /// Mean over seeds with its interval, at the steps that every seed has.
    fn mean(&self) -> Vec<(f64, Estimate)> {
        let Some(first) = self.seeds.first() else { return Vec::new() };
        let mut rng = stream(0, "learning curve band");
        let at = |step: f64| -> Option<Vec<f64>> {
            self.seeds.iter().map(|seed| seed.iter().find(|point| point.0 == step).map(|point| point.1)).collect()
        };
        let common = first.iter().filter_map(|&(step, _)| Some((step, at(step)?)));
        let finite = common.filter(|(_, values)| values.iter().all(|value| value.is_finite()));
        finite.map(|(step, values)| (step, bootstrap(&[values], mean, RESAMPLES, &mut rng))).collect()
    }
}

impl LearningCurve {
    fn axes(&self, means: &[Vec<(f64, Estimate)>], labels: &[EndLabel]) -> Result<Axes, PlotError> {
        let points = || self.curves.iter().flat_map(|curve| curve.seeds.iter().flatten());
        let bands = means.iter().flatten().flat_map(|(_, estimate)| [estimate.low, estimate.high]);
        let references = self.references.iter().map(|reference| reference.value);
        let values: Vec<f64> = points().map(|point| point.1).chain(bands).chain(references).collect();
        let steps: Vec<f64> = points().filter(|point| point.1.is_finite()).map(|point| point.0).collect();
        if steps.is_empty() {
            return Err(PlotError::NoData { figure: "learning curve" });
        }
        let y = Scale::around(&values, Spacing::for_values(&values), 6, (BOTTOM, TOP));
        let left = LEFT_MARGIN + Axes::label_width(&y);
        let label_width = labels.iter().map(|label| text_width(&label.text, BODY)).fold(0.0, f64::max);
        let right = WIDTH - RIGHT_MARGIN - label_width - 26.0;
        let last = extent(&steps).1;
        let x = Scale::exactly((0.0, if last > 0.0 { last } else { 1.0 }), 6, (left, right));
        Ok(Axes { x, y, left, right, bottom: BOTTOM })
    }

    fn draw_frame(&self, axes: &Axes, drawing: &mut Drawing) {
        drawing.text((LEFT_MARGIN, 34.0), Anchor::Start, (TITLE, TEXT), &self.title);
        drawing.text((LEFT_MARGIN, 64.0), Anchor::Start, (BODY, QUIET_TEXT), self.subtitle());
        axes.draw(("Environment steps", count_label), drawing);
    }

    /// Whether there is room for a line per seed.
    fn shows_seeds(&self) -> bool {
        self.curves.len() <= MOST_WITH_SEEDS
    }

    fn subtitle(&self) -> String {
        let direction = if self.lower_is_better { "lower is better" } else { "higher is better" };
        let seeds = self.curves.iter().map(|curve| curve.seeds.len()).max().unwrap_or(0);
        let spread = if seeds > 1 && self.shows_seeds() {
            format!("; thin: {seeds} training seeds, bold: their mean, band: its 95 % interval")
        } else if seeds > 1 {
            format!("; mean of {seeds} training seeds, band: its 95 % interval")
        } else {
            "; one training seed".to_owned()
        };
        format!("{}, {direction}{spread}", self.metric)
    }

    fn end_labels(&self, means: &[Vec<(f64, Estimate)>]) -> Vec<EndLabel> {
        let label =
            |text: &str, value: f64, ink| EndLabel { text: format!("{text}  {}", three_digits(value)), value, ink };
        let curves = self.curves.iter().zip(means).enumerate().filter_map(|(index, (curve, mean))| {
            let (_, last) = mean.last()?;
            Some(label(&curve.label, last.value, ink(index)))
        });
        let references = self.references.iter().filter(|reference| reference.value.is_finite());
        curves.chain(references.map(|reference| label(&reference.label, reference.value, QUIET_TEXT))).collect()
    }
}

/// A thin line per seed.
fn draw_seeds(curve: &Curve, ink: Ink, axes: &Axes, drawing: &mut Drawing) {
    if curve.seeds.len() > 1 {
        for seed in &curve.seeds {
            let finite = seed.iter().filter(|point| point.1.is_finite());
            drawing.line(finite.map(|&(step, value)| axes.place((step, value))).collect(), 1.0, ink.faint(0.45));
        }
    }
}

/// The mean with its band, and a dot at its end. Where colours come again, lines are dashed.
fn draw_mean(mean: &[(f64, Estimate)], index: usize, axes: &Axes, drawing: &mut Drawing) {
    let ink = ink(index);
    if mean.len() > 1 && mean.iter().any(|(_, estimate)| estimate.high > estimate.low) {
        let upper = mean.iter().map(|(step, estimate)| axes.place((*step, estimate.high)));
        let lower = mean.iter().rev().map(|(step, estimate)| axes.place((*step, estimate.low)));
        drawing.area(upper.chain(lower).collect(), ink.faint(0.16));
    }
    let line = mean.iter().map(|(step, estimate)| axes.place((*step, estimate.value))).collect();
    match index / SERIES.len() {
        0 => drawing.line(line, 2.8, ink),
        round => drawing.dashed_line(line, 2.8, ink, 4.0 + 6.0 * round as f64),
    }
    if let Some((step, last)) = mean.last() {
        drawing.dot(axes.place((*step, last.value)), 4.5, ink);
    }
}

fn draw_end_labels(labels: &[EndLabel], axes: &Axes, drawing: &mut Drawing) {
    let wanted: Vec<f64> = labels.iter().map(|label| axes.y.position(label.value)).collect();
    let places = spread(&wanted, BODY * 1.28, (TOP, BOTTOM));
    for ((label, from), to) in labels.iter().zip(wanted).zip(places) {
        drawing.line(vec![(axes.right + 6.0, from), (axes.right + 20.0, to)], 1.0, label.ink.faint(0.6));
        drawing.text((axes.right + 24.0, to), Anchor::Start, (BODY, label.ink), &label.text);
    }
}

#[cfg(test)]
mod tests {
    use super::super::drawing::{Shape, checks};
    use super::*;

    fn falling(level: f64, wiggle: f64) -> SeedCurve {
        (0..=20)
            .map(|index| (f64::from(index) * 1000.0, level + 3.0 * (-f64::from(index) / 3.0).exp() + wiggle))
            .collect()
    }

    pub fn made_up() -> LearningCurve {
        let references = [
            ("central greedy", 0.96),
            ("forecasting greedy", 0.81),
            ("random", 4.2),
            ("nearest", 13.0),
            ("local", 4.1),
        ];
        let curve = |label: &str, level| Curve {
            label: label.into(),
            seeds: vec![falling(level, 0.0), falling(level, 0.05), falling(level, -0.04)],
        };
        LearningCurve {
            title: "Learning to place inference".into(),
            metric: "Mean latency (s)".into(),
            lower_is_better: true,
            curves: vec![curve("DSACO", 0.77), curve("SAC", 0.79)],
            references: references.map(|(label, value)| Reference { label: label.into(), value }).into(),
        }
    }

    #[test]
    fn no_text_overlaps_another() {
        checks::texts_are_clear(&made_up().drawing().unwrap());
    }

    #[test]
    fn one_seed_and_one_point_are_enough() {
        let mut figure = made_up();
        figure.curves = vec![Curve { label: "DSACO".into(), seeds: vec![vec![(0.0, 0.5)]] }];
        figure.references.clear();
        checks::texts_are_clear(&figure.drawing().unwrap());
    }

    #[test]
    fn nothing_to_show_is_an_error() {
        let mut figure = made_up();
        figure.curves = vec![Curve { label: "DSACO".into(), seeds: vec![vec![(0.0, f64::NAN)]] }];
        assert!(matches!(figure.drawing(), Err(PlotError::NoData { figure: "learning curve" })));
    }

    #[test]
    fn the_mean_is_drawn_at_steps_that_all_seeds_have() {
        let curve = Curve {
            label: String::new(),
            seeds: vec![vec![(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)], vec![(0.0, 3.0), (2.0, 5.0)]],
        };
        let means: Vec<(f64, f64)> = curve.mean().iter().map(|(step, estimate)| (*step, estimate.value)).collect();
        assert_eq!(means, [(0.0, 2.0), (2.0, 4.0)]);
    }

    #[test]
    fn many_curves_stay_apart_by_colour_and_dash_and_show_no_seeds() {
        let mut figure = made_up();
        let curve = |number: u32| Curve {
            label: format!("method {number}"),
            seeds: vec![falling(1.0 + 0.2 * f64::from(number), 0.0), falling(1.1 + 0.2 * f64::from(number), 0.0)],
        };
        figure.curves = (0..10).map(curve).collect();
        figure.references.truncate(3);
        let drawing = figure.drawing().unwrap();
        checks::texts_are_clear(&drawing);
        let bold: Vec<(Ink, bool)> = drawing
            .shapes
            .iter()
            .filter_map(|shape| match shape {
                Shape::Line { stroke, ink, dash, .. } if *stroke == 2.8 => Some((*ink, dash.is_some())),
                _ => None,
            })
            .collect();
        assert_eq!(bold.len(), 10);
        assert!(bold.iter().enumerate().all(|(index, line)| !bold[..index].contains(line)), "{bold:?}");
    }

    #[test]
    fn references_are_dashed() {
        let drawing = made_up().drawing().unwrap();
        let dashed = drawing.shapes.iter().filter(|shape| matches!(shape, Shape::Line { dash: Some(_), .. }));
        assert_eq!(dashed.count(), 5);
    }
}
