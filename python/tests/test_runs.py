"""Schemes, cuts and run folders from Python."""

import math
import os
import shutil
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import mec_gym

ROOT = Path(__file__).parents[2]
SHORT = {"horizon_s": 5.0}


def test_schemes_run_and_the_greedy_one_beats_the_device():
    assert {"device-only", "central-greedy", "rolling-horizon"} <= set(mec_gym.schemes())
    greedy, device = (mec_gym.simulate(name, SHORT, seed=3, episodes=4) for name in ("central-greedy", "device-only"))
    assert [row["seed"] for row in greedy] == [3, 4, 5, 6]
    assert [row["tasks"] for row in greedy] == [row["tasks"] for row in device]
    assert np.mean([row["latency_mean_s"] for row in greedy]) < np.mean([row["latency_mean_s"] for row in device])
    assert all(row["offload_ratio"] == 0 and math.isnan(row["load_balance"]) for row in device)


def test_bad_arguments_of_a_simulation_are_refused():
    for arguments, error, said in [
        (("nearst",), ValueError, "nearst.*nearest"),
        (("nearest", "moon"), ValueError, "moon"),
    ]:
        with pytest.raises(error, match=said):
            mec_gym.simulate(*arguments)
    with pytest.raises(ValueError, match="episodes is 0"):
        mec_gym.simulate("nearest", episodes=0)
    with pytest.raises(ValueError, match="seed is -1; accepted is an integer from 0"):
        mec_gym.simulate("nearest", seed=-1)
    with pytest.raises(TypeError, match="policy is a int"):
        mec_gym.simulate(3)


def test_a_cut_takes_the_sum_of_its_parts_and_no_rival_takes_less():
    for network in mec_gym.networks():
        cut = mec_gym.partition(network, device="phone", server="nvidia-t4", rate="20 Mbit/s", backlog_s=0.02)
        parts = sum(cut[f"{part}_s"] for part in ("device", "transfer", "wait", "server", "return"))
        assert cut["total_s"] == pytest.approx(parts)
        assert all(total is None or total >= cut["total_s"] * (1 - 1e-9) for total in cut["rivals"].values()), network
        assert 0 <= len(cut["device_layers"]) <= cut["layers"]
        assert cut["transfer_s"] == pytest.approx(cut["bytes"] / 2.5e6)


def test_a_slow_link_keeps_all_layers_and_a_fast_one_none():
    cut = {
        rate: mec_gym.partition("vgg-16", device="jetson-nano", server="nvidia-t4", rate=rate)
        for rate in ("1 kbit/s", "100 Gbit/s")
    }
    assert len(cut["1 kbit/s"]["device_layers"]) == cut["1 kbit/s"]["layers"]
    assert cut["1 kbit/s"]["total_s"] == cut["1 kbit/s"]["rivals"]["device-only"]
    assert cut["100 Gbit/s"]["device_layers"] == []


def test_an_onnx_file_is_cut_as_the_network_that_was_made_of_it():
    file = ROOT / "envs/tests/data/onnx/squeezenet.onnx"
    ways = {"device": "phone", "server": "nvidia-t4", "rate": 1e6}
    ours, theirs = mec_gym.partition(file, **ways), mec_gym.partition("squeezenet", **ways)
    assert ours["layers"] == theirs["layers"] and ours["total_s"] == pytest.approx(theirs["total_s"], rel=0.05)


def test_bad_arguments_of_a_cut_are_refused(tmp_path):
    right = {"device": "phone", "server": "nvidia-t4", "rate": "1 MB/s"}
    file = tmp_path / "no.onnx"
    file.write_bytes(b"no network")
    for network, change, error, said in [
        ("nonet", {}, ValueError, "nonet.*alexnet"),
        ("alexnet", {"device": "abacus"}, ValueError, "device: .*abacus"),
        ("alexnet", {"server": "abacus"}, ValueError, "server: .*abacus"),
        ("alexnet", {"rate": "fast"}, ValueError, "'fast'.*Mbit/s"),
        ("alexnet", {"rate": 0}, ValueError, "rate is 0"),
        ("alexnet", {"rate": math.nan}, ValueError, "rate is nan"),
        ("alexnet", {"backlog_s": -1}, ValueError, "backlog_s is -1"),
        ("alexnet", {"dims": {"batch": 1}}, ValueError, "ONNX"),
        (file, {}, ValueError, "no.onnx"),
        (tmp_path / "missing.onnx", {}, FileNotFoundError, "missing.onnx"),
        (tmp_path / "missing.toml", {}, ValueError, "missing.toml"),
        (ROOT / "envs/tests/data/onnx/squeezenet.onnx", {"dims": {"moon": 1}}, ValueError, "moon"),
        (ROOT / "envs/tests/data/onnx/squeezenet.onnx", {"dims": {"batch": 0}}, ValueError, "dims\\['batch'\\] is 0"),
    ]:
        with pytest.raises(error, match=f"(?s){said}"):
            mec_gym.partition(network, **{**right, **change})


@pytest.fixture(scope="module")
def run_folder():
    """The folder of a short run of the command line, which scripts/python_test.sh makes."""
    folder = os.environ.get("MEC_GYM_RUN_FOLDER")
    if not folder:
        pytest.skip("MEC_GYM_RUN_FOLDER names no run folder; scripts/python_test.sh makes one")
    return Path(folder)


def test_a_run_folder_becomes_data_frames(run_folder):
    pytest.importorskip("pandas")
    run = mec_gym.read_run(run_folder)
    assert run.manifest["status"] == "finished" and run.config["algorithm"]["name"] == "dsaco"
    assert {"algo", "seed", "time/total_timesteps"} <= set(run.progress.columns)
    assert (run.eval.metric == "latency_mean_s").any() and run.comparison.latency_mean_s.min() > 0
    assert all({"r", "l", "t"} <= set(frame.columns) for frame in run.monitors.values()) and run.monitors


def test_an_agent_of_a_run_acts_as_the_command_line_says(run_folder):
    pytest.importorskip("pandas")
    run = mec_gym.read_run(run_folder)
    compared = {row["scheme"]: row for row in mec_gym.evaluate(run_folder)}
    on_file = run.comparison.set_index("scheme")
    assert set(compared) == set(on_file.index)
    for name, row in compared.items():
        assert row["latency_mean_s"]["value"] == pytest.approx(on_file.latency_mean_s[name], rel=1e-6)
    agent = mec_gym.Agent.load(run_folder)
    scenario = {**run.config["scenario"], "preset": "default"}
    comparison = run.config["comparison"]
    rows = mec_gym.simulate(agent, scenario, seed=comparison["first_seed"], episodes=comparison["episodes"])
    weights = [row["tasks"] for row in rows]
    mean = np.average([row["latency_mean_s"] for row in rows], weights=weights)
    assert mean == pytest.approx(on_file.latency_mean_s["dsaco"], rel=1e-6)
    observation, _ = mec_gym.OffloadEnv(scenario).reset(seed=1)
    assert gymnasium.spaces.Discrete(5).contains(agent.predict(observation)[0])


def test_agents_of_a_run_are_chosen_by_seed_and_checkpoint(run_folder, tmp_path):
    last = mec_gym.Agent.load(run_folder, checkpoint="last", seed=1)
    assert last.kind == mec_gym.Agent.load(run_folder, checkpoint="best").kind == "sac"
    for arguments, said in [({"seed": 9}, "seed is 9"), ({"checkpoint": "worst"}, "'worst'|\"worst\"")]:
        with pytest.raises(ValueError, match=said):
            mec_gym.Agent.load(run_folder, **arguments)
    copied = tmp_path / "run"
    shutil.copytree(run_folder, copied)
    shutil.rmtree(copied / "ckpt")
    with pytest.raises(ValueError, match="left no agent"):
        mec_gym.Agent.load(copied)


def test_what_is_no_run_folder_is_refused(tmp_path):
    pytest.importorskip("pandas")
    with pytest.raises(FileNotFoundError, match="run.json"):
        mec_gym.read_run(tmp_path)
    with pytest.raises(ValueError, match="run.json"):
        mec_gym.evaluate(tmp_path)
