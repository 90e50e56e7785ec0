"""The scenario of envs/examples/simulator_speed/one_server.toml in SimPy.

simpy_twin.py check SCENARIO TASKS    compares every task's completion with the one in TASKS
simpy_twin.py given SCENARIO TASKS SECONDS    measures the simulation of these tasks
simpy_twin.py drawn SCENARIO TASKS SECONDS    measures episodes of tasks drawn here, with the cuts of TASKS

TASKS is what the example prints for its rows `tasks/...`: arrivals, stage times, noise and decisions. What waits for
what and for how long is simulated here.
"""

import csv
import math
import random
import sys
import tomllib
from dataclasses import dataclass

import measurement
import simpy

# Two simulators that add the same times in another order differ by some rounding errors of the time: 1e-13 s.
TOLERANCE_S = 1e-9


@dataclass(slots=True)
class Task:
    """A task and its decision; stage times without noise, 0 for a stage that it does not pass."""

    user: int
    arrival_s: float
    target: int
    device_s: float
    device_noise: float
    upload_s: float
    server_s: float
    server_noise: float
    return_s: float
    completion_s: float


class Edge:
    """Devices, each a processor and a radio, before one server: all first come, first served."""

    def __init__(self, env, scenario):
        users = range(sum(group["count"] for group in scenario["devices"]))
        self.env = env
        self.processors = [simpy.Resource(env) for _ in users]
        self.radios = [simpy.Resource(env) for _ in users]
        self.server = simpy.Resource(env, capacity=scenario["servers"][0]["executors"])
        self.propagation_s = scenario["network"]["propagation_s"]

    def life(self, task):
        """From decision to completion."""
        env = self.env
        if task.device_s > 0:
            with self.processors[task.user].request() as turn:
                yield turn
                yield env.timeout(task.device_s * task.device_noise)
        if task.target == 0:
            task.completion_s = env.now
            return
        with self.radios[task.user].request() as turn:
            yield turn
            yield env.timeout(task.upload_s)
        yield env.timeout(self.propagation_s)
        with self.server.request() as turn:
            yield turn
            yield env.timeout(task.server_s * task.server_noise)
        # The result meets nobody on its way back: no event is needed.
        task.completion_s = env.now + task.return_s


def decisions(edge, slot_s, tasks):
    """Decides each task at the end of the slot in which it arrives."""
    env = edge.env
    for task in tasks:
        decision = (int(task.arrival_s / slot_s) + 1) * slot_s
        if decision > env.now:
            yield env.timeout(decision - env.now)
        env.process(edge.life(task))


def simulate(scenario, tasks):
    env = simpy.Environment()
    env.process(decisions(Edge(env, scenario), scenario["slot_s"], tasks))
    env.run()


def fixed_cuts(tasks):
    """One task of each kind: whole on the server, on the device, and cut in the middle."""
    kinds = [
        lambda task: task.target == 1 and task.device_s == 0,
        lambda task: task.target == 0,
        lambda task: task.target == 1 and task.device_s > 0,
    ]
    return [next(filter(kind, tasks)) for kind in kinds]


def drawn(scenario, cuts, rng, done):
    """Tasks of an episode, the first of each slot whole on the server, the others in turn; `done` receives each."""
    users = sum(group["count"] for group in scenario["devices"])
    rate_hz = sum(group["count"] * group["rate_hz"] for group in scenario["devices"])
    slot_s, sigma = scenario["slot_s"], math.sqrt(math.log(1 + scenario["noise_cv"] ** 2))
    mu = -sigma * sigma / 2
    whole, *others = cuts
    slot, turn, time_s = -1, 0, rng.expovariate(rate_hz)
    while time_s < scenario["horizon_s"]:
        if int(time_s / slot_s) == slot:
            cut, turn = others[turn], 1 - turn
        else:
            cut, slot = whole, int(time_s / slot_s)
        device_noise, server_noise = (rng.lognormvariate(mu, sigma) for _ in range(2))
        user, stages = rng.randrange(users), (cut.upload_s, cut.server_s, server_noise, cut.return_s)
        task = Task(user, time_s, cut.target, cut.device_s, device_noise, *stages, math.nan)
        done.append(task)
        yield task
        time_s += rng.expovariate(rate_hz)


def mean_latency(tasks):
    return sum(task.completion_s - task.arrival_s for task in tasks) / len(tasks)


def read(path):
    with open(path, newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [Task(int(row[0]), float(row[1]), int(row[2]), *map(float, row[3:])) for row in rows]


def check(scenario, tasks):
    """Simulates the tasks again; the largest difference between two completions of a task, s."""
    expected = [task.completion_s for task in tasks]
    for task in tasks:
        task.completion_s = math.nan
    simulate(scenario, tasks)
    differences = [abs(task.completion_s - completion) for task, completion in zip(tasks, expected)]
    wrong = [index for index, difference in enumerate(differences) if not difference <= TOLERANCE_S]
    if wrong:
        first = tasks[wrong[0]]
        sys.exit(
            f"{len(wrong)} of {len(tasks)} tasks complete at another time in SimPy, the first of them task {wrong[0]}: "
            f"at {first.completion_s} s, not at {expected[wrong[0]]} s"
        )
    return max(differences)


def main(command, scenario_path, tasks_path, seconds=0.5):
    with open(scenario_path, "rb") as file:
        scenario = tomllib.load(file)
    tasks = read(tasks_path)
    if command == "check":
        print(f'{{"tasks": {len(tasks)}, "difference_s": {check(scenario, tasks)}}}')
        return
    rng, latest, cuts = random.Random(1), tasks, fixed_cuts(tasks)

    def given_round():
        simulate(scenario, tasks)
        return len(tasks)

    def drawn_round():
        nonlocal latest
        latest = []
        simulate(scenario, drawn(scenario, cuts, rng, latest))
        return len(latest)

    result = measurement.take(float(seconds), given_round if command == "given" else drawn_round)
    print(f'{result[:-1]}, "latency_mean_s": {mean_latency(latest)}}}')


if __name__ == "__main__":
    main(*sys.argv[1:])
