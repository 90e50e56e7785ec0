"""Run folders: what `mec-gym run` and `mec-gym train` leave behind."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mec_gym import _native

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Run:
    """A run folder in memory; `results/README.md` explains every column. What the run did not write is None or empty."""

    #: Where it lies.
    path: Path
    #: `run.json`: status, seeds, versions, warnings and more.
    manifest: dict[str, Any]
    #: The complete configuration.
    config: dict[str, Any]
    #: Training, one row for each report.
    progress: pandas.DataFrame | None = None
    #: Evaluation on held-out episodes, one figure in each row.
    eval: pandas.DataFrame | None = None
    #: One row for each scheme.
    comparison: pandas.DataFrame | None = None
    #: Training episodes, by the stem of the file.
    monitors: dict[str, pandas.DataFrame] = field(default_factory=dict)


def read_run(folder: str | os.PathLike[str]) -> Run:
    """Reads a run folder into pandas.

    Raises:
        FileNotFoundError: it is none, for it has no `run.json`.
        ImportError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ImportError("read_run needs pandas: pip install 'mec-gym[pandas]'") from None
    path = Path(folder)
    if not (path / "run.json").is_file():
        raise FileNotFoundError(f"{path} is no run folder: there is no run.json in it")
    manifest = json.loads((path / "run.json").read_text(encoding="utf-8"))

    def table(name: str) -> pandas.DataFrame | None:
        file = path / name
        return pandas.read_csv(file) if file.is_file() else None

    monitors = {
        file.name.removesuffix(".monitor.csv"): pandas.read_csv(file, skiprows=1)
        for file in sorted(path.glob("monitor/*.monitor.csv"))
    }
    return Run(
        path=path,
        manifest=manifest,
        config=manifest["config"],
        progress=table("progress.csv"),
        eval=table("eval.csv"),
        comparison=table("comparison.csv"),
        monitors=monitors,
    )


def evaluate(
    folder: str | os.PathLike[str], *, checkpoint: str = "best", episodes: int | None = None, seed: int | None = None
) -> list[dict[str, Any]]:
    """Compares the agents of a run folder with its schemes again, as `mec-gym evaluate` does; changes nothing there.

    Args:
        folder: the run folder.
        checkpoint: which agent of each training, `best` or `last`.
        episodes: how many, the same for everybody; by default as configured.
        seed: seed of the first one; by default as configured.

    Returns:
        A dictionary for each scheme, fastest first.

    Raises:
        ValueError: it is no run folder, or its agents do not fit its configuration.
    """
    changes = [] if episodes is None else [f"comparison.episodes={episodes}"]
    changes += [] if seed is None else [f"comparison.first_seed={seed}"]
    compared: list[dict[str, Any]] = json.loads(_native.evaluate_run(os.fspath(folder), checkpoint, changes))
    return compared
