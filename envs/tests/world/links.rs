//! The true uplinks and the foreign load of an episode, from its streams.

use std::collections::VecDeque;

use mec_envs::offload::Setting;
use mec_envs::rng::rand::RngExt;
use mec_envs::rng::rand_distr::Exp1;
use mec_envs::rng::{derive_seed, numbered_stream, stream};
use mec_envs::system::link::{Link, LinkModel, MIN_EFFICIENCY, Roaming, Whereabouts, path_loss_db};
use mec_envs::system::place::{MobilityModel, Point, Sites, Walker};

/// A stretch of time in which an uplink does not change.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    pub until: f64,
    pub rate: f64,
    pub station: usize,
}

/// The uplink of every device in the episode that `run_episode` runs with this seed, up to `until`, s. Blocks, and
/// comparisons of servers, are 0.1 s long.
pub fn uplinks(setting: &Setting, seed: u64, until: f64) -> Vec<Vec<Stretch>> {
    let seed = derive_seed(seed, "episodes");
    let (mut places, side) = (stream(seed, "places"), setting.scenario.area_m);
    let mut uplink = |user: usize| {
        let start = Point { x: places.random::<f64>() * side.0, y: places.random::<f64>() * side.0 };
        let blocks = attachments(setting, user, start, seed, until);
        let mut link = link(setting, user, start, seed);
        let rate = |block: usize| match &setting.link {
            LinkModel::Constant(rate) => *rate,
            _ => probe(setting, &mut link, block),
        };
        let rates: Vec<f64> = (0..blocks.len()).map(rate).collect();
        stretches(setting, &blocks, &rates)
    };
    (0..setting.devices.len()).map(&mut uplink).collect()
}

/// The nearest server, by a search through all.
fn nearest(sites: &Sites, count: usize, point: &Point) -> usize {
    let distance = |site: &usize| sites.point(*site).distance(point).0;
    (0..count).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap()
}

/// The server of each block of 0.1 s, by event A3.
fn attachments(setting: &Setting, user: usize, start: Point, seed: u64, until: f64) -> Vec<usize> {
    let (sites, count, side) = (&setting.sites, setting.servers.len(), setting.scenario.area_m);
    let model = &setting.mobility[setting.devices[user].group];
    let mut walker = Walker::new(model, start, side, numbered_stream(seed, "walker-", user));
    let mut own = nearest(sites, count, &walker.position(0.0));
    let hysteresis = setting.scenario.network.handover.hysteresis_db;
    let mut attached = |block: usize| {
        let point = walker.position(block as f64 * 0.1);
        let other = nearest(sites, count, &point);
        let loss = |site: usize| path_loss_db(sites.point(site).distance(&point), 3.5);
        if other != own && loss(own) - loss(other) >= hysteresis {
            own = other;
        }
        own
    };
    (0..(until / 0.1) as usize).map(&mut attached).collect()
}

/// The link as the environment makes it.
pub fn link(setting: &Setting, user: usize, start: Point, seed: u64) -> Link {
    let (sites, side) = (&setting.sites, setting.scenario.area_m);
    let model = &setting.mobility[setting.devices[user].group];
    let whereabouts = match model {
        MobilityModel::Static => {
            let station = nearest(sites, setting.servers.len(), &start);
            Whereabouts::Fixed(station, sites.point(station).distance(&start))
        }
        _ => {
            let walker = Walker::new(model, start, side, numbered_stream(seed, "walker-", user));
            Whereabouts::Roaming(Roaming::new(walker, sites.clone(), setting.scenario.network.handover))
        }
    };
    Link::new(&setting.link, whereabouts, 1.0, numbered_stream(seed, "link-", user))
}

/// The rate in the second half of a block, from how long a small upload takes there.
fn probe(setting: &Setting, link: &mut Link, block: usize) -> f64 {
    let bandwidth = setting.scenario.link.shannon().unwrap().bandwidth.0;
    let (start, bytes) = ((block as f64 + 0.5) * 0.1, bandwidth * MIN_EFFICIENCY / 8.0 * 0.04);
    bytes / (link.upload_end(start, bytes).end - start)
}

/// Blocks with the silence after each change of server.
fn stretches(setting: &Setting, stations: &[usize], rates: &[f64]) -> Vec<Stretch> {
    let silence = setting.scenario.network.handover.interruption_s.0;
    assert!(silence < 0.05, "the rate is looked at in the second half of a block");
    let mut all = Vec::new();
    for (block, (&station, &rate)) in stations.iter().zip(rates).enumerate() {
        let start = block as f64 * 0.1;
        if block > 0 && stations[block - 1] != station {
            all.push(Stretch { until: start + silence, rate: 0.0, station });
        }
        all.push(Stretch { until: (block + 1) as f64 * 0.1, rate, station });
    }
    all
}

/// Arrival and service of every foreign job up to `until`, s, server by server; they arrive as a Poisson process.
pub fn foreign(setting: &Setting, seed: u64, until: f64) -> Vec<VecDeque<(f64, f64)>> {
    let (seed, load) = (derive_seed(seed, "episodes"), &setting.scenario.foreign);
    let of_server = |m: usize| {
        let rate = load.utilisation * setting.servers[m].executors as f64 / load.mean_service_s;
        let mut times = stream(seed, &format!("server-{m}/foreign-arrivals"));
        let mut services = stream(seed, &format!("server-{m}/foreign-services"));
        let mut time = 0.0;
        let jobs = std::iter::from_fn(|| {
            time += times.sample::<f64, _>(Exp1) / rate;
            Some((time, load.mean_service_s * services.sample::<f64, _>(Exp1)))
        });
        jobs.take_while(|(time, _)| *time < until).collect()
    };
    (0..setting.servers.len()).map(of_server).collect()
}
