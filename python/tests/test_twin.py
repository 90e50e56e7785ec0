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
    (seen, paid, long), (twins, twin_paid, twin_long) = (sampled(env, 40, share) for env in (ours, theirs))
    assert np.mean(long) == pytest.approx(np.mean(twin_long), rel=0.02)
    assert np.mean(paid) == pytest.approx(np.mean(twin_paid), rel=0.06)
    assert np.abs(seen.mean(axis=0) - twins.mean(axis=0)).max() < 0.03
    assert np.abs(np.quantile(seen, 0.9, axis=0) - np.quantile(twins, 0.9, axis=0)).max() < 0.15


def test_what_an_idle_system_offers_is_the_same_to_the_last_digits():
    """At the first decision nothing depends on chance but when the task arrived."""
    ours, theirs = mec_gym.OffloadEnv(twin.SCENARIO), twin.TwinEnv()
    (seen, _), (shown, _) = ours.reset(seed=1), theirs.reset(seed=1)
    left = 3 + 20, 3 + 16, 3 + 23 + 20, 3 + 23 + 16
    fixed = [entry for entry in range(3, len(seen)) if entry not in left]
    np.testing.assert_allclose(shown[fixed], seen[fixed], rtol=1e-6, atol=1e-7)
    # The time left and the slack differ by what the task has waited, which is the same for both targets.
    waited = (seen - shown)[list(left)]
    np.testing.assert_allclose(waited, waited[0], atol=1e-5)
