//! [`GanttFigure`]: what every device, uplink and server does in a stretch of an episode.

mod lanes;
mod legend;
mod rows;

use mec_envs::offload::Timeline;

use self::lanes::{Bar, Load};
use self::rows::{Rows, Shown};
use super::drawing::{Anchor, Drawing, Ink, Point};
use super::font::{shortened, text_width};
use super::palette::{AXIS, GRID, LANE, LATE, NETWORKS, OTHERS, PAPER, QUIET_TEXT, TEXT};
use super::scale::Scale;
use super::{Figure, PlotError};

const WIDTH: f64 = 1240.0;
const MARGIN: f64 = 28.0;
/// Where the time axis begins: names stand left of it.
const LEFT: f64 = 150.0;
const RIGHT: f64 = WIDTH - MARGIN;
const TITLE: f64 = 22.0;
const BODY: f64 = 15.0;
const SMALL: f64 = 13.5;
const ROW_NAME: f64 = 12.0;

/// Heights, from a server's reports to a device's marks.
const REPORTS: f64 = 17.0;
const EXECUTOR: f64 = 20.0;
const EXECUTOR_GAP: f64 = 2.0;
const SERVER_GAP: f64 = 9.0;
const HEADING: f64 = 26.0;
const PROCESSOR: f64 = 10.0;
const UPLINK: f64 = 6.0;
const MARKS: f64 = 9.0;
const DEVICE_GAP: f64 = 4.0;

/// Bars of one picture: more are not told apart.
const MOST_BARS: usize = 50_000;

/// What every device, uplink and server does in a stretch of an episode: which tasks keep them busy, when they were
/// decided, which missed their deadlines, and when reports of servers were made and arrived. Times in s.
#[derive(Clone, Debug, PartialEq)]
pub struct GanttFigure {
    title: String,
    note: String,
    window: (f64, f64),
    networks: Vec<String>,
    servers: Vec<ServerRow>,
    devices: Vec<DeviceGroup>,
    left_out: String,
}

/// One server.
#[derive(Clone, Debug, PartialEq)]
struct ServerRow {
    name: String,
    processor: String,
    executors: Vec<Vec<Bar>>,
    /// When each report was made and when it arrived.
    reports: Vec<(f64, f64)>,
}

/// Devices with the same processor.
#[derive(Clone, Debug, PartialEq)]
struct DeviceGroup {
    processor: String,
    rows: Vec<DeviceRow>,
}

/// One device.
#[derive(Clone, Debug, PartialEq)]
struct DeviceRow {
    name: String,
    processor: Vec<Bar>,
    uplink: Vec<Bar>,
    tasks: Vec<Fate>,
}

/// The moments of a task that no bar shows.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Fate {
    arrival: f64,
    decision: f64,
    deadline: f64,
    completion: f64,
}

impl GanttFigure {
    /// The episode of this timeline from one moment to another, s; `title` says what ran. Of more than 40 devices with
    /// tasks in the window 40 are shown, of more than 32 executors the first 32, and the picture says so.
    pub fn new(timeline: &Timeline, window: (f64, f64), title: String) -> Self {
        Self::of(Shown { timeline, window, rows: Rows::InUse }, title)
    }

    /// The same as a picture of a film: whatever the window, it has the same rows and the same size. Of more than 40
    /// devices 40 are shown, with tasks or without.
    pub fn of_film(timeline: &Timeline, window: (f64, f64), title: String) -> Self {
        Self::of(Shown { timeline, window, rows: Rows::Same }, title)
    }

    fn of(shown: Shown<'_>, title: String) -> Self {
        let Shown { timeline, window: (from, to), .. } = shown;
        let setting = timeline.setting();
        let (servers, executors_left) = shown.servers();
        let (devices, devices_left) = shown.devices();
        let arrived: Vec<_> =
            timeline.tasks().iter().filter(|task| task.arrival >= from && task.arrival < to).collect();
        let count = arrived.len();
        let mut note = format!("{from} to {to} s of {} s; {count} tasks arrive", setting.scenario.horizon_s.0);
        if count > 0 {
            let in_time = arrived.iter().filter(|task| task.success()).count();
            let latencies = arrived.iter().map(|task| task.latency()).filter(|latency| latency.is_finite());
            let lost = count - latencies.clone().count();
            let mean = latencies.sum::<f64>() / (count - lost) as f64;
            let share = 100.0 * in_time as f64 / count as f64;
            note += &format!(", {share:.0} % of them are in time, and they take {mean:.2} s on average");
            if lost > 0 {
                note += &format!("; {lost} are lost");
            }
        }
        Self {
            title,
            note,
            window: (from, to),
            networks: setting.models.iter().map(|model| model.graph.name().to_owned()).collect(),
            servers,
            devices,
            left_out: left_out(devices_left, executors_left),
        }
    }

    fn bars(&self) -> usize {
        let executors = self.servers.iter().flat_map(|server| &server.executors).map(Vec::len);
        let rows = self.devices.iter().flat_map(|group| &group.rows);
        executors.sum::<usize>() + rows.map(|row| row.processor.len() + row.uplink.len()).sum::<usize>()
    }

    fn height(&self) -> f64 {
        let servers: f64 = self.servers.iter().map(ServerRow::height).sum();
        let groups = self.devices.iter().map(|group| HEADING + group.rows.len() as f64 * DeviceRow::HEIGHT);
        HEADING + servers + groups.sum::<f64>()
    }
}

fn left_out(devices: usize, executors: usize) -> String {
    let mut parts = Vec::new();
    if devices > 0 {
        parts.push(format!("{devices} more devices not shown"));
    }
    if executors > 0 {
        parts.push(format!("{executors} more executors of servers not shown"));
    }
    parts.join("; ")
}

impl Figure for GanttFigure {
    fn drawing(&self) -> Result<Drawing, PlotError> {
        let bars = self.bars();
        if bars > MOST_BARS {
            return Err(PlotError::TooMuch { figure: "gantt chart", found: bars, most: MOST_BARS });
        }
        let legend = legend::height(&self.networks);
        let top = 84.0 + legend + 24.0;
        let bottom = top + self.height();
        let notes = if self.left_out.is_empty() { 0.0 } else { 22.0 };
        let mut drawing = Drawing::new(WIDTH, (bottom + 58.0 + notes).ceil());
        drawing.text((MARGIN, 34.0), Anchor::Start, (TITLE, TEXT), shortened(&self.title, TITLE, RIGHT - MARGIN));
        drawing.text((MARGIN, 62.0), Anchor::Start, (BODY, QUIET_TEXT), &self.note);
        legend::draw(&self.networks, 84.0, &mut drawing);
        let page = Page { x: Scale::exactly(self.window, 10, (LEFT, RIGHT)), window: self.window };
        page.draw_axis((top, bottom), &mut drawing);
        let mut y = page.heading("Servers, and their reports on the way to the schedulers", top, &mut drawing);
        for server in &self.servers {
            y = page.draw_server(server, y, &mut drawing);
        }
        for group in &self.devices {
            y = page.heading(&format!("Devices: {}", group.processor), y, &mut drawing);
            for row in &group.rows {
                y = page.draw_device(row, y, &mut drawing);
            }
        }
        if !self.left_out.is_empty() {
            drawing.text((MARGIN, bottom + 60.0), Anchor::Start, (SMALL, QUIET_TEXT), &self.left_out);
        }
        Ok(drawing)
    }
}

impl ServerRow {
    fn height(&self) -> f64 {
        REPORTS + self.executors.len() as f64 * (EXECUTOR + EXECUTOR_GAP) + SERVER_GAP
    }
}

impl DeviceRow {
    const HEIGHT: f64 = PROCESSOR + UPLINK + MARKS + DEVICE_GAP;
}

/// Where times fall.
struct Page {
    x: Scale,
    window: (f64, f64),
}

impl Page {
    /// Where a time falls; at an end of the axis when it is outside.
    fn at(&self, time: f64) -> f64 {
        self.x.position(time.clamp(self.window.0, self.window.1))
    }

    fn holds(&self, time: f64) -> bool {
        (self.window.0..=self.window.1).contains(&time)
    }

    fn draw_axis(&self, (top, bottom): (f64, f64), drawing: &mut Drawing) {
        for (value, label) in self.x.ticks() {
            let x = self.x.position(value);
            drawing.line(vec![(x, top), (x, bottom)], 1.0, GRID);
            drawing.line(vec![(x, bottom), (x, bottom + 5.0)], 1.2, AXIS);
            drawing.text((x, top - 9.0), Anchor::Middle, (SMALL, QUIET_TEXT), &label);
            drawing.text((x, bottom + 16.0), Anchor::Middle, (SMALL, QUIET_TEXT), label);
        }
        drawing.line(vec![(LEFT, bottom), (RIGHT, bottom)], 1.2, AXIS);
        let middle = (LEFT + RIGHT) / 2.0;
        drawing.text((middle, bottom + 38.0), Anchor::Middle, (BODY, QUIET_TEXT), "Time in the episode (s)");
    }

    /// A heading of a group of lanes; returns where they begin.
    fn heading(&self, text: &str, y: f64, drawing: &mut Drawing) -> f64 {
        let text = shortened(text, SMALL, RIGHT - MARGIN);
        let ruled = MARGIN + text_width(&text, SMALL) + 6.0;
        drawing.text((MARGIN, y + HEADING - 10.0), Anchor::Start, (SMALL, TEXT), text);
        drawing.line(vec![(ruled.max(LEFT), y + HEADING - 10.0), (RIGHT, y + HEADING - 10.0)], 1.0, AXIS.faint(0.6));
        y + HEADING
    }

    fn draw_server(&self, server: &ServerRow, top: f64, drawing: &mut Drawing) -> f64 {
        let first = top + REPORTS;
        let name = (LEFT - 10.0, first + EXECUTOR / 2.0 - 6.0);
        drawing.text(name, Anchor::End, (ROW_NAME, TEXT), &server.name);
        let processor = shortened(&server.processor, ROW_NAME - 1.5, LEFT - 14.0);
        drawing.text((name.0, name.1 + 13.0), Anchor::End, (ROW_NAME - 1.5, QUIET_TEXT), processor);
        for (lane, bars) in server.executors.iter().enumerate() {
            let y = first + lane as f64 * (EXECUTOR + EXECUTOR_GAP);
            self.draw_lane(bars, (y, EXECUTOR), drawing);
        }
        for &(made, arrived) in &server.reports {
            self.draw_trip((made, arrived), (first - 1.0, top + 3.0), drawing);
        }
        top + server.height()
    }

    /// A report rises from the server, where it is made, to the schedulers.
    fn draw_trip(&self, (made, arrived): (f64, f64), (low, high): (f64, f64), drawing: &mut Drawing) {
        let rise = |time: f64| {
            let share = if arrived > made { (time - made) / (arrived - made) } else { 0.0 };
            (self.at(time), low + share * (high - low))
        };
        let (from, to) = (made.max(self.window.0), arrived.min(self.window.1));
        drawing.line(vec![rise(from), rise(to)], 1.0, QUIET_TEXT.faint(0.8));
        if self.holds(made) {
            draw_made(rise(made), drawing);
        }
        if self.holds(arrived) {
            drawing.dot(rise(arrived), 2.6, QUIET_TEXT);
        }
    }

    fn draw_device(&self, row: &DeviceRow, top: f64, drawing: &mut Drawing) -> f64 {
        let name = (LEFT - 10.0, top + (PROCESSOR + UPLINK) / 2.0);
        drawing.text(name, Anchor::End, (ROW_NAME - 1.5, QUIET_TEXT), &row.name);
        self.draw_lane(&row.processor, (top, PROCESSOR), drawing);
        self.draw_lane(&row.uplink, (top + PROCESSOR + 1.0, UPLINK - 1.0), drawing);
        let marks = top + PROCESSOR + UPLINK + 0.5;
        for fate in &row.tasks {
            self.draw_fate(fate, marks, drawing);
        }
        top + DeviceRow::HEIGHT
    }

    fn draw_lane(&self, bars: &[Bar], (top, height): (f64, f64), drawing: &mut Drawing) {
        drawing.rectangle((LEFT, top), (RIGHT, top + height), LANE);
        for bar in bars {
            draw_bar(bar.load, (self.at(bar.start), self.at(bar.end)), (top, height), drawing);
        }
    }

    fn draw_fate(&self, fate: &Fate, top: f64, drawing: &mut Drawing) {
        let Fate { arrival, decision, deadline, completion } = *fate;
        if arrival < self.window.1 && decision > self.window.0 {
            let y = top + 7.5;
            drawing.line(vec![(self.at(arrival), y), (self.at(decision), y)], 1.0, QUIET_TEXT);
        }
        if completion > deadline && deadline < self.window.1 && completion > self.window.0 {
            // A lost task is late for ever.
            let late = self.at(completion.min(self.window.1));
            let (from, to) = ((self.at(deadline), top + 0.5), (late, top + 2.5));
            drawing.rectangle(from, to, LATE);
        }
        if self.holds(deadline) {
            draw_deadline((self.at(deadline), top), completion > deadline, drawing);
        }
        if self.holds(decision) {
            draw_decision((self.at(decision), top + 3.5), drawing);
        }
    }
}

/// A bar between two positions, with the letter of its network where there is room.
fn draw_bar(load: Load, (from, to): (f64, f64), (top, height): (f64, f64), drawing: &mut Drawing) {
    let to = to.max(from + 0.5);
    let Load::Task { network, late } = load else {
        return drawing.rectangle((from, top), (to, top + height), OTHERS);
    };
    let ink = NETWORKS[network % NETWORKS.len()];
    // A thin gap keeps neighbours of one network apart.
    let end = if to - from > 3.0 { to - 0.7 } else { to };
    drawing.rectangle((from, top), (end, top + height), ink);
    if late {
        // Its pale edge shows the line also to those who do not see its red.
        let line = (0.16 * height).max(1.25);
        drawing.rectangle((from, top + height - line - 0.75), (end, top + height), PAPER);
        drawing.rectangle((from, top + height - line), (end, top + height), LATE);
    }
    let (size, name) = ((0.85 * height).min(13.0), letter(network));
    if height > 8.0 && end - from > text_width(&name, size) + 2.0 {
        let at = ((from + end) / 2.0, top + height / 2.0 - 0.05 * height);
        drawing.text(at, Anchor::Middle, (size, on(ink)), name);
    }
}

/// A whole report.
fn draw_report((made, arrived): (Point, Point), drawing: &mut Drawing) {
    drawing.line(vec![made, arrived], 1.0, QUIET_TEXT.faint(0.8));
    draw_made(made, drawing);
    drawing.dot(arrived, 2.6, QUIET_TEXT);
}

/// Where a report leaves its server.
fn draw_made((x, y): Point, drawing: &mut Drawing) {
    drawing.line(vec![(x, y), (x, y - 5.0)], 1.5, QUIET_TEXT);
}

/// The moment of a decision: a small triangle that points at the lanes.
fn draw_decision((x, top): Point, drawing: &mut Drawing) {
    drawing.area(vec![(x, top), (x - 2.2, top + 4.5), (x + 2.2, top + 4.5)], TEXT);
}

/// The deadline of a task: a tick, red and heavy when it is missed.
fn draw_deadline((x, top): Point, missed: bool, drawing: &mut Drawing) {
    let (stroke, ink) = if missed { (2.0, LATE) } else { (1.0, QUIET_TEXT) };
    drawing.line(vec![(x, top - 0.5), (x, top + 3.5)], stroke, ink);
}

/// What a network is called inside its bars: A, B, ..., Z, A1, B1, ...
fn letter(network: usize) -> String {
    let letter = char::from(b'A' + (network % 26) as u8);
    if network < 26 { letter.to_string() } else { format!("{letter}{}", network / 26) }
}

/// The colour of text on a bar of this colour.
fn on(ink: Ink) -> Ink {
    let luminance = 0.299 * f64::from(ink.red) + 0.587 * f64::from(ink.green) + 0.114 * f64::from(ink.blue);
    if luminance > 140.0 { TEXT } else { PAPER }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::Arc;

    use mec_envs::offload::{Offload, Scenario, Setting};
    use mec_envs::schemes::{Scheme, watch_episode};

    use super::super::drawing::{Shape, checks};
    use super::*;

    fn timeline(change: &str) -> Timeline {
        let table = format!("preset = \"default\"\nhorizon_s = 6.0\n{change}").parse().unwrap();
        let setting = Arc::new(Setting::new(Scenario::from_table(table).unwrap()).unwrap());
        let mut offload = Offload::new(setting);
        let mut timeline: Option<Timeline> = None;
        watch_episode(&mut offload, &Scheme::Nearest, 1, |offload| {
            let world = offload.world().unwrap();
            timeline.get_or_insert_with(|| Timeline::new(world)).watch(world);
            ControlFlow::Continue(())
        })
        .unwrap();
        let mut timeline = timeline.unwrap();
        timeline.finish(offload.world().unwrap());
        timeline
    }

    fn figure(change: &str, window: (f64, f64)) -> GanttFigure {
        GanttFigure::new(&timeline(change), window, "nearest on default, seed 1".to_owned())
    }

    const THOUSAND: &str = "devices = [{ processor = 'phone', count = 1000, rate_hz = 0.5, transmit_power_w = 1.0 }]\n\
                            servers = [{ processor = 'nvidia-t4', count = 10, executors = 4 }]";

    #[test]
    fn no_text_overlaps_another() {
        for window in [(0.0, 6.0), (2.0, 2.5)] {
            checks::texts_are_clear(&figure("", window).drawing().unwrap());
        }
        checks::texts_are_clear(&figure(THOUSAND, (1.0, 3.0)).drawing().unwrap());
    }

    #[test]
    fn everything_lies_in_the_picture() {
        let drawing = figure("", (1.0, 3.0)).drawing().unwrap();
        let inside = |&(x, y): &Point| (0.0..=WIDTH).contains(&x) && (0.0..=drawing.size().1).contains(&y);
        for shape in &drawing.shapes {
            let (Shape::Line { points, .. } | Shape::Area { points, .. }) = shape else { continue };
            assert!(points.iter().all(inside), "{points:?}");
        }
    }

    #[test]
    fn a_thousand_devices_are_forty_and_a_note() {
        let figure = figure(THOUSAND, (0.0, 6.0));
        assert_eq!(figure.devices.iter().map(|group| group.rows.len()).sum::<usize>(), 40);
        assert_eq!(figure.left_out, "960 more devices not shown; 8 more executors of servers not shown");
    }

    #[test]
    fn the_pictures_of_a_film_have_one_size_and_the_same_rows() {
        for change in [
            "",
            THOUSAND,
            "servers = [{ processor = 'mini-pc', count = 2, executors = 1, discipline = 'processor_sharing' }]",
        ] {
            let timeline = timeline(change);
            let figure = |from, to| GanttFigure::of_film(&timeline, (from, to), "a film".to_owned());
            let rows = |figure: &GanttFigure| {
                let devices = figure.devices.iter().flat_map(|group| &group.rows).map(|row| row.name.clone());
                (devices.collect::<Vec<_>>(), figure.servers.iter().map(|row| row.executors.len()).collect::<Vec<_>>())
            };
            let (early, late) = (figure(0.0, 0.2), figure(3.0, 6.0));
            assert_eq!(rows(&early), rows(&late), "{change}");
            assert_eq!(early.drawing().unwrap().size(), late.drawing().unwrap().size(), "{change}");
            checks::texts_are_clear(&early.drawing().unwrap());
        }
    }

    #[test]
    fn every_stage_of_every_task_is_a_bar_of_its_length() {
        let timeline = timeline("");
        let figure = GanttFigure::new(&timeline, (0.0, 1000.0), String::new());
        let length = |bars: &[Bar]| {
            bars.iter().filter(|bar| bar.load != Load::Foreign).map(|bar| bar.end - bar.start).sum::<f64>()
        };
        let rows = || figure.devices.iter().flat_map(|group| &group.rows);
        let drawn: f64 = rows().map(|row| length(&row.processor) + length(&row.uplink)).sum::<f64>()
            + figure.servers.iter().flat_map(|server| &server.executors).map(|lane| length(lane)).sum::<f64>();
        let tasks = timeline.tasks();
        let spent: f64 =
            tasks.iter().map(|task| task.device.length() + task.upload.length() + task.server.length()).sum();
        assert!((drawn - spent).abs() < 1e-6 * spent, "{drawn} of {spent}");
        assert_eq!(rows().map(|row| row.tasks.len()).sum::<usize>(), tasks.len());
    }

    #[test]
    fn late_tasks_are_red_and_only_they() {
        let reds = |drawing: &Drawing| {
            drawing.shapes.iter().filter(|shape| matches!(shape, Shape::Area { ink, .. } if *ink == LATE)).count()
        };
        let models =
            |deadline: f64| format!("models = [{{ name = 'alexnet', weight = 1.0, deadline_s = {deadline:?} }}]");
        // Two stand in the legend.
        assert_eq!(reds(&figure(&models(1e6), (0.0, 6.0)).drawing().unwrap()), 2);
        assert!(reds(&figure(&models(1e-6), (0.0, 6.0)).drawing().unwrap()) > 100);
    }

    #[test]
    fn every_network_has_a_letter_of_its_own() {
        assert_eq!([0, 1, 25, 26, 53].map(letter), ["A", "B", "Z", "A1", "B2"]);
    }
}
