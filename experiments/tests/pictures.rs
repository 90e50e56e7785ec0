//! Pictures reach the run folder in both formats. With `KEEP_PICTURES=<folder>` they are kept there, to be looked at.

use std::path::PathBuf;

use mec_envs::rng::stream;
use mec_experiments::comparison::SchemeSummary;
use mec_experiments::files::{Picture, RunFolder};
use mec_experiments::plot::{ComparisonFigure, Curve, LearningCurve, Reference, write_picture};
use mec_experiments::statistics::Estimate;
use rand::RngExt;

/// Made-up evaluation: falls from 5 s to `level` with noise.
fn seed_curve(level: f64, seed: u64) -> Vec<(f64, f64)> {
    let mut rng = stream(seed, "picture");
    let steps = (0..=24).map(f64::from);
    steps
        .map(|step| (step * 2000.0, (level + 4.2 * (-step / 3.0).exp()) * (1.0 + 0.16 * (rng.random::<f64>() - 0.5))))
        .collect()
}

fn learning_curve() -> LearningCurve {
    let curve = |label: &str, level: f64, from: u64| Curve {
        label: label.into(),
        seeds: (from..from + 3).map(|seed| seed_curve(level, seed)).collect(),
    };
    let references = [
        ("forecasting greedy", 0.81),
        ("central greedy", 0.96),
        ("least loaded", 1.31),
        ("round robin", 2.9),
        ("device only", 4.1),
        ("random server", 4.3),
        ("nearest server", 13.1),
    ];
    LearningCurve {
        title: "Learning where inference runs".into(),
        metric: "Mean latency of held-out episodes (s)".into(),
        lower_is_better: true,
        curves: vec![curve("DSACO", 0.76, 1), curve("SAC, fixed temperature", 0.92, 10)],
        references: references.map(|(label, value)| Reference { label: label.into(), value }).into(),
    }
}

fn scheme((name, mean, success): (&str, f64, f64)) -> SchemeSummary {
    SchemeSummary {
        scheme: name.into(),
        highlighted: name == "DSACO",
        latency_mean_s: Estimate { value: mean, low: 0.95 * mean, high: 1.06 * mean },
        latency_seed_sd_s: 0.02,
        latency_iqm_s: Estimate::exact(0.8 * mean),
        latency_p50_s: 0.6 * mean,
        latency_p95_s: 2.8 * mean,
        latency_p99_s: 5.0 * mean,
        success_rate: Estimate { value: success, low: success - 0.02, high: success + 0.01 },
        energy_per_task_j: 1.0,
        load_balance: 0.9,
        offload_ratio: 0.8,
        improvement: None,
        latency_difference_s: None,
        optimality_gap: None,
        seeds: 3,
        episodes: 60,
        tasks: 10_000,
    }
}

fn comparison() -> ComparisonFigure {
    let schemes = [
        ("nearest server", 13.1, 0.31),
        ("DSACO", 0.76, 0.962),
        ("central greedy", 0.963, 0.921),
        ("forecasting greedy", 0.812, 0.95),
        ("least loaded", 1.31, 0.86),
        ("random server", 4.3, 0.62),
        ("device only", 4.1, 0.55),
        ("round robin", 2.9, 0.71),
    ];
    ComparisonFigure { title: "All schemes on the same episodes".into(), schemes: schemes.map(scheme).into() }
}

#[test]
fn pictures_are_written_as_svg_and_png() {
    let temporary = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("KEEP_PICTURES").map(PathBuf::from);
    let folder = RunFolder::create(kept.as_deref().unwrap_or(temporary.path()), false).unwrap();
    write_picture(&learning_curve(), &folder, Picture::LearningCurve).unwrap();
    write_picture(&comparison(), &folder, Picture::Comparison).unwrap();
    for picture in [Picture::LearningCurve, Picture::Comparison] {
        let svg = std::fs::read_to_string(folder.svg(picture)).unwrap();
        assert!(svg.starts_with("<svg width=\"960\"") && svg.contains("DSACO") && svg.trim_end().ends_with("</svg>"));
        let png = std::fs::read(folder.png(picture)).unwrap();
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
        // The width of the header, two pixels per unit.
        assert_eq!(png[16..20], 1920_u32.to_be_bytes());
    }
}
