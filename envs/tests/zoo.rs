//! The shipped networks against published figures.

use mec_envs::dnn::{LayerKind, zoo};
use mec_envs::partition::{count_cuts, summarise};
use mec_envs::units::Bytes;

/// GFLOP (2 x GMAC), counted twice independently: convolutions, matrix products and per-channel affine maps.
const GFLOP: [(&str, f64); 9] = [
    ("alexnet", 1.31),
    ("zfnet-512", 2.96),
    ("squeezenet", 0.70),
    ("shufflenet", 0.26),
    ("googlenet", 2.86),
    ("inception-v2", 4.05),
    ("resnet-50", 8.20),
    ("densenet-121", 5.73),
    ("vgg-19", 39.26),
];

#[test]
fn the_work_of_every_network_is_the_known_one() {
    assert_eq!(zoo::names().collect::<Vec<_>>(), GFLOP.map(|(name, _)| name));
    for (name, expected) in GFLOP {
        let gflop = zoo::load(name).unwrap().flop().0 / 1e9;
        // The figures have two decimals.
        let tolerance = f64::max(0.01 * expected, 0.005);
        assert!((gflop - expected).abs() <= tolerance, "{name}: {gflop} GFLOP, expected {expected}");
    }
}

/// Learnable parameters as published:
/// AlexNet: the sum over Krizhevsky et al. (NIPS 2012), figure 2 and section 3.5, two groups;
/// SqueezeNet: 1.24 M, Iandola et al. (arXiv 1602.07360), table 1 (50 times fewer than AlexNet);
/// GoogLeNet: 7.0 M, the Caffe model zoo's `bvlc_googlenet`;
/// ResNet-50, DenseNet-121, VGG-19: torchvision's table of weights.
const PARAMETERS: [(&str, f64); 6] = [
    ("alexnet", 60.97e6),
    ("squeezenet", 1.24e6),
    ("googlenet", 7.0e6),
    ("resnet-50", 25_557_032.0),
    ("densenet-121", 7_978_856.0),
    ("vgg-19", 143_667_240.0),
];

#[test]
fn the_networks_have_the_published_parameters() {
    for (name, expected) in PARAMETERS {
        let graph = zoo::load(name).unwrap();
        // Published counts leave the running mean and variance of normalisations out. Where the file scales and
        // shifts in a Mul and an Add of its own, the normalisation's own scale and shift are ones and zeros.
        let affine = graph.layers().iter().any(|layer| layer.op == "Mul");
        let learnable = graph.layers().iter().map(|layer| match layer.op.as_str() {
            "BatchNormalization" if affine => Bytes::ZERO,
            "BatchNormalization" => layer.param_bytes / 2.0,
            _ => layer.param_bytes,
        });
        let parameters = learnable.sum::<Bytes>().0 / 4.0;
        assert!((parameters / expected - 1.0).abs() < 0.005, "{name}: {parameters} parameters, expected {expected}");
    }
}

#[test]
fn every_profile_is_sound_and_survives_the_round_trip() {
    for name in zoo::names() {
        let profile = zoo::profile(name).unwrap();
        assert_eq!(profile.name, name);
        assert_eq!(profile.licence, "Apache-2.0");
        assert_eq!(profile.input_bytes, Bytes(150_528.0));
        assert_eq!(mec_envs::dnn::Profile::parse("again", &profile.to_toml()).unwrap(), profile);
        let graph = zoo::load(name).unwrap();
        assert_eq!(graph.output_bytes(), Bytes(4000.0), "{name}: a thousand classes");
    }
}

#[test]
fn only_shufflenet_convolves_depthwise() {
    for name in zoo::names() {
        let graph = zoo::load(name).unwrap();
        let depthwise = graph.layers().iter().filter(|layer| layer.kind == LayerKind::DepthwiseConvolution).count();
        // Zhang et al. (arXiv 1707.01083), table 1: 4 + 8 + 4 units, one depthwise convolution each.
        assert_eq!(depthwise, if name == "shufflenet" { 16 } else { 0 }, "{name}");
    }
}

#[test]
fn an_unknown_network_lists_the_known_ones() {
    let error = zoo::load("skynet").unwrap_err().to_string();
    assert!(error.contains("skynet") && error.contains("alexnet, zfnet-512") && error.contains("vgg-19"), "{error}");
}

#[test]
fn chains_have_one_cut_more_than_layers_and_dags_have_many() {
    for name in ["alexnet", "zfnet-512", "vgg-19"] {
        let graph = zoo::load(name).unwrap();
        assert_eq!(count_cuts(&graph), Some(graph.len() as u128 + 1), "{name}");
    }
    let summary = summarise(&zoo::load("inception-v2").unwrap()).unwrap();
    assert!(summary.cuts.unwrap() > 50_000 && summary.candidates < 1000, "{summary:?}");
}
