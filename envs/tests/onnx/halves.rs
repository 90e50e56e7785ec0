//! Accuracy untouched, on real runs: head, wire and tail give what the whole network gives, at every cut.

use std::path::Path;

use mec_envs::onnx::{Data, Halves, OnnxFile, ProfileOptions, Tensor, Weights, wire};
use mec_envs::partition::{Cut, Frontier};
use mec_envs::processor::named;
use mec_envs::rng::stream;
use rand::RngExt;

use crate::writer::{Initializer, Model, Node};

fn random(inputs: Vec<(String, Vec<usize>)>) -> Vec<Tensor> {
    let mut rng = stream(3, "picture");
    let mut tensor = |(name, dims): (String, Vec<usize>)| {
        let data = (0..dims.iter().product()).map(|_| rng.random_range(-1.0_f32..1.0)).collect();
        Tensor { name, dims, data: Data::F32(data) }
    };
    inputs.into_iter().map(&mut tensor).collect()
}

fn floats(tensor: &Tensor) -> &[f32] {
    let Data::F32(data) = &tensor.data else { panic!("{} holds no floats", tensor.name) };
    data
}

/// The largest difference over the largest value.
fn relative_error(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!((&a.name, &a.dims), (&b.name, &b.dims));
    let scale = floats(a).iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let off = floats(a).iter().zip(floats(b)).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
    assert!(scale > 0.0 && off.is_finite(), "scale {scale}, error {off}");
    off / scale
}

/// Runs every cut of the exact frontier; returns how many there are, how many agree to the bit, and the worst error.
fn check(name: &str) -> (usize, usize, f32) {
    let path = Path::new("tests/data/onnx").join(name).with_extension("onnx");
    let file = OnnxFile::open(&path).unwrap();
    let graph = file.profile(&ProfileOptions::default()).unwrap().graph(name).unwrap();
    let halves = Halves::new(file, Weights::Random { seed: 1 }).unwrap();
    let inputs = random(halves.inputs().unwrap());
    let whole = halves.whole().unwrap().run(&inputs).unwrap();
    let spread = floats(&whole[0]).iter().fold(0.0_f32, |most, value| most.max((value - floats(&whole[0])[0]).abs()));
    assert!(spread > 0.0, "{name}: all results are equal, which would hide any mistake");
    let frontier = Frontier::exact(&graph, named("phone").unwrap(), &[named("nvidia-t4").unwrap()]);
    assert!(frontier.is_complete());
    let (mut equal, mut worst) = (0, 0.0_f32);
    for candidate in 0..frontier.len() {
        let (head, tail) = halves.cut(frontier.cut(candidate)).unwrap();
        let (sent, mut results): (Vec<Tensor>, Vec<Tensor>) = head
            .run(&inputs)
            .unwrap()
            .into_iter()
            .chain(inputs.clone())
            .partition(|tensor| tail.inputs().contains(&tensor.name));
        let bytes: usize = sent.iter().map(Tensor::bytes).sum();
        let message = wire::encode(&sent);
        let received = wire::decode(&message).unwrap();
        assert_eq!(received, sent, "the wire changes nothing");
        if candidate != Frontier::EDGE_ONLY {
            // Pictures travel as bytes, not as the floats of this run: only a cut that sends the input differs.
            let input = sent.iter().any(|tensor| inputs.iter().any(|input| input.name == tensor.name));
            assert!(input || bytes as f64 == frontier.upload(candidate).0, "{name}, cut {candidate}: {bytes} B");
        }
        results.retain(|tensor| whole.iter().any(|result| result.name == tensor.name));
        results.extend(tail.run(&received).unwrap());
        assert_eq!(results.len(), whole.len());
        let error = relative_error(&whole[0], &results[0]);
        assert!(
            error <= 1e-5,
            "{name}, cut {candidate} ({} layers on the device): {error}",
            frontier.device_layers(candidate)
        );
        equal += usize::from(floats(&whole[0]) == floats(&results[0]));
        worst = worst.max(error);
    }
    (frontier.len(), equal, worst)
}

#[test]
fn every_frontier_cut_of_squeezenet_computes_the_same() {
    println!("squeezenet: {:?}", check("squeezenet"));
}

#[test]
fn every_frontier_cut_of_shufflenet_computes_the_same() {
    println!("shufflenet: {:?}", check("shufflenet"));
}

#[test]
fn every_frontier_cut_of_resnet_18_computes_the_same() {
    println!("resnet-18: {:?}", check("resnet-18"));
}

#[test]
fn every_frontier_cut_of_mobilenet_v3_computes_the_same() {
    println!("mobilenet-v3-large: {:?}", check("mobilenet-v3-large"));
}

/// y = relu(x) w, with w in a file of its own beside the model; and the relu, a result on the device.
fn with_external_weights(folder: &Path) -> OnnxFile {
    let model = Model::new("x", &[1, 3], "y")
        .result("a")
        .weights(Initializer::external("w", &[3, 2], "weights"))
        .node(Node::new("Relu", &["x"], "a"))
        .node(Node::new("MatMul", &["a", "w"], "y"));
    let path = folder.join("model.onnx");
    std::fs::write(&path, model.bytes()).unwrap();
    OnnxFile::open(&path).unwrap()
}

#[test]
fn stored_weights_are_used_from_an_external_file_and_missed_when_it_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Halves::new(with_external_weights(folder.path()), Weights::Stored).unwrap().whole().unwrap_err();
    assert!(missing.to_string().contains("model.onnx") && missing.to_string().contains("weights"), "{missing}");
    let weights: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(folder.path().join("weights"), weights).unwrap();
    let file = with_external_weights(folder.path());
    assert_eq!(file.profile(&ProfileOptions::default()).unwrap().layers.len(), 2);
    let halves = Halves::new(file, Weights::Stored).unwrap();
    let x = Tensor { name: "x".into(), dims: vec![1, 3], data: Data::F32(vec![1.0, -1.0, 10.0]) };
    let whole = halves.whole().unwrap().run(std::slice::from_ref(&x)).unwrap();
    assert_eq!(floats(&whole[0]), [51.0, 62.0]);
    // The cut between the layers: the head keeps the result that is its own and sends the same tensor.
    let graph = with_external_weights(folder.path()).profile(&ProfileOptions::default()).unwrap().graph("m").unwrap();
    let (head, tail) = halves.cut(&Cut::prefix(&graph, 1)).unwrap();
    let made = head.run(std::slice::from_ref(&x)).unwrap();
    assert_eq!(made.iter().map(|tensor| tensor.name.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(tail.inputs(), ["a"]);
    assert_eq!(tail.run(&made).unwrap(), whole[..1]);
    let wrong = Tensor { dims: vec![3, 1], ..x };
    let error = head.run(&[wrong]).unwrap_err().to_string();
    assert!(error.contains("model.onnx"), "{error}");
    assert!(tail.run(&[]).unwrap_err().to_string().contains("input \"a\" is missing"));
}
