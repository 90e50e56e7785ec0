"""Where to cut a network: CDLP and its published rivals."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from mec_gym import _native

#: Units of rates, in bytes/s.
_UNITS = {
    "kbit/s": 1e3 / 8,
    "Mbit/s": 1e6 / 8,
    "Gbit/s": 1e9 / 8,
    "kB/s": 1e3,
    "MB/s": 1e6,
    "GB/s": 1e9,
    "B/s": 1.0,
}


def partition(
    network: str | os.PathLike[str],
    *,
    device: str,
    server: str,
    rate: str | float,
    backlog_s: float = 0.0,
    dims: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Cuts a network between a device and a server, so that one inference takes least time.

    Args:
        network: the name of a network (`mec_gym.networks()`), the path of a profile (`.toml`), or of an ONNX file
            (`.onnx`), with weights or without.
        device: the name of the device's processor (`mec_gym.processors()`).
        server: the name of the server's.
        rate: of the uplink: a text with a unit such as `"20 Mbit/s"`, or a number in bytes/s.
        backlog_s: work that waits at the server, s.
        dims: values of an ONNX file's open dimensions, for example `{"batch": 1}`.

    Returns:
        `device_layers` (the names of the layers that stay on the device) of `layers`; `bytes` that travel; the parts
        `device_s`, `transfer_s`, `wait_s`, `server_s` and `return_s` of `total_s`; and in `rivals` what the cut of each
        other scheme takes, in s, None where its search is too long.

    Raises:
        ValueError: a name is unknown, a number out of range, or the file damaged.
        OSError: the file cannot be read.
    """
    if not (isinstance(backlog_s, (int, float)) and math.isfinite(backlog_s) and backlog_s >= 0):
        raise ValueError(f"backlog_s is {backlog_s!r}; accepted is a number of seconds, 0 or more")
    path = os.fspath(network)
    if dims and not path.endswith(".onnx"):
        raise ValueError(f"dims were given for {path!r}; accepted are they for an ONNX file")
    for name, value in (dims or {}).items():
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**32:
            raise ValueError(f"dims[{name!r}] is {value!r}; accepted is an integer of 1 or more")
    pairs = list((dims or {}).items())
    return _native.partition(path, (device, server), (_bytes_per_s(rate), float(backlog_s)), pairs)


def _bytes_per_s(rate: str | float) -> float:
    number: float = math.nan
    if isinstance(rate, str):
        for unit, factor in _UNITS.items():
            if rate.strip().endswith(unit):
                try:
                    number = float(rate.strip().removesuffix(unit)) * factor
                except ValueError:
                    pass
                break
    elif isinstance(rate, (int, float)) and not isinstance(rate, bool):
        number = float(rate)
    if math.isfinite(number) and number > 0:
        return number
    units = ", ".join(_UNITS)
    raise ValueError(f"rate is {rate!r}; accepted is a number above 0 in bytes/s, or one with a unit of {units}")
