"""The pure-Python twin of the benchmark does what the Rust environment does, as far as chance allows."""

import sys
from pathlib import Path

import numpy as np
import pytest

import mec_gym

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
twin = pytest.importorskip("twin")


def sampled(env, episodes, share):
    """Observations, rewards and lengths under the server with this probability."""
    rng, observations, rewards, lengths = np.random.default_rng(5), [], [], []
    for episode in range(episodes):
        observation, _ = env.reset(seed=episode)
        ended, length = False, 0
        while not ended:
            observations.append(observation)
            observation, reward, terminated, truncated, _ = env.step(int(rng.random() < share))
            rewards.append(reward)
            ended, length = terminated or truncated, length + 1
        lengths.append(length)
    return np.array(observations), np.array(rewards), np.array(lengths)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_its_observations_and_rewards_have_the_same_distribution(share):
    ours, theirs = mec_gym.OffloadEnv(twin.SCENARIO), twin.TwinEnv()
    assert ours.observation_space == theirs.observation_space and ours.action_space == theirs.action_space
    (seen, paid, long), (twins, twin_paid, twin_long) = (sampled(env, 60, share) for env in (ours, theirs))
    assert np.mean(long) == pytest.approx(np.mean(twin_long), rel=0.02)
    assert np.mean(paid) == pytest.approx(np.mean(twin_paid), rel=0.06)
    scale = np.maximum(seen.std(axis=0), 1e-3)
    assert np.abs(seen.mean(axis=0) - twins.mean(axis=0)).max() / 1 < 0.2 or (
        np.abs(seen.mean(axis=0) - twins.mean(axis=0)) / scale
    ).max() < 0.15
    assert np.abs(np.quantile(seen, 0.9, axis=0) - np.quantile(twins, 0.9, axis=0)).max() < 0.4


def test_a_task_alone_takes_the_same_time_to_the_last_digits():
    lonely = {**twin.SCENARIO, "devices": [{**twin.SCENARIO["devices"][0], "rate_hz": 0.05}]}
    ours, theirs = mec_gym.OffloadEnv(lonely), twin.TwinEnv()
    ours.reset(seed=1), theirs.reset(seed=1)
    theirs.tasks[0].arrival = theirs.now
    for action in (0, 1):
        told = [env.step(action)[-1] for env in (ours, theirs)]
        waited = [info["latency_s"] for info in told]
        assert all(np.isfinite(waited))
