#!/usr/bin/env python3
"""Makes envs/tests/data/classic/*.csv: episodes of Gymnasium's classic control tasks, which ours must repeat.

Run it from anywhere: it rewrites the same files. Nothing is downloaded but Gymnasium and NumPy.

One file per task, one row per step; row 0 of an episode is its start and has no action. Numbers are the shortest text
that reads back to the same bits: the state as 64-bit floats, actions and observations as 32-bit ones.

The state stands in row 0, and wherever a replay has to start again from it: a pole on its tip makes e times as much of
a rounding error every quarter of a second, so that no two implementations of the sine agree for a whole episode. A
second copy runs along, started beside the state by a rounding error; where the two are further apart than SPREAD, the
state is written and the copy starts again beside it. Tasks that forget errors have no such rows.
"""

import csv
import math
import os
import random
import subprocess
import sys
from pathlib import Path

PINS = [
    "gymnasium==1.4.0",
    "numpy==2.4.6",
    "cloudpickle==3.1.3",
    "Farama-Notifications==0.0.6",
    "typing_extensions==4.16.0",
]
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / "target" / "classic-venv"
OUT = ROOT / "envs" / "tests" / "data" / "classic"
# A few rounding errors of a 64-bit float.
NUDGE = 1e-15
# Far below the resolution of the 32-bit observations.
SPREAD = 1e-9
MIN_PYTHON = (3, 11)


def enter_venv(script):
    """Restarts a script inside the virtual environment of the fixtures, made on first use."""
    if Path(sys.prefix).resolve() == VENV.resolve():
        return
    if sys.version_info < MIN_PYTHON:
        sys.exit(f"needs Python {'.'.join(map(str, MIN_PYTHON))} or newer")
    python = VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PINS], check=True)
    os.execv(python, [str(python), str(script)])


# Policies: the action for a state, with a generator of the episode's own.


def hold(action):
    return lambda rng, state: action


def uniform(bound):
    """Forces up to `bound`, with two decimals."""
    return lambda rng, state: round(rng.uniform(-bound, bound), 2)


def choose(*actions):
    return lambda rng, state: rng.choice(actions)


def swing_up(rng, state):
    """Pushes along the movement, and holds the pendulum once it is near the top."""
    angle = (state[0] + math.pi) % (2 * math.pi) - math.pi
    if abs(angle) > 0.7:
        return math.copysign(2.0, state[1])
    return round(max(-2.0, min(2.0, -10.0 * angle - 2.0 * state[1])), 2)


def balance(rng, state):
    """Keeps the pole up and the cart near the middle."""
    position, velocity, angle, angular_velocity = state
    return int(angle + 0.3 * angular_velocity + 0.03 * position + 0.06 * velocity > 0)


def drive_along(rng, state):
    """Pushes along the movement of the car."""
    return 1.0 if state[1] >= 0 else -0.9


def pump(rng, state):
    """Moves the second link against the swing of the first, which adds energy."""
    return 2 if state[2] < 0 else 0


# Task: its id, the names of its state and observation, and per episode a name, the start (a seed of Gymnasium's
# `reset`, or the state), the longest length and the policy.
TASKS = {
    "pendulum": (
        "Pendulum-v1",
        ["angle", "velocity"],
        ["cos", "sin", "speed"],
        [
            ("random", 1, 200, uniform(2.0)),
            ("swing-up", (math.pi, 0.0), 200, swing_up),
            ("many-turns", (40.0, -20.0), 40, uniform(2.0)),
            ("clipped", (-3 * math.pi, 7.9), 60, uniform(6.0)),
            ("at-the-seam", (-math.pi, 0.0), 10, hold(0.0)),
            ("on-top", (0.0, 0.0), 10, hold(0.0)),
        ],
    ),
    "cart_pole": (
        "CartPole-v1",
        ["x", "x_dot", "angle", "angle_dot"],
        ["x", "x_dot", "angle", "angle_dot"],
        [
            ("balanced", 1, 500, balance),
            ("random", 2, 500, choose(0, 1)),
            ("left-edge", (-2.3, -1.0, 0.0, 0.0), 500, balance),
            ("right-edge", (2.35, 0.5, -0.1, 0.3), 500, hold(1)),
            ("spinning", (0.1, -3.0, -0.2, 9.0), 500, hold(0)),
            ("fallen", (0.5, 0.0, 2.0, -1.0), 500, hold(1)),
            ("out-and-back", (2.41, -3.0, 0.21, -2.0), 500, choose(0, 1)),
        ],
    ),
    "mountain_car_continuous": (
        "MountainCarContinuous-v0",
        ["position", "velocity"],
        ["position", "velocity"],
        [
            ("random", 1, 999, uniform(1.0)),
            ("goal", 2, 999, drive_along),
            ("clipped", 3, 200, uniform(3.0)),
            ("left-wall", (-1.1, -0.07), 30, hold(-1.0)),
            ("fast", (-0.7, 0.2), 999, hold(1.5)),
            ("outside", (0.9, -0.01), 5, hold(-0.5)),
            ("backwards-at-the-goal", (0.5, -0.001), 60, hold(0.25)),
        ],
    ),
    "acrobot": (
        "Acrobot-v1",
        ["angle_1", "angle_2", "velocity_1", "velocity_2"],
        ["cos_1", "sin_1", "cos_2", "sin_2", "velocity_1", "velocity_2"],
        [
            ("random", 1, 500, choose(0, 1, 2)),
            ("goal", 2, 500, pump),
            ("many-turns", (30.0, -20.0, 0.5, -0.5), 40, hold(1)),
            ("chaotic", (1.2, -1.0, 0.0, 0.0), 100, hold(1)),
            ("fast", (1.0, -2.0, 12.0, -28.0), 40, hold(0)),
            ("too-fast", (0.5, 0.3, -20.0, 40.0), 40, hold(2)),
        ],
    ),
}


def started(env, start):
    """Starts an episode; the state as 64-bit floats."""
    import numpy as np

    env.reset(seed=start if isinstance(start, int) else 0)
    if not isinstance(start, int):
        env.unwrapped.state = np.array(start, dtype=np.float64)
    return state_of(env)


def state_of(env):
    import numpy as np

    return np.array(env.unwrapped.state, dtype=np.float64)


def observation_of(env):
    """The observation of the current state, which Gymnasium returns from `reset` only."""
    import numpy as np

    for name in ["_get_obs", "_get_ob"]:
        if hasattr(env.unwrapped, name):
            return getattr(env.unwrapped, name)()
    return np.array(env.unwrapped.state, dtype=np.float32)


def put_beside(shadow, env):
    """Sets the copy a rounding error beside the state of the environment."""
    shadow.unwrapped.state = state_of(env) * (1 + NUDGE) + NUDGE


def shown(numbers):
    """Text that reads back to the same bits."""
    return [repr(number.item()) if number.dtype == "float64" else str(number) for number in numbers]


def rows(task, episode):
    """The rows of one episode."""
    import gymnasium
    import numpy as np

    (task_id, state_names, _, _), (name, start, length, policy) = task, episode
    env, shadow = (gymnasium.make(task_id, disable_env_checker=True) for _ in range(2))
    rng = random.Random(f"{task_id} {name}")
    shadow.reset(seed=0)
    state = started(env, start)
    put_beside(shadow, env)
    yield [name, 0, *shown(state), "", *shown(observation_of(env)), "", "", ""]
    is_box = isinstance(env.action_space, gymnasium.spaces.Box)
    for step in range(1, length + 1):
        choice = policy(rng, state)
        action = np.array([choice], dtype=np.float32) if is_box else choice
        observation, reward, terminated, truncated, _ = env.step(action)
        shadow.unwrapped.step(action)
        state, written = state_of(env), [""] * len(state_names)
        if not terminated and np.abs(state - state_of(shadow)).max() > SPREAD:
            written = shown(state)
            put_beside(shadow, env)
        label = str(action[0]) if is_box else action
        flags = [int(terminated), int(truncated)]
        yield [name, step, *written, label, *shown(observation), repr(float(reward)), *flags]
        if terminated or truncated:
            return


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for stem, task in TASKS.items():
        _, state_names, observation_names, episodes = task
        with open(OUT / f"{stem}.csv", "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            states = [f"state_{name}" for name in state_names]
            observations = [f"observed_{name}" for name in observation_names]
            writer.writerow(["episode", "step", *states, "action", *observations, "reward", "terminated", "truncated"])
            for episode in episodes:
                writer.writerows(rows(task, episode))


if __name__ == "__main__":
    enter_venv(Path(__file__).resolve())
    main()
