#!/usr/bin/env bash
# Measures our soft actor-critic on a GPU beside PyTorch's on the same one: gradient steps for batches of 256 to 16,384,
# and steps of the default scenario with a gradient step after each, where ours also acts on the CPU meanwhile.
#
# scripts/learner_speed_gpu.sh [--quick] [--only mec-gym torch] [--rounds 5] [--seconds 5]
#
# DEVICE=wgpu measures ours through Vulkan instead of CUDA. Needs an NVIDIA GPU with its driver, and what
# scripts/learner_speed.sh needs. Building the feature `cuda` needs network access (burn fetches LLVM from its release page)
# and some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

device="${DEVICE:-cuda}"
missing=()
[[ $device == cuda || $device == wgpu ]] || missing+=("DEVICE is $device; accepted are cuda and wgpu")
if ! command -v nvidia-smi > /dev/null; then
    missing+=("an NVIDIA driver: there is no nvidia-smi here")
elif ! nvidia-smi --list-gpus 2> /dev/null | grep -q GPU; then
    missing+=("a GPU: nvidia-smi lists none")
fi
if (( ${#missing[@]} == 0 )); then
    source scripts/venv.sh
    make_venv learner-venv scripts/learner_speed/requirements.txt 7
    "$python" -c 'import torch; raise SystemExit(not torch.cuda.is_available())' ||
        missing+=("CUDA in PyTorch: torch.cuda.is_available() is false, so the driver may be too old for this version")
fi
build=(
    cargo build --release -p mec-gym -p mec-envs --example learner_peers --example env_server
    --features "mec-gym/$device" --locked
)
if (( ${#missing[@]} == 0 )) && ! "${build[@]}"; then
    missing+=("a build with --features $device, which failed as said above")
fi
if (( ${#missing[@]} > 0 )); then
    echo "The learner cannot be measured on a GPU here. What is missing:" >&2
    printf ' - %s\n' "${missing[@]}" >&2
    exit 1
fi
"$python" scripts/learner_speed/report.py "${CARGO_TARGET_DIR:-target}/release/examples" --gpu "$device" "$@"
