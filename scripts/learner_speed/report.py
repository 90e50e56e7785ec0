"""Measures all rows in turn, again and again, and prints tables: report.py EXAMPLES, called by learner_speed.sh.

Tables show the median of the rounds, the least and the greatest; "mec-gym over it" is the median of the ratios of each
round. Memory is the greatest resident set of the process. A row that fails says so, and the rest goes on.

To add a peer, add its name to `PEERS` and `peers`, its program to `program`, and its forms to `forms`.
"""

import argparse
import math
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.append(str(FOLDER.parent))

from speed_report import Row, load, machine, measure, said, shown, table  # noqa: E402

PEERS = ["mec-gym", "sb3", "torch", "sbx"]
BATCHES = [256, 1_024, 4_096, 16_384]
PACKAGES = ["torch", "stable_baselines3", "sbx-rl", "jax", "gymnasium"]


@dataclass
class Problem:
    """What is learned, with which networks; `arguments` are understood by every program."""

    title: str
    arguments: list
    continuous: bool = True


def problem(title, name, hidden, batch, *more, continuous=True):
    arguments = ["--problem", name, "--hidden", hidden, "--batch", batch, *more]
    return Problem(title, arguments, continuous)


def sizes(batch):
    return problem(f"40 observations, 8 actions, [256, 256], batch {batch:,}", "sizes", "256,256", batch)


PENDULUM = problem("`Pendulum-v1`, [256, 256], batch 256", "pendulum", "256,256", 256, "--lr", 1e-3)
# As in experiments/configs/continuous.toml and default.toml, but for the replay ratio, which is 1.
MEC_BOX = problem("default scenario, `Box`, [64, 64], batch 128", "mec-box", "64,64", 128, "--gamma", 0.9)
MEC_BOX_LARGE = problem("default scenario, `Box`, [256, 256], batch 256", "mec-box", "256,256", 256, "--gamma", 0.9)
SCORER = ["--gamma", 0.9, "--body", "scorer"]
MEC_TASK = problem(
    "default scenario, `Discrete`, scorer [64, 64], batch 128", "mec-task", "64,64", 128, *SCORER, continuous=False
)
GRADIENTS = [sizes(256), MEC_BOX, MEC_TASK]
STEPS = [PENDULUM, MEC_BOX, MEC_BOX_LARGE, MEC_TASK]


def peers(options, problem):
    """The libraries that can learn it: those of Stable-Baselines have no discrete SAC."""
    continuous = ["sb3", "sbx"] if problem.continuous else []
    return [name for name in PEERS if name in options.only and name in ["mec-gym", "torch", *continuous]]


def program(options, peer):
    """What measures a library, on which device."""
    python, server = sys.executable, ["--server", options.examples / "env_server"]
    return {
        "mec-gym": [options.examples / "learner_peers", "--device", options.gpu or "cpu"],
        "sb3": [python, FOLDER / "stable_baselines.py", *server, "--peer", "sb3"],
        "sbx": [python, FOLDER / "stable_baselines.py", *server, "--peer", "sbx"],
        "torch": [python, FOLDER / "torch_sac.py", *server, "--device", "cuda" if options.on_gpu else "cpu"],
    }[peer]


def forms(options, measure, peer):
    """Names of the forms in which a library is measured, with the arguments that choose them."""
    # SBX evaluates between its scans, and torch.compile alone takes about as long as `tuned` needs for the return.
    scans, variants = ([100], ["tuned"]) if measure == "return" else ([100, 1_000], ["tuned", "compiled"])
    if measure == "gradient":
        variants = ["plain", *variants]
    elif options.quick:
        # A compilation takes longer than all the rest.
        variants = ["tuned"]
    return {
        "mec-gym": [("mec-gym", [])],
        "sb3": [("Stable-Baselines3", [])],
        "sbx": [(f"SBX, scans of {scan:,}", ["--scan", scan]) for scan in scans],
        "torch": [(f"PyTorch loop, {variant}", ["--variant", variant]) for variant in variants],
    }[peer]


def given(options, measure, problem):
    return [measure, *problem.arguments, "--seconds", options.seconds, "--limit", options.limit]


def rows_of(options, measure, problem, threads=1):
    """Rows of all libraries; their ratios are over ours, which is the first."""
    rows = []
    for peer in peers(options, problem):
        for name, chosen in forms(options, measure, peer):
            command = [*program(options, peer), *given(options, measure, problem), "--threads", threads, *chosen]
            own = rows[:1] if "mec-gym" in options.only else []
            rows.append(Row([problem.title, name, str(threads)], command, own, threads))
    return rows


def free_running(options, measure, problem):
    """Our row in which the learner has a thread, and the actor another one."""
    if "mec-gym" not in options.only:
        return []
    command = [*program(options, "mec-gym"), *given(options, measure, problem), "--free-running"]
    return [Row([problem.title, "mec-gym, free-running", "2"], command, threads=2)]


def loop_rows(options, measure, problem):
    """Rows of a whole training loop."""
    rows = [row for threads in options.threads for row in rows_of(options, measure, problem, threads)]
    return rows + (free_running(options, measure, problem) if 2 in options.threads else [])


def over(row):
    """mec-gym over `row`; empty for mec-gym itself and without it."""
    ratios = [a / b for own in row.bases for a, b in zip(own.rates(), row.rates()) if not own.failed]
    return f"{statistics.median(ratios):.2f}" if ratios else ""


def memory(row):
    return f"{statistics.median(result['memory_mib'] for result in row.results):,.0f}"


def lines(rows, figures):
    """A line for each row: what it is and its figures, or that it failed."""
    return [[*row.cells, *(["failed"] if row.failed else figures(row))] for row in rows]


def speed_table(title, unit, rows):
    """A table for each problem."""
    print(f"\n### {title}")
    head = ["library", "threads", unit, "least to greatest", "mec-gym over it", "memory, MiB"]
    told = lines(rows, lambda row: [*row.spread(), over(row), memory(row)])
    for problem in dict.fromkeys(row.cells[0] for row in rows):
        table(problem, head, [line[1:] for line in told if line[0] == problem], level=4)


def gradient(options):
    problems = GRADIENTS[: 1 if options.quick else None]
    chosen = [(one, threads) for one in problems for threads in options.threads]
    rows = [row for one, threads in chosen for row in rows_of(options, "gradient", one, threads)]
    measure(rows, options.rounds)
    speed_table("Gradient steps", "gradient steps/s", rows)
    return rows


def steps(options):
    problems = [one for one in STEPS if one is not MEC_BOX_LARGE or not options.quick]
    rows = [row for problem in problems for row in loop_rows(options, "steps", problem)]
    measure(rows, options.rounds)
    speed_table("Steps of the environment with a gradient step after each", "steps/s", rows)
    return rows


def return_figures(row):
    """Seconds with their spread, those of them that compiling took, steps, how many runs reached it, and memory."""
    seconds = [result["seconds"] if result["reached"] else math.inf for result in row.results]
    told = lambda number: "not reached" if math.isinf(number) else shown(number)
    compiling = statistics.median(result.get("compiling_s", 0) for result in row.results)
    taken = statistics.median(result["work"] for result in row.results)
    reached = sum(result["reached"] for result in row.results)
    spread = [told(statistics.median(seconds)), f"{told(min(seconds))} to {told(max(seconds))}"]
    return [*spread, shown(compiling), f"{taken:,.0f}", f"{reached} of {len(seconds)}", memory(row)]


def time_to_return(options):
    rows = loop_rows(options, "return", PENDULUM)
    measure(rows, options.rounds, lambda number: ["--seed", number])
    head = ["problem", "library", "threads", "seconds", "least to greatest", "of which compiling", "steps", "reached"]
    title = "Time to a mean return of -200 in ten evaluation episodes"
    table(title, [*head, "memory, MiB"], lines(rows, return_figures))
    return rows


def bare(options):
    """Steps without a learner, here and over the pipe: what the transport takes from the other libraries."""
    rows = []
    for name, group, by in [
        ("mec-box", "default scenario, `Box`", "Python, over the pipe"),
        ("mec-task", "default scenario, `Discrete`", "Python, over the pipe"),
        ("pendulum", "`Pendulum-v1`", "Python, Gymnasium's"),
    ]:
        given = ["bare", "--problem", name, "--seconds", options.seconds]
        python = [sys.executable, FOLDER / "mec_env.py", "--server", options.examples / "env_server"]
        rows.append(Row([group, "mec-gym"], [options.examples / "learner_peers", *given]))
        rows.append(Row([group, by], [*python, *given]))
    measure(rows, options.rounds)
    figures = lambda row: [shown(row.rate()), f"{1e6 / row.rate():.1f}"]
    table("Steps without a learner", ["problem", "stepped by", "steps/s", "us each"], lines(rows, figures))
    return rows


def gpu(options):
    """Gradient steps for growing batches, and whole training loops; ours and torch's on the same GPU."""
    batches = BATCHES[: 1 if options.quick else None]
    gradients = [row for batch in batches for row in rows_of(options, "gradient", sizes(batch))]
    loops = rows_of(options, "steps", MEC_BOX_LARGE) + free_running(options, "steps", MEC_BOX_LARGE)
    measure(gradients + loops, options.rounds, pinned=False)
    speed_table(f"Gradient steps, ours on the device `{options.gpu}`", "gradient steps/s", gradients)
    recorded = [result["recorded"] for row in gradients for result in row.results if "recorded" in result]
    if recorded:
        print(f"\nOf mec-gym's {len(recorded)} measurements {sum(recorded)} repeated their updates from a recording.")
    title = f"Steps of the environment with a gradient step after each, our learner on the device `{options.gpu}`"
    speed_table(title, "steps/s", loops)
    return gradients + loops


PARTS = {"gradient": gradient, "steps": steps, "return": time_to_return, "bare": bare}
USUAL = {"rounds": 5, "seconds": 5.0, "threads": [1, 2], "limit": 10_000, "parts": list(PARTS), "only": PEERS}
QUICK = {"rounds": 1, "seconds": 0.3, "threads": [1], "limit": 500}
ON_GPU = {"only": ["mec-gym", "torch"]}


def positive(kind):
    """Reads a positive number."""

    def positive_number(text):
        if not 0 < kind(text) < math.inf:
            raise argparse.ArgumentTypeError(f"{text} is not a positive number")
        return kind(text)

    return positive_number


def parsed():
    parser = argparse.ArgumentParser()
    parser.add_argument("examples", type=Path, help="folder of the built examples")
    parser.add_argument("--parts", nargs="+", choices=PARTS)
    parser.add_argument("--only", nargs="+", choices=PEERS)
    # Ours has at most as many as there are critics.
    parser.add_argument("--threads", nargs="+", type=int, choices=[1, 2], help="threads of an update")
    parser.add_argument("--rounds", type=positive(int))
    parser.add_argument("--seconds", type=positive(float), help="least time of one measurement")
    parser.add_argument("--limit", type=positive(int), help="steps of a run that does not reach the return")
    parser.add_argument("--gpu", choices=["cuda", "wgpu", "cpu"], help="measure this device; cpu only checks that it runs")
    parser.add_argument("--quick", action="store_true", help="only check that everything runs: less of all that is not given")
    options = parser.parse_args()
    if options.gpu:
        refused = [f"--{name}" for name in ["parts", "threads", "limit"] if getattr(options, name) is not None]
        refused += [f"--only {name}" for name in options.only or [] if name not in ON_GPU["only"]]
        if refused:
            parser.error(f"--gpu measures mec-gym and torch in parts of its own, without {', '.join(refused)}")
    options.on_gpu = options.gpu in ["cuda", "wgpu"]
    for name, value in (USUAL | (QUICK if options.quick else {}) | (ON_GPU if options.gpu else {})).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def main():
    options = parsed()
    machine(PACKAGES)
    print(f"Rounds: {options.rounds}, of {options.seconds} s or more")
    if options.on_gpu:
        print(f"GPU: {said('nvidia-smi', '--query-gpu=name,driver_version', '--format=csv,noheader')}")
    parts = [gpu] if options.gpu else [part for name, part in PARTS.items() if name in options.parts]
    failed = sum(row.failed for part in parts for row in part(options))
    print(f"\nLoad at the end: {load()}")
    if failed:
        sys.exit(f"{failed} row(s) failed, as said above.")


if __name__ == "__main__":
    main()
