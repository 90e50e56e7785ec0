"""Training our methods on any environment of Gymnasium."""

from __future__ import annotations

import json
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.spaces.utils import flatten, flatten_space
from numpy.typing import NDArray

from mec_gym import _native
from mec_gym.agent import Agent
from mec_gym.env import OffloadEnv


def train(
    env: str | gymnasium.Env[Any, Any],
    *,
    steps: int,
    seed: int = 1,
    algorithm: str = "dsaco",
    env_kwargs: dict[str, Any] | None = None,
    **hyperparameters: Any,
) -> Agent:
    """Trains one of our methods on an environment, in this thread; the learner computes in Rust.

    Args:
        env: the id of an environment, or one that was made. Observations are flattened; actions may be `Discrete`,
            `MultiDiscrete` or `Box`. Masks are taken from `action_masks()` or `info["action_mask"]`.
        steps: environment steps, 1 or more.
        seed: seed of the training, from which episodes are seeded too. Equal seeds give equal agents.
        algorithm: `dsaco` (soft actor-critic whose temperature is learned), `sac` (with a fixed one), `dqn`, `td3`,
            `ddpg`, `ppo`, `a2c`, `reinforce` or `es`.
        env_kwargs: keyword arguments for `gymnasium.make`, with an id.
        hyperparameters: of the method, named as in a configuration (`agents/src/sac/config.rs`), for example
            `actor_lr=1e-3` or `body={"kind": "mlp", "hidden": [64, 64]}`.

    Raises:
        TypeError: the environment has a space that no method can serve.
        ValueError: a value is out of range, or a hyperparameter is unknown.
        RuntimeError: the training diverged.
        Whatever the environment raises comes through as it is.
    """
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 1:
        raise ValueError(f"steps is {steps!r}; accepted is an integer of 1 or more")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**63:
        raise ValueError(f"seed is {seed!r}; accepted is an integer from 0 to 2**63 - 1")
    config = json.dumps({"name": algorithm, **hyperparameters}, allow_nan=False)
    if not isinstance(env, (str, gymnasium.Env)):
        raise TypeError(f"env is a {type(env).__name__}; accepted is an id or an environment of Gymnasium")
    made = isinstance(env, str)
    live: gymnasium.Env[Any, Any] = gymnasium.make(env, **(env_kwargs or {})) if isinstance(env, str) else env
    try:
        served = _Served(live)
        policy, episodes = _native.train(served, served.blocks, served.action, config, (int(steps), int(seed)))
    finally:
        if made:
            live.close()
    agent = Agent(policy, live.action_space)
    agent.episodes = episodes
    return agent


class _Served:
    """An environment as the native side steps it: flat observations, and actions as arrays of one axis."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        self.env = env
        self.blocks = _blocks(env)
        self.action = _action(env.action_space)
        self.masked = env.has_wrapper_attr("action_masks") and bool(self.action[0])

    def reset(self, seed: int) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
        # Not every environment takes more than 31 bits.
        observation, info = self.env.reset(seed=seed % 2**31)
        return self._flat(observation), self._mask(info)

    def step(
        self, action: NDArray[Any]
    ) -> tuple[NDArray[np.float32], float, bool, bool, NDArray[np.bool_] | None]:
        observation, reward, terminated, truncated, info = self.env.step(self._member(action))
        return self._flat(observation), float(reward), bool(terminated), bool(truncated), self._mask(info)

    def _flat(self, observation: Any) -> NDArray[np.float32]:
        space = self.env.observation_space
        if isinstance(space, spaces.Dict):
            parts = [np.asarray(flatten(space[name], observation[name])) for name, _, _, _ in self.blocks]
            return np.concatenate(parts).astype(np.float32)
        return np.ascontiguousarray(flatten(space, observation), dtype=np.float32)

    def _member(self, action: NDArray[Any]) -> Any:
        space = self.env.action_space
        if isinstance(space, spaces.Discrete):
            return space.dtype.type(action[0] + space.start)
        if isinstance(space, spaces.MultiDiscrete):
            return (action.reshape(space.shape) + space.start).astype(space.dtype)
        return action.reshape(space.shape).astype(space.dtype)

    def _mask(self, info: dict[str, Any]) -> NDArray[np.bool_] | None:
        if not self.action[0]:
            return None
        mask = self.env.get_wrapper_attr("action_masks")() if self.masked else info.get("action_mask")
        return None if mask is None else np.ascontiguousarray(mask, dtype=np.bool_).ravel()


def _blocks(env: gymnasium.Env[Any, Any]) -> list[tuple[str, list[int], list[float], list[float]]]:
    """Name, shape and bounds of each block of the flat observation."""
    space = env.observation_space
    if isinstance(env.unwrapped, OffloadEnv) and space is env.unwrapped.observation_space:
        return env.unwrapped.blocks
    if isinstance(space, spaces.Dict):
        return [block for name, part in space.items() if name != "action_mask" for block in _named(name, part)]
    return _named("", space)


def _named(name: str, space: spaces.Space[Any]) -> list[tuple[str, list[int], list[float], list[float]]]:
    flat = flatten_space(space)
    if not isinstance(flat, spaces.Box):
        raise TypeError(f"the observation space has {space}, which is no vector of fixed length")
    shape = space.shape if isinstance(space, spaces.Box) else flat.shape
    return [(name, list(shape or (1,)), flat.low.astype(np.float32).tolist(), flat.high.astype(np.float32).tolist())]


def _action(space: spaces.Space[Any]) -> tuple[list[int], list[float], list[float]]:
    """The choices of the heads of an action, or the bounds of its entries."""
    if isinstance(space, spaces.Discrete):
        return [int(space.n)], [], []
    if isinstance(space, spaces.MultiDiscrete):
        return space.nvec.ravel().tolist(), [], []
    if isinstance(space, spaces.Box) and space.dtype is not None and np.issubdtype(space.dtype, np.floating):
        return [], space.low.ravel().tolist(), space.high.ravel().tolist()
    raise TypeError(f"the action space is {space}; accepted are Discrete, MultiDiscrete, and Box of floats")
