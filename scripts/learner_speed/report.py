"""Measures all rows in turn, again and again, and prints tables: report.py EXAMPLES, called by learner_speed.sh.

One round measures every row of a part once, each in a process of its own on as many cores as the row has threads, so that
whatever else the machine does meets all libraries alike. Tables show the median of the rounds, the least and the greatest;
"mec-gym over it" is the median of the ratios of each round. Memory is the greatest resident set of the process.

To add a peer, add its line to `row`: what its row is called, and the command that prints a measurement.
"""

import argparse
import importlib.metadata
import json
import math
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
PARTS = ["gradient", "steps", "return", "bare"]
PEERS = ["mec-gym", "sb3", "torch", "sbx"]
BATCHES = [256, 1_024, 4_096, 16_384]


@dataclass
class Problem:
    """What is learned, with which networks; `arguments` are understood by every program."""

    title: str
    arguments: list
    continuous: bool = True


def problem(title, name, hidden, batch, *more, continuous=True):
    arguments = ["--problem", name, "--hidden", hidden, "--batch", batch, *more]
    return Problem(title, arguments, continuous)


SIZES = problem("40 observations, 8 actions, [256, 256], batch 256", "sizes", "256,256", 256)
PENDULUM = problem("`Pendulum-v1`, [256, 256], batch 256", "pendulum", "256,256", 256, "--lr", 1e-3)
# As in experiments/configs/continuous.toml and default.toml, but for the replay ratio, which is 1.
MEC_BOX = problem("default scenario, `Box`, [64, 64], batch 128", "mec-box", "64,64", 128, "--gamma", 0.9)
MEC_BOX_LARGE = problem("default scenario, `Box`, [256, 256], batch 256", "mec-box", "256,256", 256, "--gamma", 0.9)
SCORER = ["--gamma", 0.9, "--body", "scorer"]
MEC_TASK = problem(
    "default scenario, `Discrete`, scorer [64, 64], batch 128", "mec-task", "64,64", 128, *SCORER, continuous=False
)
GRADIENTS = [SIZES, MEC_BOX, MEC_TASK]
STEPS = [PENDULUM, MEC_BOX, MEC_BOX_LARGE, MEC_TASK]


@dataclass
class Row:
    """What is measured; `group` are rows that are compared with each other."""

    peer: str
    label: str
    group: str
    command: list
    threads: int = 1
    results: list = field(default_factory=list)

    def rates(self):
        return [result["work"] / result["seconds"] for result in self.results]

    def rate(self):
        return statistics.median(self.rates())

    def memory(self):
        return f"{statistics.median(result['memory_mib'] for result in self.results):,.0f}"


def row(options, peer, measure, problem, threads, variant=None, more=()):
    """The row of a peer; `variant` is that of the torch loop, or the mode of ours."""
    given = [measure, *problem.arguments, "--threads", threads, "--seconds", options.seconds, *more]
    server = ["--server", options.examples / "env_server"]
    label, command = {
        "mec-gym": ("mec-gym", [options.examples / "learner_peers", *given]),
        "sb3": ("Stable-Baselines3", [sys.executable, FOLDER / "stable_baselines.py", *given, *server, "--peer", "sb3"]),
        "sbx": ("SBX, scans of 100", [sys.executable, FOLDER / "stable_baselines.py", *given, *server, "--peer", "sbx"]),
        "torch": (f"PyTorch loop, {variant}", [sys.executable, FOLDER / "torch_sac.py", *given, *server, "--variant", variant]),
    }[peer]
    if peer == "mec-gym" and variant:
        label, command = f"mec-gym, {variant}", [*command, "--free-running"]
    return Row(peer, label, problem.title, command, threads)


def settings(threads):
    """Environment variables by which every library keeps to its threads."""
    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "NUMEXPR_NUM_THREADS"]
    xla = f"--xla_cpu_multi_thread_eigen={'false' if threads == 1 else 'true'} intra_op_parallelism_threads={threads}"
    return {name: str(threads) for name in names} | {"XLA_FLAGS": xla, "JAX_PLATFORMS": "cpu"}


def measured(row, gpu):
    """One measurement in a process of its own; with its greatest resident set, which the system tells at its end."""
    cores = sorted(os.sched_getaffinity(0))[-row.threads :] if hasattr(os, "sched_getaffinity") else None
    pin = (lambda: os.sched_setaffinity(0, cores)) if cores and not gpu else None
    environment = os.environ | settings(row.threads)
    command = list(map(str, row.command))
    errors = ROOT / "target" / "learner_speed.stderr"
    errors.parent.mkdir(exist_ok=True)
    with errors.open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, preexec_fn=pin, env=environment)
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    lines = output.splitlines()
    if process.returncode != 0 or not lines:
        sys.exit(f"{' '.join(command)} failed:\n{errors.read_text()[-3000:]}")
    # Linux counts in KiB, macOS in bytes.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return json.loads(lines[-1]) | {"memory_mib": usage.ru_maxrss / unit}


def measure(rows, rounds, gpu=False, seeds=False):
    for number in range(rounds):
        for one in rows:
            print(f"{number + 1}/{rounds} {one.group}: {one.label}, {one.threads} thread(s)", file=sys.stderr)
            again = Row(one.peer, one.label, one.group, [*one.command, "--seed", number + 1], one.threads)
            one.results.append(measured(again if seeds else one, gpu))


def shown(number):
    """Three digits."""
    if math.isinf(number):
        return "not reached"
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def over(row, rows):
    """mec-gym over `row`: median of the ratios of each round; empty for mec-gym itself and without it."""
    own = [one for one in rows if (one.group, one.threads) == (row.group, row.threads) and one.label == "mec-gym"]
    if row.peer == "mec-gym" or not own:
        return ""
    return f"{statistics.median(a / b for a, b in zip(own[0].rates(), row.rates())):.2f}"


def table(title, head, lines):
    print(f"\n### {title}\n")
    print("| " + " | ".join(head) + " |")
    print("|---|---|" + "---:|" * (len(head) - 2))
    for line in lines:
        print("| " + " | ".join(line) + " |")
    sys.stdout.flush()


def speed_table(title, unit, rows):
    head = ["problem", "library", "threads", unit, "least to greatest", "mec-gym over it", "memory, MiB"]
    lines = []
    for one in rows:
        spread = f"{shown(min(one.rates()))} to {shown(max(one.rates()))}"
        lines.append([one.group, one.label, str(one.threads), shown(one.rate()), spread, over(one, rows), one.memory()])
    table(title, head, lines)


def peers(options, problem):
    """The libraries that can learn it: those of Stable-Baselines have no discrete SAC."""
    continuous = ["sb3", "sbx"] if problem.continuous else []
    return [name for name in PEERS if name in options.only and name in ["mec-gym", "torch", *continuous]]


def gradient(options):
    rows = []
    for one in GRADIENTS[: 1 if options.quick else None]:
        for threads in options.threads:
            for peer in peers(options, one):
                variants = ["plain", "tuned", "compiled"] if peer == "torch" else [None]
                rows += [row(options, peer, "gradient", one, threads, variant) for variant in variants]
    measure(rows, options.rounds)
    speed_table("Gradient steps", "gradient steps/s", rows)
    best = {}
    for one in rows:
        key = (one.group, one.threads)
        if one.peer == "torch" and (key not in best or one.rate() > best[key].rate()):
            best[key] = one
    return {key: one.label.removeprefix("PyTorch loop, ") for key, one in best.items()}


def loop_rows(options, measure, problem, best):
    """Rows of a whole training loop, with the form of the torch loop that was fastest in gradient steps."""
    rows = []
    for threads in options.threads:
        # Pendulum's networks are those of the sizes.
        variant = best.get((problem.title, threads)) or best.get((SIZES.title, threads)) or "tuned"
        more = ["--limit", options.limit] if measure == "return" else []
        for peer in peers(options, problem):
            of_torch = variant if peer == "torch" else None
            rows.append(row(options, peer, measure, problem, threads, of_torch, more))
        if "mec-gym" in options.only and threads > 1:
            # The learner keeps to one of them, and the actor has the other.
            free = row(options, "mec-gym", measure, problem, 1, "free-running", more)
            free.threads = threads
            rows.append(free)
    return rows


def steps(options, best):
    problems = [one for one in STEPS if one is not MEC_BOX_LARGE or not options.quick]
    rows = [one for problem in problems for one in loop_rows(options, "steps", problem, best)]
    measure(rows, options.rounds)
    speed_table("Steps of the environment with a gradient step after each", "steps/s", rows)


def time_to_return(options, best):
    rows = loop_rows(options, "return", PENDULUM, best)
    measure(rows, options.rounds, seeds=True)
    head = ["library", "threads", "seconds", "least to greatest", "steps", "reached", "memory, MiB"]
    lines = []
    for one in rows:
        seconds = [result["seconds"] if result["reached"] else math.inf for result in one.results]
        middle = statistics.median(seconds)
        spread = f"{shown(min(seconds))} to {shown(max(seconds))}"
        taken = statistics.median(result["work"] for result in one.results)
        reached = sum(result["reached"] for result in one.results)
        cells = [shown(middle), spread, f"{taken:,.0f}", f"{reached} of {len(seconds)}", one.memory()]
        lines.append([one.label, str(one.threads), *cells])
    table("`Pendulum-v1`: time to a mean return of -200 in ten evaluation episodes", head, lines)


def bare(options):
    """Steps without a learner, here and over the pipe: what the transport takes from the other libraries."""
    rows = []
    for one in [MEC_BOX, MEC_TASK, PENDULUM]:
        name = one.arguments[1]
        given = ["bare", "--problem", name, "--seconds", options.seconds]
        group = {"pendulum": "`Pendulum-v1`", "mec-box": "default scenario, `Box`"}.get(name, "default scenario, `Discrete`")
        label = "Gymnasium's" if name == "pendulum" else "over the pipe"
        server = ["--server", options.examples / "env_server"]
        rows.append(Row("mec-gym", "mec-gym", group, [options.examples / "learner_peers", *given]))
        rows.append(Row("pipe", f"Python, {label}", group, [sys.executable, FOLDER / "mec_env.py", *given, *server]))
    measure(rows, options.rounds)
    lines = [[one.group, one.label, shown(one.rate()), f"{1e6 / one.rate():.1f}"] for one in rows]
    table("Steps without a learner", ["problem", "stepped by", "steps/s", "us each"], lines)


def gpu(options):
    """Gradient steps of the sizes for growing batches, ours and torch's on the same GPU."""
    rows = []
    for batch in BATCHES[: 1 if options.quick else None]:
        one = problem(f"40 observations, 8 actions, [256, 256], batch {batch:,}", "sizes", "256,256", batch)
        for peer in [name for name in ["mec-gym", "torch"] if name in options.only]:
            device = options.gpu if peer == "mec-gym" else "cuda"
            variants = ["plain", "tuned", "compiled"] if peer == "torch" else [None]
            rows += [row(options, peer, "gradient", one, 1, variant, ["--device", device]) for variant in variants]
    measure(rows, options.rounds, gpu=True)
    speed_table(f"Gradient steps on the GPU (`{options.gpu}`)", "gradient steps/s", rows)
    recorded = [result["recorded"] for row in rows for result in row.results if "recorded" in result]
    print(f"\nOf mec-gym's {len(recorded)} measurements {sum(recorded)} repeated their updates from a recording.")


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def said(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def load():
    return ", ".join(f"{average:.1f}" for average in os.getloadavg())


def machine(options):
    cpuinfo = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    packages = [f"{name} {version(name)}" for name in ["torch", "stable_baselines3", "sbx-rl", "jax", "gymnasium"]]
    print(f"Processor: {names[0] if names else platform.processor()}, {os.cpu_count()} cores; load {load()}")
    print(f"Versions: {said('rustc', '--version')}; Python {platform.python_version()}; {', '.join(packages)}")
    print(f"Commit: {said('git', 'describe', '--always', '--dirty')}")
    print(f"Rounds: {options.rounds}, of {options.seconds} s or more")
    if options.gpu:
        print(f"GPU: {said('nvidia-smi', '--query-gpu=name,driver_version', '--format=csv,noheader')}")


def parsed():
    parser = argparse.ArgumentParser()
    parser.add_argument("examples", type=Path, help="folder of the built examples")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--only", nargs="+", choices=PEERS, default=PEERS)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="least time of one measurement")
    parser.add_argument("--limit", type=int, default=10_000, help="steps of a run that does not reach the return")
    parser.add_argument("--gpu", choices=["cuda", "wgpu"], help="measure this device instead")
    parser.add_argument("--quick", action="store_true", help="only check that everything runs")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.threads, options.limit = 1, 0.3, [1], 500
    return options


def main():
    options = parsed()
    machine(options)
    if options.gpu:
        return gpu(options)
    best = gradient(options) if "gradient" in options.parts else {}
    if options.quick:
        # A compilation takes longer than all the rest.
        best = {}
    if "steps" in options.parts:
        steps(options, best)
    if "return" in options.parts:
        time_to_return(options, best)
    if "bare" in options.parts:
        bare(options)
    print(f"\nLoad at the end: {load()}")


if __name__ == "__main__":
    main()
