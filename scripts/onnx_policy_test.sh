#!/usr/bin/env bash
# Holds exported policies against onnxruntime: for every method, kind of action and body with random weights, and for agents
# trained by the smoke configuration in each form of the environment, `onnx.checker` accepts the file and onnxruntime
# takes the agent's own actions on 1,000 random observations and masks. Fails on any difference (continuous entries:
# above 1e-5). Then it runs the example of docs/export.md. A minute or two after the build.
#
# Needs Python 3.11 or newer (another than `python3`: set PYTHON) and a Rust toolchain. Packages come from PyPI into a
# virtual environment in target/.
set -euo pipefail
cd "$(dirname "$0")/.."

venv="$PWD/target/export-venv"
pins=(
    onnx==1.23.2
    onnxruntime==1.32.0
    numpy==2.4.6
    protobuf==7.36.2
    ml_dtypes==0.6.0
    flatbuffers==25.12.19
    packaging==26.4
    typing_extensions==4.16.0
)

if [[ ! -x $venv/bin/python ]]; then
    "${PYTHON:-python3}" -m venv "$venv"
fi
"$venv/bin/python" -m pip install --quiet "${pins[@]}"

# Both with one set of features, so that burn is built once.
cargo build --workspace --bin mec-gym --example policy_fixtures --locked
built="${CARGO_TARGET_DIR:-target}/debug"

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

train() {
    "$built/mec-gym" train experiments/configs/smoke.toml --quiet --out "$scratch/$1" "${@:2}"
}
mlp='algorithm.body={kind="mlp", hidden=[32, 32]}'
train task
train set --set form=set
train mlp --set form=set --set "$mlp"
train box --set form=box --set "$mlp"

mkdir "$scratch/policies"
"$built/examples/policy_fixtures" "$scratch/policies" "$scratch"/*/ckpt/*-last.safetensors
for checkpoint in "$scratch"/policies/*.checkpoint.safetensors; do
    "$built/mec-gym" export "$checkpoint" --out "${checkpoint%.checkpoint.safetensors}.onnx" > /dev/null
done
"$venv/bin/python" scripts/onnx_policy_test/check.py "$scratch/policies"

# What docs/export.md tells users to do works as it stands there.
"$built/mec-gym" export "$scratch/task" --out "$scratch/policy.onnx"
awk '/^```python/ { on = 1; next } /^```/ { on = 0 } on' docs/export.md > "$scratch/example.py"
(cd "$scratch" && "$venv/bin/python" example.py)
