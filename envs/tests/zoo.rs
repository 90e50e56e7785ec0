//! The shipped networks against published figures.

use mec_envs::dnn::{LayerKind, zoo};
use mec_envs::partition::{count_cuts, summarise};
use mec_envs::units::Bytes;

/// GFLOP (2 x GMAC) of the nine networks that the package `onnx` ships, counted twice independently: convolutions,
/// matrix products and per-channel affine maps.
const COUNTED_GFLOP: [(&str, f64); 9] = [
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

/// GFLOP as published, two per multiply-accumulate:
/// torchvision 0.29.2, `meta["_ops"]` (GMAC) of the default weights, for all but the last two;
/// BERT-base at 128 tokens: 22.5, Jiao et al. (TinyBERT, arXiv 1909.10351), table 1;
/// YOLOX-S at 640 x 640: 26.8, Ge et al. (arXiv 2107.08430), table 3.
const PUBLISHED_GFLOP: [(&str, f64); 9] = [
    ("vgg-16", 2.0 * 15.47),
    ("resnet-18", 2.0 * 1.814),
    ("resnet-101", 2.0 * 7.801),
    ("mobilenet-v2", 2.0 * 0.301),
    ("mobilenet-v3-large", 2.0 * 0.217),
    ("efficientnet-b0", 2.0 * 0.386),
    ("vit-b-16", 2.0 * 17.564),
    ("bert-base", 22.5),
    ("yolox-s", 26.8),
];

#[test]
fn the_work_of_every_network_is_the_known_one() {
    let known = || COUNTED_GFLOP.iter().chain(&PUBLISHED_GFLOP);
    assert!(zoo::names().all(|network| known().any(|(name, _)| *name == network)));
    for (name, expected) in known() {
        let gflop = zoo::load(name).unwrap().flop().0 / 1e9;
        // Half a digit of the figures, which have two decimals and more.
        let tolerance = f64::max(0.01 * expected, 0.005);
        assert!((gflop - expected).abs() <= tolerance, "{name}: {gflop} GFLOP, expected {expected}");
    }
}

/// Learnable parameters as published:
/// AlexNet: the sum over Krizhevsky et al. (NIPS 2012), figure 2 and section 3.5, two groups;
/// SqueezeNet: 1.24 M, Iandola et al. (arXiv 1602.07360), table 1 (50 times fewer than AlexNet);
/// GoogLeNet: 7.0 M, the Caffe model zoo's `bvlc_googlenet`;
/// BERT-base: transformers' `BertModel`, 110 M in Devlin et al. (arXiv 1810.04805), section 3;
/// YOLOX-S: 9.0 M, Ge et al. (arXiv 2107.08430), table 3;
/// the others: `meta["num_params"]` of torchvision's weights. Where batch normalisation is folded into convolutions,
/// its scale and shift are one bias, which is half a per cent less at most.
const PARAMETERS: [(&str, f64); 15] = [
    ("alexnet", 60.97e6),
    ("squeezenet", 1.24e6),
    ("googlenet", 7.0e6),
    ("resnet-50", 25_557_032.0),
    ("densenet-121", 7_978_856.0),
    ("vgg-19", 143_667_240.0),
    ("vgg-16", 138_357_544.0),
    ("resnet-18", 11_689_512.0),
    ("resnet-101", 44_549_160.0),
    ("mobilenet-v2", 3_504_872.0),
    ("mobilenet-v3-large", 5_483_032.0),
    ("efficientnet-b0", 5_288_548.0),
    ("vit-b-16", 86_567_656.0),
    ("bert-base", 109_482_240.0),
    ("yolox-s", 9.0e6),
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
        assert!(["Apache-2.0", "BSD-3-Clause"].contains(&profile.licence.as_str()), "{name}: {}", profile.licence);
        assert!(profile.source.contains("PyPI package"), "{name}: {}", profile.source);
        assert_eq!(mec_envs::dnn::Profile::parse("again", &profile.to_toml()).unwrap(), profile);
        // Pictures travel as a byte per colour and pixel, tokens as 64-bit integers; results: a thousand classes, 85
        // numbers per box, 768 numbers per token and again for the whole text.
        let (input, output) = match name {
            "yolox-s" => (3.0 * 640.0 * 640.0, 4.0 * 85.0 * 8400.0),
            "bert-base" => (8.0 * 128.0, 4.0 * 768.0 * 129.0),
            _ => (3.0 * 224.0 * 224.0, 4.0 * 1000.0),
        };
        assert_eq!(profile.input_bytes, Bytes(input), "{name}");
        assert_eq!(zoo::load(name).unwrap().output_bytes(), Bytes(output), "{name}");
    }
}

/// Depthwise convolutions as published:
/// ShuffleNet, Zhang et al. (arXiv 1707.01083), table 1: 4 + 8 + 4 units, one each;
/// MobileNetV2, Sandler et al. (arXiv 1801.04381), table 2: 17 bottlenecks; MobileNetV3-Large, Howard et al. (arXiv
/// 1905.02244), table 1: 15; EfficientNet-B0, Tan and Le (arXiv 1905.11946), table 1: 16 blocks.
const DEPTHWISE: [(&str, usize); 4] =
    [("shufflenet", 16), ("mobilenet-v2", 17), ("mobilenet-v3-large", 15), ("efficientnet-b0", 16)];

#[test]
fn the_mobile_networks_convolve_depthwise_as_often_as_published() {
    for name in zoo::names() {
        let graph = zoo::load(name).unwrap();
        let depthwise = graph.layers().iter().filter(|layer| layer.kind == LayerKind::DepthwiseConvolution).count();
        let published = DEPTHWISE.iter().find(|(mobile, _)| *mobile == name).map_or(0, |(_, count)| *count);
        assert_eq!(depthwise, published, "{name}");
    }
}

#[test]
fn an_unknown_network_lists_the_known_ones() {
    let error = zoo::load("skynet").unwrap_err().to_string();
    assert!(error.contains("skynet") && error.contains("alexnet, zfnet-512") && error.contains("vgg-19"), "{error}");
}

#[test]
fn a_profile_of_ones_own_is_read_by_its_path_and_its_faults_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut profile = zoo::profile("alexnet").unwrap();
    profile.name = "mine".into();
    std::fs::write(path("mine.toml"), profile.to_toml()).unwrap();
    assert_eq!(zoo::load(&path("mine.toml")).unwrap().layers(), zoo::load("alexnet").unwrap().layers());
    let error = |file: &str| zoo::load(&path(file)).unwrap_err().to_string();
    assert!(error("none.toml").contains("none.toml") && error("none.toml").contains("No such file"));
    std::fs::write(path("cut.toml"), profile.to_toml().replace("flop = 203233536, ", "")).unwrap();
    let missing = error("cut.toml");
    assert!(missing.contains("cut.toml") && missing.contains("missing field `flop`"), "{missing}");
    assert!(missing.contains("conv_1"), "{missing}");
}

#[test]
fn chains_have_one_cut_more_than_layers_and_dags_have_many() {
    for name in ["alexnet", "zfnet-512", "vgg-16", "vgg-19"] {
        let graph = zoo::load(name).unwrap();
        assert_eq!(count_cuts(&graph), Some(graph.len() as u128 + 1), "{name}");
    }
    let summary = summarise(&zoo::load("inception-v2").unwrap()).unwrap();
    assert!(summary.cuts.unwrap() > 50_000 && summary.candidates < 1000, "{summary:?}");
}
