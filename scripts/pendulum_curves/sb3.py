"""Trains SAC of Stable-Baselines3 on Gymnasium's Pendulum-v1: sb3.py --seeds 10 --steps 10000, CSV on standard output.

The same runs as those of agents/examples/pendulum.rs: hyperparameters, steps, seeds, and the states from which evaluation
episodes start. A row is one evaluation episode.
"""

import argparse
import csv
import math
import sys
import warnings

import gymnasium
import numpy
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.logger import Logger

# Both programs have these. The step size is that of RL Zoo for Pendulum-v1; all others are SB3's defaults.
HYPERPARAMETERS = {
    "learning_rate": 1e-3,
    "buffer_size": 1_000_000,
    "learning_starts": 100,
    "batch_size": 256,
    "tau": 0.005,
    "gamma": 0.99,
    "train_freq": 1,
    "gradient_steps": 1,
    "ent_coef": "auto",
    "policy_kwargs": {"net_arch": [256, 256]},
}
# Plastic number: x^3 = x + 1.
PLASTIC = 1.32471795724474602596


def starts(count):
    """Evenly spread angles and velocities: the R2 sequence of Roberts (2018), a golden ratio of two dimensions."""
    shares = [((0.5 + k / PLASTIC) % 1.0, (0.5 + k / PLASTIC**2) % 1.0) for k in range(1, count + 1)]
    return [(math.pi * (2 * angle - 1), 2 * velocity - 1) for angle, velocity in shares]


def episode_return(model, env, start):
    """One episode of the policy without noise."""
    env.reset()
    env.unwrapped.state = numpy.array(start)
    observation, total, over = env.unwrapped._get_obs(), 0.0, False
    while not over:
        action, _ = model.predict(observation, deterministic=True)
        observation, reward, terminated, truncated, _ = env.step(action)
        total, over = total + reward, terminated or truncated
    return total


def evaluate(writer, model, env, seed, kind, episodes):
    for episode, start in enumerate(starts(episodes)):
        writer.writerow([seed, model.num_timesteps, kind, episode, f"{episode_return(model, env, start):.4f}"])
    sys.stdout.flush()


def train(writer, seed, options):
    model = SAC("MlpPolicy", gymnasium.make("Pendulum-v1"), seed=seed, device="cpu", **HYPERPARAMETERS)
    # One that writes nothing, and makes no folder.
    model.set_logger(Logger(None, []))
    env = gymnasium.make("Pendulum-v1")
    evaluate(writer, model, env, seed, "curve", options.episodes)
    while model.num_timesteps < options.steps:
        steps = min(options.every, options.steps - model.num_timesteps)
        model.learn(steps, reset_num_timesteps=False)
        evaluate(writer, model, env, seed, "curve", options.episodes)
        print(f"SB3: seed {seed}, {model.num_timesteps} steps", file=sys.stderr)
    evaluate(writer, model, env, seed, "final", options.final_episodes)


def main():
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=1, help="others continue what was interrupted")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=1_000, help="steps between evaluations")
    parser.add_argument("--episodes", type=int, default=10, help="of one evaluation")
    parser.add_argument("--final-episodes", type=int, default=100, help="of the last one")
    options = parser.parse_args()
    torch.set_num_threads(1)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["seed", "env_steps", "kind", "episode", "return"])
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        train(writer, seed, options)


if __name__ == "__main__":
    main()
