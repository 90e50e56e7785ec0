//! ONNX files in, layer graphs out; and what is said of files that are none.

use std::path::{Path, PathBuf};

use mec_envs::dnn::{LayerGraph, LayerKind, zoo};
use mec_envs::onnx::{OnnxFile, ProfileOptions};
use mec_envs::rng::stream;
use mec_envs::units::Bytes;
use rand::RngExt;

use crate::writer::{Initializer, Model, Node};

fn data(name: &str) -> PathBuf {
    Path::new("tests/data/onnx").join(name).with_extension("onnx")
}

/// Six networks: two old ones with branches, three exported ones, and a transformer.
const FILES: [&str; 6] = ["squeezenet", "shufflenet", "resnet-18", "mobilenet-v3-large", "yolox-s", "bert-base"];

#[test]
fn files_yield_the_profiles_that_ship() {
    for name in FILES {
        let profile = OnnxFile::open(&data(name)).unwrap().profile(&ProfileOptions::default()).unwrap();
        let shipped = zoo::profile(name).unwrap();
        assert_eq!(profile.layers, shipped.layers, "{name}");
        assert_eq!((profile.input_shape, profile.input_bytes), (shipped.input_shape, shipped.input_bytes), "{name}");
        assert_eq!((profile.name.as_str(), profile.licence.as_str()), (name, "unknown"));
    }
}

/// Writes a model and reads it again.
fn read(model: &Model) -> Result<OnnxFile, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, model.bytes()).unwrap();
    OnnxFile::open(&path).map_err(|error| error.to_string())
}

fn graph(model: &Model) -> Result<LayerGraph, String> {
    let profile = read(model)?.profile(&ProfileOptions::default()).map_err(|error| error.to_string())?;
    profile.graph("model.onnx").map_err(|error| error.to_string())
}

fn error(model: &Model) -> String {
    let error = graph(model).unwrap_err();
    assert!(error.contains("model.onnx: "), "the file is missing: {error}");
    error
}

/// A grouped convolution of 4 channels, 8 x 8, and a product with weights; the weights are not stored.
fn small() -> Model {
    Model::new("x", &[1, 4, 8, 8], "y")
        .weights(Initializer::external("w", &[6, 2, 3, 3], "weights"))
        .weights(Initializer::integers("shape", &[1, -1]))
        .weights(Initializer::external("v", &[216, 10], "weights"))
        .node(Node::new("Conv", &["x", "w"], "a").integer("group", 2))
        .node(Node::new("Reshape", &["a", "shape"], "b"))
        .node(Node::new("MatMul", &["b", "v"], "y"))
}

#[test]
fn shapes_and_costs_follow_from_a_file_without_weights() {
    let graph = graph(&small()).unwrap();
    let layers = graph.layers();
    // Output of the convolution: 6 x 6 x 6; each element is a sum of 2 x 3 x 3 products.
    assert_eq!(layers[0].output_bytes, Bytes(4.0 * 216.0));
    assert_eq!(layers[0].flop.0, 2.0 * 216.0 * 18.0);
    assert_eq!(layers[0].param_bytes, Bytes(4.0 * 108.0));
    assert_eq!((layers[1].kind, layers[1].param_bytes), (LayerKind::Movement, Bytes::ZERO));
    assert_eq!(layers[2].flop.0, 2.0 * 216.0 * 10.0);
    assert_eq!((graph.input_bytes(), graph.output_bytes()), (Bytes(256.0), Bytes(40.0)));
}

#[test]
fn the_work_of_each_kind_of_operator_is_the_one_counted_by_hand() {
    let flop = |model: Model| graph(&model).unwrap().flop().0;
    let one = |shape: &[i64], weights: &[i64], node: Node| {
        flop(Model::new("x", shape, "y").weights(Initializer::external("w", weights, "weights")).node(node))
    };
    let node = |op| Node::new(op, &["x", "w"], "y");
    // [rows, terms] x [terms, columns], also transposed, batched, and by letters.
    assert_eq!(one(&[3, 5], &[5, 7], node("Gemm")), 2.0 * 3.0 * 5.0 * 7.0);
    assert_eq!(one(&[5, 3], &[5, 7], node("Gemm").integer("transA", 1)), 2.0 * 3.0 * 5.0 * 7.0);
    assert_eq!(one(&[2, 3, 5], &[5, 7], node("MatMul")), 2.0 * 2.0 * 3.0 * 5.0 * 7.0);
    let einsum = node("Einsum").text("equation", "bij,jk->bik");
    assert_eq!(one(&[2, 3, 5], &[5, 7], einsum), 2.0 * 2.0 * 3.0 * 5.0 * 7.0);
    let einsum = node("Einsum").text("equation", "... i j, j k -> ... i k");
    assert_eq!(one(&[2, 2, 3, 5], &[5, 7], einsum), 2.0 * 4.0 * 3.0 * 5.0 * 7.0);
    // A transposed convolution: each of 4 x 8 x 8 inputs meets 3 x 2 x 2 weights.
    let stride = Node::new("ConvTranspose", &["x", "w"], "y").integers("strides", &[2, 2]);
    assert_eq!(one(&[1, 4, 8, 8], &[4, 3, 2, 2], stride), 2.0 * 256.0 * 12.0);
    // Scaling and shifting by a weight per channel: one each per element.
    assert_eq!(one(&[1, 4, 8, 8], &[4, 1, 1], node("Mul")), 256.0);
    assert_eq!(one(&[1, 4, 8, 8], &[4, 1, 1], node("Sub")), 0.0);
    // Seven steps, batch 2, size 5, hidden 3: four gates of 3 x (5 + 3) products.
    let lstm = Model::new("x", &[7, 2, 5], "y")
        .weights(Initializer::external("w", &[1, 12, 5], "weights"))
        .weights(Initializer::external("r", &[1, 12, 3], "weights"))
        .node(Node::new("LSTM", &["x", "w", "r"], "y").integer("hidden_size", 3));
    assert_eq!(flop(lstm), 2.0 * 7.0 * 2.0 * 4.0 * 3.0 * (5.0 + 3.0));
}

#[test]
fn depthwise_convolutions_are_told_from_grouped_ones() {
    let convolution = |groups, weights: &[i64]| {
        let weights = Initializer::external("w", weights, "weights");
        let node = Node::new("Conv", &["x", "w"], "y").integer("group", groups);
        graph(&Model::new("x", &[1, 4, 8, 8], "y").weights(weights).node(node)).unwrap().layers()[0].kind
    };
    assert_eq!(convolution(4, &[8, 1, 3, 3]), LayerKind::DepthwiseConvolution);
    assert_eq!(convolution(2, &[8, 2, 3, 3]), LayerKind::Convolution);
    let of_bytes = Model::new("x", &[1, 4, 8, 8], "y")
        .node(Node::new("Cast", &["x"], "b").integer("to", 2))
        .weights(Initializer::raw("w", &[4, 1, 3, 3], 2, &[0; 36]))
        .node(Node::new("ConvInteger", &["b", "w"], "c").integer("group", 4))
        .node(Node::new("Cast", &["c"], "y").integer("to", 1));
    assert_eq!(graph(&of_bytes).unwrap().layers()[1].kind, LayerKind::DepthwiseConvolution);
}

#[test]
fn what_does_nothing_vanishes_and_branches_stay_branches() {
    let model = Model::new("x", &[1, 4], "y")
        .node(Node::new("Relu", &["x"], "a"))
        .node(Node::new("Identity", &["a"], "b"))
        .node(Node::new("Sigmoid", &["b"], "c"))
        .node(Node::new("Tanh", &["a"], "nobody reads this"))
        .node(Node::new("Mul", &["a", "c"], "y").named("gate"));
    let graph = graph(&model).unwrap();
    let names: Vec<&str> = graph.layers().iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["relu_1", "sigmoid_1", "gate"]);
    assert_eq!((graph.predecessors(1), graph.predecessors(2)), (&[0][..], &[0, 1][..]));
}

#[test]
fn each_part_of_a_split_is_a_layer_of_its_own() {
    let model = Model::new("x", &[1, 6], "y")
        .weights(Initializer::integers("sizes", &[4, 2]))
        .node(Node::new("Split", &["x", "sizes"], "a").output("b").integer("axis", 1))
        .node(Node::new("Relu", &["b"], "y"));
    let (one, two) = (graph(&model).unwrap(), graph(&model.node(Node::new("Tanh", &["a"], "z")).result("z")).unwrap());
    assert_eq!((one.len(), one.layers()[0].output_bytes), (2, Bytes(8.0)), "only the part that is read");
    let sizes: Vec<f64> = two.layers().iter().map(|layer| layer.output_bytes.0).collect();
    assert_eq!(sizes, [16.0, 8.0, 8.0, 16.0]);
    assert_eq!((two.predecessors(2), two.predecessors(3)), (&[1][..], &[0][..]));
}

#[test]
fn parts_of_a_split_that_nobody_reads_are_no_layers() {
    let model = Model::new("x", &[1, 6], "y")
        .weights(Initializer::integers("sizes", &[4, 2]))
        .node(Node::new("Split", &["x", "sizes"], "a").output("b").integer("axis", 1))
        .node(Node::new("Tanh", &["a"], "dead"))
        .node(Node::new("Relu", &["b"], "y"));
    let graph = graph(&model).unwrap();
    assert_eq!((graph.len(), graph.output_bytes()), (2, Bytes(8.0)));
}

#[test]
fn a_result_that_is_read_inside_returns_too() {
    let model = Model::new("x", &[1, 64], "y")
        .result("a")
        .weights(Initializer::external("w", &[64, 2], "weights"))
        .node(Node::new("Relu", &["x"], "a"))
        .node(Node::new("MatMul", &["a", "w"], "y"));
    assert_eq!(graph(&model).unwrap().output_bytes(), Bytes(4.0 * 64.0 + 8.0));
}

#[test]
fn inputs_that_are_weights_count_as_weights_once_the_inputs_are_named() {
    let model = Model::new("x", &[1, 4], "y").input("w", &[4, 2]).node(Node::new("MatMul", &["x", "w"], "y"));
    let all = graph(&model).unwrap();
    assert_eq!((all.input_bytes(), all.param_bytes()), (Bytes(4.0 + 8.0), Bytes::ZERO));
    let named = read(&model).unwrap().with_inputs(&["x".into()]).unwrap();
    let profile = named.profile(&ProfileOptions::default()).unwrap();
    assert_eq!((profile.input_bytes, profile.layers[0].param_bytes), (Bytes(4.0), Bytes(32.0)));
    let message = read(&model).unwrap().with_inputs(&["z".into()]).unwrap_err().to_string();
    assert!(message.contains("there is no input \"z\"; there are: x, w"), "{message}");
    // An input that nobody reads is none, and its dimensions do not matter.
    let unused = Model::new("x", &[1, 4], "y").open_input("mask", &["batch"]).node(Node::new("Relu", &["x"], "y"));
    assert_eq!(graph(&unused).unwrap().input_bytes(), Bytes(4.0));
}

#[test]
fn weights_count_as_they_are_stored_not_as_what_is_computed_of_them() {
    // A byte per weight, scaled on loading.
    let model = Model::new("x", &[1, 100], "y")
        .weights(Initializer::raw("q", &[100, 10], 3, &[1; 1000]))
        .weights(Initializer::external("scale", &[], "weights"))
        .node(Node::new("DequantizeLinear", &["q", "scale"], "w"))
        .node(Node::new("MatMul", &["x", "w"], "y"));
    let graph = graph(&model).unwrap();
    assert_eq!((graph.len(), graph.param_bytes()), (1, Bytes(1000.0 + 4.0)));
}

#[test]
fn an_if_whose_condition_follows_from_shapes_is_the_branch_it_takes() {
    let weights = Initializer::external("w", &[3, 2], "weights");
    let then =
        Model::branch("t").node(Node::new("Relu", &["a"], "inner")).node(Node::new("MatMul", &["inner", "w"], "t"));
    let other = Model::branch("e").node(Node::new("Identity", &["a"], "e"));
    let model = |condition: Vec<Node>| {
        let start = Model::new("x", &[1, 3], "y").weights(weights.clone()).weights(Initializer::integers("one", &[1]));
        let start = start.node(Node::new("Tanh", &["x"], "a"));
        let start = condition.into_iter().fold(start, Model::node);
        let choice = Node::new("If", &["c"], "b").graph("then_branch", &then).graph("else_branch", &other);
        start.node(choice).node(Node::new("Sigmoid", &["b"], "y"))
    };
    // Whether the first dimension is 1, as PyTorch asks before it squeezes.
    let shape = vec![
        Node::new("Shape", &["a"], "s"),
        Node::new("Slice", &["s", "zero", "one"], "d"),
        Node::new("Equal", &["d", "one"], "f"),
        Node::new("Squeeze", &["f"], "c"),
    ];
    let known = model(shape).weights(Initializer::integers("zero", &[0]));
    let graph = graph(&known).unwrap();
    let ops: Vec<&str> = graph.layers().iter().map(|layer| layer.op.as_str()).collect();
    assert_eq!(ops, ["Tanh", "Relu", "MatMul", "Sigmoid"]);
    assert_eq!(graph.edges().collect::<Vec<_>>(), [(0, 1), (1, 2), (2, 3)]);
    let unknown = vec![
        Node::new("ReduceMax", &["a"], "m").integer("keepdims", 0),
        Node::new("Cast", &["m"], "c").integer("to", 9),
    ];
    let message = error(&model(unknown));
    assert!(message.contains("operator \"If\" runs parts of the network depending on values"), "{message}");
}

#[test]
fn operators_of_other_domains_are_not_onnxs_own() {
    let own = Model::new("x", &[1, 4], "y").node(Node::new("Relu", &["x"], "y").domain("com.acme").named("mine"));
    assert!(error(&own).contains("node \"mine\" (Relu): operator \"com.acme::Relu\" is not known"), "{}", error(&own));
    let adopted = Model::new("x", &[1, 4], "y").node(Node::new("Gelu", &["x"], "y").domain("com.microsoft"));
    assert_eq!(graph(&adopted).unwrap().layers()[0].kind, LayerKind::Elementwise);
}

#[test]
fn what_makes_the_runtime_panic_is_refused() {
    let pool = Node::new("MaxPool", &["x"], "y").integers("kernel_shape", &[2, 2]).integers("strides", &[0, 0]);
    let message = error(&Model::new("x", &[1, 4, 8, 8], "y").node(pool));
    assert!(message.contains("node #0 (MaxPool)"), "{message}");
    let huge = Model::new("x", &[1, 4], "y").weights(Initializer::integers("s", &[1 << 40, 4]));
    let message = error(&huge.node(Node::new("Expand", &["x", "s"], "y")));
    assert!(message.contains("stored tensor \"s\": it holds 1099511627776"), "{message}");
    let empty = error(&Model::new("x", &[1, 4], "y").node(Node::new("Identity", &["x"], "")).node(Node::new(
        "Relu",
        &["x"],
        "z",
    )));
    assert!(empty.contains("nothing makes its input \"y\""), "{empty}");
}

#[test]
fn open_dimensions_ask_for_values_and_take_them() {
    let model = Model::with_dims("x", &["batch", "", "16"], "y").node(Node::new("Relu", &["x"], "y"));
    assert!(error(&model).contains("input \"x\" has the open dimension \"batch\""), "{}", error(&model));
    let file = || read(&model).unwrap();
    let half = file().with_dims(&[("batch".into(), 2)]).unwrap();
    let message = half.profile(&ProfileOptions::default()).unwrap_err().to_string();
    assert!(message.contains("open dimension \"x:1\"") && message.contains("--dim \"x:1=1\""), "{message}");
    let full = file().with_dims(&[("batch".into(), 2), ("x:1".into(), 3)]).unwrap();
    let profile = full.profile(&ProfileOptions::default()).unwrap();
    assert_eq!(profile.input_shape, [2, 3, 16]);
    assert_eq!(profile.layers[0].output_bytes, Bytes(4.0 * 96.0));
    let message = file().with_dims(&[("bach".into(), 2)]).unwrap_err().to_string();
    assert!(message.contains("no input has the open dimension \"bach\"; there are: batch, x:1"), "{message}");
}

#[test]
fn an_unknown_operator_is_named_and_counts_as_none_only_when_told_so() {
    let model = Model::new("x", &[1, 4], "y")
        .node(Node::new("Teleport", &["x"], "a").named("beam"))
        .shape("a", &[1, 4])
        .node(Node::new("Relu", &["a"], "y"));
    let message = error(&model);
    assert!(message.contains("node \"beam\" (Teleport): operator \"Teleport\" is not known"), "{message}");
    let zero =
        |ops: &[&str]| ProfileOptions { zero_ops: ops.iter().map(ToString::to_string).collect(), ..Default::default() };
    let profile = read(&model).unwrap().profile(&zero(&["Teleport"])).unwrap();
    assert_eq!((profile.layers[0].flop.0, profile.layers[0].kind), (0.0, Some(LayerKind::Movement)));
    let message = read(&model).unwrap().profile(&zero(&["Teleport", "Relu"])).unwrap_err().to_string();
    assert!(message.contains("no unknown operator \"Relu\""), "{message}");
    // Without a shape in the file nobody knows what comes out of it.
    let mute = Model::new("x", &[1, 4], "y").node(Node::new("Teleport", &["x"], "y"));
    let message = read(&mute).unwrap().profile(&zero(&["Teleport"])).unwrap_err().to_string();
    assert!(message.contains("the shape of its output \"y\" cannot be worked out"), "{message}");
}

#[test]
fn graphs_that_are_none_are_refused_by_node() {
    let start = || Model::new("x", &[1, 4], "y");
    let cycle = start().node(Node::new("Add", &["x", "b"], "a")).node(Node::new("Relu", &["a"], "b"));
    let message = error(&cycle.node(Node::new("Relu", &["b"], "y")));
    assert!(message.contains("node #0 (Add): it depends on its own output"), "{message}");
    let message = error(&start().node(Node::new("Add", &["x", "nowhere"], "y")));
    assert!(message.contains("node #0 (Add): nothing makes its input \"nowhere\""), "{message}");
    let message = error(&start().node(Node::new("Relu", &["x"], "z")));
    assert!(message.contains("nothing makes its input \"y\""), "{message}");
    let twice = start().node(Node::new("Relu", &["x"], "y")).node(Node::new("Tanh", &["x"], "y"));
    assert!(error(&twice).contains("tensor \"y\" is made twice"), "{}", error(&twice));
    let message = error(&start());
    assert!(message.contains("no ONNX file: its graph has no node"), "{message}");
    // Nodes out of order are no fault.
    let order = start().node(Node::new("Relu", &["a"], "y")).node(Node::new("Tanh", &["x"], "a"));
    assert_eq!(graph(&order).unwrap().layers()[0].op, "Tanh");
}

#[test]
fn a_tensor_of_no_size_is_refused_by_layer() {
    let model = Model::new("x", &[1, 4], "y")
        .weights(Initializer::integers("start", &[4]))
        .weights(Initializer::integers("end", &[4]))
        .weights(Initializer::integers("axis", &[1]))
        .node(Node::new("Slice", &["x", "start", "end", "axis"], "a"))
        .node(Node::new("Relu", &["a"], "y"));
    let message = error(&model);
    assert!(message.contains("layer \"slice_1\", field output_bytes: 0 is not a positive finite number"), "{message}");
}

#[test]
fn stored_tensors_that_are_damaged_are_refused_by_name() {
    let with = |weights| Model::new("x", &[1, 4], "y").weights(weights).node(Node::new("Add", &["x", "w"], "y"));
    let message = error(&with(Initializer::raw("w", &[4], 1, &[0; 12])));
    assert!(message.contains("stored tensor \"w\": 12 bytes are stored, its shape [4] has 16"), "{message}");
    let message = error(&with(Initializer::raw("w", &[-4], 1, &[0; 16])));
    assert!(message.contains("dimensions [-4] are no shape"), "{message}");
    let message = error(&with(Initializer::raw("w", &[i64::MAX, i64::MAX], 1, &[0; 16])));
    assert!(message.contains("are no shape"), "{message}");
    let message = error(&with(Initializer::raw("w", &[2], 8, &[0; 16])));
    assert!(message.contains("type STRING is not supported"), "{message}");
}

#[test]
fn files_that_are_no_onnx_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let message = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = OnnxFile::open(&path).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        error
    };
    assert!(message("empty.onnx", b"").contains("it holds no graph"));
    assert!(message("text.onnx", b"name = \"toy\"\n").contains("no ONNX file"));
    assert!(message("zeros.onnx", &[0; 64]).contains("no ONNX file"));
    let missing = OnnxFile::open(&folder.path().join("none.onnx")).unwrap_err().to_string();
    assert!(missing.contains("none.onnx: No such file"), "{missing}");
    let directory = OnnxFile::open(folder.path()).unwrap_err().to_string();
    assert!(directory.contains("directory"), "{directory}");
}

#[test]
fn a_damaged_file_is_refused_or_read_but_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.onnx");
    let mut rng = stream(5, "damage");
    for name in ["squeezenet", "resnet-18", "bert-base"] {
        let bytes = std::fs::read(data(name)).unwrap();
        let mut read = 0;
        for _ in 0..150 {
            let mut damaged = bytes.clone();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..damaged.len());
                damaged[at] = rng.random();
            }
            if rng.random_bool(0.2) {
                damaged.truncate(rng.random_range(0..damaged.len()));
            }
            std::fs::write(&path, damaged).unwrap();
            match OnnxFile::open(&path).and_then(|file| file.profile(&ProfileOptions::default())) {
                Ok(_) => read += 1,
                Err(error) => assert!(error.to_string().contains("damaged.onnx"), "{error}"),
            }
        }
        assert!((1..150).contains(&read), "{name}: {read} of 150 damaged files were read");
    }
}
