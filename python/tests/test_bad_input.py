"""Bad input gives an exception of the fitting kind with a sentence that helps, and never a panic."""

import gymnasium
import numpy as np
import pytest

import mec_gym

SHORT = {"horizon_s": 2.0}

ACTIONS = [
    ("task", 5, ValueError, "the action is 5; accepted is an integer from 0 to 4"),
    ("task", -1, ValueError, "the action is -1"),
    ("task", 2**70, TypeError, "accepted are integers"),
    ("task", 1.0, TypeError, "float64; accepted are integers"),
    ("task", np.nan, TypeError, "accepted are integers"),
    ("task", True, TypeError, "accepted are integers"),
    ("task", "left", TypeError, "'left'"),
    ("task", None, TypeError, "None"),
    ("task", [1], ValueError, r"\(1,\); accepted is \(\)"),
    ("set", [0], ValueError, r"\(1,\)"),
    ("set", np.full(8, 99), ValueError, "entry 0 of the action is 99; accepted is an integer from 0 to 4"),
    ("set", np.zeros(8), TypeError, "accepted are integers"),
    ("box", np.full(5, np.nan, dtype=np.float32), ValueError, "entry 0 of the action is NaN; accepted is a number from -1"),
    ("box", np.array([0, 0, np.inf, 0, 0]), ValueError, "entry 2 of the action is inf.*ClipAction"),
    ("box", np.array([0, 1.5, 0, 0, 0]), ValueError, "entry 1 of the action is 1.5"),
    ("box", np.zeros((5, 1)), ValueError, r"\(5, 1\)"),
    ("box", np.zeros(5, dtype=bool), TypeError, "bool"),
    ("box", ["a"] * 5, TypeError, "accepted are numbers"),
]


@pytest.mark.parametrize(("form", "action", "error", "said"), ACTIONS)
def test_a_bad_action_is_refused_and_the_episode_goes_on(form, action, error, said):
    env = mec_gym.OffloadEnv(SHORT, form=form)
    size = env.action_space.shape
    observation, _ = env.reset(seed=1)
    with pytest.raises(error, match=said):
        env.step(action)
    right = np.zeros(size, dtype=env.action_space.dtype)
    other = mec_gym.OffloadEnv(SHORT, form=form)
    other.reset(seed=1)
    assert np.array_equal(env.step(right)[0], other.step(right)[0])


SCENARIOS = [
    ("moon", ValueError, "moon.*default"),
    ("", ValueError, "default"),
    ({"horizont_s": 5}, ValueError, "horizont_s.*horizon_s"),
    ({"horizon_s": -1}, ValueError, "horizon_s is -1; accepted"),
    ({"horizon_s": "long"}, ValueError, "horizon_s"),
    ({"horizon_s": float("nan")}, ValueError, "JSON"),
    ({"horizon_s": None}, ValueError, "scenario"),
    ({"preset": "moon"}, ValueError, "moon"),
    ({"horizon_s": {1, 2}}, TypeError, "JSON"),
    ({"servers": []}, ValueError, "servers"),
    ({"models": [{"name": "nonet", "weight": 1.0, "deadline_s": 1.0}]}, ValueError, "nonet"),
    ("missing.toml", FileNotFoundError, "missing.toml"),
    (5, TypeError, "scenario is a int"),
    (None, TypeError, "NoneType"),
]


@pytest.mark.parametrize(("scenario", "error", "said"), SCENARIOS)
def test_a_bad_scenario_is_refused_with_what_is_accepted(scenario, error, said):
    with pytest.raises(error, match="(?s)" + said):
        mec_gym.OffloadEnv(scenario)


def test_scenario_files_are_read_and_their_mistakes_named(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('preset = "default"\nhorizon_s = 3.0\n')
    for path in (file, str(file)):
        assert mec_gym.OffloadEnv(path).reset(seed=1)[0].shape == mec_gym.OffloadEnv().reset(seed=1)[0].shape
    for text, said in [("horizon_s = [", "line 1"), ("name = 'x'", "missing field"), ("preset = 'moon'", "moon")]:
        file.write_text(text)
        with pytest.raises(ValueError, match=f"(?s)mine.toml.*{said}"):
            mec_gym.OffloadEnv(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(OSError, match="mine.toml"):
        mec_gym.OffloadEnv(file)


def test_unknown_keywords_and_values_are_refused():
    with pytest.raises(TypeError, match="speed"):
        gymnasium.make("mec_gym/Offload-v0", speed=3)
    for arguments, said in [
        ({"form": "triangle"}, "'triangle'.*task"),
        ({"observation": "picture"}, "'picture'.*'flat'"),
        ({"render_mode": "human"}, "'human'.*'ansi'"),
    ]:
        with pytest.raises(ValueError, match=said.replace("'triangle'", '"triangle"')):
            mec_gym.OffloadEnv(**arguments)


def test_bad_options_and_seeds_are_refused():
    env = mec_gym.OffloadEnv(SHORT)
    for options, said in [
        ({"speed": 1}, "'speed'.*episode_seed"),
        ({"episode_seed": -1}, "-1.*0 to"),
        ({"episode_seed": 2**63}, "2\\*\\*63"),
        ({"episode_seed": 1.5}, "1.5"),
    ]:
        with pytest.raises(ValueError, match=said):
            env.reset(options=options)
    with pytest.raises(gymnasium.error.Error):
        env.reset(seed=-1)


def test_use_before_a_reset_after_an_end_and_after_close_is_an_error():
    env = mec_gym.OffloadEnv(SHORT, render_mode="ansi")
    for call in (lambda: env.step(0), env.render):
        with pytest.raises(gymnasium.error.ResetNeeded, match="reset"):
            call()
    env.reset(seed=1)
    while not any(env.step(0)[2:4]):
        pass
    with pytest.raises(gymnasium.error.ResetNeeded, match="reset"):
        env.step(0)
    env.close()
    env.close()
    for call in (env.reset, lambda: env.step(0), env.render, env.action_masks, env.metrics):
        with pytest.raises(gymnasium.error.ClosedEnvironmentError, match="closed"):
            call()


def test_a_box_has_no_mask():
    with pytest.raises(ValueError, match="scores"):
        mec_gym.OffloadEnv(form="box").action_masks()
