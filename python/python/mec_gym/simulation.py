"""Episodes of schemes that do not learn, and of trained agents, run in Rust."""

from __future__ import annotations

from mec_gym import _native
from mec_gym.agent import Agent
from mec_gym.scenario import Scenario, setting_of


def simulate(
    policy: str | Agent, scenario: Scenario = "default", *, seed: int = 1, episodes: int = 10
) -> list[dict[str, float]]:
    """Runs a scheme or an agent through episodes, in parallel and with the interpreter's lock released.

    Args:
        policy: the name of a scheme (`mec_gym.schemes()`; those with numbers take others, as in
            `forecasting-greedy=0.5`), or an agent, which takes its best actions.
        scenario: as of `OffloadEnv`.
        seed: seed of the first episode; the others follow. Equal seeds are equal episodes for every policy, those of
            `mec-gym simulate`, and of `env.reset(options={"episode_seed": seed})`.
        episodes: how many, 1 or more.

    Returns:
        A dictionary for each episode: `seed`, `return`, and its figures in SI units (`latency_mean_s`,
        `success_rate`, ...; `results/README.md` explains them). `pandas.DataFrame` takes it as it is.

    Raises:
        ValueError: the scheme is unknown, or the agent does not fit the scenario.
    """
    for name, value, least in (("seed", seed, 0), ("episodes", episodes, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**63:
            raise ValueError(f"{name} is {value!r}; accepted is an integer from {least} to 2**63 - 1")
    if not isinstance(policy, (str, Agent)):
        raise TypeError(f"policy is a {type(policy).__name__}; accepted is the name of a scheme or an agent")
    setting = setting_of(scenario)
    if isinstance(policy, Agent):
        rows = policy._policy.simulate(setting, seed, episodes)
    else:
        rows = _native.simulate(setting, policy, seed, episodes)
    return [{"seed": number, **dict(figures)} for number, figures in rows]
