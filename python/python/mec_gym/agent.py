"""Trained agents that act."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from mec_gym._native import NativePolicy, checkpoint_of_run


class Agent:
    """A trained agent. `Agent.load` reads one; `mec_gym.train` returns one.

    `predict` has the interface of Stable-Baselines3 and sb3-contrib, so that their `evaluate_policy` takes an agent.
    """

    def __init__(self, policy: NativePolicy, action_space: spaces.Space[Any] | None = None) -> None:
        self._policy = policy
        self.action_space = action_space or _stored_space(policy)
        #: Of an agent that `mec_gym.train` trained: steps done, return and length of every episode.
        self.episodes: list[tuple[int, float, int]] = []
        if action_space is not None:
            policy.note = json.dumps(_described(action_space))

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, seed: int | None = None, checkpoint: str = "best"
    ) -> Agent:
        """Reads an agent.

        Args:
            path: a run folder (of `mec-gym run` or `train`), or the file of an agent (`ckpt/*.safetensors`, or what
                `save` wrote).
            seed: which training of a run folder that has several.
            checkpoint: which agent of a training, `best` or `last`.

        Raises:
            ValueError: there is none such, or the file is damaged.
            OSError: the file cannot be read.
        """
        if os.path.isdir(path):
            path = checkpoint_of_run(os.fspath(path), seed, checkpoint)
        elif seed is not None:
            place = os.fspath(path)
            raise ValueError(f"seed is {seed}, but {place} is no run folder, of which a training could be chosen")
        return cls(NativePolicy.load(os.fspath(path)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the agent with all that its training needs to go on but its experience; whole or not at all."""
        self._policy.save(os.fspath(path))

    @property
    def kind(self) -> str:
        """The kind of learner that it is from, for example `sac`."""
        return self._policy.kind

    def seed(self, seed: int) -> None:
        """Starts the generator of its random actions anew."""
        self._policy.seed(seed)

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
        action_masks: Any = None,
    ) -> tuple[Any, None]:
        """The action for an observation, or one for each of a batch of them.

        Args:
            observation: an observation of the environment that it was trained on, or a batch `[n, ...]`; of a
                dictionary each entry with the batch axis, and an `action_mask` in it counts as `action_masks`.
            state: not used; agents remember nothing.
            episode_start: not used.
            deterministic: whether to take the best action, and not to draw one.
            action_masks: which choices are open, `[choices]` or `[n, choices]`; all by default.

        Returns:
            The action, or the actions with the batch axis first, and None.

        Raises:
            ValueError: a shape does not fit, a number is not finite, or a mask leaves no choice.
        """
        flat, batched = self._flat(observation)
        if action_masks is None and isinstance(observation, dict):
            action_masks = observation.get("action_mask")
        if not self._policy.heads():
            action_masks = None
        masks = None if action_masks is None else np.ascontiguousarray(action_masks, dtype=np.bool_)
        if masks is not None:
            masks = masks.reshape(len(flat), -1)
        actions = self._actions(self._policy.act(flat, masks, deterministic))
        if batched:
            return actions, None
        return actions[0], None

    def _flat(self, observation: Any) -> tuple[NDArray[np.float32], bool]:
        """Flat observations `[n, dim]`, and whether there was a batch axis."""
        blocks = self._policy.blocks()
        if not isinstance(observation, dict):
            found = np.ascontiguousarray(observation, dtype=np.float32)
            whole = blocks[0][1] if len(blocks) == 1 else None
            batched = found.ndim > (1 if whole is None else max(len(whole), 1))
            return found.reshape(len(found) if batched else 1, -1), batched
        missing = [name for name, _ in blocks if name not in observation]
        if missing:
            raise ValueError(f"the observation has no {missing[0]!r}; accepted are {[name for name, _ in blocks]}")
        parts = [np.asarray(observation[name], dtype=np.float32) for name, _ in blocks]
        batched = parts[0].ndim > len(blocks[0][1])
        count = len(parts[0]) if batched else 1
        return np.concatenate([part.reshape(count, -1) for part in parts], axis=1), batched

    def _actions(self, codes: NDArray[np.float32]) -> NDArray[Any]:
        """The members of the action space that these codes stand for, `[n, ...]`."""
        space = self.action_space
        chosen: NDArray[np.int64] = codes.astype(np.int64)
        if isinstance(space, spaces.Discrete):
            return chosen[:, 0] + np.int64(space.start)
        if isinstance(space, spaces.MultiDiscrete):
            return np.asarray(chosen.reshape((-1, *space.shape)) + space.start)
        low, high = space.low.ravel(), space.high.ravel()  # type: ignore[attr-defined]
        bounded = np.isfinite(low) & np.isfinite(high)
        low, high = np.where(bounded, low, -1.0), np.where(bounded, high, 1.0)
        actions = np.where(bounded, low + 0.5 * (np.clip(codes, -1.0, 1.0) + 1.0) * (high - low), codes)
        clipped: NDArray[Any] = np.clip(actions.reshape((-1, *space.shape)), space.low, space.high)  # type: ignore
        return clipped.astype(space.dtype)

    def __getstate__(self) -> dict[str, Any]:
        return {"policy": self._policy.to_bytes(), "episodes": self.episodes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(NativePolicy.from_bytes(state["policy"]))  # type: ignore[misc]
        self.episodes = state["episodes"]

    def __repr__(self) -> str:
        return f"Agent({self.kind}, {self.action_space})"


def _described(space: spaces.Space[Any]) -> dict[str, Any]:
    """An action space as JSON holds it."""
    if isinstance(space, spaces.Discrete):
        return {"kind": "Discrete", "n": int(space.n), "start": int(space.start)}
    if isinstance(space, spaces.MultiDiscrete):
        return {"kind": "MultiDiscrete", "nvec": space.nvec.tolist(), "start": space.start.tolist()}
    bounds = {name: [repr(float(bound)) for bound in getattr(space, name).ravel()] for name in ("low", "high")}
    return {"kind": "Box", "shape": list(space.shape or ()), "dtype": str(space.dtype), **bounds}


def _stored_space(policy: NativePolicy) -> spaces.Space[Any]:
    """The action space that a checkpoint tells, or one of our environments with actions of its shape."""
    if policy.note is None:
        heads = policy.heads()
        if not heads:
            return spaces.Box(-1.0, 1.0, (policy.continuous(),), dtype=np.float32)
        return spaces.Discrete(heads[0]) if len(heads) == 1 else spaces.MultiDiscrete(heads)
    told = json.loads(policy.note)
    if told["kind"] == "Discrete":
        return spaces.Discrete(told["n"], start=told["start"])
    if told["kind"] == "MultiDiscrete":
        return spaces.MultiDiscrete(told["nvec"], start=told["start"])
    dtype = np.dtype(told["dtype"])
    low, high = (np.array([float(bound) for bound in told[name]]).reshape(told["shape"]) for name in ("low", "high"))
    return spaces.Box(low.astype(dtype), high.astype(dtype), dtype=dtype.type)
