//! Walkers, handovers and fading against what is known of them.

use std::sync::Arc;

use mec_envs::rng::rand::RngExt;
use mec_envs::rng::stream;
use mec_envs::system::link::{
    HandoverConfig, Link, LinkModel, MAX_EFFICIENCY, MIN_EFFICIENCY, Roaming, Sent, Shannon, ShannonModel, Whereabouts,
    path_loss_db,
};
use mec_envs::system::place::{MobilityModel, Point, Sites, Walker};
use mec_envs::units::{Hertz, Metres, Seconds, Watts};

const SIDE: f64 = 400.0;

fn walker(speed_mps: [f64; 2], pause_s: f64, seed: u64) -> Walker {
    let model = MobilityModel::RandomWaypoint { speed_mps, pause_s };
    Walker::new(&model, Point { x: 100.0, y: 300.0 }, Metres(SIDE), stream(seed, "walker"))
}

/// Over time, a walker without pauses has the harmonic mean of its speeds: (b - a) / ln(b / a) for uniform ones (Yoon,
/// Liu and Noble 2003).
#[test]
fn walkers_go_at_the_harmonic_mean_of_their_speeds() {
    let (mut walker, step, steps) = (walker([1.0, 20.0], 0.0, 1), 0.1, 4_000_000);
    let mut before = walker.position(0.0);
    let way: f64 = (1..=steps)
        .map(|number| {
            let point = walker.position(f64::from(number) * step);
            point.distance(&std::mem::replace(&mut before, point)).0
        })
        .sum();
    let (mean, expected) = (way / step / f64::from(steps), 19.0 / 20f64.ln());
    assert!((mean / expected - 1.0).abs() < 0.02, "{mean} m/s, not {expected} m/s");
}

/// Positions at random times are points of ways, long ones in proportion to their length (Palm calculus: Le Boudec and
/// Vojnovic 2005, DOI 10.1109/INFCOM.2005.1498518), so walkers are nearer to the middle than uniform points.
#[test]
fn walkers_are_as_far_from_the_middle_as_points_of_random_ways() {
    let mut rng = stream(3, "ways");
    let middle = Point { x: SIDE / 2.0, y: SIDE / 2.0 };
    let mut random = || Point { x: rng.random::<f64>() * SIDE, y: rng.random::<f64>() * SIDE };
    let (mut sum, mut length) = (0.0, 0.0);
    for step in 0..400_000 {
        let (from, to, share) = (random(), random(), (f64::from(step % 100) + 0.5) / 100.0);
        let point = Point { x: from.x + share * (to.x - from.x), y: from.y + share * (to.y - from.y) };
        sum += from.distance(&to).0 * point.distance(&middle).0;
        length += from.distance(&to).0;
    }
    let (mut walker, steps) = (walker([5.0, 5.0], 0.0, 2), 400_000);
    let mean = (0..steps).map(|step| walker.position(f64::from(step) * 7.0).distance(&middle).0).sum::<f64>()
        / f64::from(steps);
    let expected = sum / length;
    assert!((mean / expected - 1.0).abs() < 0.01, "{mean} m from the middle, not {expected} m");
    // Uniform points are 0.3826 of the side away.
    assert!(expected < 0.35 * SIDE, "{expected}");
}

/// A share of time of pause / (pause + mean way / harmonic speed); a mean way is 0.5214 of the side (Bettstetter 2003).
#[test]
fn walkers_rest_for_their_share_of_time() {
    let (mut walker, steps) = (walker([2.0, 6.0], 30.0, 4), 2_000_000);
    let mut before = walker.position(0.0);
    let still = (1..=steps).filter(|step| {
        let point = walker.position(f64::from(*step) * 0.5);
        point == std::mem::replace(&mut before, point)
    });
    let (share, way) = (still.count() as f64 / f64::from(steps), 0.521_405 * SIDE * 3f64.ln() / 4.0);
    assert!((share / (30.0 / (30.0 + way)) - 1.0).abs() < 0.02, "{share}, a way takes {way} s");
}

/// A link of constant rate that roams over a grid of servers, and the same walker.
fn roaming(handover: HandoverConfig, seed: u64) -> (Link, Walker, Arc<Sites>) {
    let sites = Arc::new(Sites::grid(9, Metres(SIDE)));
    let walker = walker([10.0, 30.0], 1.0, seed);
    let roaming = Roaming::new(walker.clone(), Arc::clone(&sites), handover);
    let link = Link::new(&LinkModel::Constant(1e6), Whereabouts::Roaming(roaming), 0.5, stream(seed, "link"));
    (link, walker, sites)
}

#[test]
fn a_device_changes_servers_only_for_one_that_is_better_by_the_hysteresis() {
    for hysteresis_db in [0.0, 3.0, 8.0] {
        let handover = HandoverConfig { hysteresis_db, interruption_s: Seconds(0.0) };
        let (mut link, mut walker, sites) = roaming(handover, 5);
        let (mut station, mut changes) = (link.station(), 0);
        for step in 0..20_000 {
            // Comparisons fall on tenths of a second.
            let time = f64::from(step) * 0.1 + 0.05;
            let point = walker.position(time - 0.05);
            link.observe(time);
            let loss = |site: usize| path_loss_db(sites.point(site).distance(&point), 3.5);
            let best = (0..9).map(loss).fold(f64::INFINITY, f64::min);
            if link.station() != station {
                assert!(loss(station) - loss(link.station()) >= hysteresis_db - 1e-6, "too little is gained");
                (station, changes) = (link.station(), changes + 1);
            }
            assert!(loss(station) - best < hysteresis_db + 1e-6, "a better server is not taken");
        }
        assert!(changes > 50, "{changes} changes");
    }
}

/// Back-to-back uploads at 1 MB/s: their bytes are missing for exactly as long as the interruptions last.
#[test]
fn nothing_is_sent_while_a_device_changes_servers() {
    let silence = 0.25;
    let handover = HandoverConfig { hysteresis_db: 1.0, interruption_s: Seconds(silence) };
    let (mut link, _, _) = roaming(handover, 6);
    let (mut time, mut station, mut changes) = (0.0, link.station(), 0);
    let bytes = 1e4;
    for _ in 0..60_000 {
        let Sent { end, station: receiver } = link.upload_end(time, bytes);
        let lost = end - time - bytes / 1e6;
        if receiver != station {
            // The next change may come before the silence is over, but then the first one has lasted that long.
            assert!(lost >= silence - 0.1, "{lost} s are lost");
            (station, changes) = (receiver, changes + 1);
        } else {
            assert!(lost.abs() < 1e-9 || lost >= silence - 1e-9, "{lost} s are lost without a change");
        }
        time = end;
    }
    let lost = time - 60_000.0 * bytes / 1e6;
    assert!(changes > 20, "{changes} changes");
    assert!((lost / silence - f64::from(changes)).abs() <= 0.1 * f64::from(changes), "{lost} s over {changes} changes");
}

/// Mean of f over a standard normal and an exponential variable, by the midpoint rule in both quantiles or alone.
fn expectation(shadowing_db: f64, rayleigh: bool, f: impl Fn(f64) -> f64) -> f64 {
    let (mut sum, mut weight) = (0.0, 0.0);
    for i in 0..400 {
        let x = (f64::from(i) + 0.5) / 400.0 * 12.0 - 6.0;
        let density = (-0.5 * x * x).exp();
        let gain = 10f64.powf(shadowing_db * x / 10.0);
        let points = if rayleigh { 2_000 } else { 1 };
        let fading = |j: i32| if rayleigh { -(1.0 - (f64::from(j) + 0.5) / f64::from(points)).ln() } else { 1.0 };
        let inner: f64 = (0..points).map(|j| f(gain * fading(j))).sum::<f64>() / f64::from(points);
        sum += density * inner;
        weight += density;
    }
    sum / weight
}

/// The time of a long upload tells the mean rate of a link: W E[log2(1 + SNR)], with the limits of modulation.
#[test]
fn fading_links_carry_the_mean_of_shannons_rate() {
    for (distance, shadowing_db, rayleigh) in
        [(60.0, 0.0, true), (150.0, 6.0, false), (250.0, 6.0, true), (20.0, 8.0, true)]
    {
        let model = ShannonModel {
            bandwidth: Hertz(5e6),
            tx_power: Watts(0.2),
            carrier_ghz: 3.5,
            noise_figure_db: 5.0,
            shadowing_db,
            shadowing_s: 0.5,
            rayleigh,
            block_s: 0.1,
        };
        let snr = model.mean_snr(Metres(distance));
        let efficiency = |gain: f64| (1.0 + snr * gain).log2().clamp(MIN_EFFICIENCY, MAX_EFFICIENCY);
        let expected = expectation(shadowing_db, rayleigh, efficiency);
        let link = LinkModel::Shannon(Arc::new(Shannon::new(model)));
        let (links, bytes) = (40, 1e9);
        let seconds: f64 = (0..links)
            .map(|seed| {
                let place = Whereabouts::Fixed(0, Metres(distance));
                Link::new(&link, place, 0.5, stream(seed, "link")).upload_end(0.0, bytes).end
            })
            .sum();
        let mean = links as f64 * bytes * 8.0 / 5e6 / seconds;
        assert!((mean / expected - 1.0).abs() < 0.01, "{distance} m: {mean} bit/s/Hz, not {expected}");
    }
}
