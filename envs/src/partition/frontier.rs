//! The candidate frontier: all cuts that some state of the system can make best.

use super::search::{CostedCuts, Times, all_but_dominated};
use super::{Cut, IdleSystem, dads};
use crate::dnn::LayerGraph;
use crate::processor::Processor;
use crate::units::{Bytes, BytesPerSecond, Seconds};

/// Candidates that a scan compares in one step: two vectors of any x86-64 processor, one of a newer one.
pub(super) const LANES: usize = 4;

/// The cuts of one network worth keeping, for one device and a list of server classes.
///
/// A cut is dominated when another is no worse in device time, upload bytes and the time on *every* server class.
/// The completion time of a task is monotone in each of them whatever waits where, so a dominated cut is never
/// strictly better than the one that dominates it: dropping it is lossless under any load ([`Frontier::exact`]).
/// Energy adds no direction of its own, as the device's energy grows with device time and with bytes sent, where sending
/// takes no less power than waiting. Of cuts with exactly equal costs one is kept.
///
/// Where a server is faster at every layer, nearly every cut of a chain survives that: the more a device does, the
/// less remains for a server, which pays when the task would wait for the server anyway. What it pays is small,
/// so [`Frontier::new`] also drops cuts that could gain next to nothing, with a bound that holds under any load.
///
/// Candidates are sorted by device time, ascending. The first is [edge only](Frontier::EDGE_ONLY) (nothing else
/// takes no device time), the last [local](Frontier::local) (nothing else takes no server time).
///
/// # Example
/// ```
/// use mec_envs::{dnn::zoo, partition::Frontier, processor::named};
/// let graph = zoo::load("resnet-50")?;
/// let frontier = Frontier::new(&graph, named("phone")?, &[named("nvidia-t4")?]);
/// assert!(frontier.len() < graph.len() / 4);
/// assert_eq!(frontier.upload(frontier.local()).0, 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Frontier {
    device: Vec<f64>,
    upload: Vec<f64>,
    /// Server after server, one time per candidate.
    edge: Vec<f64>,
    lanes: Lanes,
    cuts: Vec<Cut>,
    servers: usize,
    complete: bool,
}

impl Frontier {
    /// The candidate that sends the input as it is.
    pub const EDGE_ONLY: usize = 0;

    /// Uplink rates of the fallback for graphs beyond the bounds: from 10 kB/s, each a quarter more, to 1 GB/s.
    const FALLBACK_RATE: (f64, f64, f64) = (1e4, 1.25, 1e9);

    /// The tolerance of [`Frontier::new`]: one per cent.
    pub const TOLERANCE: f64 = 0.01;

    /// The frontier within [`Frontier::TOLERANCE`]: what a simulator wants. See [`Frontier::within`].
    pub fn new(graph: &LayerGraph, device: &Processor, servers: &[&Processor]) -> Self {
        Self::within(Self::TOLERANCE, graph, device, servers)
    }

    /// Every non-dominated cut, and nothing else.
    ///
    /// # Arguments
    /// Processors must be [valid](Processor::validate); a server class is a column of
    /// [`edge_time`](Frontier::edge_time).
    ///
    /// # Returns
    /// The exact frontier, unless the graph is beyond the bounds of the search, which [`Frontier::is_complete`]
    /// tells: more than 64 tensors live at once, 500,000 partial cuts, or some seconds. Then it is what
    /// [`Frontier::within`] says of [`Frontier::TOLERANCE`]: for any load, its best is at most one per cent slower
    /// than the best cut.
    ///
    /// # Complexity
    /// O(p (log p + k)) per layer, for p partial cuts of which k per state are not dominated.
    pub fn exact(graph: &LayerGraph, device: &Processor, servers: &[&Processor]) -> Self {
        let times = times(graph, device, servers);
        match all_but_dominated(graph, &times, 0.0).and_then(|(found, _)| found.non_dominated()) {
            Some(kept) => Self::of(graph, kept, servers.len(), true),
            None => Self { complete: false, ..Self::new(graph, device, servers) },
        }
    }

    /// Few cuts of which the best is, for any load, at most `1 + tolerance` times as slow as the best of all.
    ///
    /// Every cut that is not here is covered by one that is and that uses the server too: whatever the waits, the
    /// rate and the server class, that one completes at most `1 + tolerance` times as late, and takes at most
    /// that much more device time and upload. A tolerance below 0 counts as 0.
    ///
    /// For graphs beyond the bounds even of this search (as those of [`Frontier::exact`], but wide graphs give up
    /// part of their tolerance to stay within them), which [`Frontier::is_complete`] tells, the cuts are chosen among
    /// all topological prefixes and the minimum cuts (DADS) for every server class at uplink rates from 10 kB/s to 1
    /// GB/s, each 1.25 times the last. On an idle system with one of these server classes and any rate in between,
    /// their best is at most 1.25 times as slow as the best cut, and the tolerance more.
    /// `docs/model.md`, equation 50.
    ///
    /// # Complexity
    /// That of [`Frontier::exact`] without its last comparison, of c complete cuts with each other: c k instead,
    /// for k cuts that stay. On the networks of the [zoo](crate::dnn::zoo) at most some 50 ms for one class of
    /// servers, some 200 ms for four.
    pub fn within(tolerance: f64, graph: &LayerGraph, device: &Processor, servers: &[&Processor]) -> Self {
        let tolerance = tolerance.max(0.0);
        match all_but_dominated(graph, &times(graph, device, servers), tolerance) {
            Some((found, rest)) => Self::of(graph, found.cover(rest), servers.len(), true),
            None => Self::of(graph, fallback(graph, device, servers).cover(tolerance), servers.len(), false),
        }
    }

    fn of(graph: &LayerGraph, found: CostedCuts, servers: usize, complete: bool) -> Self {
        let width = 2 + servers;
        let column = |at: usize| found.costs.iter().skip(at).step_by(width).copied();
        let (device, upload): (Vec<f64>, Vec<f64>) = (column(0).collect(), column(1).collect());
        let edge: Vec<Vec<f64>> = (0..servers).map(|server| column(2 + server).collect()).collect();
        Self {
            lanes: Lanes {
                device: in_lanes(&device).collect(),
                upload: in_lanes(&upload).collect(),
                edge: edge.iter().flat_map(|times| in_lanes(times)).collect(),
            },
            device,
            upload,
            edge: edge.concat(),
            cuts: (0..found.len()).map(|at| Cut::trusted(graph, found.members(at, graph.len()))).collect(),
            servers,
            complete,
        }
    }

    /// Number of candidates, at least 2.
    #[allow(clippy::len_without_is_empty)] // a frontier is never empty
    pub fn len(&self) -> usize {
        self.device.len()
    }

    /// Number of server classes.
    pub fn servers(&self) -> usize {
        self.servers
    }

    /// Whether every cut was considered; `false` only for graphs beyond the bounds of [`Frontier::exact`] or
    /// [`Frontier::within`], whichever made it.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Device time a(D) of a candidate.
    pub fn device_time(&self, candidate: usize) -> Seconds {
        Seconds(self.device[candidate])
    }

    /// Upload B(D) of a candidate.
    pub fn upload(&self, candidate: usize) -> Bytes {
        Bytes(self.upload[candidate])
    }

    /// Time s(D) of a candidate on a server of this class.
    pub fn edge_time(&self, candidate: usize, server: usize) -> Seconds {
        assert!(candidate < self.len(), "no candidate {candidate}");
        Seconds(self.edge[server * self.len() + candidate])
    }

    /// The costs of all candidates but the local one, for a scan over those that use a server of this class.
    pub(super) fn columns(&self, server: usize) -> Columns<'_> {
        let Lanes { device, upload, edge } = &self.lanes;
        Columns { device, upload, edge: &edge[server * device.len()..][..device.len()] }
    }

    /// Number of layers that a candidate keeps on the device.
    pub fn device_layers(&self, candidate: usize) -> usize {
        self.cuts[candidate].device_layers()
    }

    /// The layers that a candidate keeps on the device.
    pub fn cut(&self, candidate: usize) -> &Cut {
        &self.cuts[candidate]
    }

    /// The candidate that keeps everything on the device: the last.
    pub fn local(&self) -> usize {
        self.len() - 1
    }
}

/// The columns of all candidates but the local one in steps of [`LANES`], filled up with candidates that never end.
#[derive(Clone, Debug)]
struct Lanes {
    device: Vec<[f64; LANES]>,
    upload: Vec<[f64; LANES]>,
    /// Server after server.
    edge: Vec<[f64; LANES]>,
}

/// The columns that a choice of cut for one server class scans; equally long.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    /// Device times, s.
    pub(super) device: &'a [[f64; LANES]],
    /// Uploads, B.
    pub(super) upload: &'a [[f64; LANES]],
    /// Times on a server of the class, s.
    pub(super) edge: &'a [[f64; LANES]],
}

fn in_lanes(values: &[f64]) -> impl Iterator<Item = [f64; LANES]> {
    let offloading = &values[..values.len() - 1];
    offloading.chunks(LANES).map(|chunk| std::array::from_fn(|lane| chunk.get(lane).copied().unwrap_or(f64::INFINITY)))
}

/// Time of every layer on every processor.
fn times(graph: &LayerGraph, device: &Processor, servers: &[&Processor]) -> Times {
    let seconds = |processor: &Processor| processor.layer_times(graph).into_iter().map(|time| time.0).collect();
    Times { device: seconds(device), servers: servers.iter().map(|server| seconds(server)).collect() }
}

/// The cuts that [`Frontier::within`] falls back to.
fn fallback(graph: &LayerGraph, device: &Processor, servers: &[&Processor]) -> CostedCuts {
    let mut cuts: Vec<Cut> = (0..=graph.len()).map(|layers| Cut::prefix(graph, layers)).collect();
    let (slowest, factor, fastest) = Frontier::FALLBACK_RATE;
    for server in servers {
        let rates = std::iter::successors(Some(slowest), |rate| (*rate < fastest).then_some(rate * factor));
        cuts.extend(rates.map(|rate| {
            let free = Seconds::ZERO;
            let idle = IdleSystem { rate: BytesPerSecond(rate), propagation: free, return_time: free };
            dads(graph, device, server, &idle).cut
        }));
    }
    let mut found = CostedCuts::new(2 + servers.len());
    for cut in &cuts {
        let local = cut.cost(graph, device, device);
        let edge = servers.iter().map(|server| cut.cost(graph, device, server).edge.0);
        let costs: Vec<f64> = [local.device.0, local.upload.0].into_iter().chain(edge).collect();
        found.push(cut.on_device(), &costs);
    }
    found
}
