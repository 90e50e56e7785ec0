//! One cut and what it costs, computed from the definitions.

use crate::dnn::LayerGraph;
use crate::processor::Processor;
use crate::units::{Bytes, Seconds};

/// A cut D: the layers that stay on the device, closed under predecessors.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cut {
    on_device: Vec<bool>,
}

/// What a cut costs for one device and one server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CutCost {
    /// Time a(D) on the device.
    pub device: Seconds,
    /// Upload B(D): every tensor that a layer behind the cut reads, once; 0 when everything stays on the device.
    pub upload: Bytes,
    /// Time s(D) on the server.
    pub edge: Seconds,
}

/// Why a set of layers is no cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CutError {
    /// The set does not name a side for every layer.
    #[error("network {network:?} has {layers} layers, the cut says where {got} run")]
    Length {
        /// The network.
        network: String,
        /// Its layers.
        layers: usize,
        /// Entries of the cut.
        got: usize,
    },
    /// A layer on the device reads one on the server.
    #[error("network {network:?}: layer {layer:?} is to stay on the device but reads {input:?}, which is not")]
    NotClosed {
        /// The network.
        network: String,
        /// The layer on the device.
        layer: String,
        /// The layer on the server.
        input: String,
    },
}

impl Cut {
    /// The cut that keeps the layers marked `true` on the device.
    ///
    /// # Errors
    /// [`CutError`] unless there is one entry per layer and the set is closed under predecessors.
    pub fn new(graph: &LayerGraph, on_device: Vec<bool>) -> Result<Self, CutError> {
        let network = || graph.name().to_string();
        if on_device.len() != graph.len() {
            return Err(CutError::Length { network: network(), layers: graph.len(), got: on_device.len() });
        }
        match graph.edges().find(|&(from, to)| on_device[to] && !on_device[from]) {
            None => Ok(Self { on_device }),
            Some((from, to)) => Err(CutError::NotClosed {
                network: network(),
                layer: graph.layers()[to].name.clone(),
                input: graph.layers()[from].name.clone(),
            }),
        }
    }

    /// Wraps a set that is closed by construction.
    pub(super) fn trusted(graph: &LayerGraph, on_device: Vec<bool>) -> Self {
        debug_assert!(Self::new(graph, on_device.clone()).is_ok(), "cut is not closed");
        Self { on_device }
    }

    /// The first `layers` layers in topological order stay on the device (all of them if there are fewer).
    pub fn prefix(graph: &LayerGraph, layers: usize) -> Self {
        Self { on_device: (0..graph.len()).map(|layer| layer < layers).collect() }
    }

    /// For each layer whether it stays on the device.
    pub fn on_device(&self) -> &[bool] {
        &self.on_device
    }

    /// Number of layers that stay on the device.
    pub fn device_layers(&self) -> usize {
        self.on_device.iter().filter(|&&stays| stays).count()
    }

    /// Whether every layer stays on the device.
    pub fn is_local(&self) -> bool {
        self.on_device.iter().all(|&stays| stays)
    }

    /// Bytes B(D) that cross the cut.
    ///
    /// # Panics
    /// If the cut belongs to a graph of another size.
    ///
    /// # Complexity
    /// O(n + e).
    pub fn upload(&self, graph: &LayerGraph) -> Bytes {
        assert_eq!(self.on_device.len(), graph.len(), "the cut of another graph");
        let (mut input_sent, mut sent) = (false, vec![false; graph.len()]);
        let mut upload = Bytes::ZERO;
        for layer in (0..graph.len()).filter(|&layer| !self.on_device[layer]) {
            if graph.reads_input(layer) && !std::mem::replace(&mut input_sent, true) {
                upload += graph.input_bytes();
            }
            for &source in graph.predecessors(layer) {
                if self.on_device[source] && !std::mem::replace(&mut sent[source], true) {
                    upload += graph.layers()[source].output_bytes;
                }
            }
        }
        upload
    }

    /// What the cut costs, computed from scratch: the oracle of the faster ways.
    /// `docs/model.md`, equation 21.
    ///
    /// # Panics
    /// If the cut belongs to a graph of another size.
    pub fn cost(&self, graph: &LayerGraph, device: &Processor, server: &Processor) -> CutCost {
        let side = |processor: &Processor, stays: bool| {
            let layers = (0..graph.len()).filter(|&layer| self.on_device[layer] == stays);
            // A fold from zero: the sum of no numbers is -0.0.
            layers.map(|layer| processor.layer_time(graph, layer)).fold(Seconds::ZERO, |sum, time| sum + time)
        };
        CutCost { upload: self.upload(graph), device: side(device, true), edge: side(server, false) }
    }
}
