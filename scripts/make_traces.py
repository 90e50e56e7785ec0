#!/usr/bin/env python3
"""Makes envs/traces/: the recordings that ship, and their list TRACES.toml.

    scripts/make_traces.py FOLDER            rewrites the same files, byte for byte
    scripts/make_traces.py FOLDER stations   prints the EUA base stations as positions; they do not ship

FOLDER holds a clone of each source, with or without a work tree; only the commits below are read:

    git clone https://github.com/GreenLv/Lumos
    git clone https://github.com/confiwent/Real-world-bandwidth-traces
    git clone https://github.com/Azure/AzurePublicDataset
    git clone https://github.com/swinedge/eua-dataset

Needs Python and git, nothing else.
"""

import csv
import hashlib
import io
import math
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "envs" / "traces"
COMMITS = {
    "GreenLv/Lumos": "9f48da1d050438c75483ed880afcba5c248c73ce",
    "confiwent/Real-world-bandwidth-traces": "d28c4fd48d0e358db024cc0217b111c070815fa7",
    "Azure/AzurePublicDataset": "b469a113cedca53ddc3bdea71a143dc4b7d8700c",
    "swinedge/eua-dataset": "61238e00a6f01019c8a6ba1619675337a879a3d4",
}
# Pensieve's FCC files have a line per 5 s; this many lines of this many files.
FCC_LINES = 240
FCC_FILES = 30
# A chunk of video that takes longer is written as several lines of the same rate.
LONGEST_LINE_S = 30.0
# West and south end of the polygon of Melbourne's centre in the README of the users, and the mean radius of the Earth.
WEST, SOUTH = 144.9513187173424, -37.82117612446662
EARTH_M = 6371008.8


class Source:
    """Files of one repository at its commit, and a checksum over all that was read."""

    def __init__(self, folder, name):
        self.name, self.commit = name, COMMITS[name]
        self.git_dir = Path(folder) / name.split("/")[1]
        self.digest = hashlib.sha256()

    def git(self, *arguments):
        return subprocess.run(["git", "-C", self.git_dir, *arguments], check=True, capture_output=True).stdout

    def list(self, folder):
        """Paths of the files in a folder, in the order of their names."""
        paths = self.git("ls-tree", "--name-only", "-z", self.commit, folder).decode().split("\0")
        return sorted(path for path in paths if path)

    def read(self, path):
        data = self.git("show", f"{self.commit}:{path}")
        self.digest.update(data)
        return data.decode("utf-8-sig")

    def rows(self, path):
        return list(csv.DictReader(io.StringIO(self.read(path))))


def number(value, digits=3):
    """The shortest text of a number rounded to this many digits after the point."""
    return f"{round(value, digits):.{digits}f}".rstrip("0").rstrip(".")


def lumos(source, connection):
    """The first session in name order of each test at 50 Mbit/s.

    The source has the throughput of each chunk of video but not when it was asked for: the next one is asked for when
    the chunk has arrived, and not before its playing time is over.
    """
    sections, seen = [], set()
    for path in source.list("ABR_data/"):
        test, bandwidth, link, strength, video, _ = Path(path).stem.split("-", 5)
        if bandwidth != "50Mbps" or not link.startswith(connection) or test in seen:
            continue
        seen.add(test)
        chunk_s = float(video.split("_")[1].rstrip("s"))
        time, lines = 0.0, []
        for row in source.rows(path):
            end = time + max(chunk_s, float(row["delivery_time"]))
            while time < end:
                lines.append(f"{number(time)} {number(float(row['app_throughput']) / 1e3)}")
                time = min(time + LONGEST_LINE_S, end)
        sections.append("\n".join([f"[{Path(path).stem}]", *lines]))
    return len(sections), "\n".join(sections) + "\n"


def fcc(source):
    """The first lines of the first files that are long enough and recorded by the FCC.

    The folder also has recordings of Norwegian trams, buses, trains and ferries, which are left out.
    """
    sections = []
    for path in source.list("fcc_ori/cooked_traces/"):
        name = Path(path).name
        if not name.startswith("trace_") or len(sections) == FCC_FILES:
            continue
        text = source.git("show", f"{source.commit}:{path}").decode()
        if len(text.splitlines()) < FCC_LINES:
            continue
        rows = [line.split() for line in source.read(path).splitlines()[:FCC_LINES]]
        lines = [f"{number(float(time))} {number(float(rate))}" for time, rate in rows]
        unit, site = name.removeprefix("trace_").split("_http---")
        sections.append("\n".join([f"[{unit}-{site.strip('-')}]", *lines]))
    return len(sections), "\n".join(sections) + "\n"


def azure(source, service):
    """Times in whole milliseconds from the first, as gaps."""
    times = []
    for row in source.rows(f"data/AzureLLMInferenceTrace_{service}.csv"):
        seconds, fraction = row["TIMESTAMP"].split(".")
        whole = datetime.strptime(seconds, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
        times.append(int(whole.timestamp()) * 10**7 + int(fraction.ljust(7, "0")))
    times = [(time - times[0] + 5000) // 10000 for time in times]
    gaps = [0] + [after - before for before, after in zip(times, times[1:])]
    return 1, "\n".join(["gap_ms", *map(str, gaps)]) + "\n"


def metres(latitude, longitude):
    """East and north of the corner, on the plane that touches the Earth there."""
    east = math.radians(float(longitude) - WEST) * EARTH_M * math.cos(math.radians(SOUTH))
    return number(east, 1), number(math.radians(float(latitude) - SOUTH) * EARTH_M, 1)


def users(source):
    rows = source.rows("users/users-melbcbd-generated.csv")
    points = [metres(row["Latitude"], row["Longitude"]) for row in rows]
    lines = [f"0,{node},{x},{y}" for node, (x, y) in enumerate(points)]
    return len(lines), "\n".join(["time_s,node,x_m,y_m", *lines]) + "\n"


def stations(folder):
    rows = Source(folder, "swinedge/eua-dataset").rows("edge-servers/site-optus-melbCBD.csv")
    print("time_s,node,x_m,y_m")
    for row in rows:
        x, y = metres(row["LATITUDE"], row["LONGITUDE"])
        print(f"0,{row['SITE_ID']},{x},{y}")


LUMOS = {
    "repository": "GreenLv/Lumos",
    "kind": "throughput",
    "licence": "MIT",
    "licence_note": "LICENSE of the repository, by the group that recorded the data",
    "citation": "G. Lv, Q. Wu, W. Wang, Z. Li, G. Xie: Lumos: towards Better Video Streaming QoE through Accurate "
    "Throughput Prediction. IEEE INFOCOM 2022",
}
LUMOS_DONE = (
    "From ABR_data, sessions over {} from the server of 50 Mbit/s (downlink): the first session in name order of "
    "each test time. A line is a chunk of video: app_throughput in Mbit/s, and a time that follows the chunk before by "
    "its delivery_time, or by its playing time if that is longer (lines of the same rate every 30 s if it takes longer); "
    "the source has no times of requests. Small chunks get less than the link could carry."
)
AZURE = {
    "repository": "Azure/AzurePublicDataset",
    "kind": "arrivals",
    "licence": "CC-BY-4.0",
    "licence_note": "LICENSE of the repository, and the licence section of AzureLLMInferenceDataset2023.md",
    "citation": "P. Patel, E. Choukse, C. Zhang, A. Shah, I. Goiri, S. Maleki, R. Bianchini: Splitwise: Efficient "
    "generative LLM inference using phase splitting. ISCA 2024",
    "done": "Column TIMESTAMP of data/AzureLLMInferenceTrace_{}.csv, rounded to milliseconds from the first, as gaps.",
}
TRACES = {
    "lumos-4g": {**LUMOS, "file": "lumos-4g.txt", "done": LUMOS_DONE.format("4G"), "make": lambda s: lumos(s, "4g")},
    "lumos-wifi": {
        **LUMOS,
        "file": "lumos-wifi.txt",
        "done": LUMOS_DONE.format("Wi-Fi at 2.4 and 5 GHz"),
        "make": lambda s: lumos(s, "wifi"),
    },
    "fcc": {
        "repository": "confiwent/Real-world-bandwidth-traces",
        "kind": "throughput",
        "file": "fcc.txt",
        "licence": "MIT",
        "licence_note": "LICENSE of the repository; measured by the US Federal Communications Commission, Measuring "
        "Broadband America 2016",
        "citation": "N. Kan, Y. Jiang, C. Li, W. Dai, J. Zou, H. Xiong: Improving Generalization for Neural Adaptive "
        "Video Streaming via Meta Reinforcement Learning. ACM Multimedia 2022",
        "done": f"From fcc_ori/cooked_traces, files trace_* only (fixed broadband, downlink): the first {FCC_LINES} "
        f"lines of the first {FCC_FILES} files in name order that have as many, rates rounded to kbit/s.",
        "make": fcc,
    },
    "azure-llm-code-2023": {
        **AZURE,
        "file": "azure-llm-code-2023.csv",
        "done": AZURE["done"].format("code"),
        "make": lambda s: azure(s, "code"),
    },
    "azure-llm-conversation-2023": {
        **AZURE,
        "file": "azure-llm-conversation-2023.csv",
        "done": AZURE["done"].format("conv"),
        "make": lambda s: azure(s, "conv"),
    },
    "eua-users": {
        "repository": "swinedge/eua-dataset",
        "kind": "positions",
        "file": "eua-users.csv",
        "licence": "MIT",
        "licence_note": "LICENSE of the repository, by the group that drew the positions",
        "citation": "P. Lai, Q. He, M. Abdelrazek, F. Chen, J. Hosking, J. Grundy, Y. Yang: Optimal Edge User "
        "Allocation in Edge Computing with Variable Sized Vector Bin Packing. ICSOC 2018",
        "done": "users/users-melbcbd-generated.csv (drawn uniformly over Melbourne's centre by its authors, not "
        "recorded; nobody moves), as metres east and north of 144.9513187173424 E, 37.82117612446662 S.",
        "make": users,
    },
}


def main(folder):
    listing = ["# What ships, where it comes from and under which licence; made by scripts/make_traces.py.\n"]
    for name, trace in TRACES.items():
        source = Source(folder, trace["repository"])
        count, text = trace["make"](source)
        data = text.encode()
        (OUT / trace["file"]).write_bytes(data)
        entry = {
            "name": name,
            "file": trace["file"],
            "kind": trace["kind"],
            "recordings": count,
            "source": f"https://github.com/{trace['repository']}",
            "commit": source.commit,
            "licence": trace["licence"],
            "licence_note": trace["licence_note"],
            "citation": trace["citation"],
            "done": trace["done"],
            "source_sha256": source.digest.hexdigest(),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        quoted = {key: f'"{value}"' if isinstance(value, str) else value for key, value in entry.items()}
        fields = [f"{key} = {value}" for key, value in quoted.items()]
        listing.append("\n".join(["[[trace]]", *fields]) + "\n")
        print(f"{name}: {count}, {len(data)} bytes")
    (OUT / "TRACES.toml").write_text("\n".join(listing))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[2] == "stations":
        stations(sys.argv[1])
    elif len(sys.argv) == 2:
        main(sys.argv[1])
    else:
        sys.exit(__doc__)
