"""Steps of classic control tasks in Gymnasium and EnvPool: classic_control.py ROW SECONDS.

Rows: `gymnasium/NAME`, `gymnasium-sync/NAME/BATCH`, `gymnasium-vector/NAME/BATCH` and `envpool/NAME/BATCH/THREADS`,
with Gymnasium's names. A step of a batch counts as one per environment in it; those in which an environment only starts
again count too. Actions are drawn in advance.
"""

import sys
import warnings

import measurement

# Steps between two looks at the clock, as in the example.
STEPS = 10_000


def single(name):
    """A round of one environment, with a reset after each episode."""
    import gymnasium

    # As `gymnasium.make` gives it, but for the checks of each step.
    env = gymnasium.make(name, disable_env_checker=True)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(STEPS)]
    env.reset(seed=0)

    def round_of_steps():
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return STEPS

    return round_of_steps


def batched(env, actions, batch):
    """A round of a batch of environments, which start again by themselves."""

    def round_of_steps():
        for action in actions:
            env.step(action)
        return len(actions) * batch

    return round_of_steps


def vector(name, mode, batch):
    import gymnasium

    env = gymnasium.make_vec(name, num_envs=batch, vectorization_mode=mode)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(max(1, STEPS // batch))]
    env.reset(seed=0)
    return batched(env, actions, batch)


def pool(name, batch, threads):
    import envpool
    import numpy

    env = envpool.make(name, env_type="gymnasium", num_envs=batch, num_threads=threads, seed=0)
    env.action_space.seed(0)
    draw = lambda: numpy.array([env.action_space.sample() for _ in range(batch)], dtype=env.action_space.dtype)
    actions = [draw() for _ in range(max(1, STEPS // batch))]
    env.reset()
    return batched(env, actions, batch)


def main(row, seconds):
    warnings.simplefilter("ignore")
    kind, name, *numbers = row.split("/")
    batch, threads = [*map(int, numbers), 1, 1][:2]
    round_of_steps = {
        "gymnasium": lambda: single(name),
        "gymnasium-sync": lambda: vector(name, "sync", batch),
        "gymnasium-vector": lambda: vector(name, "vector_entry_point", batch),
        "envpool": lambda: pool(name, batch, threads),
    }[kind]()
    print(measurement.take(float(seconds), round_of_steps))


if __name__ == "__main__":
    main(*sys.argv[1:])
