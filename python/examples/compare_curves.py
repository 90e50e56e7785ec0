"""Our soft actor-critic beside Stable-Baselines3's, on the same environment with the same hyperparameters, as one picture:
python compare_curves.py [STEPS [PICTURE]].

Written to be read from top to bottom, as a notebook: each `# %%` begins a cell.
"""

# %% What is compared, and where.
import sys
import time

import gymnasium
import numpy as np
from matplotlib import pyplot
from stable_baselines3 import SAC
from stable_baselines3.common.monitor import Monitor

import mec_gym

ENV = "mec_gym/OffloadBox-v0"
SCENARIO = {"horizon_s": 5.0}
STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
PICTURE = sys.argv[2] if len(sys.argv) > 2 else "curves.png"

# %% Ours: the learner and the environment are Rust, the loop between them goes through Python.
start = time.perf_counter()
agent = mec_gym.train(
    ENV,
    steps=STEPS,
    seed=1,
    env_kwargs={"scenario": SCENARIO},
    gamma=0.5,
    actor_lr=1e-3,
    critic_lr=1e-3,
    alpha_lr=1e-3,
    learning_starts=500,
)
ours = np.array([(steps, episode_return / length) for steps, episode_return, length in agent.episodes])
ours_s = time.perf_counter() - start

# %% Stable-Baselines3's: the same environment, on PyTorch.
start = time.perf_counter()
env = Monitor(gymnasium.make(ENV, scenario=SCENARIO))
SAC("MlpPolicy", env, gamma=0.5, learning_rate=1e-3, learning_starts=500, seed=1, device="cpu").learn(STEPS)
lengths = np.array(env.get_episode_lengths())
theirs = np.column_stack([lengths.cumsum(), np.array(env.get_episode_rewards()) / lengths])
theirs_s = time.perf_counter() - start

# %% What schemes without learning reach on such episodes.
levels = {
    scheme: np.mean([row["return"] / row["tasks"] for row in mec_gym.simulate(scheme, SCENARIO, episodes=20)])
    for scheme in ("random", "device-only", "central-greedy")
}

# %% Both curves in one picture.
figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
axes.plot(*ours.T, label=f"mec-gym ({ours_s:.0f} s)")
axes.plot(*theirs.T, label=f"Stable-Baselines3 ({theirs_s:.0f} s)")
for scheme, level in levels.items():
    axes.axhline(level, linestyle="--", linewidth=0.8, color="grey")
    axes.text(0.99, level, scheme, transform=axes.get_yaxis_transform(), ha="right", va="bottom", color="grey", fontsize=8)
axes.set(title="Soft actor-critic learns where inference runs", xlabel="Environment steps", ylabel="Reward per task")
axes.legend()
figure.savefig(PICTURE, dpi=150)
print(f"{PICTURE}: the last episode pays {ours[-1, 1]:.3f} (ours) and {theirs[-1, 1]:.3f} (theirs) per task")

# %% Both have learned something.
for name, curve in (("ours", ours), ("theirs", theirs)):
    if not curve[-3:, 1].mean() > levels["random"]:
        raise SystemExit(f"{name} is not better than random")
