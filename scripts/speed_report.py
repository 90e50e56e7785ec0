"""What reports of speed share: rows, their measurement in turn, tables, and what all of it ran on.

One round measures every row once, each in a process of its own on as many cores as the row has threads, so that
whatever else the machine does meets all rows alike.
"""

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Row:
    """What is measured: `cells` are the first columns of its line, `bases` the rows that its ratios are over.

    The last line that `command` prints is a measurement as JSON: `work` done in `seconds`, and more.
    """

    cells: list
    command: list
    bases: list = field(default_factory=list)
    threads: int = 1
    results: list = field(default_factory=list)
    failed: bool = False

    def rates(self):
        """Work per second of every round."""
        return [result["work"] / result["seconds"] for result in self.results]

    def rate(self):
        return statistics.median(self.rates())

    def spread(self):
        """Median, least and greatest rate."""
        return [shown(self.rate()), f"{shown(min(self.rates()))} to {shown(max(self.rates()))}"]


def shown(number):
    """Three digits."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def settings(threads):
    """Environment variables by which every library keeps to its threads."""
    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "NUMEXPR_NUM_THREADS"]
    xla = f"--xla_cpu_multi_thread_eigen={'false' if threads == 1 else 'true'} intra_op_parallelism_threads={threads}"
    return {name: str(threads) for name in names} | {"XLA_FLAGS": xla, "JAX_PLATFORMS": "cpu"}


def measured(row, more, pinned):
    """One measurement, with its process's greatest resident set, MiB, and its time on a core and by the clock, s."""
    cores = sorted(os.sched_getaffinity(0))[-row.threads :] if pinned and hasattr(os, "sched_getaffinity") else None
    pin = (lambda: os.sched_setaffinity(0, cores)) if cores else None
    command, started = [str(part) for part in [*row.command, *more]], time.perf_counter()
    # What libraries print to the other stream is shown only when they fail.
    with tempfile.TemporaryFile("w+") as errors:
        environment = os.environ | settings(row.threads)
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, preexec_fn=pin, env=environment
        )
        lines = process.stdout.read().splitlines()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0 or not lines:
            errors.seek(0)
            raise RuntimeError(f"{' '.join(command)} failed:\n{errors.read()[-3000:]}")
    # Linux counts in KiB, macOS in bytes.
    memory_mib = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    times = {"core_s": usage.ru_utime + usage.ru_stime, "clock_s": time.perf_counter() - started}
    return json.loads(lines[-1]) | {"memory_mib": memory_mib} | times


def measure(rows, rounds, more=lambda number: (), pinned=True):
    """Measures all rows in turn, `more` being arguments of a round. A row that fails says why, and is left out then."""
    for number in range(1, rounds + 1):
        for row in rows:
            if row.failed:
                continue
            print(f"{number}/{rounds} {', '.join(row.cells)}", file=sys.stderr)
            try:
                row.results.append(measured(row, more(number), pinned))
            except (OSError, RuntimeError, ValueError) as error:
                print(error, file=sys.stderr)
                row.failed = True


def table(title, head, lines, texts=2, level=3):
    """Prints a table in Markdown under its title, whose first columns (`texts`) are no numbers; short lines are filled up."""
    print(f"\n{'#' * level} {title}\n")
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * texts + "---:|" * (len(head) - texts))
    for line in lines:
        print("| " + " | ".join([*line, *[""] * (len(head) - len(line))]) + " |")
    sys.stdout.flush()


def version(package):
    """The version of a package, None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def said(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def load():
    return ", ".join(f"{average:.1f}" for average in os.getloadavg())


def machine(packages):
    """Prints what everything runs on."""
    cpuinfo = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    versions = [f"{name} {version(name)}" for name in packages if version(name)]
    print(f"Processor: {names[0] if names else platform.processor()}, {os.cpu_count()} cores; load {load()}")
    print(f"Versions: {said('rustc', '--version')}; Python {platform.python_version()}; {', '.join(versions)}")
    print(f"Commit: {said('git', 'describe', '--always', '--dirty')}")
