"""Gymnasium's spaces of the native environments, and values on their way from and to them."""

from __future__ import annotations

from typing import Any, Literal, Union

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

#: How observations come: as one vector, or as a dictionary of named arrays.
Observation = Literal["flat", "dict"]


class Layout:
    """How the flat observations and the numbers of actions of one form are laid out.

    Args:
        blocks: name, shape, lower and upper bounds of each block of a flat observation.
        heads: the number of choices of each head of an action; none for scores in a box.
        form: the name of the form.
        observation: `flat` or `dict`.
    """

    def __init__(self, blocks: list[Any], heads: list[int], form: str, observation: str) -> None:
        if observation not in ("flat", "dict"):
            raise ValueError(f"observation is {observation!r}; accepted is 'flat' or 'dict'")
        self.named = observation == "dict"
        self.choices = sum(heads)
        self.blocks = blocks
        self._parts: list[tuple[str, slice]] = []
        offset = 0
        for name, _, low, _ in blocks:
            self._parts.append((name, slice(offset, offset + len(low))))
            offset += len(low)
        self.observation_space: spaces.Space[Any] = self._observation_space(blocks)
        self.action_space: spaces.Space[Any] = _action_space(heads, form, blocks)
        self._dtype = np.float32 if form == "box" else np.int64
        self._kinds = "fiu" if form == "box" else "iu"

    def _observation_space(self, blocks: list[Any]) -> spaces.Space[Any]:
        if not self.named:
            low = np.concatenate([np.asarray(low, dtype=np.float32) for _, _, low, _ in blocks])
            high = np.concatenate([np.asarray(high, dtype=np.float32) for _, _, _, high in blocks])
            return spaces.Box(low, high, dtype=np.float32)
        parts: dict[str, spaces.Space[Any]] = {
            name: spaces.Box(np.asarray(low, dtype=np.float32), np.asarray(high, dtype=np.float32), dtype=np.float32)
            for name, _, low, high in blocks
        }
        if self.choices:
            parts["action_mask"] = spaces.MultiBinary(self.choices)
        return spaces.Dict(parts)

    def numbers(self, action: Any, batch: tuple[int, ...] = ()) -> NDArray[Any]:
        """The numbers of an action, or of a batch of them; refuses a wrong type or shape.

        Raises:
            TypeError: they are not of the kind of the action space.
            ValueError: they are not as many.
        """
        found = np.asarray(action)
        if found.dtype.kind not in self._kinds:
            kind = "numbers" if self._dtype is np.float32 else "integers"
            accepted = f"{kind} of {self.action_space}"
            raise TypeError(f"the action is {action!r}, of type {found.dtype}; accepted are {accepted}")
        shape = batch + self.action_space.shape  # type: ignore[operator]
        if found.shape != shape:
            raise ValueError(f"the action has the shape {found.shape}; accepted is {shape}, of {self.action_space}")
        return np.ascontiguousarray(found, dtype=self._dtype)

    def shown(self, flat: NDArray[np.float32], mask: NDArray[np.int8] | None) -> Any:
        """Flat observations, `[..., dim]`, as the observation space has them; blocks are views of them."""
        if not self.named:
            return flat
        parts: dict[str, Any] = {name: flat[..., part] for name, part in self._parts}
        if mask is not None:
            parts["action_mask"] = mask
        return parts


def _action_space(heads: list[int], form: str, blocks: list[Any]) -> spaces.Space[Any]:
    if form == "task":
        return spaces.Discrete(heads[0])
    if form == "set":
        return spaces.MultiDiscrete(heads)
    targets = next(shape for name, shape, _, _ in blocks if name == "prior")[-1]
    return spaces.Box(-1.0, 1.0, (targets,), dtype=np.float32)


def open_mask(mask: Union[NDArray[np.bool_], None], choices: int) -> NDArray[np.int8] | None:
    """A mask of the native side in the type that Gymnasium's `sample` takes; all open where it names none."""
    if not choices:
        return None
    return np.ones(choices, dtype=np.int8) if mask is None else mask.view(np.int8)
