"""Compares onnxruntime's actions with the agents' own, for every fixture in a folder; see onnx_policy_test.sh."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

# Continuous entries; indices of choices must be equal.
TOLERANCE = 1e-5
# Also asked for one by one, as a program that steps one environment does.
SINGLE_ROWS = 50


def read_safetensors(path):
    """The float arrays of a file by name: 8 bytes of length, a header in JSON, then the entries."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header.pop("__metadata__", None)
    arrays = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        assert entry["dtype"] == "F32", (path, name, entry["dtype"])
        arrays[name] = np.frombuffer(data[end + first : end + last], "<f4").reshape(entry["shape"])
    return arrays


def check(folder, name):
    """The largest difference of an action's entry, and in how many rows actions differ."""
    model = onnx.load(folder / f"{name}.onnx")
    onnx.checker.check_model(model, full_check=True)
    metadata = json.loads({entry.key: entry.value for entry in model.metadata_props}["mec_gym_policy"])
    heads = len(metadata["action"]["heads"])
    fixture = read_safetensors(folder / f"{name}.fixture.safetensors")
    inputs = {"observation": fixture["observation"]}
    if "mask" in fixture:
        inputs["mask"] = fixture["mask"] != 0
    session = onnxruntime.InferenceSession(folder / f"{name}.onnx", providers=["CPUExecutionProvider"])
    (actions,) = session.run(["action"], inputs)
    for row in range(SINGLE_ROWS):
        (single,) = session.run(["action"], {key: value[row : row + 1] for key, value in inputs.items()})
        actions[row] = single
    assert actions.shape == fixture["action"].shape, (actions.shape, fixture["action"].shape)
    difference = np.abs(actions - fixture["action"])
    wrong = (difference[:, :heads] != 0).any(axis=1) | ~(difference[:, heads:] <= TOLERANCE).all(axis=1)
    return difference.max(), int(wrong.sum()), len(wrong)


def main():
    folder = Path(sys.argv[1])
    names = sorted(path.name.removesuffix(".fixture.safetensors") for path in folder.glob("*.fixture.safetensors"))
    if not names:
        sys.exit(f"{folder} holds no fixtures")
    failed = 0
    for name in names:
        largest, wrong, rows = check(folder, name)
        failed += wrong > 0
        print(f"{'failed' if wrong else 'same':6}  {name:24} {wrong} of {rows} actions differ, by {largest:.1e} at most")
    if failed:
        sys.exit(f"{failed} of {len(names)} policies act otherwise in onnxruntime {onnxruntime.__version__}")
    print(f"{len(names)} policies act the same in onnxruntime {onnxruntime.__version__}")


if __name__ == "__main__":
    main()
