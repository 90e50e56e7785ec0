#!/usr/bin/env bash
# Trains SAC of Stable-Baselines3 and ours on Pendulum-v1 with the same hyperparameters and seeds, and writes the
# episodes of all evaluations to docs/pendulum/, their picture docs/pendulum/curves.png, and the page about them,
# docs/pendulum.md.
#
# scripts/pendulum_curves.sh [--only ours|sb3|picture] [--quick] [SEEDS [STEPS]]
#
# 10 seeds of 10,000 steps by default: some 40 minutes for Stable-Baselines3 on one core, and 15 for ours. --quick only checks that
# everything runs, and writes to target/pendulum/. Needs Python 3.11 (another than `python3`: set PYTHON) and a Rust
# toolchain.
set -euo pipefail
cd "$(dirname "$0")/.."

only=all
quick=no
numbers=()
while (( $# > 0 )); do
    case "$1" in
        --only) only="${2:?--only needs ours, sb3 or picture}"; shift ;;
        --quick) quick=yes ;;
        *) numbers+=("$1") ;;
    esac
    shift
done
[[ $only == all || $only == ours || $only == sb3 || $only == picture ]] ||
    { echo "--only is $only; accepted are ours, sb3 and picture" >&2; exit 1; }
seeds="${numbers[0]:-10}"
steps="${numbers[1]:-10000}"
every=1000 episodes=10 final=100 folder=docs/pendulum document=docs/pendulum.md
if [[ $quick == yes ]]; then
    seeds=2 steps=400 every=200 episodes=2 final=3 folder=target/pendulum document=target/pendulum/table.md
fi
mkdir -p "$folder"

source scripts/venv.sh
make_venv learner-venv scripts/learner_speed/requirements.txt 7
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
scratch="$(mktemp)"
trap 'rm -f "$scratch"' EXIT
if [[ $only == all || $only == sb3 ]]; then
    "$python" scripts/pendulum_curves/sb3.py --seeds "$seeds" --steps "$steps" --every "$every" \
        --episodes "$episodes" --final-episodes "$final" > "$scratch"
    cp "$scratch" "$folder/sb3.csv"
fi
if [[ $only == all || $only == ours ]]; then
    cargo build --release --example pendulum --locked
    "${CARGO_TARGET_DIR:-target}/release/examples/pendulum" "$seeds" "$steps" "$every" "$episodes" "$final" > "$scratch"
    cp "$scratch" "$folder/ours.csv"
fi
chmod 644 "$folder"/*.csv
"$python" scripts/pendulum_curves/picture.py "$folder" "$document"
