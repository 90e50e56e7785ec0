#!/usr/bin/env bash
# Carries out the evidence: every experiment of experiments/configs/evidence/, one after another, into results/evidence/. One
# that is finished is left alone, and one that was killed or stopped goes on, so that this can be run again and again.
# results/README.md says how long each takes. Names as arguments choose some: scripts/evidence.sh sweep transfer
#
# The tables that are kept in results/evidence/ count as finished: to make them again, name another folder with OUT.
#
# --quick carries each out in small, into a folder that is then removed: shows that all of them run, in minutes.
#
# Needs a Rust toolchain. Trainings at a time: JOBS, by default one per processor core.
set -euo pipefail
cd "$(dirname "$0")/.."

all=(convergence sweep worlds networks balance ablations cuts knowledge transfer scale)
quick=()
out="${OUT:-results/evidence}"
if [[ ${1:-} == --quick ]]; then
    shift
    out="$(mktemp -d)"
    trap 'rm -rf "$out"' EXIT
    quick=(--quiet --set seeds=[1] --set runtime.steps=400 --set runtime.evaluate_every=200 --set scenario.horizon_s=4.0
        --set evaluation.episodes=1 --set comparison.episodes=1)
fi
[[ $# -gt 0 ]] && all=("$@")

cargo build --release --locked
mec_gym="${CARGO_TARGET_DIR:-target}/release/mec-gym"
failed=()
for name in "${all[@]}"; do
    echo "==> $name"
    if [[ -f $out/$name/config.toml ]]; then
        "$mec_gym" resume "$out/$name" --jobs "${JOBS:-$(nproc)}" || failed+=("$name")
    else
        "$mec_gym" run "experiments/configs/evidence/$name.toml" --out "$out/$name" --force --jobs "${JOBS:-$(nproc)}" \
            "${quick[@]}" || failed+=("$name")
    fi
done
if [[ ${#failed[@]} -gt 0 ]]; then
    echo "failed or stopped: ${failed[*]}" >&2
    exit 1
fi
