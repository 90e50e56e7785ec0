//! What the colours and marks of a [`GanttFigure`](super::GanttFigure) mean.

use super::lanes::Load;
use super::{MARGIN, RIGHT, SMALL, draw_bar, draw_deadline, draw_decision, draw_report};
use crate::plot::drawing::{Anchor, Drawing, Point};
use crate::plot::font::text_width;
use crate::plot::palette::{LATE, NEUTRAL, QUIET_TEXT, TEXT};

/// Height of a line.
const LINE: f64 = 21.0;
/// Width of a sample, and the gaps around its text.
const SAMPLE: f64 = 20.0;
const GAP: f64 = 6.0;
const BETWEEN: f64 = 13.0;

/// A mark and what it means.
struct Entry {
    sample: Sample,
    text: String,
}

#[derive(Clone, Copy)]
enum Sample {
    Bar(Load),
    /// A device's two lanes.
    Lanes,
    Report,
    Decision,
    Met,
    Missed,
}

/// Height of the legend.
pub fn height(networks: &[String]) -> f64 {
    places(networks).last().map_or(0.0, |(_, (_, y))| y + LINE)
}

/// Draws the legend from `top` on.
pub fn draw(networks: &[String], top: f64, drawing: &mut Drawing) {
    for (entry, (x, y)) in places(networks) {
        let middle = top + y + LINE / 2.0;
        draw_sample(entry.sample, (x, middle), drawing);
        drawing.text((x + SAMPLE + GAP, middle), Anchor::Start, (SMALL, TEXT), entry.text);
    }
}

/// The networks, then the marks.
fn entries(networks: &[String]) -> [Vec<Entry>; 2] {
    let entry = |sample, text: &str| Entry { sample, text: text.to_owned() };
    let task = |network, late| Sample::Bar(Load::Task { network, late });
    let networks = networks.iter().enumerate().map(|(network, name)| entry(task(network, false), name));
    let marks = vec![
        entry(Sample::Lanes, "processor above uplink"),
        entry(Sample::Bar(Load::Foreign), "other tenants"),
        entry(Sample::Report, "report: made, arrived"),
        entry(Sample::Decision, "arrival to decision"),
        entry(Sample::Met, "deadline met"),
        entry(Sample::Missed, "deadline missed, by so much"),
        entry(task(0, true), "late task"),
    ];
    [networks.collect(), marks]
}

/// Every entry with its place, line after line.
fn places(networks: &[String]) -> Vec<(Entry, Point)> {
    let mut places = Vec::new();
    let mut y = 0.0;
    for entries in entries(networks) {
        let mut x = MARGIN;
        for entry in entries {
            let width = SAMPLE + GAP + text_width(&entry.text, SMALL);
            if x > MARGIN && x + width > RIGHT {
                (x, y) = (MARGIN, y + LINE);
            }
            places.push((entry, (x, y)));
            x += width + BETWEEN;
        }
        y += LINE;
    }
    places
}

fn draw_sample(sample: Sample, (x, y): Point, drawing: &mut Drawing) {
    let middle = x + SAMPLE / 2.0;
    match sample {
        Sample::Bar(load) => draw_bar(load, (x, x + SAMPLE), (y - 6.5, 13.0), drawing),
        Sample::Lanes => {
            drawing.rectangle((x, y - 6.5), (x + SAMPLE, y + 1.5), NEUTRAL);
            drawing.rectangle((x + 4.0, y + 2.5), (x + SAMPLE, y + 6.5), NEUTRAL);
        }
        Sample::Report => draw_report(((x, y + 6.0), (x + SAMPLE, y - 5.0)), drawing),
        Sample::Decision => {
            drawing.line(vec![(x + 2.0, y + 1.5), (x + SAMPLE - 4.0, y + 1.5)], 1.0, QUIET_TEXT);
            draw_decision((x + SAMPLE - 4.0, y - 2.5), drawing);
        }
        Sample::Met => draw_deadline((middle, y - 1.5), false, drawing),
        Sample::Missed => {
            draw_deadline((x + 2.0, y - 1.5), true, drawing);
            drawing.rectangle((x + 2.0, y - 1.0), (x + SAMPLE, y + 1.0), LATE);
        }
    }
}
