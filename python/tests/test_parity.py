"""What Python shows is what the Rust API shows, to the bit."""

import json
import os
import struct
import subprocess

import gymnasium
import numpy as np
import pytest
from gymnasium.utils import seeding

import mec_gym

FORMS = {"task": "mec_gym/Offload-v0", "set": "mec_gym/OffloadSet-v0", "box": "mec_gym/OffloadBox-v0"}


class RustEnv:
    """The Rust environment in a process of its own: the example env_server of mec-envs, which knows no Python."""

    def __init__(self, form, scenario):
        server = os.environ.get("MEC_GYM_ENV_SERVER")
        if not server:
            pytest.skip("MEC_GYM_ENV_SERVER names no env_server; scripts/python_test.sh builds it")
        self.process = subprocess.Popen([server, form, scenario], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.head = json.loads(self.process.stdout.readline())

    def request(self, request):
        self.process.stdin.write(request)
        self.process.stdin.flush()
        reward, terminated, truncated = struct.unpack("<f??2x", self.process.stdout.read(8))
        observation = np.frombuffer(self.process.stdout.read(4 * self.head["observation"]), dtype="<f4")
        mask = np.frombuffer(self.process.stdout.read(self.head["mask"]), dtype=np.int8)
        return observation, reward, terminated, truncated, mask

    def reset(self, seed):
        return self.request(b"R" + struct.pack("<Q", seed))

    def step(self, action):
        return self.request(b"s" + np.asarray(action, dtype="<f4").tobytes())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


@pytest.mark.parametrize("scenario", ["default", "drones", "stadium"])
@pytest.mark.parametrize("form", FORMS)
def test_observations_rewards_ends_and_masks_are_those_of_the_rust_api(form, scenario):
    rust, env = RustEnv(form, scenario), gymnasium.make(FORMS[form], scenario=scenario)
    documented = int(seeding.np_random(17)[0].integers(2**63))
    shown = env.reset(seed=17)
    assert shown[1]["episode_seed"] == documented
    seed, episodes, rng = documented, 0, np.random.default_rng(1)
    expected = rust.reset(seed)
    for _ in range(400):
        assert shown[0].tobytes() == expected[0].tobytes()
        mask = shown[-1].get("action_mask")
        if form == "box":
            # Scores of 1/4 steps, which the server decodes without rounding, and with ties among them.
            action = rng.integers(-4, 5, env.action_space.shape).astype(np.float32) / 4
        else:
            assert form == "task" or np.array_equal(mask, expected[4])
            action = np.array([rng.choice(np.flatnonzero(head)) for head in mask.reshape(-1, mask.size // _heads(env))])
        shown = env.step(action if form != "task" else action[0])
        expected = rust.step(action)
        assert (np.float32(shown[1]), shown[2], shown[3]) == expected[1:4]
        if shown[2] or shown[3]:
            episodes += 1
            shown = env.reset()
            expected = rust.reset(shown[1]["episode_seed"])
    rust.close()


def _heads(env):
    return len(getattr(env.action_space, "nvec", [1]))


@pytest.mark.parametrize("seed", [1, 2, 2**62])
def test_the_returns_and_figures_of_a_scheme_are_those_of_the_rust_api(seed):
    scenario = {"horizon_s": 5.0}
    (expected,) = mec_gym.simulate("device-only", scenario, seed=seed, episodes=1)
    env = mec_gym.OffloadEnv(scenario)
    env.reset(options={"episode_seed": seed})
    total, ended = 0.0, False
    while not ended:
        _, reward, terminated, truncated, info = env.step(0)
        total, ended = total + reward, terminated or truncated
    assert total == expected["return"]
    assert all(info["metrics"][name] == pytest.approx(expected[name], abs=0, nan_ok=True) for name in info["metrics"])


@pytest.mark.parametrize("form", FORMS)
def test_an_agent_goes_the_same_way_in_rust_and_in_python(form):
    """Each observation decides the next action, so that a bit that differs would lead elsewhere."""
    scenario = {"horizon_s": 5.0}
    # Box and set: where a network says, the first step of a training is enough to have one.
    agent = mec_gym.train(FORMS[form], steps=5, seed=3, env_kwargs={"scenario": scenario})
    expected = mec_gym.simulate(agent, scenario, seed=8, episodes=2)
    env = gymnasium.make(FORMS[form], scenario=scenario)
    for row in expected:
        observation, info = env.reset(options={"episode_seed": row["seed"]})
        total, ended = 0.0, False
        while not ended:
            action, _ = agent.predict(observation, action_masks=info.get("action_mask"))
            observation, reward, terminated, truncated, info = env.step(action)
            total, ended = total + reward, terminated or truncated
        assert total == row["return"]
