#!/usr/bin/env bash
# Measures how fast the simulator is, beside SimPy, Gymnasium and EnvPool, and prints tables in Markdown, which
# docs/performance.md shows. It fails when SimPy and the simulator disagree on when a task completes.
#
# scripts/simulator_speed.sh [--parts events classic decisions] [--repetitions 5] [--seconds 0.5] [--scenario TOML]
#
# Needs Python 3.11 or newer (another than `python3`: set PYTHON) and a Rust toolchain. Packages come from PyPI into a
# virtual environment in target/. EnvPool has wheels for Linux and some versions of Python only: without one, its rows
# are left out.
set -euo pipefail
cd "$(dirname "$0")/.."

venv="$PWD/target/speed-venv"
pins=(
    simpy==4.1.2
    gymnasium==1.4.0
    numpy==2.4.6
    cloudpickle==3.1.3
    Farama-Notifications==0.0.6
    typing_extensions==4.16.0
)
# EnvPool imports its games and robots together with the rest: some 700 MB with what it depends on.
envpool_pin=envpool==1.2.5

if [[ ! -x $venv/bin/python ]]; then
    "${PYTHON:-python3}" -m venv "$venv"
fi
"$venv/bin/python" -m pip install --quiet "${pins[@]}"
if ! "$venv/bin/python" -m pip install --quiet --only-binary :all: "$envpool_pin"; then
    echo "EnvPool does not install here; its rows are left out." >&2
fi

cargo build --release -p mec-envs --example simulator_speed --locked
"$venv/bin/python" scripts/simulator_speed/report.py \
    "${CARGO_TARGET_DIR:-target}/release/examples/simulator_speed" "$@"
