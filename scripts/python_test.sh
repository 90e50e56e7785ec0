#!/usr/bin/env bash
# Tests the Python package: builds it, installs it into a virtual environment as users do, runs its tests with the newest
# Gymnasium and with 1.1, then its examples, which must beat random actions, and the code of python/README.md.
#
# scripts/python_test.sh [PYTEST ARGUMENTS]: with arguments, only the tests that they choose.
#
# Some five minutes after the build. Needs Python 3.11 or newer (another than `python3`: set PYTHON), a Rust toolchain,
# and 7 GB of disk: on Linux, PyPI's torch brings CUDA's libraries.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/mec-gym/target}"
source scripts/venv.sh
make_venv python-venv python/tests/requirements.txt 7
# The oldest Gymnasium that is supported, beside the newest.
if [[ ! -d $venv/gymnasium-1.1 ]]; then
    "$python" -m pip install --quiet --no-deps --target "$venv/gymnasium-1.1" gymnasium==1.1.0
fi
# maturin is a program.
PATH="$venv/bin:$PATH" "$python" -m pip install --quiet --no-deps --no-build-isolation --force-reinstall ./python

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
# What the tests hold the package against: the Rust environments in a process of their own, and a run of the program.
cargo build --release --features onnx -p mec-gym -p mec-envs --bin mec-gym --example env_server --locked
export MEC_GYM_ENV_SERVER="$CARGO_TARGET_DIR/release/examples/env_server" MEC_GYM_RUN_FOLDER="$scratch/run"
"$CARGO_TARGET_DIR/release/mec-gym" run experiments/configs/smoke.toml --out "$MEC_GYM_RUN_FOLDER" --quiet > /dev/null

# Two cores are better used by Rust's threads than by PyTorch's.
export OMP_NUM_THREADS=1 MPLBACKEND=Agg PYTHONDONTWRITEBYTECODE=1
if (( $# > 0 )); then
    exec "$python" -m pytest python "$@"
fi
"$python" -m pytest -q python
PYTHONPATH="$venv/gymnasium-1.1" "$python" -m pytest -q python -k "conformance or vector or bad_input or parity"
"$python" -m mypy --config-file python/pyproject.toml python/python/mec_gym

for example in sb3_sac_box sb3_dqn_task maskable_ppo; do
    (cd "$scratch" && "$python" "$OLDPWD/python/examples/$example.py")
done
(cd "$scratch" && "$python" "$OLDPWD/python/examples/compare_curves.py" 2000 curves.png)
"$python" python/benchmarks/vector_speed.py --quick

# What python/README.md tells users to do works as it stands there.
awk '/^```python/ { on = 1; next } /^```/ { on = 0 } on' python/README.md > "$scratch/readme.py"
ln -s "$MEC_GYM_RUN_FOLDER" "$scratch/results"
(cd "$scratch" && "$python" readme.py)
