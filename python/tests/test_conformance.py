"""The environments are Gymnasium's, by its own checks and Stable-Baselines3's, and its wrappers work on them."""

import copy
import json
import pickle
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence

import mec_gym

#: A short episode with everything that the default scenario has.
SHORT = {"horizon_s": 2.0}
#: Batteries that run empty within it: episodes that terminate.
DRAINING = {
    "horizon_s": 4.0,
    "devices": [{"processor": "phone", "count": 5, "rate_hz": 4.0, "transmit_power_w": 1.0, "battery_j": 2.0}],
}


@pytest.fixture(params=mec_gym.IDS)
def env(request):
    env = gymnasium.make(request.param, scenario=SHORT, render_mode="ansi")
    yield env
    env.close()


def rollout(env, steps, seed=None):
    """What an environment shows under actions drawn from a seed, over the ends of episodes."""
    env.action_space.seed(7)
    shown = [env.reset(seed=seed)]
    for _ in range(steps):
        shown.append(env.step(env.action_space.sample()))
        if shown[-1][2] or shown[-1][3]:
            shown.append(env.reset())
    return shown


def test_gymnasiums_check_finds_nothing(env):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The checker advises against checking what is wrapped.
        check_env(env.unwrapped)


def test_stable_baselines3s_check_finds_nothing(env):
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checker.check_env(env.unwrapped)


def test_keyword_arguments_are_json_and_survive_a_pickle(env):
    assert json.loads(json.dumps(env.spec.kwargs)) == env.spec.kwargs
    again = gymnasium.make(pickle.loads(pickle.dumps(env.spec)))
    assert data_equivalence(rollout(again, 20, seed=3), rollout(env, 20, seed=3), exact=True)
    assert gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json())).spec.id == env.spec.id


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
@pytest.mark.parametrize("steps", [None, 0, 1, 150])
def test_a_copy_goes_on_from_where_the_environment_is(env, copied, steps):
    if steps is not None:
        rollout(env, steps, seed=5)
    twin = copied(env)
    if steps is None:
        assert data_equivalence(rollout(twin, 30, seed=1), rollout(env, 30, seed=1), exact=True)
        return
    assert twin.render() == env.render()
    assert twin.unwrapped.metrics() == pytest.approx(env.unwrapped.metrics(), abs=0, nan_ok=True)
    assert twin.unwrapped.np_random.bit_generator.state == env.unwrapped.np_random.bit_generator.state
    env.action_space.seed(3)
    for _ in range(60):
        action = env.action_space.sample()
        mine, others = env.step(action), twin.step(action)
        assert data_equivalence(mine, others, exact=True)
        if mine[2] or mine[3]:
            assert data_equivalence(env.reset(), twin.reset(), exact=True)
    assert data_equivalence(env.reset(seed=9), twin.reset(seed=9), exact=True)


def test_a_copy_after_the_end_of_an_episode_needs_a_reset_too():
    env = mec_gym.OffloadEnv(SHORT)
    env.reset(seed=1)
    while not any(env.step(0)[2:4]):
        pass
    twin = copy.deepcopy(env)
    with pytest.raises(gymnasium.error.ResetNeeded):
        twin.step(0)
    assert data_equivalence(env.reset(), twin.reset(), exact=True)


def test_equal_seeds_are_equal_trajectories_and_others_are_not(env):
    first, again, other = (rollout(env, 80, seed) for seed in (11, 11, 12))
    assert data_equivalence(first, again, exact=True)
    assert not data_equivalence(first, other, exact=True)


def test_episodes_can_be_started_by_their_seed(env):
    env.reset(seed=2)
    first, info = env.reset()
    again, same = env.reset(options={"episode_seed": info["episode_seed"]})
    assert data_equivalence(first, again, exact=True) and same["episode_seed"] == info["episode_seed"]


def test_masks_are_open_for_the_tasks_that_wait_and_closed_for_padding():
    env = mec_gym.OffloadEnv(SHORT, form="set")
    _, info = env.reset(seed=1)
    heads, seen = env.action_space.nvec, set()
    for _ in range(40):
        mask = env.action_masks()
        assert np.array_equal(info["action_mask"], mask)
        rows = mask.reshape(len(heads), -1)
        present = rows[:, 1:].any(axis=1)
        assert rows[:, 0].all() and np.array_equal(present, np.sort(present)[::-1])
        sampled = env.action_space.sample(mask=tuple(np.split(info["action_mask"], np.cumsum(heads)[:-1])))
        *_, terminated, truncated, info = env.step(sampled)
        assert info["tasks"] == present.sum()
        seen.add(int(present.sum()))
        if terminated or truncated:
            break
    assert len(seen) > 1, "sets of one size alone say nothing about padding"


def test_choices_for_padding_count_as_none():
    env, careful = (mec_gym.OffloadEnv(SHORT, form="set") for _ in range(2))
    env.reset(seed=4), careful.reset(seed=4)
    env.action_space.seed(1)
    for _ in range(10):
        action = env.action_space.sample()
        masked = np.where(env.action_masks().reshape(len(action), -1)[np.arange(len(action)), action], action, 0)
        assert data_equivalence(env.step(action), careful.step(masked), exact=True)


def test_the_dictionary_has_the_blocks_of_the_vector():
    flat, named = mec_gym.OffloadEnv(SHORT, form="set"), mec_gym.OffloadEnv(SHORT, form="set", observation="dict")
    (vector, _), (parts, info) = flat.reset(seed=1), named.reset(seed=1)
    joined = np.concatenate([parts[name] for name in ("global", "options", "prior")])
    assert np.array_equal(vector, joined) and np.array_equal(parts["action_mask"], info["action_mask"])
    assert [(name, shape) for name, shape, _, _ in named.blocks][1] == ("options", [8, 5, 23])
    assert parts in named.observation_space


def test_an_empty_battery_terminates_and_the_horizon_truncates():
    ends = set()
    for scenario in (SHORT, DRAINING):
        env = mec_gym.OffloadEnv(scenario)
        env.reset(seed=1)
        terminated = truncated = False
        while not (terminated or truncated):
            _, _, terminated, truncated, info = env.step(0)
        ends.add((terminated, truncated))
        assert info["metrics"]["tasks"] > 0
    assert ends == {(False, True), (True, False)}


def test_the_standard_wrappers_work(env):
    from gymnasium import wrappers

    wrapped = wrappers.RecordEpisodeStatistics(wrappers.TimeLimit(env, max_episode_steps=9))
    wrapped = wrappers.NormalizeReward(wrappers.OrderEnforcing(wrapped))
    if isinstance(env.observation_space, gymnasium.spaces.Dict):
        wrapped = wrappers.FlattenObservation(wrapped)
    if isinstance(env.action_space, gymnasium.spaces.Box):
        wrapped = wrappers.ClipAction(wrappers.RescaleAction(wrapped, -2.0, 2.0))
    wrapped = wrappers.FrameStackObservation(wrappers.NormalizeObservation(wrapped), 3)
    wrapped.reset(seed=1)
    for _ in range(9):
        observation, _, terminated, truncated, info = wrapped.step(wrapped.action_space.sample())
    assert observation.shape[0] == 3 and (terminated or truncated) and info["episode"]["l"] == 9
    assert len(wrapped.get_wrapper_attr("metrics")()) > 5


def test_text_shows_the_moment_and_pictures_have_one_size():
    env = mec_gym.OffloadEnv({"horizon_s": 15.0}, render_mode="ansi")
    env.reset(seed=1)
    lines = env.render().split("\n")
    assert "default" in lines[0] and len(lines) == 24
    env = mec_gym.OffloadEnv({"horizon_s": 15.0}, render_mode="rgb_array")
    env.reset(seed=1)
    pictures = [env.render()]
    while not any(env.step(1)[2:4]):
        pass
    pictures.append(env.render())
    assert {(picture.dtype.name, picture.shape) for picture in pictures} == {("uint8", pictures[0].shape)}
    assert pictures[0].shape[2] == 3 and not np.array_equal(*pictures)


def test_recorded_frames_come_out_of_the_wrapper():
    env = gymnasium.make("mec_gym/Offload-v0", scenario=SHORT, render_mode="rgb_array")
    env = gymnasium.wrappers.RenderCollection(env)
    env.reset(seed=1)
    env.step(0)
    assert len(env.render()) == 2
