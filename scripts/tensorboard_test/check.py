"""Compares what TensorBoard reads of run folders with their tables; see tensorboard_test.sh."""

import csv
import math
import sys
from collections import defaultdict
from pathlib import Path

import tensorboard
from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

# Event files hold 32-bit floats.
TOLERANCE = 1e-6
# Tags that Stable-Baselines3 has, too.
FAMILIAR = ["rollout/ep_rew_mean", "train/actor_loss", "train/n_updates", "time/fps", "eval/mean_reward", "eval/success_rate"]


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def expected(run, algo, seed):
    """(step, value) by tag, from the tables of a run."""
    scalars = defaultdict(list)
    for row in rows(run / "progress.csv"):
        if (row["algo"], row["seed"]) != (algo, seed):
            continue
        for column, cell in row.items():
            if column not in ("algo", "seed", "time/total_timesteps") and cell != "":
                scalars[column].append((int(row["time/total_timesteps"]), float(cell)))
    episodes = defaultdict(list)
    for row in rows(run / "eval.csv"):
        if (row["algo"], row["seed"]) == (algo, seed):
            episodes[row["metric"], int(row["step"])].append(float(row["value"]))
    for (metric, step), values in episodes.items():
        tag = "eval/mean_reward" if metric == "return" else f"eval/{metric}"
        scalars[tag].append((step, sum(values) / len(values)))
    return scalars


def check(run, folder):
    """How many figures TensorBoard reads of a training, all as they are in the tables."""
    algo, seed = folder.name.rsplit("-seed", 1)
    files = [path for path in folder.iterdir() if path.stat().st_size > 0]
    assert len(files) == 1, f"{folder} holds {files}"
    accumulator = EventAccumulator(str(folder), size_guidance={SCALARS: 0})
    accumulator.Reload()
    tables = expected(run, algo, seed)
    tags = accumulator.Tags()["scalars"]
    assert sorted(tags) == sorted(tables), sorted(set(tags) ^ set(tables))
    assert set(FAMILIAR) <= set(tags), set(FAMILIAR) - set(tags)
    for tag, points in tables.items():
        found = [(event.step, event.value) for event in accumulator.Scalars(tag)]
        assert [step for step, _ in found] == [step for step, _ in points], (folder, tag, found, points)
        for (step, value), (_, wanted) in zip(found, points):
            same = math.isclose(value, wanted, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
            assert same or (math.isnan(value) and math.isnan(wanted)), (folder, tag, step, value, wanted)
    return sum(map(len, tables.values()))


def main():
    for run in map(Path, sys.argv[1:]):
        folders = sorted((run / "tb").iterdir())
        assert folders, f"{run} has no event files"
        for folder in folders:
            figures = check(run, folder)
            print(f"TensorBoard {tensorboard.__version__} reads {figures} figures of {run.name}/tb/{folder.name}")


if __name__ == "__main__":
    main()
