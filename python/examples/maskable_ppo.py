"""sb3-contrib's MaskablePPO learns the form with whole sets of tasks, whose rows of padding are masked:
python maskable_ppo.py [STEPS]."""

import sys

import gymnasium
from judge import judge
from sb3_contrib import MaskablePPO

import mec_gym  # noqa: F401  (registers the environments)

env = gymnasium.make("mec_gym/OffloadSet-v0", scenario={"horizon_s": 10.0})
model = MaskablePPO("MlpPolicy", env, gamma=0.5, learning_rate=1e-3, n_steps=500, batch_size=100, seed=1, device="cpu")
model.learn(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)


def act(observation, info):
    return model.predict(observation, action_masks=info["action_mask"], deterministic=True)[0]


judge("MaskablePPO", env, act)
