//! The best of all cuts, by trying each: the oracle of every scheme on small graphs.

use super::ideals::{State, Walk};
use super::{Cut, CutCost, count_cuts};
use crate::dnn::LayerGraph;
use crate::processor::Processor;
use crate::units::{Bytes, Seconds};

/// Cuts that [`exhaustive`] is ready to try: a second's work.
const MAX_CUTS: u128 = 100_000;

/// The cut of least `latency` among all cuts; of equal ones the one found first, fewer layers on the device before
/// more.
///
/// # Returns
/// `None` for graphs of more than 100,000 cuts, or too wide to count them.
///
/// # Complexity
/// O(n c) for n layers and c cuts.
pub fn exhaustive(
    graph: &LayerGraph,
    device: &Processor,
    server: &Processor,
    latency: impl Fn(&CutCost) -> Seconds,
) -> Option<Cut> {
    count_cuts(graph).filter(|&cuts| cuts <= MAX_CUTS)?;
    let walk = Walk::new(graph)?;
    let seconds = |processor: &Processor| processor.layer_times(graph).into_iter().map(|time| time.0).collect();
    let side = vec![false; graph.len()];
    let mut trial = Trial { walk: &walk, device: seconds(device), edge: seconds(server), side, best: None, latency };
    let nothing = CutCost { device: Seconds::ZERO, upload: Bytes::ZERO, edge: Seconds::ZERO };
    trial.choose(0, walk.start, nothing);
    trial.best.map(|(_, on_device)| Cut::trusted(graph, on_device))
}

struct Trial<'a, L> {
    walk: &'a Walk,
    device: Vec<f64>,
    edge: Vec<f64>,
    side: Vec<bool>,
    best: Option<(Seconds, Vec<bool>)>,
    latency: L,
}

impl<L: Fn(&CutCost) -> Seconds> Trial<'_, L> {
    /// Tries every side for `layer` and all behind it.
    fn choose(&mut self, layer: usize, state: State, cost: CutCost) {
        let Some(step) = self.walk.steps.get(layer) else { return self.judge(&cost) };
        self.side[layer] = false;
        let (sent, upload) = step.send(state, cost.upload.0);
        let behind = CutCost { upload: Bytes(upload), edge: cost.edge + Seconds(self.edge[layer]), ..cost };
        if sent == 0 {
            // Nothing is left on the device that could be used there: the rest is behind the cut.
            self.side[layer..].fill(false);
            let rest = self.edge[layer + 1..].iter().fold(behind.edge, |sum, &time| sum + Seconds(time));
            self.judge(&CutCost { edge: rest, ..behind });
        } else {
            self.choose(layer + 1, sent, behind);
        }
        if let Some(kept) = step.keep_on_device(state) {
            self.side[layer] = true;
            self.choose(layer + 1, kept, CutCost { device: cost.device + Seconds(self.device[layer]), ..cost });
        }
    }

    fn judge(&mut self, cost: &CutCost) {
        let latency = (self.latency)(cost);
        if self.best.as_ref().is_none_or(|(least, _)| latency < *least) {
            self.best = Some((latency, self.side.clone()));
        }
    }
}
