#!/usr/bin/env bash
# Measures how fast the simulator is, beside SimPy, Gymnasium and EnvPool, and prints tables in Markdown, which
# docs/performance/simulator.md shows. It fails when SimPy and the simulator disagree on when a task completes.
#
# scripts/simulator_speed.sh [--parts events classic decisions] [--repetitions 5] [--seconds 0.5] [--scenario TOML]
#
# Needs Python 3.11 or newer (another than `python3`: set PYTHON) and a Rust toolchain. Packages come from PyPI into a
# virtual environment in the user's cache. EnvPool has wheels for Linux and some versions of Python only: without one, its rows
# are left out.
set -euo pipefail
cd "$(dirname "$0")/.."

source scripts/venv.sh
make_venv speed-venv scripts/simulator_speed/requirements.txt
# EnvPool imports its games and robots together with the rest: some 700 MB with what it depends on.
if ! "$python" -m pip install --quiet --only-binary :all: envpool==1.2.5; then
    echo "EnvPool does not install here; its rows are left out." >&2
fi

cargo build --release -p mec-envs --example simulator_speed --locked
"$python" scripts/simulator_speed/report.py "${CARGO_TARGET_DIR:-target}/release/examples/simulator_speed" "$@"
