//! [`ComparisonFigure`]: all schemes side by side.

use super::drawing::{Anchor, Drawing, Ink};
use super::font::text_width;
use super::palette::{AXIS, GRID, HIGHLIGHT, NEUTRAL, QUIET_TEXT, SERIES, TEXT};
use super::scale::{Scale, Spacing, extent, three_digits};
use super::{Figure, PlotError};
use crate::comparison::{SchemeSummary, sort_by_latency};
use crate::statistics::Estimate;

const WIDTH: f64 = 960.0;
const TOP: f64 = 124.0;
const ROW: f64 = 34.0;
const BELOW: f64 = 44.0;
const MARGIN: f64 = 28.0;
const GAP: f64 = 34.0;
const TITLE: f64 = 22.0;
const BODY: f64 = 15.0;
const SMALL: f64 = 13.5;

/// Share of the free width that the latency panel gets; the rest is for success.
const LATENCY_SHARE: f64 = 0.66;

/// All schemes side by side, the fastest on top: mean latency with its 95 % interval over the span from median to 95th
/// percentile, and the success rate. Highlighted schemes are coloured.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparisonFigure {
    /// What the picture shows.
    pub title: String,
    /// The schemes, in any order.
    pub schemes: Vec<SchemeSummary>,
}

/// A column of the picture: an axis with a mark per row, and the figures beside it.
struct Panel {
    scale: Scale,
    /// Right end of the column of figures.
    figures: f64,
    left: f64,
    right: f64,
}

impl Figure for ComparisonFigure {
    fn drawing(&self) -> Result<Drawing, PlotError> {
        let mut schemes = self.schemes.clone();
        schemes.retain(|scheme| scheme.latency_mean_s.value.is_finite());
        if schemes.is_empty() {
            return Err(PlotError::NoData { figure: "comparison" });
        }
        sort_by_latency(&mut schemes);
        let bottom = TOP + ROW * schemes.len() as f64;
        let mut drawing = Drawing::new(WIDTH, bottom + BELOW);
        let [latency, success] = panels(&schemes);
        drawing.text((MARGIN, 34.0), Anchor::Start, (TITLE, TEXT), &self.title);
        let note = "dot: mean with 95 % interval; bar: from the median to the 95th percentile of tasks";
        drawing.text((MARGIN, 64.0), Anchor::Start, (BODY, QUIET_TEXT), note);
        draw_highlights(&schemes, &mut drawing);
        draw_axis(&latency, "Latency (s)", bottom, &mut drawing);
        draw_axis(&success, "Tasks in time (%)", bottom, &mut drawing);
        for (row, scheme) in schemes.iter().enumerate() {
            draw_row(scheme, TOP + ROW * (row as f64 + 0.5), [&latency, &success], &mut drawing);
        }
        Ok(drawing)
    }
}

fn panels(schemes: &[SchemeSummary]) -> [Panel; 2] {
    let widest = |text: fn(&SchemeSummary) -> String| {
        schemes.iter().map(|scheme| text_width(&text(scheme), BODY)).fold(0.0, f64::max)
    };
    let names = widest(|scheme| scheme.scheme.clone());
    let (latency_figures, success_figures) = (widest(latency_figure), widest(success_figure));
    let left = MARGIN + names + 20.0;
    let free = WIDTH - MARGIN - left - latency_figures - success_figures - GAP - 2.0 * 16.0;
    let right = left + LATENCY_SHARE * free;
    let figures = right + 16.0 + latency_figures;
    let values: Vec<f64> = schemes.iter().flat_map(latency_extent).collect();
    let scale = Scale::around(&values, Spacing::for_values(&values), 5, (left, right));
    let latency = Panel { scale, figures, left, right };
    let (left, right) = (figures + GAP, figures + GAP + (1.0 - LATENCY_SHARE) * free);
    let shares: Vec<f64> = schemes.iter().flat_map(|scheme| [scheme.success_rate.low, 1.0]).collect();
    let low = (10.0 * extent(&shares).0.clamp(0.0, 0.9)).floor() * 10.0;
    let scale = Scale::exactly((low, 100.0), 4, (left, right));
    [latency, Panel { scale, figures: WIDTH - MARGIN, left, right }]
}

fn latency_extent(scheme: &SchemeSummary) -> [f64; 4] {
    let Estimate { low, high, .. } = scheme.latency_mean_s;
    [low, high, scheme.latency_p50_s, scheme.latency_p95_s]
}

fn latency_figure(scheme: &SchemeSummary) -> String {
    three_digits(scheme.latency_mean_s.value)
}

fn success_figure(scheme: &SchemeSummary) -> String {
    format!("{:.1}", 100.0 * scheme.success_rate.value)
}

fn draw_highlights(schemes: &[SchemeSummary], drawing: &mut Drawing) {
    for (row, _) in schemes.iter().enumerate().filter(|(_, scheme)| scheme.highlighted) {
        let top = TOP + ROW * row as f64;
        drawing.rectangle((MARGIN - 12.0, top), (WIDTH - MARGIN + 12.0, top + ROW), HIGHLIGHT);
    }
}

fn draw_axis(panel: &Panel, heading: &str, bottom: f64, drawing: &mut Drawing) {
    drawing.text((panel.left, TOP - 20.0), Anchor::Start, (BODY, TEXT), heading);
    drawing.text((panel.figures, TOP - 20.0), Anchor::End, (SMALL, QUIET_TEXT), "mean");
    for (value, label) in panel.scale.ticks() {
        let x = panel.scale.position(value);
        drawing.line(vec![(x, TOP), (x, bottom)], 1.0, GRID);
        drawing.text((x, bottom + 18.0), Anchor::Middle, (SMALL, QUIET_TEXT), label);
    }
    drawing.line(vec![(panel.left, bottom), (panel.right, bottom)], 1.2, AXIS);
}

fn draw_row(scheme: &SchemeSummary, y: f64, [latency, success]: [&Panel; 2], drawing: &mut Drawing) {
    let (ink, name_ink) = if scheme.highlighted { (SERIES[0], SERIES[0]) } else { (NEUTRAL, TEXT) };
    drawing.text((latency.left - 20.0, y), Anchor::End, (BODY, name_ink), &scheme.scheme);
    let at = |value: f64| latency.scale.position(value);
    let (from, to) = (at(scheme.latency_p50_s), at(scheme.latency_p95_s));
    drawing.rectangle((from, y - 6.0), (to, y + 6.0), ink.faint(0.22));
    draw_estimate(scheme.latency_mean_s, y, (latency, ink), drawing);
    drawing.text((latency.figures, y), Anchor::End, (BODY, name_ink), latency_figure(scheme));
    let Estimate { value, low, high } = scheme.success_rate;
    let percent = Estimate { value: 100.0 * value, low: 100.0 * low, high: 100.0 * high };
    draw_estimate(percent, y, (success, ink), drawing);
    drawing.text((success.figures, y), Anchor::End, (BODY, name_ink), success_figure(scheme));
}

fn draw_estimate(estimate: Estimate, y: f64, (panel, ink): (&Panel, Ink), drawing: &mut Drawing) {
    let [low, middle, high] = [estimate.low, estimate.value, estimate.high].map(|value| panel.scale.position(value));
    drawing.line(vec![(low, y), (high, y)], 2.2, ink);
    for end in [low, high] {
        drawing.line(vec![(end, y - 7.0), (end, y + 7.0)], 1.6, ink);
    }
    drawing.dot((middle, y), 4.6, ink);
}

#[cfg(test)]
mod tests {
    use super::super::drawing::checks;
    use super::*;

    fn scheme(name: &str, mean: f64, success: f64) -> SchemeSummary {
        SchemeSummary {
            scheme: name.into(),
            highlighted: name == "DSACO",
            latency_mean_s: Estimate { value: mean, low: 0.93 * mean, high: 1.08 * mean },
            latency_seed_sd_s: 0.02,
            latency_iqm_s: Estimate::exact(0.8 * mean),
            latency_p50_s: 0.6 * mean,
            latency_p95_s: 2.8 * mean,
            latency_p99_s: 5.0 * mean,
            success_rate: Estimate { value: success, low: success - 0.02, high: success + 0.01 },
            energy_per_task_j: 1.0,
            load_balance: 0.9,
            offload_ratio: 0.8,
            improvement: None,
            latency_difference_s: None,
            optimality_gap: None,
            seeds: 3,
            episodes: 60,
            tasks: 10_000,
        }
    }

    pub fn made_up() -> ComparisonFigure {
        let schemes = vec![
            scheme("nearest server", 13.1, 0.31),
            scheme("DSACO", 0.76, 0.962),
            scheme("central greedy", 0.963, 0.921),
            scheme("forecasting greedy", 0.812, 0.95),
            scheme("random server", 4.3, 0.62),
            scheme("device only", 4.1, 0.55),
            scheme("round robin", 2.9, 0.71),
        ];
        ComparisonFigure { title: "Mean latency of all schemes, default scenario".into(), schemes }
    }

    #[test]
    fn no_text_overlaps_another() {
        checks::texts_are_clear(&made_up().drawing().unwrap());
    }

    #[test]
    fn one_perfect_scheme_is_enough() {
        let mut only = scheme("DSACO", 0.5, 1.0);
        only.success_rate = Estimate::exact(1.0);
        only.latency_mean_s = Estimate::exact(0.5);
        (only.latency_p50_s, only.latency_p95_s) = (0.5, 0.5);
        checks::texts_are_clear(&ComparisonFigure { title: "One".into(), schemes: vec![only] }.drawing().unwrap());
    }

    #[test]
    fn no_scheme_is_an_error() {
        let figure = ComparisonFigure { title: String::new(), schemes: Vec::new() };
        assert!(matches!(figure.drawing(), Err(PlotError::NoData { figure: "comparison" })));
    }
}
