"""Measures all rows in turn, again and again, and prints tables: report.py EXAMPLE, called by simulator_speed.sh.

Tables show the median of the repetitions, the least and the greatest, and ratios of medians.

To add a row, add it to the list of its table: a row is its first cells, a command that prints a measurement, the rows that
its ratios are over, and its threads.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.append(str(FOLDER.parent))

import speed_report  # noqa: E402
from speed_report import ROOT, Row, load, machine, shown, table, version  # noqa: E402

SCENARIO = ROOT / "envs" / "examples" / "simulator_speed" / "one_server.toml"
TASKS = ["CartPole-v1", "Pendulum-v1", "Acrobot-v1", "MountainCarContinuous-v0"]
BATCHES = [16, 1024]
WORLDS = [16, 128, 256, 1024]
THREADS = [1, 2]
DEVICES = [10, 100, 1_000, 10_000]
SERVERS = [2, 20, 200]


def latency(row):
    """Mean latency of the tasks of the last round, which tells whether two rows simulate the same load."""
    return f"{row.results[-1]['latency_mean_s']:.3f}"


def ratio(row, base):
    return "" if base is None else shown(row.rate() / base.rate())


def measure(rows, repetitions):
    """Measures all rows, of which none may fail."""
    speed_report.measure(rows, repetitions)
    if any(row.failed for row in rows):
        sys.exit("Rows failed, as said above.")


# One server in SimPy.


def check(options, folder):
    """Writes the tasks of every variant, and holds SimPy's completions against ours; prints the largest difference."""
    python, twin = sys.executable, FOLDER / "simpy_twin.py"
    lines = []
    for variant in ["fixed-cuts", "cdlp", "observed"]:
        path = folder / f"{variant}.csv"
        command = [options.example, f"tasks/{variant}"]
        path.write_text(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        run = subprocess.run([python, twin, "check", SCENARIO, path], capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"{variant}: {run.stderr}")
        result = json.loads(run.stdout)
        lines.append([variant, f"{result['tasks']:,}", f"{result['difference_s']:.1e}"])
    table("One server: completions here and in SimPy", ["decisions", "tasks", "largest difference, s"], lines, texts=1)


def event_rows(options, folder):
    def simpy(label, mode, tasks):
        arguments = [mode, SCENARIO, folder / f"{tasks}.csv", options.seconds]
        return Row(["SimPy", label], [sys.executable, FOLDER / "simpy_twin.py", *arguments], [None, None])

    def ours(form, label, variant, *bases):
        return Row([form, label], [options.example, f"twin/{variant}", options.seconds], bases)

    given = simpy("fixed cuts, tasks given", "given", "fixed-cuts")
    drawn = simpy("fixed cuts, tasks drawn", "drawn", "fixed-cuts")
    cdlp = simpy("CDLP's cuts, tasks given", "given", "cdlp")
    return [
        given,
        drawn,
        cdlp,
        ours("`Offload`", "fixed cuts, tasks drawn", "fixed-cuts", given, drawn),
        ours("`Offload`", "CDLP's cuts, tasks drawn", "cdlp", cdlp, None),
        ours("`OffloadEnv`", "CDLP's cuts, tasks drawn", "observed", cdlp, None),
    ]


def events(options):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        check(options, folder)
        rows = event_rows(options, folder)
        measure(rows, options.repetitions)
    given, drawn = "over SimPy, tasks given", "over SimPy, tasks drawn"
    head = ["simulator", "decisions", "tasks/s", "least to greatest", "mean latency, s", given, drawn]
    lines = [[*row.cells, *row.spread(), latency(row), *(ratio(row, base) for base in row.bases)] for row in rows]
    table("One server: tasks per second", head, lines)
    return rows


# Classic control.


def has_envpool():
    """Whether EnvPool is installed and steps."""
    command = [sys.executable, FOLDER / "classic_control.py", "envpool/CartPole-v1/16/1", "0"]
    return version("envpool") and subprocess.run(command, capture_output=True).returncode == 0


def classic_rows(options, name, with_envpool):
    def row(label, command, batch=1, threads=1):
        return Row([name, label, str(batch), str(threads)], command, threads=threads)

    def theirs(label, kind, *numbers, threads=1):
        path = "/".join([kind, name, *map(str, numbers)])
        command = [sys.executable, FOLDER / "classic_control.py", path, options.seconds]
        return row(label, command, *numbers[:1], threads=threads)

    def vector(batch, threads):
        command = [options.example, f"vector/{name}/{batch}/{threads}", options.seconds]
        return row("mec-gym, VectorEnv", command, batch, threads)

    ours = [row("mec-gym", [options.example, f"classic/{name}", options.seconds])]
    ours += [vector(batch, threads) for threads in THREADS for batch in BATCHES]
    others = [theirs("Gymnasium", "gymnasium"), theirs("Gymnasium, SyncVectorEnv", "gymnasium-sync", BATCHES[0])]
    if name == "CartPole-v1":
        others += [theirs("Gymnasium, CartPoleVectorEnv", "gymnasium-vector", batch) for batch in BATCHES]
    if with_envpool:
        one = [theirs("EnvPool", "envpool", batch, 1) for batch in BATCHES]
        others += one + [theirs("EnvPool", "envpool", batch, 2, threads=2) for batch in BATCHES]
    for other in others:
        # Compared is with as many environments on as many threads.
        other.bases = [own for own in ours if own.threads == other.threads and own.cells[2] == other.cells[2]][:1]
    return ours + others


def classic(options):
    with_envpool = has_envpool()
    rows = [row for name in TASKS for row in classic_rows(options, name, with_envpool)]
    measure(rows, options.repetitions)
    head = ["task", "simulator", "batch", "threads", "steps/s", "least to greatest", "mec-gym over it"]
    lines = [[*row.cells, *row.spread(), *([ratio(base, row) for base in row.bases] or [""])] for row in rows]
    table("Classic control: steps per second", head, lines)
    if not with_envpool:
        print("\nEnvPool does not install or start here: no rows of it.")
    return rows


# Decisions.


def decision_rows(options):
    forms, policies = ["OffloadEnv", "OffloadSetEnv", "Offload"], ["server-1", "round-robin", "random"]
    arguments = [options.seconds, options.scenario]
    return [
        Row([f"`{form}`", policy], [options.example, f"default/{form}/{policy}", *arguments])
        for form in forms
        for policy in policies
    ]


def vector_rows(options):
    def row(batch, threads):
        path = f"vector/OffloadEnv/{batch}/{threads}"
        return Row([str(batch), str(threads)], [options.example, path, options.seconds, options.scenario], threads=threads)

    rows = [row(number, threads) for number in WORLDS for threads in THREADS]
    for one in rows:
        one.bases = [other for other in rows if other.cells[0] == one.cells[0]][:1]
    return rows


def sweep_rows(options):
    """Pairs of rows: with observations and without."""
    points = [(str(number), "4", f"devices/{number}") for number in DEVICES]
    points += [(str(number * 15 // 2), str(number), f"servers/{number}") for number in SERVERS]
    arguments = [options.seconds, options.scenario]
    return [
        [Row([*cells, form], [options.example, f"{path}/{form}", *arguments]) for form in ["OffloadEnv", "Offload"]]
        for *cells, path in points
    ]


def micros(row):
    """Microseconds per decision, resets left out: median, least and greatest."""
    costs = [(result["seconds"] - result["reset_seconds"]) / result["work"] * 1e6 for result in row.results]
    return [shown(statistics.median(costs)), f"{shown(min(costs))} to {shown(max(costs))}"]


def reset_ms(row):
    return shown(statistics.median(result["reset_seconds"] / result["rounds"] for result in row.results) * 1e3)


def decisions(options):
    rows, vectors, pairs = decision_rows(options), vector_rows(options), sweep_rows(options)
    every = rows + vectors + [row for pair in pairs for row in pair]
    measure(every, options.repetitions)
    head = ["form", "targets", "decisions/s", "least to greatest", "us each", "episodes"]
    episodes = lambda row: f"{min(result['rounds'] for result in row.results):,} or more"
    lines = [[*row.cells, *row.spread(), shown(1e6 / row.rate()), episodes(row)] for row in rows]
    table("Default scenario: decisions per second", head, lines)
    head = ["environments", "threads", "decisions/s", "least to greatest", "over one thread"]
    lines = [[*row.cells, *row.spread(), ratio(row, row.bases[0])] for row in vectors]
    table("Default scenario in a `VectorEnv`: decisions per second", head, lines, texts=0)
    head = ["devices", "servers", "`OffloadEnv`: us", "least to greatest", "reset, ms"]
    head += ["`Offload`: us", "least to greatest", "mean latency, s"]
    lines = [[*one.cells[:2], *micros(one), reset_ms(one), *micros(two), latency(one)] for one, two in pairs]
    table("Larger and smaller scenarios: cost of a decision", head, lines, texts=0)
    return every


PARTS = {"events": events, "classic": classic, "decisions": decisions}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("example")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="least time of one measurement")
    parser.add_argument("--scenario", default="", help="TOML merged over the scenarios of the part `decisions`")
    options = parser.parse_args()
    machine(["simpy", "gymnasium", "numpy", "envpool"])
    print(f"Repetitions: {options.repetitions}, of {options.seconds} s or more; changes: {options.scenario or 'none'}")
    rows = [row for part in options.parts for row in PARTS[part](options)]
    # Well below 100 %, other work was in the way: rates are then too low, and ratios are what can be compared.
    single = [result for row in rows if row.threads == 1 for result in row.results]
    share = sum(result["core_s"] for result in single) / sum(result["clock_s"] for result in single)
    print(f"\nMeasurements with one thread had a core for {share:.0%} of their time; load at the end {load()}")


if __name__ == "__main__":
    main()
