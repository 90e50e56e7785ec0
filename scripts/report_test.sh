#!/usr/bin/env bash
# Opens reports in headless Chromium, on a phone and on a desktop, light and dark: no error, no request to anywhere,
# nothing wider than the screen, text that stands out from its background, and sorting, switching curves on and off, reading
# values by pointer and keys, and downloads that work. A minute or two after the build.
#
# Screenshots go to a folder that is given as an argument. Needs Python 3.11 or newer (another than `python3`: set PYTHON)
# and a Rust toolchain. Playwright comes from PyPI into a virtual environment in the user's cache; Chromium from apt-get, if it is not
# there (another one: set CHROMIUM).
set -euo pipefail
cd "$(dirname "$0")/.."

chromium="${CHROMIUM:-$(command -v chromium || true)}"
if [[ -z $chromium ]]; then
    echo "installing Chromium by apt-get"
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core
    chromium="$(command -v chromium)"
fi

source scripts/venv.sh
make_venv report-venv scripts/report_test/requirements.txt

cargo build --workspace --bin mec-gym --locked
mec_gym="${CARGO_TARGET_DIR:-target}/debug/mec-gym"

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

"$mec_gym" run experiments/configs/smoke.toml --quiet --out "$scratch/all/run" > "$scratch/table"
"$mec_gym" run scripts/report_test/study.toml --quiet --out "$scratch/all/study" > "$scratch/table"
"$mec_gym" report "$scratch/all"
"$python" scripts/report_test/check.py "$chromium" "$scratch/all" "${1:-}"
