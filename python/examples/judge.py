"""Judges policies on episodes that no training has seen; shared by the examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

#: Seed of the first episode for judging, as in the Rust experiments.
FIRST_SEED = 1_000_000


def mean_latency_s(env: gymnasium.Env[Any, Any], act: Callable[[Any, dict[str, Any]], Any], episodes: int = 5) -> float:
    """The mean latency of all tasks of the episodes, s; `act` chooses by observation and info."""
    latency_s, tasks = 0.0, 0.0
    for seed in range(FIRST_SEED, FIRST_SEED + episodes):
        observation, info = env.reset(options={"episode_seed": seed})
        ended = False
        while not ended:
            observation, _, terminated, truncated, info = env.step(act(observation, info))
            latency_s, tasks = latency_s + info["latency_s"], tasks + info["tasks"]
            ended = terminated or truncated
    return latency_s / tasks


def judge(name: str, env: gymnasium.Env[Any, Any], act: Callable[[Any, dict[str, Any]], Any]) -> float:
    """Prints the mean latency of a policy beside that of random actions, and fails unless it is lower."""
    env.action_space.seed(0)
    random_s = mean_latency_s(env, lambda observation, info: env.action_space.sample())
    learned_s = mean_latency_s(env, act)
    print(f"{name}: {learned_s:.3f} s per task; random: {random_s:.3f} s")
    if not np.isfinite(learned_s) or learned_s >= random_s:
        raise SystemExit(f"{name} is not better than random")
    return learned_s
