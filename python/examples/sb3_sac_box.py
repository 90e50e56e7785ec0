"""Stable-Baselines3's SAC learns the form with scores: python sb3_sac_box.py [STEPS]."""

import sys

import gymnasium
from judge import judge
from stable_baselines3 import SAC

import mec_gym  # noqa: F401  (registers the environments)

env = gymnasium.make("mec_gym/OffloadBox-v0", scenario={"horizon_s": 10.0})
# Decisions are tens of milliseconds apart: what counts is near.
SMALL = {"net_arch": [64, 64]}
model = SAC("MlpPolicy", env, gamma=0.5, learning_rate=1e-3, learning_starts=300, seed=1, device="cpu", policy_kwargs=SMALL)
model.learn(int(sys.argv[1]) if len(sys.argv) > 1 else 1_500)
judge("SB3 SAC", env, lambda observation, info: model.predict(observation, deterministic=True)[0])
