//! `partition` against the layer graph and its rivals.

use serde_json::Value;

use crate::mec_gym;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

fn ids(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as usize).collect()
}

#[test]
fn no_rival_is_better_and_the_parts_add_up() {
    for summary in mec_gym(&["models", "--json"]).done().json().as_array().unwrap() {
        let name = summary["name"].as_str().unwrap();
        let model = mec_gym(&["models", name, "--json"]).done().json();
        for (rate, backlog) in [("300kB/s", "0"), ("20Mbit/s", "0"), ("20Mbit/s", "0.4"), ("1Gbit/s", "0.05")] {
            let flags = ["partition", name, "--rate", rate, "--backlog", backlog, "--json", "--layers"];
            let answer = mec_gym(&[&flags[..], &["--device", "raspberry-pi-4"]].concat()).done().json();
            let place = format!("{name} at {rate}, backlog {backlog}");
            check_times(&answer, &place);
            check_cut(&answer, &model, &place);
        }
    }
}

fn check_times(answer: &Value, place: &str) {
    let keys = ["model", "input_bytes", "cut", "device_s", "transfer_s", "edge_s", "return_s", "total_s", "rivals"];
    assert!(keys.iter().all(|key| !answer[key].is_null()), "{place}: {answer}");
    let total = number(&answer["total_s"]);
    let parts = ["device_s", "transfer_s", "wait_s", "edge_s", "return_s"].map(|part| number(&answer[part]));
    assert!(parts.iter().all(|part| *part >= -1e-12), "{place}: {parts:?}");
    assert!((parts.iter().sum::<f64>() - total).abs() < 1e-9, "{place}: {parts:?} do not sum to {total}");
    let rivals = answer["rivals"].as_object().unwrap();
    let names: Vec<&String> = rivals.keys().collect();
    assert_eq!(names, ["dads", "dads-heavy", "device-only", "edge-only", "exhaustive", "neurosurgeon"]);
    // Exhaustive search is none for networks with too many cuts.
    for (rival, seconds) in rivals.iter().filter(|(rival, seconds)| *rival != "exhaustive" || !seconds.is_null()) {
        assert!(total <= number(seconds) + 1e-9, "{place}: {rival} takes {seconds} s, the answer {total} s");
    }
    if let Some(optimum) = rivals["exhaustive"].as_f64() {
        assert!((total - optimum).abs() < 1e-9, "{place}: {total} s, but the optimum is {optimum} s");
    } else {
        assert!(place.starts_with("yolox-s "), "{place} was not searched exhaustively");
    }
    let device_only: f64 = answer["layers"].as_array().unwrap().iter().map(|layer| number(&layer["device_s"])).sum();
    assert!((device_only - number(&rivals["device-only"])).abs() < 1e-9, "{place}");
}

fn check_cut(answer: &Value, model: &Value, place: &str) {
    let layers = model["layers"].as_array().unwrap();
    let mut on_device = vec![false; layers.len()];
    for id in ids(&answer["cut"]["device_layers"]) {
        on_device[id] = true;
    }
    let mut sent = vec![false; layers.len()];
    for edge in model["edges"].as_array().unwrap() {
        let edge = ids(edge);
        assert!(on_device[edge[0]] || !on_device[edge[1]], "{place}: layer {} waits for the edge", edge[1]);
        sent[edge[0]] |= on_device[edge[0]] && !on_device[edge[1]];
    }
    let reads_input = ids(&model["reads_input"]).into_iter().any(|id| !on_device[id]);
    let input = if reads_input { number(&model["input_bytes"]) } else { 0.0 };
    let bytes = (0..layers.len()).filter(|&id| sent[id]).map(|id| number(&layers[id]["output_bytes"])).sum::<f64>();
    assert_eq!(number(&answer["cut"]["bytes"]), bytes + input, "{place}");
    let sum = |side: &str, device: bool| -> f64 {
        let layers = answer["layers"].as_array().unwrap().iter().enumerate();
        layers.filter(|(id, _)| on_device[*id] == device).map(|(_, layer)| number(&layer[side])).sum()
    };
    assert!((sum("device_s", true) - number(&answer["device_s"])).abs() < 1e-9, "{place}");
    assert!((sum("edge_s", false) - number(&answer["edge_s"])).abs() < 1e-9, "{place}");
}

#[test]
fn the_text_lists_the_layers_with_their_sides() {
    let text = mec_gym(&["partition", "alexnet", "--layers"]).done().out;
    let layers = mec_gym(&["models", "alexnet", "--json"]).done().json()["layers"].as_array().unwrap().len();
    let sides = text.lines().filter(|line| line.ends_with("  device") || line.ends_with("  edge")).count();
    assert_eq!(sides, layers, "{text}");
    assert!(text.contains("rivals (all but exhaustive choose for a system without load)"), "{text}");
}

#[test]
fn the_plot_is_written_whole_as_svg_and_as_png_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let draw = |file: &str| {
        let path = home.path().join(file);
        let answer = mec_gym(&["partition", "squeezenet", "--backlog", "0.1", "--plot", path.to_str().unwrap()]);
        (answer, std::fs::read(path))
    };
    let (answer, svg) = draw("cut.svg");
    let svg = String::from_utf8(svg.unwrap()).unwrap();
    assert!(answer.done().out.starts_with("squeezenet: "));
    assert!(svg.trim_end().ends_with("</svg>"));
    for text in ["Where to cut squeezenet", "dads-heavy", "neurosurgeon", "Layers on the device", "Mbit/s"] {
        assert!(svg.contains(text), "{text}");
    }
    let (answer, png) = draw("cut.png");
    answer.done();
    assert!(png.unwrap().starts_with(b"\x89PNG"));
    let (answer, nothing) = draw("cut.pdf");
    answer.refused(1, &["--plot", "cut.pdf", ".svg or .png"]);
    assert!(nothing.is_err());
    let (answer, _) = draw("no/such/folder/cut.svg");
    answer.refused(1, &["--plot", "no/such/folder"]);
}
