//! Recorded positions: one polyline in time per node.

use std::collections::HashMap;

use super::source::Recording;
use super::split::Split;
use super::table::{Clock, Column, TIME_S, Table, excerpt};
use super::{Place, ReadOptions, TraceError};
use crate::units::{Metres, Seconds};

/// Where nodes were over time, on one clock that starts with the first line of each recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Positions {
    name: String,
    nodes: Vec<NodePath>,
    start: f64,
    end: f64,
}

/// The path of one node: straight lines between its recorded positions.
#[derive(Clone, Debug, PartialEq)]
pub struct NodePath {
    name: String,
    /// Times, s, in order; at least one.
    times: Vec<f64>,
    /// x and y at these times, m.
    points: Vec<[f64; 2]>,
}

impl Positions {
    /// The source that was read.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The nodes in the order in which they first appear, at least one.
    pub fn nodes(&self) -> &[NodePath] {
        &self.nodes
    }

    /// From the first recorded time to the last; 0 if nothing moves.
    pub fn duration(&self) -> Seconds {
        Seconds(self.end - self.start)
    }

    /// Where a node is, x and y, at a time from 0 to [`Positions::duration`]; O(log n) in its lines. Before its first
    /// line it is where it appears, after its last line where it was left.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn position(&self, node: usize, time: Seconds) -> [Metres; 2] {
        self.nodes[node].position(Seconds(self.start + time.0))
    }

    /// Where a node is at a time of any length if the recording is played forwards and backwards in turn, so that
    /// nothing jumps.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn there_and_back(&self, node: usize, time: Seconds) -> [Metres; 2] {
        let span = self.duration().0;
        let turn = if span > 0.0 { time.0.rem_euclid(2.0 * span) } else { 0.0 };
        self.position(node, Seconds(turn.min(2.0 * span - turn)))
    }
}

impl NodePath {
    /// Name of the node.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its recorded positions, x and y, in order of time.
    pub fn points(&self) -> impl Iterator<Item = [Metres; 2]> + '_ {
        self.points.iter().map(|[x, y]| [Metres(*x), Metres(*y)])
    }

    /// Number of recorded positions, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    fn position(&self, time: Seconds) -> [Metres; 2] {
        self.point(time.0).map(Metres)
    }

    fn point(&self, time: f64) -> [f64; 2] {
        let after = self.times.partition_point(|&at| at <= time);
        if after == 0 || after == self.len() {
            return self.points[after.saturating_sub(1)];
        }
        let (start, end) = (self.times[after - 1], self.times[after]);
        let share = (time - start) / (end - start);
        let ([x0, y0], [x1, y1]) = (self.points[after - 1], self.points[after]);
        [x0 + share * (x1 - x0), y0 + share * (y1 - y0)]
    }

    /// The part between two times, with the points at both; none if the node is not there then.
    fn between(self, from: f64, to: f64) -> Option<Self> {
        if self.len() == 1 {
            return Some(self);
        }
        let (first, last) = (self.times[0].max(from), self.times[self.len() - 1].min(to));
        if first >= last {
            return None;
        }
        let (mut times, mut points) = (vec![first], vec![self.point(first)]);
        for (&time, &point) in self.times.iter().zip(&self.points) {
            if first < time && time < last {
                times.push(time);
                points.push(point);
            }
        }
        times.push(last);
        points.push(self.point(last));
        Some(Self { name: self.name, times, points })
    }
}

const ACCEPTED: &str = "a header with time_s, node, x_m and y_m";

const X_M: Column = Column { name: "x_m", low: -1e9, high: 1e9, accepted: "a number of metres from -1e9 to 1e9" };

const Y_M: Column = Column { name: "y_m", ..X_M };

/// Reads the recordings of a source as one set of nodes.
pub(super) fn read(name: &str, recordings: &[Recording], options: &ReadOptions) -> Result<Positions, TraceError> {
    let mut nodes = Vec::new();
    for recording in recordings {
        let mut found = nodes_of(recording, options)?;
        if recordings.len() > 1 {
            let same = recording.name == recording.stem;
            let prefix = if same { recording.name.clone() } else { format!("{}/{}", recording.stem, recording.name) };
            found.iter_mut().for_each(|node| node.name = format!("{prefix}/{}", node.name));
        }
        nodes.append(&mut found);
    }
    let end = nodes.iter().map(|node| node.times[node.len() - 1]).fold(0.0, f64::max);
    let all = Positions { name: name.into(), nodes, start: 0.0, end };
    let place = recordings.first().map_or_else(|| Place { file: name.into(), line: 1 }, Recording::start);
    part(all, options.split, place)
}

fn part(all: Positions, split: Split, place: Place) -> Result<Positions, TraceError> {
    if split == Split::All {
        return Ok(all);
    }
    if Split::by_recording(all.nodes.len()) {
        let nodes = all.nodes.into_iter().enumerate().filter(|&(index, _)| split.has(index));
        return Ok(Positions { nodes: nodes.map(|(_, node)| node).collect(), ..all });
    }
    if all.end <= 0.0 {
        return Err(TraceError::NoTime { place });
    }
    let (from, to) = split.shares();
    let (start, end) = (from * all.end, to * all.end);
    let nodes: Vec<NodePath> = all.nodes.into_iter().filter_map(|node| node.between(start, end)).collect();
    if nodes.is_empty() {
        return Err(TraceError::TooFew { place, what: "nodes in this part of the time", found: 0, accepted: 1 });
    }
    Ok(Positions { name: all.name, nodes, start, end })
}

/// The nodes of one recording, whose first time becomes 0.
fn nodes_of(recording: &Recording, options: &ReadOptions) -> Result<Vec<NodePath>, TraceError> {
    let table = Table::new(recording, ACCEPTED)?;
    let mut nodes: Vec<(NodePath, Clock)> = Vec::new();
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    for row in table.rows(["time_s", "node", "x_m", "y_m"])? {
        let (line, [time, node, x, y]) = row?;
        let place = || recording.place(line);
        let (time, x, y) = (TIME_S.parse(time, place)?, X_M.parse(x, place)?, Y_M.parse(y, place)?);
        if node.is_empty() {
            let found = excerpt(node);
            return Err(TraceError::Field { place: place(), column: "node", found, accepted: "the name of a node" });
        }
        let number = *numbers.entry(node).or_insert(nodes.len());
        if number == nodes.len() {
            nodes.push(appear(node, options));
        }
        let (path, clock) = &mut nodes[number];
        clock.step(time, place)?;
        path.times.push(time);
        path.points.push([x, y]);
    }
    if nodes.is_empty() {
        return Err(TraceError::TooFew { place: recording.start(), what: "lines of positions", found: 0, accepted: 1 });
    }
    let first = nodes.iter().map(|(node, _)| node.times[0]).fold(f64::INFINITY, f64::min);
    let shifted = |mut node: NodePath| {
        node.times.iter_mut().for_each(|time| *time -= first);
        node
    };
    Ok(nodes.into_iter().map(|(node, _)| shifted(node)).collect())
}

fn appear(node: &str, options: &ReadOptions) -> (NodePath, Clock) {
    let clock = Clock { column: TIME_S.name, max_gap_s: options.max_gap_s, together: false, last: None };
    (NodePath { name: node.into(), times: Vec::new(), points: Vec::new() }, clock)
}
