#!/usr/bin/env python3
"""Makes experiments/tests/data/rliable.json: what rliable, the library of Agarwal et al. (2021), computes of two methods.

Run it from anywhere: it rewrites the same file. Nothing is downloaded but the packages named in PINS.

The scores are made up, `[runs, tasks]` as rliable has them, and rounded, so that some of them are equal. Point estimates
are exact; ends of intervals carry the noise of RESAMPLES draws, and stand beside those of a second generator, so that
who compares with them sees how large it is.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

PINS = [
    "rliable==1.2.0",
    "arch==7.2.0",
    "numpy==2.4.6",
    "pandas==2.3.3",
    "scipy==1.17.1",
    "statsmodels==0.14.6",
    "seaborn==0.13.2",
]
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / "target" / "rliable-venv"
OUT = ROOT / "experiments" / "tests" / "data" / "rliable.json"
RESAMPLES = 20_000
SEEDS = [1, 2]
# (name, runs, mean, spread)
METHODS = [("left", 10, 0.62, 0.2), ("right", 7, 0.5, 0.3)]
TASKS = 6
GAMMA = 0.8
THRESHOLDS = [0.0, 0.25, 0.4, 0.5, 0.6, 0.75, 1.0]
MIN_PYTHON = (3, 11)


def enter_venv():
    """Restarts this script inside its virtual environment, made on first use."""
    if Path(sys.prefix).resolve() == VENV.resolve():
        return
    if sys.version_info < MIN_PYTHON:
        sys.exit(f"needs Python {'.'.join(map(str, MIN_PYTHON))} or newer")
    python = VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PINS], check=True)
    os.execv(python, [str(python), __file__])


def made_up():
    """The scores of every method; tasks differ in difficulty, and a run has an outlier."""
    import numpy as np

    rng = np.random.RandomState(7)
    difficulty = rng.uniform(-0.2, 0.2, TASKS)
    scores = {name: (mean + spread * rng.standard_normal((runs, TASKS)) + difficulty).round(2)
              for name, runs, mean, spread in METHODS}
    scores["left"][3, 2] = 9.0
    return scores


def with_intervals(scores, function):
    """The point estimate, and the interval of every seed."""
    import numpy as np
    from rliable import library

    ends = []
    for seed in SEEDS:
        # The bootstrap of rliable draws from NumPy's global generator.
        np.random.seed(seed)
        point, interval = library.get_interval_estimates({"x": scores}, function, reps=RESAMPLES)
        ends.append(interval["x"].tolist())
    return {"value": point["x"].tolist(), "intervals": ends}


def main():
    import numpy as np
    from rliable import library, metrics

    scores = made_up()
    result = {"resamples": RESAMPLES, "gamma": GAMMA, "thresholds": THRESHOLDS, "methods": {}}
    for name, matrix in scores.items():
        result["methods"][name] = {
            "scores": matrix.tolist(),
            "iqm": with_intervals(matrix, lambda x: np.array([metrics.aggregate_iqm(x)])),
            "optimality_gap": with_intervals(matrix, lambda x: np.array([metrics.aggregate_optimality_gap(x, GAMMA)])),
            "profile": with_intervals(matrix, lambda x: library.score_distributions(x, THRESHOLDS)),
        }
    both = [scores["left"], scores["right"]]
    result["improvement"] = with_intervals(both, lambda x, y: np.array([metrics.probability_of_improvement(x, y)]))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(result, separators=(", ", ": ")) + "\n")
    print(f"wrote {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    enter_venv()
    main()
