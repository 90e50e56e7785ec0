#!/usr/bin/env python3
"""Makes envs/models/*.toml from the light ONNX files of the PyPI package `onnx`. Run it from anywhere: it rewrites the same files.

The package ships nine published networks without their weights (onnx/backend/test/data/light, Apache-2.0).
What the numbers count:
- flop: two per multiply-accumulate of convolutions (respecting groups), matrix products and per-channel affine
  maps (BatchNormalization: two per element; Mul and Add with a weight: one each), 0 for every other operator, so
  that the totals are the GFLOP figures of the literature; the time of the others is memory-bound;
- param_bytes: four bytes per initial value that the layer reads (float32), shape tensors excluded;
- output_bytes: four bytes per element of the output;
- input_bytes: one byte per element of the input, as a picture is captured.
Nodes that compute on initial values alone vanish into their reader; Dropout and Identity, which do nothing at
inference, vanish too. A convolution with as many groups as input channels is marked as depthwise.
"""

import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

ONNX, NUMPY, PROTOBUF, ML_DTYPES = "1.23.2", "2.4.6", "7.36.2", "0.6.0"
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / "target" / "profiles-venv"
MODELS = {
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
NO_OP = {"Dropout", "Identity"}
FLOAT_BYTES = 4
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
    pins = [f"onnx=={ONNX}", f"numpy=={NUMPY}", f"protobuf=={PROTOBUF}", f"ml_dtypes=={ML_DTYPES}"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *pins], check=True)
    os.execv(python, [str(python), __file__])


class Network:
    """A light ONNX file with its shapes and the nodes that run at inference."""

    def __init__(self, path):
        import onnx

        model = onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True, data_prop=True)
        graph = model.graph
        self.opset = model.opset_import[0].version
        self.shapes = {
            value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
            for value in [*graph.input, *graph.value_info, *graph.output]
        }
        self.shapes.update({value.name: list(value.dims) for value in graph.initializer})
        self.constants = {value.name for value in graph.initializer}
        inputs = [value.name for value in graph.input if value.name not in self.constants]
        assert len(inputs) == 1, f"{path}: one input expected, got {inputs}"
        self.input = inputs[0]
        self.nodes = []
        self.alias = {}
        for node in graph.node:
            self.add(node)

    def add(self, node):
        if node.op_type == "Constant" or all(name in self.constants for name in node.input):
            self.constants.update(node.output)
        elif node.op_type in NO_OP:
            self.alias[node.output[0]] = self.resolve(node.input[0])
        else:
            self.nodes.append(node)

    def resolve(self, name):
        return self.alias.get(name, name)

    def elements(self, name):
        shape = self.shapes[name]
        assert all(d > 0 for d in shape), f"{name}: shape {shape} is not fixed"
        return math.prod(shape)

    def activations(self, node):
        names = [self.resolve(name) for name in node.input if name and name not in self.constants]
        return list(dict.fromkeys(names))

    def weights(self, node):
        # The second input of Reshape is a shape, not a parameter.
        names = node.input[:1] if node.op_type == "Reshape" else node.input
        return sum(self.elements(name) for name in dict.fromkeys(names) if name in self.constants)

    def flop(self, node):
        """Outputs times the work behind each: two per term of a sum of products."""
        output = self.elements(node.output[0])
        if node.op_type == "Conv":
            # Weight shape: [outputs, inputs / groups, height, width].
            return 2 * output * math.prod(self.shapes[node.input[1]][1:])
        if node.op_type == "Gemm":
            transposed = any(a.name == "transA" and a.i for a in node.attribute)
            return 2 * output * self.shapes[self.resolve(node.input[0])][0 if transposed else 1]
        if node.op_type == "MatMul":
            return 2 * output * self.shapes[self.resolve(node.input[0])][-1]
        if node.op_type == "BatchNormalization":
            return 2 * output
        if node.op_type in {"Mul", "Add"} and self.weights(node):
            return output
        return 0

    def is_depthwise(self, node):
        groups = next((a.i for a in node.attribute if a.name == "group"), 1)
        return node.op_type == "Conv" and groups > 1 and self.shapes[node.input[1]][1] == 1

    def layer(self, node):
        assert len([name for name in node.output if name in self.used or name in self.results]) == 1, node.name
        inputs = [self.names[name] for name in self.activations(node)]
        kind = ' kind = "depthwise_convolution",' if self.is_depthwise(node) else ""
        names = ", ".join(f'"{name}"' for name in inputs)
        return (
            f'{{ name = "{self.names[node.output[0]]}", op = "{node.op_type}",{kind} inputs = [{names}], '
            f"flop = {self.flop(node)}, param_bytes = {FLOAT_BYTES * self.weights(node)}, "
            f"output_bytes = {FLOAT_BYTES * self.elements(node.output[0])} }}"
        )

    def name(self):
        """Layers are named after operator and running number: the files' own names are r0, r1, ..."""
        self.names, count = {self.input: "input"}, Counter()
        for node in self.nodes:
            count[node.op_type] += 1
            self.names[node.output[0]] = f"{node.op_type.lower()}_{count[node.op_type]}"

    def lines(self):
        self.name()
        self.used = {name for node in self.nodes for name in self.activations(node)}
        self.results = {node.output[0] for node in self.nodes} - self.used
        return [f"  {self.layer(node)},\n" for node in self.nodes]


def profile(name, stem, path):
    network = Network(path)
    shape = network.shapes[network.input]
    return (
        f'name = "{name}"\n'
        f'source = "onnx/backend/test/data/light/light_{stem}.onnx in the PyPI package onnx {ONNX}"\n'
        f'licence = "Apache-2.0"\n'
        f'provenance = "made by scripts/make_profiles.py, which says what the numbers count; '
        f'opset {network.opset}, shapes by onnx.shape_inference"\n'
        f"input_shape = {shape}\n"
        f"input_bytes = {network.elements(network.input)}\n"
        f"layers = [\n{''.join(network.lines())}]\n"
    )


def main():
    import onnx

    folder = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
    for name, stem in MODELS.items():
        target = ROOT / "envs" / "models" / f"{name}.toml"
        target.write_text(profile(name, stem, folder / f"light_{stem}.onnx"), encoding="utf-8")
        print(target.relative_to(ROOT))


if __name__ == "__main__":
    enter_venv()
    main()
