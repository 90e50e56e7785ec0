"""Agents are trained, stored, loaded and run from Python."""

import copy
import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import mec_gym

SHORT = {"horizon_s": 2.0}


def mean_return(agent, env, episodes, seed):
    returns = []
    for episode in range(episodes):
        observation, info = env.reset(seed=seed + episode)
        total, ended = 0.0, False
        while not ended:
            action, _ = agent.predict(observation, action_masks=info.get("action_mask"))
            observation, reward, terminated, truncated, info = env.step(action)
            total, ended = total + float(reward), terminated or truncated
        returns.append(total)
    return np.mean(returns)


def test_soft_actor_critic_learns_gymnasiums_pendulum():
    """Random actions reach about -1200; nothing on average is possible above about -120."""
    rates = {"actor_lr": 1e-3, "critic_lr": 1e-3, "alpha_lr": 1e-3}
    agent = mec_gym.train("Pendulum-v1", steps=5_000, seed=1, **rates)
    assert len(agent.episodes) == 25 and agent.episodes[-1][0] == 5_000
    assert np.mean([episode_return for _, episode_return, _ in agent.episodes[:3]]) < -800
    env = gymnasium.make("Pendulum-v1")
    assert mean_return(agent, env, 10, seed=100) > -300
    assert env.action_space.contains(agent.predict(env.reset(seed=1)[0])[0])


class Match(gymnasium.Env):
    """Pays for the action that the observation names; one step is an episode."""

    def __init__(self, observation_space, action_space, target, mask=None):
        self.observation_space, self.action_space = observation_space, action_space
        self.target, self.mask = target, mask

    def _info(self):
        return {} if self.mask is None else {"action_mask": self.mask}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(int(self.np_random.integers(2**31)))
        self.shown = self.observation_space.sample()
        return self.shown, self._info()

    def step(self, action):
        assert action in self.action_space, action
        return self.shown, self.target(self.shown, action), True, False, self._info()


MATCHES = {
    "discrete from 3": (spaces.Discrete(4), spaces.Discrete(4, start=3), lambda o, a: float(a - 3 == o)),
    "multi-discrete": (
        spaces.MultiBinary(2),
        spaces.MultiDiscrete([2, 2]),
        lambda o, a: float((np.asarray(a) == o).mean()),
    ),
    "box of another shape": (
        spaces.Box(-1, 1, (2, 1), dtype=np.float32),
        spaces.Box(np.array([[0.0], [5.0]]), np.array([[2.0], [9.0]]), dtype=np.float64),
        lambda o, a: -float(np.abs((a - [[1], [7]]) / [[1], [2]] - o).mean()),
    ),
    "dictionary": (
        spaces.Dict({"b": spaces.Discrete(3), "a": spaces.Box(0, 1, (1,))}),
        spaces.Discrete(3),
        lambda o, a: float(a == o["b"]),
    ),
}


@pytest.mark.parametrize("name", MATCHES)
def test_every_kind_of_space_is_learned(name):
    observations, actions, target = MATCHES[name]
    env = Match(observations, actions, target)
    agent = mec_gym.train(env, steps=1_500, seed=1, actor_lr=1e-3, critic_lr=1e-3, alpha_lr=1e-2, gamma=0.0,
                          target_entropy_scale=0.1, body={"kind": "mlp", "hidden": [64]})
    if isinstance(observations, spaces.Dict):
        flattened = [{"a": row["a"], "b": np.eye(3)[row["b"]]} for row in (observations.sample() for _ in range(40))]
        right = [agent.predict(row)[0] == row["b"].argmax() for row in flattened]
        assert np.mean(right) > 0.9
        return
    encoded = (lambda o: np.eye(4)[o]) if isinstance(observations, spaces.Discrete) else (lambda o: o)
    rewards = [target(o, agent.predict(encoded(o))[0]) for o in (observations.sample() for _ in range(40))]
    assert np.mean(rewards) > (0.9 if not isinstance(actions, spaces.Box) else -0.25)
    assert agent.predict(encoded(observations.sample()))[0] in actions


def test_masks_of_an_environment_bind_the_training():
    mask = np.array([0, 1, 0], dtype=np.int8)
    taken = []
    env = Match(spaces.Discrete(2), spaces.Discrete(3), lambda o, a: taken.append(int(a)) or 0.0, mask)
    agent = mec_gym.train(env, steps=200, seed=1)
    assert set(taken) == {1}
    assert {int(agent.predict(np.eye(2)[0], action_masks=mask, deterministic=False)[0]) for _ in range(20)} == {1}


def test_equal_seeds_are_equal_agents():
    first, again, other = (mec_gym.train("CartPole-v1", steps=300, seed=seed) for seed in (4, 4, 5))
    observations = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    assert first.episodes == again.episodes != other.episodes
    assert first._policy.to_bytes() == again._policy.to_bytes() != other._policy.to_bytes()
    assert np.array_equal(first.predict(observations)[0], again.predict(observations)[0])


@pytest.mark.parametrize("algorithm", ["sac", "dqn", "ppo", "a2c", "reinforce", "es"])
def test_other_methods_train_too(algorithm):
    agent = mec_gym.train("CartPole-v1", steps=600, seed=1, algorithm=algorithm)
    assert mean_return(agent, gymnasium.make("CartPole-v1"), 1, seed=1) > 5


def test_what_an_environment_raises_comes_through_as_it_is():
    class Breaks(Exception):
        pass

    def broken(at):
        steps = []

        def target(observation, action):
            steps.append(1)
            if len(steps) == at:
                raise Breaks("the wire is loose")
            return 0.0

        return Match(spaces.Discrete(2), spaces.Discrete(2), target)

    with pytest.raises(Breaks, match="the wire is loose"):
        mec_gym.train(broken(150), steps=1_000)

    class NoStart(Match):
        def reset(self, **_):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mec_gym.train(NoStart(spaces.Discrete(2), spaces.Discrete(2), None), steps=10)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"steps": 0}, ValueError, "steps is 0"),
        ({"steps": 10, "seed": -1}, ValueError, "seed is -1"),
        ({"steps": 10, "algorithm": "magic"}, ValueError, "magic.*dsaco"),
        ({"steps": 10, "gama": 0.9}, ValueError, "gama.*gamma"),
        ({"steps": 10, "gamma": 1.5}, ValueError, "gamma is 1.5; accepted"),
        ({"steps": 10, "gamma": float("nan")}, ValueError, "JSON"),
        ({"steps": 10, "algorithm": "td3"}, ValueError, "td3 cannot act"),
        ({"steps": 10, "batch_size": 0}, ValueError, "batch_size is 0"),
        ({"steps": 10, "body": {"kind": "scorer"}}, ValueError, "options"),
    ],
)
def test_bad_arguments_of_a_training_are_refused(arguments, error, said):
    with pytest.raises(error, match=said):
        mec_gym.train("CartPole-v1", **arguments)


def test_what_is_no_environment_is_refused():
    with pytest.raises(TypeError, match="env is a int"):
        mec_gym.train(5, steps=10)
    with pytest.raises(gymnasium.error.Error, match="NoSuchEnv"):
        mec_gym.train("NoSuchEnv-v0", steps=10)


def test_spaces_that_no_method_serves_are_refused():
    tuple_space = spaces.Tuple((spaces.Discrete(2), spaces.Discrete(2)))
    for observations, actions in [
        (spaces.Discrete(2), tuple_space),
        (spaces.Discrete(2), spaces.MultiBinary(3)),
        (spaces.Sequence(spaces.Discrete(2)), spaces.Discrete(2)),
    ]:
        with pytest.raises((TypeError, ValueError), match="space"):
            mec_gym.train(Match(observations, actions, None), steps=10)


def test_numbers_that_are_none_end_a_training_with_their_place():
    env = Match(spaces.Discrete(2), spaces.Discrete(2), lambda o, a: float("nan"))
    with pytest.raises(RuntimeError, match="reward is NaN"):
        mec_gym.train(env, steps=10)


def test_an_agent_survives_file_pickle_and_copy(tmp_path):
    file = tmp_path / "agent.safetensors"
    env = Match(spaces.Discrete(4), spaces.Discrete(4, start=3), lambda o, a: 0.0)
    agent = mec_gym.train(env, steps=50)
    agent.save(file)
    observations = np.eye(4, dtype=np.float32)
    for again in (mec_gym.Agent.load(file), pickle.loads(pickle.dumps(agent)), copy.deepcopy(agent)):
        assert again.action_space == agent.action_space and again.kind == "sac"
        assert np.array_equal(again.predict(observations)[0], agent.predict(observations)[0])
    box = mec_gym.train("Pendulum-v1", steps=20)
    assert pickle.loads(pickle.dumps(box)).action_space == box.action_space


def test_random_actions_follow_a_seed():
    agent = mec_gym.train("Pendulum-v1", steps=150)
    observation = np.zeros(3, dtype=np.float32)

    def drawn():
        return [agent.predict(observation, deterministic=False)[0].item() for _ in range(5)]

    agent.seed(1)
    first, second = drawn(), drawn()
    agent.seed(1)
    assert drawn() == first != second
    assert len({agent.predict(observation)[0].item() for _ in range(5)}) == 1


def test_bad_observations_and_masks_are_refused():
    agent = mec_gym.train("mec_gym/Offload-v0", steps=5, env_kwargs={"scenario": SHORT})
    right = mec_gym.OffloadEnv(SHORT).reset(seed=1)[0]
    for observation, masks, said in [
        (right[:-1], None, "numbers; accepted are"),
        (np.where(np.arange(right.size) == 3, np.nan, right), None, "entry 3 of observation 0 is NaN"),
        (right, np.zeros(5, dtype=bool), "closes all choices of head 0"),
        (right, np.ones(4, dtype=bool), "4 flags; accepted are 5"),
        ("left", None, "could not convert"),
    ]:
        with pytest.raises(ValueError, match=said):
            agent.predict(observation, action_masks=masks)
    one_server = {"name": "small", "servers": [{"processor": "mini-pc", "count": 1, "executors": 1}]}
    with pytest.raises(ValueError, match='chooses among .5.; scenario "small" has 51 and .2.'):
        mec_gym.simulate(agent, one_server)


def test_bad_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.safetensors"):
        mec_gym.Agent.load(tmp_path / "nothing.safetensors")
    with pytest.raises(ValueError, match="run.json"):
        mec_gym.Agent.load(tmp_path)
    file = tmp_path / "damaged.safetensors"
    mec_gym.train("CartPole-v1", steps=5).save(file)
    whole = file.read_bytes()
    for damaged in (b"", whole[:100], whole[:-1], whole[:-4] + b"\x00\x00\xc0\x7f"):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged.safetensors"):
            mec_gym.Agent.load(file)
    with pytest.raises(ValueError, match="seed is 3"):
        mec_gym.Agent.load(file, seed=3)


def test_stable_baselines3_evaluates_our_agent():
    pytest.importorskip("stable_baselines3")
    from stable_baselines3.common.evaluation import evaluate_policy
    from stable_baselines3.common.monitor import Monitor

    agent = mec_gym.train("mec_gym/OffloadBox-v0", steps=150, env_kwargs={"scenario": SHORT})
    env = Monitor(gymnasium.make("mec_gym/OffloadBox-v0", scenario=SHORT))
    mean, _ = evaluate_policy(agent, env, n_eval_episodes=2)
    assert np.isfinite(mean)


def test_sb3_contrib_evaluates_our_masked_agent():
    pytest.importorskip("sb3_contrib")
    from sb3_contrib.common.maskable.evaluation import evaluate_policy
    from stable_baselines3.common.monitor import Monitor

    agent = mec_gym.train("mec_gym/OffloadSet-v0", steps=150, env_kwargs={"scenario": SHORT})
    env = Monitor(gymnasium.make("mec_gym/OffloadSet-v0", scenario=SHORT))
    mean, _ = evaluate_policy(agent, env, n_eval_episodes=2, warn=False)
    assert np.isfinite(mean)
