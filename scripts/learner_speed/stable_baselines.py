"""SAC of Stable-Baselines3 and of SBX: stable_baselines.py MEASURE --peer sb3|sbx ...

SB3 collects one step and learns once, as it does by default. SBX collects as many steps as `--scan` says, and then scans
over as many updates in one call, so that the ratio is the same. Each length of a scan is compiled once, in some 4 s. What
a call costs beside its updates is small: on one core ([256, 256], batch 256) a call of one update takes 10 ms, and calls
of 10, 100 and 1,000 take 8 ms for each.
"""

import os
import warnings

import gymnasium
import measurement
import numpy
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger


class Sizes(gymnasium.Env):
    """Nothing but the spaces of the problem `sizes`."""

    bound = numpy.full(measurement.OBSERVATION, numpy.inf, dtype=numpy.float32)
    observation_space = gymnasium.spaces.Box(-bound, bound)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (measurement.ACTION,))

    def reset(self, *, seed=None, options=None):
        return numpy.zeros(measurement.OBSERVATION, dtype=numpy.float32), {}

    def step(self, action):
        return self.reset()[0], 0.0, False, False, {}


def model(given, env):
    burst = given.scan if given.peer == "sbx" else 1
    arguments = {
        "learning_rate": given.lr,
        "gamma": given.gamma,
        "batch_size": given.batch,
        "buffer_size": 100_000,
        "learning_starts": measurement.LEARNING_STARTS,
        "train_freq": burst,
        "gradient_steps": burst,
        "policy_kwargs": {"net_arch": given.hidden},
        "seed": given.seed,
        "device": given.device,
    }
    if given.peer == "sbx":
        from sbx import SAC
    else:
        from stable_baselines3 import SAC
    learner = SAC("MlpPolicy", env, **arguments)
    # One that writes nothing, and makes no folder.
    learner.set_logger(Logger(None, []))
    return learner


def clock_of(given):
    """A clock that knows how long JAX compiles: it traces, lowers and compiles, one after the other."""
    clock = measurement.Clock()
    if given.peer == "sbx":
        import jax

        def count(event, seconds, **_):
            if event.startswith("/jax/core/compile/"):
                clock.compiling += seconds

        jax.monitoring.register_event_duration_secs_listener(count)
    return clock


def gradient(given):
    learner = model(given, Sizes() if given.problem == "sizes" else measurement.environment(given))
    buffer, rng = learner.replay_buffer, numpy.random.default_rng(given.seed)
    rows = measurement.EXPERIENCE
    for column in [buffer.observations, buffer.next_observations, buffer.actions, buffer.rewards]:
        column[:rows] = rng.uniform(-1, 1, column[:rows].shape)
    buffer.pos = rows
    clock, updates = clock_of(given), 0
    learner.train(gradient_steps=given.scan, batch_size=given.batch)
    clock.start()
    while clock.seconds() < given.seconds:
        learner.train(gradient_steps=given.scan, batch_size=given.batch)
        updates += given.scan
    clock.emit(updates)


class Watch(BaseCallback):
    """Measures from the first rollout after the warm-up until one starts with enough seconds done."""

    def __init__(self, given):
        super().__init__()
        self.given, self.clock, self.over = given, clock_of(given), False

    def _on_rollout_start(self):
        # All updates of the steps before are done.
        if self.clock.started is None:
            # Acting is compiled again after the first scan.
            warm_up = max(measurement.LEARNING_STARTS + measurement.WARM_UP, 2 * self.given.scan)
            if self.num_timesteps >= warm_up:
                self.clock.start(self.num_timesteps)
        elif not self.over and self.clock.seconds() >= self.given.seconds:
            self.over = True
            self.clock.emit(self.num_timesteps)

    def _on_step(self):
        return not self.over


class Evaluation(BaseCallback):
    """Stops when the mean return is as wanted; time of evaluations does not count."""

    def __init__(self, given):
        super().__init__()
        self.given, self.clock, self.over = given, clock_of(given), False
        self.env, self.next = measurement.environment(given), measurement.EVALUATE_EVERY

    def _on_training_start(self):
        self.clock.start()

    def _on_rollout_start(self):
        if self.over or self.num_timesteps < self.next:
            return
        self.next += measurement.EVALUATE_EVERY
        act = lambda observation: self.model.predict(observation, deterministic=True)[0]
        found = self.clock.exclude(lambda: measurement.mean_return(act, self.env, self.given.seed))
        reached = found >= self.given.wanted_return
        if reached or self.num_timesteps >= self.given.limit:
            self.over = True
            self.clock.emit(self.num_timesteps, reached=bool(reached))

    def _on_step(self):
        return not self.over


def learn(given):
    callback = Watch(given) if given.measure == "steps" else Evaluation(given)
    model(given, measurement.environment(given)).learn(100_000_000, callback=callback)


def main():
    warnings.simplefilter("ignore")
    given = measurement.options()
    import torch

    torch.set_num_threads(given.threads)
    gradient(given) if given.measure == "gradient" else learn(given)


if __name__ == "__main__":
    main()
    # XLA's and torch's threads need no farewell.
    os._exit(0)
