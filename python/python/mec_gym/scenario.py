"""Scenarios, as Python names them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Union

from mec_gym._native import Setting

#: The name of a scenario that ships, the path of a TOML file, or what differs from a scenario that ships.
Scenario = Union[str, "os.PathLike[str]", Mapping[str, Any]]


def presets() -> list[str]:
    """The names of the scenarios that ship."""
    return Setting.presets()


def setting_of(scenario: Scenario) -> Setting:
    """A scenario, read and checked.

    Args:
        scenario: the name of a scenario that ships; the path of a TOML file, complete or with a `preset` and what
            differs from it; or a mapping with what differs from its `preset`, which is `default` unless named, keys as
            in the file.

    Raises:
        ValueError: it is none, or a key is unknown or out of range.
        OSError: the file cannot be read.
        TypeError: it is something else, or holds values that JSON cannot hold.
    """
    if isinstance(scenario, Mapping):
        return Setting.from_json(json.dumps({"preset": "default", **scenario}, allow_nan=False))
    if isinstance(scenario, str) and not scenario.endswith(".toml"):
        return Setting.from_json(json.dumps({"preset": scenario}))
    if isinstance(scenario, (str, os.PathLike)):
        return Setting.read(os.fspath(scenario))
    raise TypeError(
        f"scenario is a {type(scenario).__name__}; accepted is a name, the path of a TOML file, or a mapping"
    )


@lru_cache(maxsize=16)
def setting_again(toml: str) -> Setting:
    """The setting whose `to_toml` this is; copies of an environment share it."""
    return Setting.from_toml(toml, "a copied scenario")
