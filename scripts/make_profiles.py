#!/usr/bin/env python3
"""Makes envs/models/*.toml, by way of target/networks/*.onnx: networks without their weights.

Run it from anywhere: it rewrites the same files. The ONNX files are made here, the profiles by `mec-gym models add`,
which infers the shapes and counts the costs, and whose documentation says what the numbers count.

Nine networks are the light files of the PyPI package `onnx` (Apache-2.0), but for the names of their nodes. The others
are built by torchvision (BSD-3-Clause), transformers (Apache-2.0) and pixeltable-yolox (Apache-2.0), exported by
PyTorch and stripped. Nothing is downloaded but packages: on Linux about 6 GB, most of it what PyTorch needs to start.
What an exported file holds:
- the inference graph at batch 1 with every shape fixed: batch normalisation folded into the convolutions, constants
  folded, no dropout; BERT without an attention mask (all tokens count), YOLOX without the decoding of its boxes;
- each weight as external data, with name, dims, type, offset and length, in a file `weights` that does not exist:
  read with `onnx.load(path, load_external_data=False)`;
- the data of what is no weight: single numbers of formulas, the scales of Resize, and integer tensors (shapes, axes,
  slices) of up to 64 elements.
The weights are random, and different from each other, while the exporter runs: it leaves out biases of zeros and
merges equal tensors, so that a network as initialised would lose parameters.
"""

import logging
import math
import os
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

PINS = [
    "torch==2.15.0",
    "torchvision==0.29.2",
    "transformers==5.24.0",
    "onnx==1.23.2",
    "onnxscript==0.7.2",
    "onnx-ir==1.1.0",
    "numpy==2.4.6",
    "protobuf==7.36.2",
    "ml_dtypes==0.6.0",
]
# What the model of pixeltable-yolox imports: its other dependencies are for training and for ONNX tools not used here.
YOLOX_PINS = [
    "pixeltable-yolox==0.4.3",
    "loguru==0.7.3",
    "opencv-python-headless==5.0.0.93",
    "psutil==7.2.2",
    "pycocotools==2.0.11",
    "tabulate==0.10.0",
]
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / "target" / "networks-venv"
NETWORKS = ROOT / "target" / "networks"
LIGHT = {
    "alexnet": "bvlc_alexnet",
    "zfnet-512": "zfnet512",
    "squeezenet": "squeezenet",
    "shufflenet": "shufflenet",
    "googlenet": "inception_v1",
    "inception-v2": "inception_v2",
    "resnet-50": "resnet50",
    "densenet-121": "densenet121",
    "vgg-19": "vgg19",
}
TORCHVISION = {
    "vgg-16": "vgg16",
    "resnet-18": "resnet18",
    "resnet-101": "resnet101",
    "mobilenet-v2": "mobilenet_v2",
    "mobilenet-v3-large": "mobilenet_v3_large",
    "efficientnet-b0": "efficientnet_b0",
    "vit-b-16": "vit_b_16",
}
# The first opset with Gelu, which is five operators before.
OPSET = 20
# Tokens of a sequence, the length at which the literature gives the GFLOP of BERT.
TOKENS = 128
MAX_KEPT_INTEGERS = 64
MIN_PYTHON = (3, 11)


def enter_venv():
    """Restarts this script inside its own virtual environment, made on first use."""
    if Path(sys.prefix).resolve() == VENV.resolve():
        return
    if sys.version_info < MIN_PYTHON:
        sys.exit(f"needs Python {'.'.join(map(str, MIN_PYTHON))} or newer")
    python = VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    pip = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, *PINS], check=True)
    subprocess.run([*pip, "--no-deps", *YOLOX_PINS], check=True)
    os.execv(python, [str(python), __file__])


def torchvision_network(builder):
    """Like each of these functions: a PyTorch module, its inputs by name, the names of its outputs."""
    import torch
    import torchvision

    model = torchvision.models.get_model(builder, weights=None)
    return model, {"input": torch.zeros(1, 3, 224, 224)}, ["output"]


def bert_base():
    """BERT's encoder and pooler without the attention mask, which does nothing when all tokens count."""
    import torch
    from transformers import BertConfig, BertModel

    class Bert(torch.nn.Module):
        def __init__(self):
            super().__init__()
            # BertConfig's defaults are the sizes of bert-base-uncased; eager attention is plain matrix products.
            self.bert = BertModel(BertConfig(attn_implementation="eager"))

        def forward(self, input_ids):
            hidden = self.bert.encoder(self.bert.embeddings(input_ids)).last_hidden_state
            return hidden, self.bert.pooler(hidden)

    input_ids = torch.zeros(1, TOKENS, dtype=torch.int64)
    return Bert(), {"input_ids": input_ids}, ["last_hidden_state", "pooler_output"]


def yolox_s():
    import torch
    from yolox.config import YoloxConfig

    model = YoloxConfig.get_named_config("yolox-s").get_model()
    model.head.decode_in_inference = False
    return model, {"input": torch.zeros(1, 3, 640, 640)}, ["output"]


def randomise(model):
    """Makes all weights different from each other, the statistics of batch normalisation included."""
    import torch

    torch.manual_seed(0)
    with torch.no_grad():
        for tensor in [*model.parameters(), *model.buffers()]:
            if tensor.is_floating_point():
                tensor.uniform_()


def export(model, inputs, outputs):
    """The ONNX model of a PyTorch module, weights included."""
    import torch

    randomise(model)
    program = torch.onnx.export(
        model.eval(),
        tuple(inputs.values()),
        input_names=list(inputs),
        output_names=outputs,
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    return program.model_proto


def strip(model, parameters):
    """Drops the weights, the intermediate shapes and what the exporter says about its sources."""
    graph = model.graph
    assert not model.functions, "a function is left that the exporter has not inlined"
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    assert not any(a.HasField("t") or a.HasField("g") for a in attributes), "a tensor or graph is left in a node"
    scales = {node.input[2] for node in graph.node if node.op_type == "Resize"}
    offset = 0
    for tensor in graph.initializer:
        if tensor.name in parameters or not (tensor.name in scales or is_constant(tensor)):
            offset += move_out(tensor, offset)
    del graph.value_info[:]
    # What follows "+" names PyTorch's build, which differs between platforms.
    model.producer_version = model.producer_version.partition("+")[0]
    drop_names(graph)
    for part in [model, graph, *graph.input, *graph.output, *graph.initializer, *graph.node]:
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    for attribute in attributes:
        attribute.ClearField("doc_string")


def drop_names(graph):
    """Takes out the names of nodes, which are n0, n1, ...: layers are then named after their operators."""
    for node in graph.node:
        node.ClearField("name")


def is_constant(tensor):
    """Whether a tensor that is no parameter by name is a number or a shape, and not weights folded under a new name."""
    import onnx

    is_float = tensor.data_type == onnx.TensorProto.FLOAT
    return math.prod(tensor.dims) <= (1 if is_float else MAX_KEPT_INTEGERS)


def move_out(tensor, offset):
    """Marks a tensor's data as external, drops it and returns its length in bytes."""
    import onnx

    length = onnx.numpy_helper.to_array(tensor).nbytes
    moved = onnx.TensorProto(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type)
    moved.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": "weights", "offset": offset, "length": length}.items():
        moved.external_data.add(key=key, value=str(value))
    tensor.CopyFrom(moved)
    return length


def check(model):
    """Fails unless every shape follows from the stripped model and is fixed."""
    import onnx

    graph = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True).graph
    shapes = {v.name: v.type.tensor_type.shape.dim for v in [*graph.input, *graph.value_info, *graph.output]}
    for name in (name for node in graph.node for name in node.output):
        assert name in shapes and all(d.dim_value > 0 for d in shapes[name]), f"{name}: no fixed shape"


def light_networks():
    """Name, ONNX model and source of the networks that the package `onnx` ships."""
    import onnx

    folder = Path("onnx") / "backend" / "test" / "data" / "light"
    for name, stem in LIGHT.items():
        path = folder / f"light_{stem}.onnx"
        model = onnx.load(Path(onnx.__file__).parent.parent / path)
        drop_names(model.graph)
        yield name, model, f"{path.as_posix()} in the PyPI package {pin('onnx')}", "Apache-2.0"


def exported_networks():
    """Name, ONNX model and source of the networks that other packages build."""
    torchvision_licence, apache = "BSD-3-Clause", "Apache-2.0"
    builders = {
        name: (partial(torchvision_network, builder), f"torchvision.models.{builder} of the PyPI package {pin('torchvision')}", torchvision_licence)
        for name, builder in TORCHVISION.items()
    }
    builders["yolox-s"] = yolox_s, f"yolox-s of the PyPI package {pin('pixeltable-yolox')}", apache
    builders["bert-base"] = bert_base, f"transformers.BertModel of the PyPI package {pin('transformers')}", apache
    for name, (build, source, licence) in builders.items():
        network, inputs, outputs = build()
        model = export(network, inputs, outputs)
        strip(model, dict(network.named_parameters()))
        check(model)
        yield name, model, f"{source}, exported by {pin('torch')}", licence


def pin(package):
    """A package with its version."""
    return next(pin for pin in [*PINS, *YOLOX_PINS] if pin.startswith(f"{package}==")).replace("==", " ")


def add_profile(name, source, licence):
    """Has `mec-gym models add` make the profile of a network."""
    cargo = ["cargo", "run", "--quiet", "--release", "--locked", "--features", "onnx", "--", "models", "add"]
    file, out = f"target/networks/{name}.onnx", f"envs/models/{name}.toml"
    about = ["--name", name, "--source", source, "--licence", licence]
    subprocess.run([*cargo, file, *about, "--out", out, "--force"], cwd=ROOT, check=True)


def main():
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    NETWORKS.mkdir(parents=True, exist_ok=True)
    for name, model, source, licence in [*light_networks(), *exported_networks()]:
        (NETWORKS / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))
        add_profile(name, source, licence)


if __name__ == "__main__":
    enter_venv()
    main()
