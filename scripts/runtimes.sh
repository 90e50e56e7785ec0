#!/usr/bin/env bash
# Measures the runtimes and prints tables in Markdown, which docs/performance/runtimes.md shows: free-running against serial at
# the same replay ratio over ten seeds, and steps per second with 1, 2 and 4 actors. Some ten minutes; needs a Rust
# toolchain.
#
# scripts/runtimes.sh [modes] [actors] [--quick]
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --example runtimes --locked
echo "$(grep -m 1 'model name' /proc/cpuinfo 2> /dev/null | cut -d : -f 2- | xargs || true), $(nproc) cores"
echo "Commit: $(git describe --always --dirty)"
"${CARGO_TARGET_DIR:-target}/release/examples/runtimes" "$@"
