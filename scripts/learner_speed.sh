#!/usr/bin/env bash
# Measures our soft actor-critic beside Stable-Baselines3, a loop in PyTorch as CleanRL writes it, and SBX, and prints
# tables in Markdown, which docs/performance/learner.md shows: gradient steps per second, steps of environments with a
# gradient step after each, time to a fixed return on Pendulum-v1, memory, and what the pipe costs over which Python
# steps our environments.
#
# scripts/learner_speed.sh [--quick] [--only mec-gym sb3 torch sbx] [--parts gradient steps return bare] [--threads 1 2]
#                          [--rounds 5] [--seconds 5] [--limit 10000]
#
# --quick only checks that everything runs, in four minutes. Needs Python 3.11 (another than `python3`: set PYTHON),
# 7 GB of disk for packages from PyPI, a Rust toolchain, and a C++ compiler (Debian: g++), without which torch.compile
# fails.
set -euo pipefail
cd "$(dirname "$0")/.."

source scripts/venv.sh
make_venv learner-venv scripts/learner_speed/requirements.txt 7
# One selection of packages: another one has other features, and would build burn again.
cargo build --release --example learner_peers --example env_server --locked
"$python" scripts/learner_speed/report.py "${CARGO_TARGET_DIR:-target}/release/examples" "$@"
