"""Offloading environments side by side, stepped by Rust's threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.error import ClosedEnvironmentError
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from mec_gym._native import FIGURES, NativeVectorEnv
from mec_gym.env import SEEDS
from mec_gym.scenario import Scenario, setting_of
from mec_gym.spaces import Layout, Observation

#: Environments of a vector: each holds kilobytes, and memory that is not there would end the interpreter.
MOST_ENVS = 100_000

#: The names of the figures of a step, and of the flags that say whose they are.
_KEYS = [(name, f"_{name}") for name in FIGURES]


class OffloadVectorEnv(VectorEnv[Any, Any, NDArray[Any]]):
    """Environments side by side, stepped by Rust's threads with the interpreter's lock released.

    It gives what `gymnasium.vector.SyncVectorEnv` over `OffloadEnv` gives, to the bit: environment i of `reset(seed=s)`
    is that of seed `s + i`. Each call returns new arrays; Rust writes observations straight into theirs. Flags and
    masks that never change are the same arrays each time, and read-only.

    Deviation: `final_info` has no `action_mask`, because what follows an end is no decision.

    Args:
        num_envs: how many environments, 1 to 100,000.
        scenario, form, observation: as of `OffloadEnv`.
        autoreset_mode: `NextStep` (as Gymnasium's default), `SameStep` or `Disabled`, or the enumeration's member.
        render_mode: None; a vector does not render.
    """

    def __init__(
        self,
        num_envs: int = 1,
        scenario: Scenario = "default",
        *,
        form: str = "task",
        observation: Observation = "flat",
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
    ) -> None:
        if isinstance(num_envs, bool) or not isinstance(num_envs, (int, np.integer)) or not 1 <= num_envs <= MOST_ENVS:
            raise ValueError(f"num_envs is {num_envs!r}; accepted is an integer from 1 to {MOST_ENVS}")
        if render_mode is not None:
            raise ValueError(f"render_mode is {render_mode!r}; a vector does not render: make one environment to look at")
        mode = _autoreset(autoreset_mode)
        self.metadata = {"autoreset_mode": mode, "render_modes": []}
        self.render_mode = None
        self.form = form
        self.num_envs = int(num_envs)
        setting = setting_of(scenario)
        self._native: NativeVectorEnv | None = NativeVectorEnv(setting, form, self.num_envs, mode.value)
        self._layout = Layout(self._native.blocks(), self._native.heads(), form, observation)
        self.single_observation_space = self._layout.observation_space
        self.single_action_space = self._layout.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._autoreset = mode
        # The same for every step, so nobody may write into them.
        self._all = np.ones(self.num_envs, dtype=np.bool_)
        self._opened = np.ones((self.num_envs, self._layout.choices), dtype=np.int8)
        self._all.flags.writeable = self._opened.flags.writeable = False
        self._seeded = np.zeros(self.num_envs, dtype=np.bool_)

    def _open(self) -> NativeVectorEnv:
        if self._native is None:
            raise ClosedEnvironmentError("the vector environment is closed; make another one")
        return self._native

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Starts episodes, in all environments or in those that `options={"reset_mask": ...}` marks."""
        native = self._open()
        marks = self._marks(options)
        super().reset(seed=seed if isinstance(seed, (int, np.integer)) else None)
        seeds = [self._episode(own) if mark else None for own, mark in zip(self._seeds(seed, marks), marks)]
        flat = native.reset(seeds, marks.tolist())
        self._seeded |= marks
        infos: dict[str, Any] = {"episode_seed": self._episode_seeds(marks), "_episode_seed": marks}
        mask = self._mask(infos)
        return self._layout.shown(flat, mask), infos

    def step(self, actions: Any) -> tuple[Any, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Takes an action in each environment. Either all are taken, or none and an exception is raised."""
        native = self._open()
        numbers = self._layout.numbers(actions, (self.num_envs,))
        flat, rewards, terminated, truncated, stepped, figures, (ended, all_stepped) = native.step(numbers)
        infos: dict[str, Any] = {}
        if ended:
            over = terminated | truncated
            self._end(infos, over, figures)
            if self._autoreset is AutoresetMode.SAME_STEP:
                stepped, all_stepped = stepped & ~over, False
                figures = [column * stepped for column in figures]
        if not all_stepped:
            infos["episode_seed"], infos["_episode_seed"] = self._episode_seeds(~stepped), ~stepped
        if all_stepped or stepped.any():
            for (name, flag), column in zip(_KEYS, figures):
                infos[name], infos[flag] = column, stepped
        mask = self._mask(infos)
        return self._layout.shown(flat, mask), rewards, terminated, truncated, infos

    def action_masks(self) -> NDArray[np.bool_]:
        """Which choices are open now, `[n, choices]`, all heads one after another."""
        if not self._layout.choices:
            raise ValueError("the actions of the form 'box' are scores, of which none is masked")
        masks = self._open().masks()
        return self._opened.astype(np.bool_) if masks is None else masks

    def close_extras(self, **kwargs: Any) -> None:
        """Lets go of the episodes."""
        self._native = None

    def _marks(self, options: dict[str, Any] | None) -> NDArray[np.bool_]:
        unknown = [option for option in options or {} if option != "reset_mask"]
        if unknown:
            raise ValueError(f"option {unknown[0]!r} is unknown; accepted is 'reset_mask'")
        marks = (options or {}).get("reset_mask")
        if marks is None:
            return self._all.copy()
        if not isinstance(marks, np.ndarray) or marks.dtype != np.bool_:
            raise TypeError(f"option 'reset_mask' is {marks!r}; accepted is an array of bool")
        if marks.shape != (self.num_envs,) or not marks.any():
            accepted = f"({self.num_envs},) flags, one or more of them set"
            raise ValueError(f"option 'reset_mask' is {marks}; accepted is {accepted}")
        return marks.copy()

    def _seeds(self, seed: Any, marks: NDArray[np.bool_]) -> list[int | None]:
        """The seed of each environment; drawn for those that have none and never had."""
        if isinstance(seed, (int, np.integer)):
            return [int(seed) + index for index in range(self.num_envs)]
        seeds = [None] * self.num_envs if seed is None else list(seed)
        if len(seeds) != self.num_envs:
            raise ValueError(f"{len(seeds)} seeds were given; accepted is one for each of {self.num_envs} environments")
        for index in np.flatnonzero(marks & ~self._seeded):
            if seeds[index] is None:
                seeds[index] = int(self.np_random.integers(2**31))
        return seeds

    @staticmethod
    def _episode(seed: int | None) -> int | None:
        """What `OffloadEnv.reset(seed=...)` draws."""
        return None if seed is None else int(seeding.np_random(seed)[0].integers(SEEDS))

    def _episode_seeds(self, marks: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.where(marks, self._open().episode_seeds().view(np.int64), 0)

    def _mask(self, infos: dict[str, Any]) -> NDArray[np.int8] | None:
        """The masks of all environments, which `infos` has too."""
        if not self._layout.choices:
            return None
        masks = self._open().masks()
        mask = self._opened if masks is None else masks.view(np.int8)
        infos["action_mask"], infos["_action_mask"] = mask, self._all
        return mask

    def _end(self, infos: dict[str, Any], over: NDArray[np.bool_], figures: list[NDArray[np.float64]]) -> None:
        """Adds what is told of episodes that ended."""
        ended = self._open().ended()
        metrics: dict[str, Any] = {}
        for index, _, told in ended:
            for name, value in told:
                metrics.setdefault(name, np.zeros(self.num_envs))[index] = value
        metrics.update({f"_{name}": over for name in list(metrics)})
        final = infos
        if self._autoreset is AutoresetMode.SAME_STEP:
            observations = np.full(self.num_envs, None, dtype=object)
            for index, flat, _ in ended:
                observations[index] = self._layout.shown(flat, None)
            final = {name: column * over for name, column in zip(FIGURES, figures)}
            final.update({flag: over for _, flag in _KEYS})
            infos.update({"final_obs": observations, "_final_obs": over, "final_info": final, "_final_info": over})
        final.update({"metrics": metrics, "_metrics": over})


def _autoreset(mode: str | AutoresetMode) -> AutoresetMode:
    try:
        return AutoresetMode(mode)
    except ValueError:
        accepted = ", ".join(repr(known.value) for known in AutoresetMode)
        raise ValueError(f"autoreset_mode is {mode!r}; accepted is one of {accepted}") from None
