"""How fast environments side by side are stepped: by the native vector environment, by Gymnasium's over a pure-Python twin,
and by Rust itself.

vector_speed.py [--num-envs N] [--seconds S] [--repeats R] [--rust PROGRAM] [--quick]

PROGRAM is the example simulator_speed of mec-envs, built by `cargo build --release -p mec-envs --example simulator_speed`;
without it Rust's own row is left out. Each row is measured R times for S seconds, the rows in turn; medians are printed
with the least and greatest. `--quick` only checks that everything runs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable

import numpy as np
from gymnasium.vector import SyncVectorEnv, VectorEnv
from twin import SCENARIO, TwinEnv

import mec_gym
from mec_gym.scenario import setting_of

#: Rounds of actions drawn in advance.
ROUNDS = 64


def measure(env: VectorEnv, seconds: float) -> float:
    """Environment steps per second under random actions, after a round of warm-up."""
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(ROUNDS)]
    env.reset(seed=0)
    for action in actions:
        env.step(action)
    steps, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        for action in actions:
            env.step(action)
        steps += ROUNDS * env.num_envs
    return steps / elapsed


def rust(program: str, num_envs: int, seconds: float, scenario: object) -> float:
    """The same by Rust's vector environment, without Python."""
    toml, threads = setting_of(scenario).to_toml(), os.cpu_count()
    row = f"vector/OffloadEnv/{num_envs}/{threads}"
    told = json.loads(subprocess.run([program, row, str(seconds), toml], check=True, capture_output=True).stdout)
    return told["work"] / told["seconds"]


def rows(given: argparse.Namespace) -> dict[str, Callable[[], float]]:
    """What is measured, by name."""
    count, seconds = given.num_envs, given.seconds
    native = {name: mec_gym.OffloadVectorEnv(count, scenario) for name, scenario in SCENARIOS.items()}
    twin = SyncVectorEnv([TwinEnv] * count)
    single = SyncVectorEnv([lambda: mec_gym.OffloadEnv(SCENARIO)] * count)
    measured = {
        "pure Python, SyncVectorEnv": lambda: measure(twin, seconds),
        "mec_gym, SyncVectorEnv": lambda: measure(single, seconds),
    }
    for name, env in native.items():
        measured[f"mec_gym, native, {name}"] = lambda env=env: measure(env, seconds)
        if given.rust:
            measured[f"Rust, {name}"] = lambda name=name: rust(given.rust, count, seconds, SCENARIOS[name])
    return measured


SCENARIOS = {"reduced": SCENARIO, "default": "default"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-envs", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--rust", default="")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    if given.quick:
        given.seconds, given.repeats = 0.2, 1
    measured = rows(given)
    rates: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(given.repeats):
        for name, take in measured.items():
            rates[name].append(take())
    base = statistics.median(rates["pure Python, SyncVectorEnv"])
    print(f"{given.num_envs} environments, {os.cpu_count()} threads, numpy {np.__version__}")
    print("| what | steps/s | least to greatest | over pure Python |")
    print("|---|---:|---:|---:|")
    for name, found in rates.items():
        median = statistics.median(found)
        ratio = f"{median / base:.1f}" if "default" not in name else ""
        print(f"| {name} | {median:,.0f} | {min(found):,.0f} to {max(found):,.0f} | {ratio} |")


if __name__ == "__main__":
    main()
