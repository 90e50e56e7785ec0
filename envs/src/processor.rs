//! Processors: how long a layer takes where.

use serde::{Deserialize, Serialize};

use crate::dnn::{LayerGraph, LayerKind};
use crate::units::{Bytes, BytesPerSecond, FlopPerSecond, Seconds, Watts};

mod catalogue;
pub use catalogue::{UnknownProcessor, catalogue, named};

/// A processor as a roofline: effective rates, memory rate, overhead per layer, power.
///
/// # Design
/// The time of layer v is `max(w_v / F(kind), bytes_v / b) + o`, where `bytes_v` are the parameters, inputs and
/// output that pass through memory once (Williams, Waterman, Patterson, "Roofline: an insightful visual
/// performance model", CACM 52(4), 2009, DOI 10.1145/1498765.1498785, plus an overhead per launched operator).
/// [`LayerKind::Elementwise`] layers carry no overhead: inference runtimes fuse them into the operator before
/// them, so they launch nothing. They still pass through memory once, which is on the cautious side. Of parameters
/// that are looked up and copied ([`LayerKind::Movement`]: word vectors), only as many bytes pass as are written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Processor {
    /// Name, not empty.
    pub name: String,
    /// Where the figures come from, and which of them are assumptions.
    #[serde(default)]
    pub source: String,
    /// Effective rates F(kind), FLOP/s.
    pub rates: Rates,
    /// Effective memory rate b, B/s; more than 0.
    pub memory: BytesPerSecond,
    /// Overhead o of launching one layer that is not fused, s; at least 0.
    pub overhead: Seconds,
    /// Power while computing, W; at least [`Processor::idle_power`].
    pub compute_power: Watts,
    /// Power while waiting, W; at least 0.
    pub idle_power: Watts,
    /// Memory for models and activations, B; more than 0.
    pub memory_capacity: Bytes,
}

/// Effective computing rates by kind of work, FLOP/s; each more than 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Dense and grouped convolutions.
    pub convolution: FlopPerSecond,
    /// Depthwise convolutions.
    pub depthwise_convolution: FlopPerSecond,
    /// Matrix products; for one input at a time they are bound by memory nearly always.
    pub dense: FlopPerSecond,
    /// Everything else: elementwise, pooling and movement.
    pub vector: FlopPerSecond,
}

impl Rates {
    /// The rate of layers of this kind.
    pub fn of(&self, kind: LayerKind) -> FlopPerSecond {
        match kind {
            LayerKind::Convolution => self.convolution,
            LayerKind::DepthwiseConvolution => self.depthwise_convolution,
            LayerKind::Dense => self.dense,
            LayerKind::Elementwise | LayerKind::Pooling | LayerKind::Movement => self.vector,
        }
    }
}

/// Why a processor is none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProcessorError {
    /// A processor without a name cannot be referred to.
    #[error("a processor has an empty name")]
    NoName,
    /// A number is outside its range.
    #[error("processor {processor:?}, field {field}: {value} is not {accepted}")]
    Value {
        /// The processor.
        processor: String,
        /// The field.
        field: &'static str,
        /// The value found.
        value: f64,
        /// What is accepted.
        accepted: &'static str,
    },
}

impl Processor {
    /// Checks every number once, so that the times below are finite and positive.
    ///
    /// # Errors
    /// [`ProcessorError`] naming processor, field and what is accepted.
    pub fn validate(&self) -> Result<(), ProcessorError> {
        if self.name.trim().is_empty() {
            return Err(ProcessorError::NoName);
        }
        let positive = [
            ("rates.convolution", self.rates.convolution.0),
            ("rates.depthwise_convolution", self.rates.depthwise_convolution.0),
            ("rates.dense", self.rates.dense.0),
            ("rates.vector", self.rates.vector.0),
            ("memory", self.memory.0),
            ("memory_capacity", self.memory_capacity.0),
        ];
        for (field, value) in positive {
            self.check(field, value, value > 0.0, "a positive finite number")?;
        }
        for (field, value) in [("overhead", self.overhead.0), ("idle_power", self.idle_power.0)] {
            self.check(field, value, value >= 0.0, "zero or a positive finite number")?;
        }
        let power = self.compute_power.0;
        self.check("compute_power", power, power >= self.idle_power.0, "a finite number of at least idle_power")
    }

    fn check(&self, field: &'static str, value: f64, fits: bool, accepted: &'static str) -> Result<(), ProcessorError> {
        if fits && value.is_finite() {
            return Ok(());
        }
        Err(ProcessorError::Value { processor: self.name.clone(), field, value, accepted })
    }

    /// Time t(v) of one layer: the roofline of [`Processor`].
    /// `docs/model.md`, equation 20.
    ///
    /// # Panics
    /// If `layer` is no position in the graph.
    pub fn layer_time(&self, graph: &LayerGraph, layer: usize) -> Seconds {
        let cost = &graph.layers()[layer];
        // What only moves data reads no more of a table (of word vectors, say) than it writes.
        let params =
            if cost.kind == LayerKind::Movement { cost.param_bytes.min(cost.output_bytes) } else { cost.param_bytes };
        let bytes = params + graph.bytes_read(layer) + cost.output_bytes;
        let overhead = if cost.kind == LayerKind::Elementwise { Seconds::ZERO } else { self.overhead };
        (cost.flop / self.rates.of(cost.kind)).max(bytes / self.memory) + overhead
    }

    /// Times of all layers, in the order of the graph.
    pub fn layer_times(&self, graph: &LayerGraph) -> Vec<Seconds> {
        (0..graph.len()).map(|layer| self.layer_time(graph, layer)).collect()
    }

    /// Time of the whole network.
    pub fn network_time(&self, graph: &LayerGraph) -> Seconds {
        self.layer_times(graph).into_iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dnn::zoo;

    #[test]
    fn a_layer_takes_the_longer_of_computing_and_moving_plus_overhead() {
        let graph = zoo::load("alexnet").unwrap();
        let mut processor = named("raspberry-pi-4").unwrap().clone();
        processor.rates.convolution = FlopPerSecond(1e9);
        processor.memory = BytesPerSecond(1e9);
        processor.overhead = Seconds(0.25);
        let conv = &graph.layers()[0];
        assert!((processor.layer_time(&graph, 0).0 - (conv.flop.0 / 1e9 + 0.25)).abs() < 1e-12);
        let relu = &graph.layers()[1];
        let moved = conv.output_bytes.0 + relu.output_bytes.0;
        assert!((processor.layer_time(&graph, 1).0 - moved / 1e9).abs() < 1e-12, "fused: no overhead");
    }

    #[test]
    fn a_look_up_reads_no_more_of_its_table_than_it_writes() {
        let graph = zoo::load("bert-base").unwrap();
        let words = graph.layers().iter().position(|layer| layer.op == "Gather").unwrap();
        let layer = &graph.layers()[words];
        assert!(layer.param_bytes.0 > 9e7, "23 million numbers, of which one text needs 128 rows");
        let phone = named("phone").unwrap();
        let moved = 2.0 * layer.output_bytes.0 + graph.bytes_read(words).0;
        let expected = moved / phone.memory.0 + phone.overhead.0;
        assert!((phone.layer_time(&graph, words).0 - expected).abs() < 1e-12);
    }

    #[test]
    fn every_processor_of_the_catalogue_is_valid_and_found_by_its_name() {
        for processor in catalogue() {
            processor.validate().unwrap();
            assert_eq!(named(&processor.name).unwrap(), processor);
            assert!(!processor.source.is_empty());
        }
        let error = named("abacus").unwrap_err().to_string();
        assert!(error.contains("abacus") && error.contains("nvidia-t4"), "{error}");
    }

    #[test]
    fn resnet_50_takes_plausible_times() {
        // Orders of magnitude for one picture in float32, wide enough for any runtime: a slip of units shows.
        let graph = zoo::load("resnet-50").unwrap();
        let time = |name: &str| named(name).unwrap().network_time(&graph).0;
        assert!((0.5..2.0).contains(&time("raspberry-pi-4")), "{}", time("raspberry-pi-4"));
        assert!((0.1..0.5).contains(&time("phone")), "{}", time("phone"));
        assert!((0.03..0.2).contains(&time("jetson-nano")), "{}", time("jetson-nano"));
        assert!((0.008..0.04).contains(&time("xeon-6248")), "{}", time("xeon-6248"));
        assert!((0.002..0.008).contains(&time("nvidia-t4")), "{}", time("nvidia-t4"));
    }

    #[test]
    fn a_processor_out_of_range_is_refused_by_field() {
        let good = named("phone").unwrap();
        let error = |change: fn(&mut Processor)| {
            let mut processor = good.clone();
            change(&mut processor);
            processor.validate().unwrap_err().to_string()
        };
        assert!(error(|p| p.memory.0 = 0.0).contains("processor \"phone\", field memory: 0 is not a positive"));
        assert!(error(|p| p.rates.dense.0 = f64::NAN).contains("rates.dense"));
        assert!(error(|p| p.overhead.0 = -1.0).contains("overhead"));
        assert!(error(|p| p.compute_power.0 = 0.0).contains("at least idle_power"));
        assert!(error(|p| p.name = " ".into()).contains("empty name"));
    }

    #[test]
    fn a_processor_survives_toml_and_refuses_unknown_keys() {
        let phone = named("phone").unwrap();
        let text = toml::to_string(phone).unwrap();
        assert_eq!(&toml::from_str::<Processor>(&text).unwrap(), phone);
        let error = toml::from_str::<Processor>(&format!("speed = 1\n{text}")).unwrap_err().to_string();
        assert!(error.contains("unknown field `speed`") && error.contains("overhead"), "{error}");
    }
}
