"""A pure-Python twin of the environment `mec_gym/Offload-v0` on a reduced scenario, for comparison of speed.

Ten phones on radios of constant rate, one server, one network, no noise, no other load, and a report before every
decision. The rules are those of the Rust simulator, and so are all entries of the observation; `python/tests/test_twin.py`
holds their distributions against each other. Layer times are asked of `mec_gym.partition` once, when the module is loaded.
"""

from __future__ import annotations

import bisect
import math
import random
from typing import Any

import gymnasium
import numpy as np

import mec_gym

PHONES, RATE_HZ = 10, 3.0
HORIZON_S, SLOT_S, REFERENCE_S, DEADLINE_S, SET_SIZE = 30.0, 0.1, 0.5, 1.0, 8
RATE, PROPAGATION_S, DOWNLINK, LOAD_WINDOW_S = 43e6 / 8, 0.002, 50e6 / 8, 2.0
NETWORK, DEVICE, SERVER = "alexnet", "phone", "mini-pc"

#: The same in the words of a scenario.
SCENARIO: dict[str, Any] = {
    "name": "twin",
    "horizon_s": HORIZON_S,
    "slot_s": SLOT_S,
    "set_size": SET_SIZE,
    "noise_cv": 0.0,
    "arrivals": {"kind": "poisson"},
    "link": {"kind": "constant", "rate_mbit": 43.0},
    "network": {"propagation_s": PROPAGATION_S, "downlink_mbit": 50.0},
    "telemetry": {"period_s": 0.0, "delay_s": 0.0},
    "foreign": {"utilisation": 0.0},
    "models": [{"name": NETWORK, "weight": 1.0, "deadline_s": DEADLINE_S}],
    "devices": [{"processor": DEVICE, "count": PHONES, "rate_hz": RATE_HZ, "transmit_power_w": 2.5}],
    "servers": [{"processor": SERVER, "count": 1, "executors": 1}],
}


def _cuts() -> tuple[list[tuple[float, float, float]], float, float]:
    """Device time, bytes and server time of each cut worth keeping, the time of the whole network on the device, and
    that of a result on its way back."""
    cuts, local, back = set(), math.nan, math.nan
    # Each is the best one at some rate with some work before it.
    for step in range(-12, 13):
        for wait in range(41):
            rate, backlog = RATE * 1.25**step, 0.002 * wait
            found = mec_gym.partition(NETWORK, device=DEVICE, server=SERVER, rate=rate, backlog_s=backlog)
            local = found["rivals"]["device-only"]
            if found["bytes"] > 0:
                cuts.add((found["device_s"], found["bytes"], found["server_s"]))
                back = found["return_s"] * rate / DOWNLINK + PROPAGATION_S
    # As in Rust, one of several that are within one per cent of each other is enough.
    kept: list[tuple[float, float, float]] = []
    for cut in sorted(cuts):
        if not kept or cut[1] != kept[-1][1] or cut[0] > 1.01 * kept[-1][0]:
            kept.append(cut)
    return kept, local, back


CUTS, LOCAL_S, RETURN_S = _cuts()

#: Lower and upper bounds of the entries of one target.
_LOW = [0.0] * 9 + [-10.0, 0.0, -4.0, -10.0, 0.0, 0.0, 0.0, -10.0, 0.0, 0.0, -5.0, -10.0, 0.0, 0.0]
_HIGH = [1.0] + [10.0] * 10 + [4.0, 10.0, 10.0, 1.0, 1.0, 10.0, 10.0, 10.0, 5.0, 10.0, 10.0, 1.0]
LOW = np.array([0.0] * 3 + _LOW * 2 + [-10.0] * 2, dtype=np.float32)
HIGH = np.array([10.0] * 3 + _HIGH * 2 + [0.0] * 2, dtype=np.float32)


class Task:
    """A task; times in s."""

    __slots__ = ("arrival", "completion", "start", "user")

    def __init__(self, user: int, arrival: float) -> None:
        self.user, self.arrival = user, arrival
        self.completion = math.inf
        #: When its service starts.
        self.start = math.inf


class Radio:
    """The tensors that a device has not sent to their end: ready, start, end, server time and task of each."""

    __slots__ = ("queue",)

    def __init__(self) -> None:
        self.queue: list[list[Any]] = []

    def advance(self, now: float) -> None:
        if self.queue and self.queue[0][2] <= now:
            self.queue = [upload for upload in self.queue if upload[2] > now]

    def waits(self, now: float) -> tuple[float, float]:
        """Until it is free of tensors that are ready now, and of all, from now."""
        ready_now = everything = now
        for ready, start, end, _, _ in self.queue:
            left = end - max(start, now)
            if ready <= now:
                ready_now += left
                everything += left
            else:
                everything = max(everything, ready) + left
        return ready_now - now, everything - now

    def send(self, now: float, ready: float, time: float, service: float, task: Task) -> list[list[Any]]:
        """Puts a tensor in its turn; those whose times are new or have moved."""
        queue, index = self.queue, 0
        while index < len(queue) and (queue[index][1] <= now or queue[index][0] <= ready):
            index += 1
        queue.insert(index, [ready, math.nan, math.nan, service, task])
        free = queue[index - 1][2] if index else 0.0
        changed = []
        for upload in queue[index:]:
            start = max(upload[0], free)
            if start != upload[1]:
                length = time if upload[4] is task else upload[2] - upload[1]
                upload[1], upload[2] = start, start + length
                changed.append(upload)
            free = upload[2]
        return changed


class Server:
    """Jobs in the order of their arrival: arrival, service and task of each that has not started; first come, first
    served."""

    __slots__ = ("free", "running", "queue")

    def __init__(self) -> None:
        self.queue: list[tuple[float, float, Task]] = []
        self.free = 0.0

    def advance(self, now: float) -> None:
        """Starts what starts until now."""
        while self.queue and max(self.queue[0][0], self.free) <= now:
            arrival, service, _ = self.queue.pop(0)
            self.free = max(arrival, self.free) + service

    def work(self, now: float) -> float:
        """Of all that has arrived, s."""
        free = max(self.free, now)
        for arrival, service, _ in self.queue:
            if arrival > now:
                break
            free += service
        return free - now

    def insert(self, arrival: float, service: float, task: Task) -> list[Task]:
        """Puts a job in its turn; the tasks behind it."""
        index = bisect.bisect_right(self.queue, arrival, key=lambda job: job[0])
        self.queue.insert(index, (arrival, service, task))
        return self.plan(index)

    def remove(self, task: Task) -> None:
        self.queue = [job for job in self.queue if job[2] is not task]

    def plan(self, index: int) -> list[Task]:
        """Works out starts and completions from `index` on; the tasks."""
        free = self.free
        if index:
            before = self.queue[index - 1]
            free = before[2].start + before[1]
        tasks = []
        for arrival, service, task in self.queue[index:]:
            task.start = max(arrival, free)
            free = task.start + service
            tasks.append(task)
            task.completion = free + RETURN_S
        return tasks


class TwinEnv(gymnasium.Env[Any, Any]):
    """The twin: where one task after another runs, on its phone (0) or on the server (1)."""

    def __init__(self) -> None:
        self.observation_space = gymnasium.spaces.Box(LOW, HIGH, dtype=np.float32)
        self.action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.rng = random.Random(int(self.np_random.integers(2**63)))
        self.processors = [0.0] * PHONES
        self.radios = [Radio() for _ in range(PHONES)]
        self.server = Server()
        self.tasks: list[Task] = []
        self.decided, self.now, self.load = 0, 0.0, 1.0
        self.backlog = self.change = 0.0
        self.upcoming = self._arrival(0.0)
        self._advance()
        return self._observe(), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        task = self.tasks[self.decided]
        self.decided += 1
        inflicted = self._offload(task) if action else self._keep(task)
        latency = task.completion - task.arrival
        if self.decided == len(self.tasks):
            self._advance()
        info = {"latency_s": latency, "inflicted_s": inflicted, "successes": float(latency <= DEADLINE_S)}
        reward = -(latency + inflicted) / REFERENCE_S
        return self._observe(), reward, False, self.now > HORIZON_S + 1e-9, info

    def _arrival(self, time: float) -> Task:
        return Task(self.rng.randrange(PHONES), time + self.rng.expovariate(PHONES * RATE_HZ))

    def _advance(self) -> None:
        """To the end of the next slot in which a task arrives."""
        slots = int(self.upcoming.arrival / SLOT_S) + 1
        before, self.now = self.now, slots * SLOT_S
        count = len(self.tasks)
        while self.upcoming.arrival < self.now:
            self.tasks.append(self.upcoming)
            self.upcoming = self._arrival(self.upcoming.arrival)
        self.load *= math.exp(-(self.now - before) / LOAD_WINDOW_S)
        self.load += (len(self.tasks) - count) / (PHONES * RATE_HZ * LOAD_WINDOW_S)
        for task in self.tasks[count:]:
            self.radios[task.user].advance(self.now)
        self.server.advance(self.now)
        backlog = self.server.work(self.now)
        self.change, self.backlog = backlog - self.backlog, backlog

    def _keep(self, task: Task) -> float:
        start = max(self.processors[task.user], self.now)
        self.processors[task.user] = task.completion = start + LOCAL_S
        return 0.0

    def _offload(self, task: Task) -> float:
        """Sends the best cut; the delay that it inflicts on other tasks."""
        device_s, size, service = CUTS[self._offer(task)[0]]
        ready = self.now
        if device_s > 0:
            ready = max(self.processors[task.user], self.now) + device_s
            self.processors[task.user] = ready
        inflicted = 0.0
        for upload in self.radios[task.user].send(self.now, ready, size / RATE, service, task):
            moved = upload[4]
            if moved is not task:
                self.server.remove(moved)
            before = {other: other.completion for _, _, other in self.server.queue}
            if moved is not task:
                before[moved] = moved.completion
                self.server.plan(0)
            self.server.insert(upload[2] + PROPAGATION_S, upload[3], moved)
            inflicted += sum(other.completion - was for other, was in before.items() if other is not task)
        return inflicted

    def _free_for(self, arrival: float) -> float:
        """When the server is free for work that arrives then."""
        free = max(self.server.free, self.now)
        for at, service, _ in self.server.queue:
            if at > self.now and at > arrival:
                break
            free = max(free, at) + service
        return free - self.now

    def _offer(self, task: Task) -> tuple[int, float, float, float]:
        """The cut for the server, its completion from now, the server's wait, and the device's two."""
        processor = max(self.processors[task.user] - self.now, 0.0)
        radio_now, radio = self.radios[task.user].waits(self.now)
        last = self._free_for(math.inf)
        cut, arrival, start, completion = self._best(processor, radio_now, radio, last)
        wait = self._free_for(self.now + arrival)
        if wait < last and start <= last:
            cut, arrival, start, completion = self._best(processor, radio_now, radio, wait)
            wait = self._free_for(self.now + arrival)
            completion = self._times(cut, processor, radio_now, radio, wait)[2]
        return cut, completion, wait, radio

    def _times(
        self, cut: int, processor: float, radio_now: float, radio: float, wait: float
    ) -> tuple[float, float, float]:
        """When a cut reaches the server, starts there and completes, from now."""
        device_s, size, service = CUTS[cut]
        ready = max(processor + device_s, radio) if device_s > 0 else radio_now
        arrival = ready + size / RATE + PROPAGATION_S
        start = max(arrival, wait)
        return arrival, start, start + service + RETURN_S

    def _best(self, processor: float, radio_now: float, radio: float, wait: float) -> tuple[int, float, float, float]:
        best = (0, 0.0, 0.0, math.inf)
        for cut in range(len(CUTS)):
            arrival, start, completion = self._times(cut, processor, radio_now, radio, wait)
            if completion < best[3]:
                best = (cut, arrival, start, completion)
        return best

    def _observe(self) -> Any:
        if self.decided == len(self.tasks):
            return np.zeros(len(LOW), dtype=np.float32)
        task, per, now = self.tasks[self.decided], 1.0 / REFERENCE_S, self.now
        cut, completion, wait, radio = self._offer(task)
        processor = max(self.processors[task.user] - now, 0.0)
        device_s, size, service = CUTS[cut]
        local = processor + LOCAL_S
        best = min(local, completion)
        left = DEADLINE_S - (now - task.arrival)
        own = [processor * per, radio * per, math.log(RATE / 1e6), left * per, LOCAL_S * per, 0.0]
        sent = sum(service for at, service, _ in self.server.queue if at > now)
        row = [
            (len(self.tasks) - self.decided) / SET_SIZE,
            wait * per,
            self.load,
            1.0,
            local * per,
            (local - best) * per,
            LOCAL_S * per,
            *[0.0] * 12,
            (left - local) * per,
            *own,
            0.0,
            completion * per,
            (completion - best) * per,
            device_s * per,
            size / RATE * per,
            service * per,
            wait * per,
            0.0,
            self.backlog * per,
            self.change * per,
            sent * per,
            0.0,
            0.0,
            0.0,
            1.0 if self.backlog == 0.0 else 0.0,
            1.0,
            (left - completion) * per,
            *own,
            (best - local) * per,
            (best - completion) * per,
        ]
        return np.minimum(np.maximum(np.array(row, dtype=np.float32), LOW), HIGH)
