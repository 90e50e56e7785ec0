#!/usr/bin/env bash
# Trains small agents on a wgpu device, and holds updates that it records against those of the CPU. Without a GPU,
# Mesa's software Vulkan (lavapipe) is that device: it is installed from Debian's or Ubuntu's packages when this runs as
# root and no Vulkan driver is there.
set -euo pipefail
cd "$(dirname "$0")/.."

has_vulkan_driver() {
    compgen -G "/usr/share/vulkan/icd.d/*.json" > /dev/null || compgen -G "/etc/vulkan/icd.d/*.json" > /dev/null
}

if ! has_vulkan_driver; then
    if [[ $EUID -ne 0 ]] || ! command -v apt-get > /dev/null; then
        echo "No Vulkan driver here. Install one, for example the package mesa-vulkan-drivers, and run this again." >&2
        exit 1
    fi
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends mesa-vulkan-drivers libvulkan1
fi

# Without optimisation the GPU crates build in about five minutes on two cores, and the test still takes seconds.
test=(
    cargo --config 'profile.dev.package."*".opt-level=0' --config 'profile.dev.opt-level=0'
    test -p mec-agents --features wgpu --locked
)
"${test[@]}" --test wgpu_device
"${test[@]}" --lib -- on_wgpu
