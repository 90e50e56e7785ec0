"""Where deep-learning inference runs in mobile edge computing: environments and agents, simulated and trained in Rust.

Importing the package registers its environments with Gymnasium (`mec_gym.IDS`)::

    import gymnasium
    import mec_gym

    env = gymnasium.make("mec_gym/Offload-v0", scenario="default")

`mec_gym.Agent` acts with what was trained, `mec_gym.train` trains, `mec_gym.simulate` runs schemes that do not learn,
`mec_gym.partition` cuts a network, and `mec_gym.read_run` reads a run folder into pandas.
"""

from mec_gym._native import __version__, networks, processors, schemes
from mec_gym.agent import Agent
from mec_gym.env import OffloadEnv
from mec_gym.partition import partition
from mec_gym.registration import IDS
from mec_gym.runs import Run, evaluate, read_run
from mec_gym.scenario import presets
from mec_gym.simulation import simulate
from mec_gym.training import train
from mec_gym.vector import OffloadVectorEnv

__all__ = [
    "IDS",
    "Agent",
    "OffloadEnv",
    "OffloadVectorEnv",
    "Run",
    "__version__",
    "evaluate",
    "networks",
    "partition",
    "presets",
    "processors",
    "read_run",
    "schemes",
    "simulate",
    "train",
]
