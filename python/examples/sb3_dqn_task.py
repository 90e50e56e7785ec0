"""Stable-Baselines3's DQN learns the form with one choice per task: python sb3_dqn_task.py [STEPS]."""

import sys

import gymnasium
from judge import judge
from stable_baselines3 import DQN

import mec_gym  # noqa: F401  (registers the environments)

env = gymnasium.make("mec_gym/Offload-v0", scenario={"horizon_s": 10.0})
model = DQN(
    "MlpPolicy",
    env,
    gamma=0.5,
    learning_rate=1e-3,
    learning_starts=500,
    target_update_interval=200,
    exploration_fraction=0.5,
    seed=1,
    device="cpu",
)
model.learn(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
judge("SB3 DQN", env, lambda observation, info: model.predict(observation, deterministic=True)[0])
