"""The ids of the environments, registered with Gymnasium when the package is imported."""

from __future__ import annotations

import gymnasium

#: The ids, and the keyword arguments that make the difference between them.
IDS: dict[str, dict[str, str]] = {
    "mec_gym/Offload-v0": {"form": "task"},
    "mec_gym/OffloadSet-v0": {"form": "set"},
    "mec_gym/OffloadBox-v0": {"form": "box"},
    "mec_gym/OffloadDict-v0": {"form": "task", "observation": "dict"},
}

for _id, _kwargs in IDS.items():
    if _id not in gymnasium.registry:
        gymnasium.register(
            _id,
            entry_point="mec_gym.env:OffloadEnv",
            vector_entry_point="mec_gym.vector:OffloadVectorEnv",
            kwargs=_kwargs,
        )
