"""The offloading environment for Gymnasium."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import ClosedEnvironmentError
from numpy.typing import NDArray

from mec_gym._native import FIGURES, NativeEnv
from mec_gym.scenario import Scenario, setting_again, setting_of
from mec_gym.spaces import Layout, Observation, open_mask

#: Seeds of episodes lie below it, so that they fit into 64-bit integers with a sign.
SEEDS = 2**63


class OffloadEnv(gymnasium.Env[Any, Any]):
    """Which server gets the tail of which inference, decided one task or one set of tasks at a time.

    Observations, rewards, and what ends an episode are those of the Rust environment of the same form
    (`envs/src/offload/env/mod.rs`); observations are equal to the bit.

    Seeds: `reset(seed=s)` seeds `np_random`, draws `np_random.integers(2**63)`, and starts the episode that the Rust
    environment starts with `reset(Some(that))`. Later episodes follow from that number and their count.
    `info["episode_seed"]` of `reset` always tells the seed of the episode in Rust, which `mec-gym simulate --seed` takes
    too; `reset(options={"episode_seed": n})` starts the episode of seed n.

    Infos: `action_mask` (`int8`, all heads one after another; none for a box), and after a step `tasks`, `latency_s`,
    `inflicted_s`, `energy_j` and `successes`, summed over the tasks that it decided. The last step of an episode has
    `metrics`, its figures.

    A choice that the mask closes, a target for a row that holds no task, counts as 0: so every member of the action
    space is accepted.

    Args:
        scenario: a name, the path of a TOML file, or a mapping; see `mec_gym.scenario.setting_of`.
        form: `task` (`Discrete`: a target for one task), `set` (`MultiDiscrete`: one for each of a set) or `box`
            (`Box`: a score for each target of one task, of which the highest wins).
        observation: `flat` (one vector) or `dict` (its blocks, each a vector: `global`, `options`, which holds
            `[tasks, targets, 23]` row by row, and `prior`, which holds `[tasks, targets]`; and `action_mask`).
        render_mode: `ansi` (the moment as text with colours) or `rgb_array` (the last ten seconds as a picture).
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 10}

    def __init__(
        self,
        scenario: Scenario = "default",
        *,
        form: str = "task",
        observation: Observation = "flat",
        render_mode: str | None = None,
    ) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            accepted = ", ".join(repr(mode) for mode in self.metadata["render_modes"])
            raise ValueError(f"render_mode is {render_mode!r}; accepted is None or one of {accepted}")
        self.render_mode = render_mode
        self.form = form
        self._setting = setting_of(scenario)
        self._native: NativeEnv | None = self._make()
        self._layout = Layout(self._native.blocks(), self._native.heads(), form, observation)
        self.observation_space = self._layout.observation_space
        self.action_space = self._layout.action_space
        self._seeded = False

    def _make(self) -> NativeEnv:
        return NativeEnv(self._setting, self.form, self.render_mode == "rgb_array")

    def _open(self) -> NativeEnv:
        if self._native is None:
            raise ClosedEnvironmentError("the environment is closed; make another one")
        return self._native

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode; see the class for seeds and infos."""
        native = self._open()
        episode = _episode_seed(options)
        super().reset(seed=seed)
        if episode is None and (seed is not None or not self._seeded):
            episode = int(self.np_random.integers(SEEDS))
        self._seeded = True
        flat = native.reset(episode)
        mask = open_mask(native.mask(), self._layout.choices)
        info: dict[str, Any] = {"episode_seed": native.episode_seed}
        if mask is not None:
            info["action_mask"] = mask
        return self._layout.shown(flat, mask), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Takes an action; see the class for infos.

        Raises:
            TypeError: the action has the wrong type.
            ValueError: it has the wrong shape, or lies outside the space.
            gymnasium.error.ResetNeeded: no episode is running.
            gymnasium.error.ClosedEnvironmentError: the environment is closed.
        """
        native = self._open()
        flat, reward, terminated, truncated, figures = native.step(self._layout.numbers(action))
        mask = open_mask(native.mask(), self._layout.choices)
        info: dict[str, Any] = dict(zip(FIGURES, figures))
        if mask is not None:
            info["action_mask"] = mask
        if terminated or truncated:
            info["metrics"] = dict(native.metrics())
        return self._layout.shown(flat, mask), reward, terminated, truncated, info

    def action_masks(self) -> NDArray[np.bool_]:
        """Which choices are open now, all heads one after another, as sb3-contrib's MaskablePPO asks for them."""
        mask = open_mask(self._open().mask(), self._layout.choices)
        if mask is None:
            raise ValueError("the actions of the form 'box' are scores, of which none is masked")
        return mask.astype(np.bool_)

    @property
    def blocks(self) -> list[tuple[str, list[int], list[float], list[float]]]:
        """The blocks of the observation in order: name, shape, lower and upper bounds row by row."""
        return self._layout.blocks

    def metrics(self) -> dict[str, float]:
        """The figures of the episode so far, in SI units; NaN for those that it does not have yet."""
        return dict(self._open().metrics())

    def render(self) -> Any:
        """The moment as text, or the last ten seconds as a picture `[height, width, 3]`; nothing without a mode."""
        native = self._open()
        if self.render_mode is None:
            gymnasium.logger.warn("render was called on an environment that was made without render_mode")
            return None
        heading = f"scenario {self._setting.name!r}, episode {native.episode_seed}"
        return native.frame(heading) if self.render_mode == "ansi" else native.picture(heading)

    def close(self) -> None:
        """Lets go of the episode. Closing twice does no harm."""
        self._native = None

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["_setting"] = self._setting.to_toml()
        state["_native"] = None if self._native is None else self._native.state()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._setting = setting_again(state["_setting"])
        if state["_native"] is None:
            return
        self._native = self._make()
        if self._seeded:
            self._native.restore(*state["_native"])


def _episode_seed(options: dict[str, Any] | None) -> int | None:
    """The seed of an episode that `options` ask for."""
    unknown = [option for option in options or {} if option != "episode_seed"]
    if unknown:
        raise ValueError(f"option {unknown[0]!r} is unknown; accepted is 'episode_seed'")
    episode = (options or {}).get("episode_seed")
    if episode is None:
        return None
    if isinstance(episode, (int, np.integer)) and 0 <= episode < SEEDS:
        return int(episode)
    raise ValueError(f"option 'episode_seed' is {episode!r}; accepted is an integer from 0 to 2**63 - 1")
