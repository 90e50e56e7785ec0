"""Draws the learning curves of both libraries and writes their table: picture.py FOLDER DOCUMENT.

FOLDER has ours.csv and sb3.csv. DOCUMENT is page.md, beside this file, with the table in it. Curves are the
interquartile mean over seeds (Agarwal et al. 2021, arXiv:2108.13264) of the mean return of a seed's episodes; intervals are
95 % by a percentile bootstrap over seeds.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy

LIBRARIES = {"ours": ("mec-gym", "#0b6e4f"), "sb3": ("Stable-Baselines3", "#c8553d")}
RESAMPLES = 10_000
PAGE = Path(__file__).resolve().parent / "page.md"


def read(path):
    """{(kind, steps): means of the seeds' episodes}."""
    episodes = defaultdict(lambda: defaultdict(list))
    with path.open() as file:
        for row in csv.DictReader(file):
            episodes[row["kind"], int(row["env_steps"])][int(row["seed"])].append(float(row["return"]))
    return {key: numpy.array([numpy.mean(seeds[seed]) for seed in sorted(seeds)]) for key, seeds in episodes.items()}


def iqm(values):
    """Mean of the rows' middle: a quarter of the values, rounded down, is cut off at either end."""
    cut = values.shape[-1] // 4
    return numpy.sort(values, axis=-1)[..., cut : values.shape[-1] - cut].mean(axis=-1)


def resampled(values, rng):
    return values[rng.integers(len(values), size=(RESAMPLES, len(values)))]


def estimate(values, rng):
    return iqm(values), *numpy.percentile(iqm(resampled(values, rng)), [2.5, 97.5])


def shown(value, low, high):
    return f"{value:.1f} ({low:.1f} to {high:.1f})"


def improvement(ours, theirs, rng):
    """P(ours > theirs) of two runs at random, ties half, with its interval."""

    def share(ours, theirs):
        pairs = ours[..., :, None] - theirs[..., None, :]
        return ((pairs > 0) + 0.5 * (pairs == 0)).mean(axis=(-2, -1))

    low, high = numpy.percentile(share(resampled(ours, rng), resampled(theirs, rng)), [2.5, 97.5])
    return f"{share(ours, theirs):.2f} ({low:.2f} to {high:.2f})"


def table(found, rng):
    """Markdown: points of the curve and the last evaluation."""
    steps = sorted(steps for kind, steps in found["ours"] if kind == "curve")
    points = [point for point in steps if point in [steps[len(steps) // 5], steps[2 * len(steps) // 5], steps[-1]]]
    final = [key for key in found["ours"] if key[0] == "final"][0]
    head = ["", *(f"after {point:,} steps" for point in points), "at the end, more episodes", "each seed"]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    for library, (name, _) in LIBRARIES.items():
        cells = [shown(*estimate(found[library]["curve", point], rng)) for point in points]
        seeds = ", ".join(f"{value:.1f}" for value in found[library][final])
        lines.append("| " + " | ".join([name, *cells, shown(*estimate(found[library][final], rng)), seeds]) + " |")
    ours, theirs = found["ours"][final], found["sb3"][final]
    low, high = numpy.percentile(iqm(resampled(ours, rng)) - iqm(resampled(theirs, rng)), [2.5, 97.5])
    difference = shown(iqm(ours) - iqm(theirs), low, high)
    chance = improvement(ours, theirs, rng)
    lines += ["", f"At the end, mec-gym's return minus Stable-Baselines3's: {difference}."]
    lines += [f"Probability that a run of mec-gym ends better than one of Stable-Baselines3: {chance}."]
    return "\n".join(lines)


def draw(found, path, rng):
    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=120)
    for library, (name, color) in LIBRARIES.items():
        steps = sorted(steps for kind, steps in found[library] if kind == "curve")
        middle, low, high = zip(*(estimate(found[library]["curve", point], rng) for point in steps))
        axes.plot(steps, middle, color=color, label=name, marker="o", markersize=3)
        axes.fill_between(steps, low, high, color=color, alpha=0.2, linewidth=0)
    seeds = len(next(iter(found["ours"].values())))
    axes.set(xlabel="environment steps", ylabel="return", title=f"Pendulum-v1, {seeds} seeds: IQM, 95 % interval")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})


def main(folder, document):
    files = {library: folder / f"{library}.csv" for library in LIBRARIES}
    absent = [path.name for path in files.values() if not path.exists()]
    if absent:
        sys.exit(f"no picture: {folder} has no {' and no '.join(absent)}")
    found = {library: read(path) for library, path in files.items()}
    draw(found, folder / "curves.png", numpy.random.default_rng(1))
    lines = table(found, numpy.random.default_rng(1))
    document.write_text(PAGE.read_text().replace("{table}", lines))
    print(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
