#!/usr/bin/env bash
# Compares the exact optimum of task sets with HiGHS, which solves the same problem as a mixed-integer linear program.
# HiGHS is built from its sources: that needs CMake, a C++ compiler and libclang, which are installed from Debian's or
# Ubuntu's packages when this runs as root and one of them is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

has_libclang() {
    ldconfig -p | grep -q "libclang" || compgen -G "/usr/lib/llvm-*/lib/libclang*.so*" > /dev/null
}

packages=()
command -v cmake > /dev/null || packages+=(cmake)
command -v c++ > /dev/null || packages+=(g++)
has_libclang || packages+=(libclang-dev)
if (( ${#packages[@]} > 0 )); then
    if [[ $EUID -ne 0 ]] || ! command -v apt-get > /dev/null; then
        echo "HiGHS cannot be built here. Install ${packages[*]} and run this again." >&2
        exit 1
    fi
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${packages[@]}"
fi

# HiGHS itself is always optimised: building it takes five minutes on two cores. The test takes one.
cargo --config 'profile.dev.package."*".opt-level=0' \
    test -p mec-envs --features highs --test task_set_highs --locked -- --nocapture
