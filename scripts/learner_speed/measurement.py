"""What all Python programs of the comparison share: options, the clock, and the line of JSON that they print."""

import argparse
import json
import time

PROBLEMS = ["sizes", "pendulum", "mec-box", "mec-task"]
# Of the problem `sizes`, which has no environment.
OBSERVATION, ACTION = 40, 8
# Transitions that gradient steps are measured on.
EXPERIENCE = 10_000
LEARNING_STARTS = 100
# Steps after these before the clock starts: whatever is compiled is compiled then.
WARM_UP = 200
# Episodes and steps between evaluations of the measure `return`.
EPISODES, EVALUATE_EVERY = 10, 500


def options():
    """The options that the Rust example `learner_peers` has too."""
    parser = argparse.ArgumentParser()
    parser.add_argument("measure", choices=["gradient", "steps", "return", "bare"])
    parser.add_argument("--problem", choices=PROBLEMS, default="sizes")
    parser.add_argument("--body", choices=["mlp", "scorer"], default="mlp")
    parser.add_argument("--hidden", type=lambda text: [int(size) for size in text.split(",")], default=[256, 256])
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--gamma", type=float, default=0.99)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--wanted-return", type=float, default=-200.0)
    parser.add_argument("--limit", type=int, default=10_000, help="steps of the measure `return`, reached or not")
    parser.add_argument("--server", help="the Rust example env_server, for the problems mec-box and mec-task")
    parser.add_argument("--peer", choices=["sb3", "sbx"], help="of stable_baselines.py")
    parser.add_argument("--scan", type=int, default=100, help="gradient steps of one call; of stable_baselines.py")
    parser.add_argument("--variant", choices=["plain", "tuned", "compiled"], default="tuned", help="of torch_sac.py")
    return parser.parse_args()


def environment(given):
    """A new environment of the problem."""
    if given.problem == "pendulum":
        import gymnasium

        return gymnasium.make("Pendulum-v1")
    from mec_env import MecEnv

    return MecEnv(given.server, given.problem.removeprefix("mec-"))


class Clock:
    """Counts work and time, of which some is left out; whoever compiles adds the seconds of it to `compiling`."""

    def __init__(self):
        self.work, self.excluded, self.compiling, self.started = 0, 0.0, 0.0, None

    def start(self, work=0):
        self.work, self.excluded, self.compiling, self.started = work, 0.0, 0.0, time.perf_counter()

    def seconds(self):
        return time.perf_counter() - self.started - self.excluded

    def exclude(self, action):
        """Does something whose time does not count."""
        started, compiling = time.perf_counter(), self.compiling
        result = action()
        self.excluded, self.compiling = self.excluded + time.perf_counter() - started, compiling
        return result

    def emit(self, work, **more):
        measured = {"work": work - self.work, "seconds": self.seconds(), "compiling_s": self.compiling}
        print(json.dumps(measured | more), flush=True)


def mean_return(act, env, seed):
    """Mean return of some episodes of `act`, the policy without noise."""
    total = 0.0
    for episode in range(EPISODES):
        observation, _ = env.reset(seed=1_000_000 + 1_000 * seed + episode)
        over = False
        while not over:
            observation, reward, terminated, truncated, _ = env.step(act(observation))
            total, over = total + float(reward), terminated or truncated
    return total / EPISODES
