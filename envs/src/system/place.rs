//! Where devices and servers stand, and how devices move.

use std::sync::Arc;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::rng::Prng;
use crate::trace::{Positions, ReadOptions, TraceError, positions};
use crate::units::{Metres, Seconds};

/// A point of the square area, m from its corner.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// To the right, m.
    pub x: f64,
    /// Upwards, m.
    pub y: f64,
}

impl Point {
    /// Distance to another point.
    pub fn distance(&self, other: &Self) -> Metres {
        Metres((self.x - other.x).hypot(self.y - other.y))
    }
}

/// How the devices of a group move.
///
/// # Design
/// Variants without fields have braces: serde ignores unknown keys of those without.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum MobilityConfig {
    /// Each stays at a random place for a whole episode.
    Static {},
    /// Each goes from a random place straight to another at a random speed, pauses, and goes on (Johnson and Maltz 1996,
    /// DOI 10.1007/978-0-585-29603-6_5). Least speeds near 0 make the mean speed decay over time (Yoon, Liu and Noble
    /// 2003, DOI 10.1109/INFCOM.2003.1208967), so the least speed must be above 0.
    RandomWaypoint {
        /// Least speed, m/s; above 0.
        speed_min_mps: f64,
        /// Greatest speed, m/s; at least the least.
        speed_max_mps: f64,
        /// Pause at each place, s.
        pause_s: f64,
    },
    /// Recorded positions: each device follows a recorded node, chosen at random, from a random moment of the recording,
    /// forwards and backwards in turn, so that nothing jumps. All positions must lie in the area.
    Recorded {
        /// A shipped recording by its name, or the path of a file; see [`positions`].
        source: String,
    },
}

impl Default for MobilityConfig {
    fn default() -> Self {
        Self::Static {}
    }
}

/// [`MobilityConfig`], ready to use.
#[derive(Clone, Debug)]
pub enum MobilityModel {
    /// See [`MobilityConfig::Static`].
    Static,
    /// See [`MobilityConfig::RandomWaypoint`].
    RandomWaypoint {
        /// Least and greatest speed, m/s.
        speed_mps: [f64; 2],
        /// Pause at each place, s.
        pause_s: f64,
    },
    /// See [`MobilityConfig::Recorded`].
    Recorded(Arc<Positions>),
}

impl MobilityConfig {
    /// The movement with its recording read.
    ///
    /// # Errors
    /// [`TraceError`] when a recording cannot be used.
    pub fn load(&self, options: &ReadOptions) -> Result<MobilityModel, TraceError> {
        Ok(match self {
            Self::Static {} => MobilityModel::Static,
            Self::RandomWaypoint { speed_min_mps, speed_max_mps, pause_s } => {
                MobilityModel::RandomWaypoint { speed_mps: [*speed_min_mps, *speed_max_mps], pause_s: *pause_s }
            }
            Self::Recorded { source } => MobilityModel::Recorded(Arc::new(positions(source, options)?)),
        })
    }
}

impl MobilityModel {
    /// A recorded node and position outside a square of this side, if there is one.
    pub fn first_outside(&self, side: Metres) -> Option<(String, Point)> {
        let Self::Recorded(recording) = self else { return None };
        let inside = |value: Metres| (0.0..=side.0).contains(&value.0);
        recording.nodes().iter().find_map(|node| {
            let outside = node.points().find(|[x, y]| !inside(*x) || !inside(*y));
            outside.map(|[x, y]| (node.name().to_owned(), Point { x: x.0, y: y.0 }))
        })
    }
}

/// The places of the servers: the middles of a regular grid over the square area, row by row.
#[derive(Clone, Debug)]
pub struct Sites {
    points: Vec<Point>,
    columns: usize,
    rows: usize,
    side: f64,
}

impl Sites {
    /// As many sites over a square of this side.
    /// `docs/model.md`, equation 8.
    pub fn grid(count: usize, side: Metres) -> Self {
        let columns = (count as f64).sqrt().ceil() as usize;
        let rows = count.div_ceil(columns);
        let side = side.0;
        let point = |site: usize| {
            let (row, column) = (site / columns, site % columns);
            Point { x: (column as f64 + 0.5) / columns as f64 * side, y: (row as f64 + 0.5) / rows as f64 * side }
        };
        Self { points: (0..count).map(point).collect(), columns, rows, side }
    }

    /// The place of a site.
    pub fn point(&self, site: usize) -> &Point {
        &self.points[site]
    }

    /// The site nearest to a point; of equally near ones the first. O(1).
    pub fn nearest(&self, point: &Point) -> usize {
        let sites = self.around(point, 1);
        let distances = sites.map(|site| (site, self.points[site].distance(point).0));
        distances.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(site, _)| site)
    }

    /// The `count` sites nearest to a site, itself first; all when there are not more.
    pub fn nearest_to(&self, site: usize, count: usize) -> Vec<usize> {
        // In a corner a quarter of the window holds sites; four times as many as wanted make up for the grid's shape.
        let reach = (4.0 * count as f64).sqrt().ceil() as usize;
        let mut near: Vec<usize> = self.around(&self.points[site], reach).collect();
        near.sort_by(|a, b| {
            let distance = |other: &usize| self.points[*other].distance(&self.points[site]).0;
            distance(a).total_cmp(&distance(b)).then(a.cmp(b))
        });
        near.truncate(count);
        near
    }

    /// The greatest distance of a point of the area to its nearest site.
    pub fn farthest(&self) -> Metres {
        let steps = 4 * self.columns.max(self.rows).min(64);
        let at = |step: usize| step as f64 / steps as f64 * self.side;
        let points = (0..=steps).flat_map(|i| (0..=steps).map(move |j| Point { x: at(i), y: at(j) }));
        points.map(|point| self.points[self.nearest(&point)].distance(&point)).fold(Metres::ZERO, Metres::max)
    }

    /// Sites of the grid's cells up to `reach` cells away from that of a point, in order. The last row may have gaps: a
    /// point over one looks one row further.
    fn around(&self, point: &Point, reach: usize) -> impl Iterator<Item = usize> + '_ {
        let cell = |coordinate: f64, cells: usize| {
            ((coordinate / self.side * cells as f64).max(0.0) as usize).min(cells.saturating_sub(1))
        };
        let (column, row) = (cell(point.x, self.columns), cell(point.y, self.rows));
        let gap = row * self.columns + column >= self.points.len();
        let rows = row.saturating_sub(reach + usize::from(gap))..=(row + reach).min(self.rows - 1);
        let last = self.points.len().saturating_sub(1);
        let columns = column.saturating_sub(reach)..=(column + reach).min(self.columns - 1);
        // Over a gap the row's last site may be many columns away.
        let end_of_row = gap.then_some(last);
        let window = rows.flat_map(move |row| columns.clone().map(move |column| row * self.columns + column));
        window.filter(move |&site| site <= last && Some(site) != end_of_row).chain(end_of_row)
    }
}

/// The position of one device over time.
#[derive(Clone, Debug)]
pub struct Walker {
    rng: Prng,
    side: f64,
    path: Path,
}

#[derive(Clone, Debug)]
enum Path {
    Stay(Point),
    Waypoints { speed_mps: [f64; 2], pause_s: f64, leg: Leg },
    Recorded { recording: Arc<Positions>, node: usize, offset: f64 },
}

/// A straight way between two places.
#[derive(Clone, Copy, Debug)]
struct Leg {
    from: Point,
    to: Point,
    depart: f64,
    arrive: f64,
}

impl Walker {
    /// A device that starts at `start`, or where its recording says, in a square of this side.
    pub fn new(model: &MobilityModel, start: Point, side: Metres, mut rng: Prng) -> Self {
        let path = match model {
            MobilityModel::Static => Path::Stay(start),
            MobilityModel::RandomWaypoint { speed_mps, pause_s } => {
                let leg = Leg { from: start, to: start, depart: 0.0, arrive: 0.0 };
                Path::Waypoints { speed_mps: *speed_mps, pause_s: *pause_s, leg }
            }
            MobilityModel::Recorded(recording) => {
                let node = rng.random_range(0..recording.nodes().len());
                let offset = rng.random::<f64>() * recording.duration().0;
                Path::Recorded { recording: Arc::clone(recording), node, offset }
            }
        };
        Self { rng, side: side.0, path }
    }

    /// Where it is at `time`, s, which may not be before that of an earlier call.
    /// `docs/model.md`, equation 9.
    pub fn position(&mut self, time: f64) -> Point {
        match &mut self.path {
            Path::Stay(point) => *point,
            Path::Waypoints { speed_mps, pause_s, leg } => {
                while time >= leg.arrive + *pause_s {
                    let to = Point { x: self.rng.random::<f64>() * self.side, y: self.rng.random::<f64>() * self.side };
                    let speed = speed_mps[0] + self.rng.random::<f64>() * (speed_mps[1] - speed_mps[0]);
                    let depart = leg.arrive + *pause_s;
                    *leg = Leg { from: leg.to, to, depart, arrive: depart + leg.to.distance(&to).0 / speed };
                }
                leg.position(time)
            }
            Path::Recorded { recording, node, offset } => {
                let [x, y] = recording.there_and_back(*node, Seconds(time + *offset));
                Point { x: x.0, y: y.0 }
            }
        }
    }
}

impl Leg {
    fn position(&self, time: f64) -> Point {
        let share = if self.arrive > self.depart { (time - self.depart) / (self.arrive - self.depart) } else { 1.0 };
        let share = share.clamp(0.0, 1.0);
        Point { x: self.from.x + share * (self.to.x - self.from.x), y: self.from.y + share * (self.to.y - self.from.y) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;

    #[test]
    fn the_nearest_site_is_that_of_a_search_through_all() {
        let mut rng = stream(1, "points");
        for count in [1, 2, 3, 4, 5, 7, 11, 21, 50, 200] {
            let sites = Sites::grid(count, Metres(300.0));
            for _ in 0..500 {
                let point = Point { x: rng.random::<f64>() * 300.0, y: rng.random::<f64>() * 300.0 };
                let all = (0..count).map(|site| sites.point(site).distance(&point).0);
                let best = all.fold(f64::INFINITY, f64::min);
                let found = sites.point(sites.nearest(&point)).distance(&point).0;
                assert!((found - best).abs() < 1e-9, "{count} sites, {point:?}: {found} m, not {best} m");
            }
        }
    }

    #[test]
    fn the_sites_near_a_site_are_those_of_a_search_through_all() {
        for (count, wanted) in [(4, 4), (4, 9), (7, 3), (50, 8), (200, 4), (200, 16)] {
            let sites = Sites::grid(count, Metres(300.0));
            for site in 0..count {
                let mut all: Vec<f64> =
                    (0..count).map(|other| sites.point(other).distance(sites.point(site)).0).collect();
                all.sort_by(f64::total_cmp);
                let near = sites.nearest_to(site, wanted);
                assert_eq!((near.len(), near[0]), (wanted.min(count), site));
                for (found, expected) in near.iter().zip(all) {
                    assert!((sites.point(*found).distance(sites.point(site)).0 - expected).abs() < 1e-9, "{site}");
                }
            }
        }
    }

    #[test]
    fn a_walker_keeps_its_speed_its_area_and_its_pauses() {
        let model = MobilityModel::RandomWaypoint { speed_mps: [1.0, 2.0], pause_s: 3.0 };
        let start = Point { x: 10.0, y: 20.0 };
        let mut walker = Walker::new(&model, start, Metres(100.0), stream(2, "walker"));
        let (mut before, mut moved, mut still) = (walker.position(0.0), 0, 0);
        assert_eq!(before, start);
        for step in 1..20_000 {
            let point = walker.position(f64::from(step) * 0.1);
            assert!((0.0..=100.0).contains(&point.x) && (0.0..=100.0).contains(&point.y));
            let speed = point.distance(&before).0 / 0.1;
            assert!(speed <= 2.0 + 1e-9, "{speed}");
            if speed > 0.0 {
                moved += 1
            } else {
                still += 1
            }
            before = point;
        }
        // A mean way of 52 m (Bettstetter 2003: 0.5214 of the side) at 1.44 m/s (harmonic mean) takes 36 s, a pause 3 s.
        let share = f64::from(still) / f64::from(moved + still);
        assert!((0.05..0.11).contains(&share), "{share}");
    }
}
