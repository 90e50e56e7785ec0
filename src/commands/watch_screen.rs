//! The curves of `watch` in a terminal.

use std::time::Duration;

use anyhow::Context;
use mec_experiments::record::SeedCurve;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, poll, read};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, Gauge, GraphType, Paragraph};
use ratatui::{DefaultTerminal, Frame};

/// Colours of the methods, in order and over again; those of the terminal, so that they fit its background.
const COLOURS: [Color; 6] = [Color::Blue, Color::Red, Color::Green, Color::Magenta, Color::Yellow, Color::Cyan];

/// What is to be shown.
pub struct Scene<'a> {
    /// What is watched.
    pub title: String,
    /// The figure of the curves.
    pub metric: &'a str,
    /// The methods, of which each has a colour.
    pub labels: &'a [String],
    /// A curve per training that has been evaluated.
    pub curves: Vec<SeedCurve<'a>>,
    /// Environment steps of all trainings: done, and in the end.
    pub steps: (u64, u64),
}

/// What a person asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Enough is seen.
    End,
    /// Ctrl-C.
    Stop,
    /// Another figure.
    NextMetric,
    /// The terminal has another size.
    Redraw,
}

/// The terminal, taken over and given back as it was.
pub struct Screen(DefaultTerminal);

impl Screen {
    /// Takes the terminal over.
    pub fn open() -> anyhow::Result<Self> {
        ratatui::try_init().map(Self).context("cannot take over the terminal")
    }

    /// Draws a scene over the last one.
    pub fn draw(&mut self, scene: &Scene<'_>) -> anyhow::Result<()> {
        self.0.draw(|frame| render(scene, frame)).map(|_| ()).context("cannot draw into the terminal")
    }

    /// What was asked for within this time; `None` for nothing.
    pub fn wish(&mut self, wait: Duration) -> anyhow::Result<Option<Wish>> {
        let listen = || if poll(wait)? { read().map(|event| wish(&event)) } else { Ok(None) };
        listen().context("cannot read from the terminal")
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn wish(event: &Event) -> Option<Wish> {
    match event {
        Event::Resize(..) => Some(Wish::Redraw),
        Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) => match code {
            KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::Stop),
            KeyCode::Char('q') | KeyCode::Esc => Some(Wish::End),
            KeyCode::Char('m') => Some(Wish::NextMetric),
            _ => None,
        },
        _ => None,
    }
}

fn render(scene: &Scene<'_>, frame: &mut Frame<'_>) {
    let last = last_values(scene);
    // A line per method, as far as there is room.
    let names = u16::try_from(last.len()).unwrap_or(u16::MAX).min(frame.area().height / 3).max(1);
    let rows = [Constraint::Length(1), Constraint::Length(1), Constraint::Min(6), Constraint::Length(names)];
    let [title, progress, plot, legend] = Layout::vertical(rows).areas(frame.area());
    let keys = Span::styled("  q ends, m shows another figure", Style::new().add_modifier(Modifier::DIM));
    frame.render_widget(Line::from(vec![Span::raw(scene.title.as_str()), keys]), title);
    let (done, planned) = scene.steps;
    let ratio = if planned == 0 { 0.0 } else { (done as f64 / planned as f64).min(1.0) };
    frame.render_widget(Gauge::default().ratio(ratio).label(format!("{done}/{planned} steps")), progress);
    chart(scene, frame, plot);
    frame.render_widget(Paragraph::new(last), legend);
}

/// The method's colour.
fn colour(scene: &Scene<'_>, label: &str) -> Color {
    let index = scene.labels.iter().position(|other| other == label).unwrap_or(0);
    COLOURS[index % COLOURS.len()]
}

/// A line per method with the last values of its trainings, the lowest mean first.
fn last_values<'s>(scene: &Scene<'s>) -> Vec<Line<'s>> {
    let of_label = |label: &'s String| {
        let own = scene.curves.iter().filter(|curve| curve.label == label);
        let values: Vec<f64> = own.filter_map(|curve| Some(curve.points.last()?.1)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let seeds: Vec<String> = values.iter().map(|value| format!("{value:.4}")).collect();
        (mean, label, seeds.join("  "))
    };
    let mut methods: Vec<_> = scene.labels.iter().map(of_label).filter(|(mean, ..)| !mean.is_nan()).collect();
    methods.sort_by(|left, right| left.0.total_cmp(&right.0));
    let line = |(mean, label, seeds): (f64, &'s String, String)| {
        let name = Span::styled(format!("{label:<16}"), Style::new().fg(colour(scene, label)));
        Line::from(vec![name, Span::raw(format!(" {mean:.4}  (seeds: {seeds})"))])
    };
    methods.into_iter().map(line).collect()
}

fn chart(scene: &Scene<'_>, frame: &mut Frame<'_>, area: Rect) {
    let block = Block::bordered().title(format!(" {} ", scene.metric));
    let as_floats = |curve: &SeedCurve<'_>| curve.points.iter().map(|&(step, value)| (step as f64, value)).collect();
    let points: Vec<Vec<(f64, f64)>> = scene.curves.iter().map(as_floats).collect();
    let all = || points.iter().flatten();
    if all().next().is_none() {
        frame.render_widget(Paragraph::new("nothing is evaluated yet").block(block), area);
        return;
    }
    let [x, y] = [range(all().map(|point| point.0)), range(all().map(|point| point.1))];
    let datasets = scene.curves.iter().zip(&points).map(|(curve, points)| {
        let style = Style::new().fg(colour(scene, curve.label));
        Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line).style(style).data(points)
    });
    let chart = Chart::new(datasets.collect())
        .block(block)
        .x_axis(Axis::default().bounds(x).labels(x.map(|end| format!("{end:.0}"))))
        .y_axis(Axis::default().bounds(y).labels([y[0], (y[0] + y[1]) / 2.0, y[1]].map(|end| format!("{end:.3}"))));
    frame.render_widget(chart, area);
}

/// From the least to the most; a little around a single value.
fn range(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let [low, high] =
        values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| [low.min(value), high.max(value)]);
    if low < high { [low, high] } else { [low - 0.5, high + 0.5] }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn drawn(scene: &Scene<'_>, (width, height): (u16, u16)) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| render(scene, frame)).unwrap();
        terminal.backend().to_string()
    }

    fn scene<'a>(labels: &'a [String], curves: Vec<SeedCurve<'a>>) -> Scene<'a> {
        Scene { title: "results/x".to_owned(), metric: "latency_mean_s", labels, curves, steps: (300, 1200) }
    }

    #[test]
    fn curves_are_drawn_with_their_last_values_the_lowest_first() {
        let labels = ["dsaco", "floor"].map(str::to_owned);
        let curve = |label, seed, end| SeedCurve { label, seed, points: vec![(0, 1.0), (600, 0.75), (1200, end)] };
        let curves = vec![curve("dsaco", 1, 0.25), curve("dsaco", 2, 0.5), curve("floor", 1, 0.125)];
        let text = drawn(&scene(&labels, curves), (60, 20));
        for part in ["results/x", "q ends", "300/1200 steps", "latency_mean_s", "1.000", "1200"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(text.chars().any(|character| ('\u{2801}'..='\u{28ff}').contains(&character)), "{text}");
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} is not in\n{text}"));
        assert!(at("floor            0.1250") < at("dsaco            0.3750  (seeds: 0.2500  0.5000)"), "{text}");
    }

    #[test]
    fn a_run_without_an_evaluation_and_a_terminal_without_room_are_drawn_too() {
        let labels = ["dsaco".to_owned()];
        assert!(drawn(&scene(&labels, Vec::new()), (60, 20)).contains("nothing is evaluated yet"));
        let curves = vec![SeedCurve { label: "dsaco", seed: 1, points: vec![(0, 0.5)] }];
        for size in [(1, 1), (5, 3), (300, 80)] {
            drawn(&scene(&labels, curves.clone()), size);
        }
    }

    #[test]
    fn keys_are_understood() {
        let key = |code, modifiers| wish(&Event::Key(KeyEvent::new(code, modifiers)));
        assert_eq!(key(KeyCode::Char('q'), KeyModifiers::NONE), Some(Wish::End));
        assert_eq!(key(KeyCode::Char('m'), KeyModifiers::NONE), Some(Wish::NextMetric));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Wish::Stop));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::NONE), None);
        assert_eq!(wish(&Event::Resize(3, 4)), Some(Wish::Redraw));
    }
}
