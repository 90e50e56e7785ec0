//! Walking all cuts of a graph layer by layer, without listing them.
//!
//! The cuts of a graph are its *ideals*, the layer sets closed under predecessors. Walking the layers in
//! topological order and choosing a side for each reaches every ideal exactly once. What a partial choice allows
//! from here on, and which tensors it has already paid to send, depends on the *live* tensors alone: those that
//! a later layer still reads. So partial choices fall into few [`State`]s. At a layer through which everything
//! passes only one tensor is live: there the graph falls into blocks, and the walk needs no other trick for it.

use std::collections::HashMap;

use crate::dnn::LayerGraph;

/// Where each live tensor is, two bits per slot: see [`EDGE`], [`DEVICE`], [`SENT`].
pub(super) type State = u128;

/// The tensor is made behind the cut (or the slot is empty).
const EDGE: State = 0b00;
/// The tensor is made on the device and nobody behind the cut has asked for it.
const DEVICE: State = 0b01;
/// The tensor is made on the device and has been sent.
const SENT: State = 0b11;

/// Tensors that may be live at once: two bits each in a [`State`].
pub(super) const MAX_LIVE: usize = 64;

/// The bound of [`count_cuts`] on the states it holds at once.
const MAX_STATES: usize = 1 << 20;

/// What choosing a side for one layer does to a state.
pub(super) struct Step {
    /// Slot and size of each tensor that the layer reads, the network's input first.
    reads: Vec<(usize, f64)>,
    /// Slot of its output, none if nobody reads it.
    writes: Option<usize>,
    /// Ones everywhere but in the slots of tensors that nobody reads from here on.
    keep: State,
}

/// The walk over a graph: one step per layer, in topological order.
pub(super) struct Walk {
    /// The steps.
    pub(super) steps: Vec<Step>,
    /// The state before the first step: the network's input waits on the device.
    pub(super) start: State,
}

impl Step {
    /// The state after keeping the layer on the device; `None` if it reads something made behind the cut.
    pub(super) fn keep_on_device(&self, state: State) -> Option<State> {
        let closed = self.reads.iter().all(|&(slot, _)| state >> (2 * slot) & DEVICE != EDGE);
        closed.then(|| (state & self.keep) | self.writes.map_or(0, |slot| DEVICE << (2 * slot)))
    }

    /// The state and the upload in bytes after moving the layer behind the cut.
    pub(super) fn send(&self, mut state: State, mut upload: f64) -> (State, f64) {
        for &(slot, bytes) in &self.reads {
            if state >> (2 * slot) & SENT == DEVICE {
                state |= SENT << (2 * slot);
                upload += bytes;
            }
        }
        (state & self.keep, upload)
    }
}

impl Walk {
    /// The walk over `graph`; `None` if more than [`MAX_LIVE`] tensors are live at once.
    pub(super) fn new(graph: &LayerGraph) -> Option<Self> {
        // Tensor 0 is the network's input, tensor v + 1 the output of layer v.
        let mut readers_left: Vec<usize> = vec![(0..graph.len()).filter(|&v| graph.reads_input(v)).count()];
        readers_left.extend((0..graph.len()).map(|layer| graph.successors(layer).len()));
        let mut slot_of = vec![0; graph.len() + 1];
        let mut free: Vec<usize> = (1..MAX_LIVE).rev().collect();
        let mut steps = Vec::with_capacity(graph.len());
        for layer in 0..graph.len() {
            let input = graph.reads_input(layer).then_some((0, graph.input_bytes().0));
            let made = graph.predecessors(layer).iter().map(|&v| (v + 1, graph.layers()[v].output_bytes.0));
            let mut step = Step { reads: Vec::new(), writes: None, keep: State::MAX };
            let mut finished = Vec::new();
            for (tensor, bytes) in input.into_iter().chain(made) {
                let slot = slot_of[tensor];
                step.reads.push((slot, bytes));
                readers_left[tensor] -= 1;
                if readers_left[tensor] == 0 {
                    step.keep &= !(SENT << (2 * slot));
                    finished.push(slot);
                }
            }
            free.extend(finished);
            if readers_left[layer + 1] > 0 {
                slot_of[layer + 1] = free.pop()?;
                step.writes = Some(slot_of[layer + 1]);
            }
            steps.push(step);
        }
        Some(Self { steps, start: DEVICE })
    }
}

/// How many cuts a graph has, device only and edge only included.
///
/// # Returns
/// The exact number; `None` if it does not fit into 128 bits, or if the graph is so wide that counting would
/// need more than a million states at once or more than 64 live tensors.
///
/// # Complexity
/// O(n s) for n layers and s states, 2^w at most for w tensors that are live at once.
///
/// # Example
/// ```
/// let vgg = mec_envs::dnn::zoo::load("vgg-19")?;
/// assert_eq!(mec_envs::partition::count_cuts(&vgg), Some(vgg.len() as u128 + 1)); // a chain
/// # Ok::<(), mec_envs::dnn::zoo::ZooError>(())
/// ```
pub fn count_cuts(graph: &LayerGraph) -> Option<u128> {
    // Whether a tensor has been sent does not matter here, so the upper bit of each slot is dropped.
    const SIDES: State = State::MAX / 3;
    let walk = Walk::new(graph)?;
    let mut counts = HashMap::from([(walk.start, 1_u128)]);
    for step in &walk.steps {
        let mut next: HashMap<State, u128> = HashMap::with_capacity(2 * counts.len());
        for (state, count) in counts {
            let (sent, _) = step.send(state, 0.0);
            for state in [Some(sent & SIDES), step.keep_on_device(state)].into_iter().flatten() {
                let total = next.entry(state).or_default();
                *total = total.checked_add(count)?;
            }
        }
        if next.len() > MAX_STATES {
            return None;
        }
        counts = next;
    }
    counts.values().try_fold(0_u128, |sum, &count| sum.checked_add(count))
}
