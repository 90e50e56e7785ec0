#!/usr/bin/env bash
# Opens the event files of trainings with TensorBoard's own reader: every figure of progress.csv and every mean of
# eval.csv must be there once, at its step, under its tag. The second run is killed on its way and resumed. A minute or two
# after the build.
#
# Needs Python 3.11 or newer (another than `python3`: set PYTHON) and a Rust toolchain. Packages come from PyPI into a
# virtual environment in the user's cache.
set -euo pipefail
cd "$(dirname "$0")/.."

source scripts/venv.sh
make_venv tensorboard-venv scripts/tensorboard_test/requirements.txt

cargo build --workspace --bin mec-gym --locked
mec_gym="${CARGO_TARGET_DIR:-target}/debug/mec-gym"

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

"$mec_gym" train experiments/configs/smoke.toml --quiet --tensorboard --set 'seeds=[1, 2]' --out "$scratch/whole"

# Killed behind a checkpoint, with reports behind it that the resumed run writes again.
"$mec_gym" train experiments/configs/smoke.toml --quiet --set tensorboard=true --set runtime.steps=6000 \
    --set runtime.checkpoint_every=1000 --set runtime.progress_every=100 --out "$scratch/killed" &
training=$!
reports() {
    if [[ -f $scratch/killed/progress.csv ]]; then wc -l < "$scratch/killed/progress.csv"; else echo 0; fi
}
until (( $(reports) > 25 )); do
    kill -0 "$training"
    sleep 0.05
done
kill -9 "$training"
wait "$training" || true
"$mec_gym" resume "$scratch/killed" --quiet

"$python" scripts/tensorboard_test/check.py "$scratch/whole" "$scratch/killed"
