#!/usr/bin/env python3
"""Makes envs/tests/data/gym/*.csv: what Gymnasium's wrappers and vector environments do, which ours must repeat.

Run it from anywhere: it rewrites the same files. Nothing is downloaded but Gymnasium and NumPy.

`wrappers.csv` is one scripted environment under NormalizeObservation, NormalizeReward and RecordEpisodeStatistics: each
row has what the environment gives (so that the test needs no copy of it) and what the wrappers make of it. The
statistics of observations stand twice, in Gymnasium's 32 bits and, by Gymnasium's own RunningMeanStd, in 64.

`vector.csv` is a vector environment of counters in all three autoreset modes; `Counter` below is written again in the
test. Numbers are the shortest text that reads back to the same bits.
"""

import csv
import random
from pathlib import Path

import make_classic_fixtures as classic

OUT = classic.ROOT / "envs" / "tests" / "data" / "gym"
GAMMA = 0.9
# From this row on the statistics are frozen.
FROZEN = 50
ROWS = 70
SEED = 5


def scripted_rows():
    """Event, three entries of an observation, reward, terminated, truncated."""
    rng = random.Random(1)
    fresh, length = True, 0
    for _ in range(ROWS):
        observation = [rng.gauss(0, 1), 100 + rng.gauss(0, 3), rng.choice([0.0, 1e-3])]
        end = "" if fresh else rng.choice(["", "", "", "", "terminated", "truncated"])
        reward = 0.0 if fresh else round(rng.gauss(-1, 5), 2)
        yield "reset" if fresh else "step", observation, reward, end == "terminated", end == "truncated"
        # An episode that reset cuts short comes up as well.
        length = 0 if fresh else length + 1
        fresh = end != "" or length == 9


def wrapper_rows():
    """The rows of wrappers.csv."""
    import gymnasium
    import numpy as np
    from gymnasium import wrappers

    script = list(scripted_rows())
    at = iter(script)

    class Scripted(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float32)
        action_space = gymnasium.spaces.Discrete(1)

        def reset(self, *, seed=None, options=None):
            return np.array(next(at)[1], dtype=np.float32), {}

        def step(self, action):
            _, observation, reward, terminated, truncated = next(at)
            return np.array(observation, dtype=np.float32), reward, terminated, truncated, {}

    recorded = wrappers.RecordEpisodeStatistics(Scripted(), buffer_length=5)
    rewards = wrappers.NormalizeReward(recorded, gamma=GAMMA)
    single = wrappers.NormalizeObservation(rewards)
    double = wrappers.utils.RunningMeanStd(shape=(3,), dtype=np.float64)
    for index, (event, observation, reward, terminated, truncated) in enumerate(script):
        single.update_running_mean = rewards.update_running_mean = index < FROZEN
        info, normal_reward = {}, 0.0
        if event == "reset":
            normal, _ = single.reset()
        else:
            normal, normal_reward, _, _, info = single.step(0)
        exact = np.array(observation, dtype=np.float32).astype(np.float64)
        if index < FROZEN:
            double.update(exact[None])
        normal_double = np.float32((exact - double.mean) / np.sqrt(double.var + single.epsilon))
        episode = info.get("episode")
        yield [
            event,
            *[str(np.float32(entry)) for entry in observation],
            repr(float(reward)),
            int(terminated),
            int(truncated),
            *map(str, normal),
            *map(str, normal_double),
            *[repr(float(entry)) for entry in [*double.mean, *double.var]],
            repr(float(normal_reward)),
            repr(float(rewards.return_rms.var)),
            repr(float(episode["r"])) if episode else "",
            episode["l"] if episode else "",
            repr(float(np.mean(recorded.return_queue))) if recorded.return_queue else "",
            repr(float(np.mean(recorded.length_queue))) if recorded.length_queue else "",
        ]


WRAPPER_COLUMNS = [
    "event",
    *[f"observed_{entry}" for entry in range(3)],
    "reward",
    "terminated",
    "truncated",
    *[f"normal_{entry}" for entry in range(3)],
    *[f"normal_64_{entry}" for entry in range(3)],
    *[f"mean_{entry}" for entry in range(3)],
    *[f"variance_{entry}" for entry in range(3)],
    "normal_reward",
    "return_variance",
    "episode_return",
    "episode_length",
    "mean_return",
    "mean_length",
]


def counter():
    """An environment without chance: it observes its seed, its episode and its step.

    Episode k of seed s takes (s + k) % 3 + 1 steps and ends by termination, every second one by truncation. The reward
    is 100 episode + 10 step + action; the info has the last action.
    """
    import gymnasium
    import numpy as np

    class Counter(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(-1000, 1000, (3,), np.float32)
        action_space = gymnasium.spaces.Discrete(5)
        seed, episode, step_index = -1, -1, 0

        def observed(self):
            return np.array([self.seed, self.episode, self.step_index], dtype=np.float32)

        def reset(self, *, seed=None, options=None):
            if seed is not None:
                self.seed, self.episode = seed, -1
            self.episode, self.step_index = self.episode + 1, 0
            return self.observed(), {}

        def step(self, action):
            self.step_index += 1
            over = self.step_index > (self.seed + self.episode) % 3
            even = self.episode % 2 == 0
            reward = 100.0 * self.episode + 10.0 * self.step_index + float(action)
            return self.observed(), reward, over and even, over and not even, {"action": int(action)}

    return Counter()


def vector_rows(mode, environments=3, steps=14):
    """The rows of one mode: one per environment after each call."""
    import gymnasium
    import numpy as np

    vector = gymnasium.vector.SyncVectorEnv([counter] * environments, autoreset_mode=mode)

    def rows(call, argument, observations, outcome=None, infos=None):
        rewards, terminated, truncated = outcome or ([0.0] * environments, *[[False] * environments] * 2)
        infos = infos or {}
        for index in range(environments):
            final = infos["final_obs"][index] if infos.get("_final_obs", [False] * environments)[index] else None
            # The info of the step itself: Gymnasium moves it to final_info where a reset follows within the step.
            source = infos.get("final_info", {}) if final is not None else infos
            told = source.get("_action", [False] * environments)[index]
            yield [
                mode.value,
                call,
                argument[index],
                index,
                *[int(entry) for entry in observations[index]],
                int(rewards[index]),
                int(terminated[index]),
                int(truncated[index]),
                int(source["action"][index]) if told else "",
                *([int(entry) for entry in final] if final is not None else [""] * 3),
            ]

    rng = random.Random(2)
    observations, _ = vector.reset(seed=SEED)
    yield from rows("reset", [SEED] * environments, observations)
    for step in range(steps):
        actions = [rng.randrange(5) for _ in range(environments)]
        observations, *outcome, infos = vector.step(np.array(actions))
        yield from rows("step", actions, observations, outcome, infos)
        over = np.logical_or(outcome[1], outcome[2])
        if mode == gymnasium.vector.AutoresetMode.DISABLED and over.any():
            observations, _ = vector.reset(options={"reset_mask": over.copy()})
            # The others keep their last observation.
            yield from rows("reset_where", [int(flag) for flag in over], observations)
        if step == 9:
            observations, _ = vector.reset()
            yield from rows("reset", [""] * environments, observations)


VECTOR_COLUMNS = [
    "mode",
    "call",
    "argument",
    "environment",
    "seed",
    "episode",
    "step",
    "reward",
    "terminated",
    "truncated",
    "info_action",
    "final_seed",
    "final_episode",
    "final_step",
]


def write(name, columns, rows):
    with open(OUT / name, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def main():
    from gymnasium.vector import AutoresetMode

    OUT.mkdir(parents=True, exist_ok=True)
    write("wrappers.csv", WRAPPER_COLUMNS, wrapper_rows())
    modes = [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, AutoresetMode.DISABLED]
    write("vector.csv", VECTOR_COLUMNS, (row for mode in modes for row in vector_rows(mode)))


if __name__ == "__main__":
    classic.enter_venv(Path(__file__).resolve())
    main()
