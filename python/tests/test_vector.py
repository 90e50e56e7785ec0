"""The native vector environment gives what Gymnasium's own gives over our environment."""

import threading

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import mec_gym

SHORT = {"horizon_s": 1.0}


def make(name, mode, count=3):
    native = gymnasium.make_vec(name, num_envs=count, scenario=SHORT, autoreset_mode=mode)
    ours = [lambda: gymnasium.make(name, scenario=SHORT, disable_env_checker=True)] * count
    return native, SyncVectorEnv(ours, autoreset_mode=mode)


def without_final_masks(infos):
    """The mask after an end is no mask for a decision, and the native side does not tell it."""
    for key in ("action_mask", "_action_mask"):
        infos.get("final_info", {}).pop(key, None)
    return infos


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("name", [name for name in mec_gym.IDS if "Dict" not in name])
def test_it_is_gymnasiums_vector_to_the_bit(name, mode):
    native, gym = make(name, mode)
    assert native.metadata["autoreset_mode"] is mode and native.observation_space == gym.observation_space
    assert native.action_space == gym.action_space
    native.action_space.seed(5)
    assert data_equivalence(native.reset(seed=21), gym.reset(seed=21), exact=True)
    ends = 0
    for _ in range(250):
        action = native.action_space.sample()
        (*shown, told), (*expected, expected_told) = native.step(action), gym.step(action)
        assert data_equivalence(tuple(shown), tuple(expected), exact=True)
        assert sorted(told) == sorted(expected_told)
        told, expected_told = without_final_masks(told), without_final_masks(expected_told)
        for key in expected_told:
            if key == "final_obs":
                told[key], expected_told[key] = told[key].tolist(), expected_told[key].tolist()
            np.testing.assert_equal(told[key], expected_told[key], err_msg=key)
        ends += (shown[2] | shown[3]).sum()
    assert ends > 3


def test_dictionaries_are_views_of_the_same_numbers():
    flat = mec_gym.OffloadVectorEnv(4, SHORT, form="set")
    named = mec_gym.OffloadVectorEnv(4, SHORT, form="set", observation="dict")
    rows, _ = flat.reset(seed=3)
    parts, infos = named.reset(seed=3)
    assert parts in named.observation_space
    joined = np.concatenate([parts[name] for name in ("global", "options", "prior")], axis=1)
    assert np.array_equal(rows, joined) and np.array_equal(parts["action_mask"], infos["action_mask"])
    assert np.array_equal(named.action_masks(), infos["action_mask"].astype(bool))


def test_disabled_it_waits_for_the_caller():
    native, gym = make("mec_gym/Offload-v0", AutoresetMode.DISABLED)
    native.reset(seed=1), gym.reset(seed=1)
    resets = 0
    for _ in range(120):
        *shown, _ = native.step(np.zeros(3, dtype=int))
        *expected, _ = gym.step(np.zeros(3, dtype=int))
        assert data_equivalence(tuple(shown), tuple(expected), exact=True)
        ended = shown[2] | shown[3]
        if ended.any():
            resets += 1
            with pytest.raises(gymnasium.error.ResetNeeded, match="environment"):
                native.step(np.zeros(3, dtype=int))
            first, again = (env.reset(options={"reset_mask": ended.copy()}) for env in (native, gym))
            assert np.array_equal(first[0], again[0])
    assert resets > 2


def test_results_stay_what_they_were():
    native = mec_gym.OffloadVectorEnv(4, SHORT)
    first, _ = native.reset(seed=1)
    kept = first.copy()
    for _ in range(3):
        second, *_ = native.step(np.zeros(4, dtype=int))
    assert np.array_equal(first, kept) and not np.array_equal(first, second)
    assert first.flags.c_contiguous and first.flags.writeable


def test_the_interpreter_runs_on_while_rust_steps():
    """One thread steps many environments for a while; the other counts, which a held lock would not let it."""
    native = mec_gym.OffloadVectorEnv(2_000, "default")
    native.reset(seed=1)
    counted, running = [0], threading.Event()

    def count():
        while not running.is_set():
            counted[0] += 1

    thread = threading.Thread(target=count)
    thread.start()
    actions = np.zeros(2_000, dtype=np.int64)
    before = counted[0]
    inner, told = native._open(), []
    for _ in range(20):
        start = counted[0]
        inner.step(actions)
        told.append(counted[0] - start)
    running.set()
    thread.join()
    assert counted[0] > before and np.median(told) > 0


def test_seeds_can_be_given_one_by_one():
    native = mec_gym.OffloadVectorEnv(2, SHORT)
    counted, _ = native.reset(seed=5)
    listed, infos = native.reset(seed=[5, 6])
    assert np.array_equal(counted, listed)
    alone, info = mec_gym.OffloadEnv(SHORT).reset(seed=6)
    assert np.array_equal(listed[1], alone) and infos["episode_seed"][1] == info["episode_seed"]
    drawn, _ = mec_gym.OffloadVectorEnv(2, SHORT).reset()
    assert not np.array_equal(drawn[0], drawn[1])


def test_gymnasiums_vector_wrappers_work():
    from gymnasium.wrappers.vector import NormalizeObservation, RecordEpisodeStatistics

    env = NormalizeObservation(RecordEpisodeStatistics(mec_gym.OffloadVectorEnv(3, SHORT)))
    env.reset(seed=1)
    lengths = []
    for _ in range(150):
        *_, infos = env.step(env.action_space.sample())
        lengths += infos["episode"]["l"][infos["_episode"]].tolist() if "episode" in infos else []
    assert len(lengths) > 2 and min(lengths) > 1


@pytest.mark.parametrize(
    ("action", "error", "said"),
    [
        (np.zeros(2, dtype=int), ValueError, r"\(2,\); accepted is \(3,\)"),
        (np.zeros(3), TypeError, "float64; accepted are integers"),
        (np.array([0, 0, 99]), ValueError, "environment 2: the action is 99; accepted is an integer from 0 to 4"),
        (None, TypeError, "None"),
    ],
)
def test_bad_actions_are_refused_and_nothing_is_stepped(action, error, said):
    native, other = (mec_gym.OffloadVectorEnv(3, SHORT) for _ in range(2))
    with pytest.raises(gymnasium.error.ResetNeeded):
        native.step(np.zeros(3, dtype=int))
    native.reset(seed=1), other.reset(seed=1)
    with pytest.raises(error, match=said):
        native.step(action)
    right = np.zeros(3, dtype=int)
    assert data_equivalence(native.step(right)[:4], other.step(right)[:4], exact=True)


def test_bad_arguments_are_refused():
    for arguments, said in [
        ({"num_envs": 0}, "num_envs is 0"),
        ({"num_envs": 2.5}, "num_envs is 2.5"),
        ({"num_envs": 10**12}, "1 to 100000"),
        ({"autoreset_mode": "Never"}, "'NextStep'"),
        ({"render_mode": "ansi"}, "does not render"),
        ({"form": "triangle"}, "triangle"),
        ({"scenario": "moon"}, "moon"),
    ]:
        with pytest.raises(ValueError, match=said):
            mec_gym.OffloadVectorEnv(**arguments)
    native = mec_gym.OffloadVectorEnv(2)
    for seed, options, error in [
        ([1], None, ValueError),
        (None, {"speed": 1}, ValueError),
        (None, {"reset_mask": [True, False]}, TypeError),
        (None, {"reset_mask": np.zeros(2, dtype=bool)}, ValueError),
        (-1, None, gymnasium.error.Error),
    ]:
        with pytest.raises(error):
            native.reset(seed=seed, options=options)
    native.close()
    native.close()
    for call in (native.reset, lambda: native.step([0, 0]), native.action_masks):
        with pytest.raises(gymnasium.error.ClosedEnvironmentError, match="closed"):
            call()
