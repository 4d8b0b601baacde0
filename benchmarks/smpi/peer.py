"""SimGrid SMPI on a Topology: compile a program of this folder, run it, read what its ranks say."""

import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from smpi.platform_file import platform_file

HERE = Path(__file__).parent
PROGRAMS = ("ring", "tree", "alltoall", "incast", "crossing", "shift")
# Fluid flows and nothing else: no factors that stand for TCP, no time of the calls' own.
OPTIONS = {
    "network/model": "CM02",
    "network/TCP-gamma": 0,
    "network/crosstraffic": 0,
    "surf/precision": 1e-15,  # s: the usual 1e-9 would round latencies of a microsecond
    "smpi/os": "0:0:0",
    "smpi/or": "0:0:0",
    "smpi/ois": "0:0:0",
    "smpi/wtime": 0,
    "smpi/simulate-computation": "no",
}

text_and_weight = lru_cache(maxsize=4)(platform_file)  # 256 devices: 65,280 routes, 10 MB


@dataclass(frozen=True)
class Said:
    """What the ranks of a run said: virtual s, what was sent, and s of processor time it took."""

    time: float
    messages: int
    nbytes: int
    cost: float


def compile_programs(folder):
    """Compile all programs into `folder`."""
    for name in PROGRAMS:
        argv = ["smpicc", "-O2", HERE / f"{name}.c", "-o", Path(folder) / name]
        subprocess.run(argv, check=True, timeout=60)


def smpirun(name, topology, ranks, arguments, folder, even=False):
    """Run the program `name`, compiled in `folder`, and return what its ranks Said.

    even : whether flows that share a link share it evenly, whatever their routes' latencies.

    The processor time is from the first rank's start to the last one's end: loading the program
    and the platform is not in it.
    """
    folder = Path(folder)
    text, weight = text_and_weight(topology, even)
    (folder / "platform.xml").write_text(text)
    (folder / "hosts").write_text("\n".join(topology.devices_of(ranks)) + "\n")
    first_that_waits = int(topology.eager_limit) + 1  # bytes
    options = OPTIONS | {
        "network/weight-S": weight,
        "smpi/async-small-thresh": first_that_waits,
        "smpi/send-is-detached-thresh": first_that_waits,
    }
    argv = ["smpirun", "-platform", "platform.xml", "-hostfile", "hosts", "-np", str(ranks)]
    argv += [f"--cfg={key}:{value}" for key, value in options.items()]
    argv += ["--log=root.thresh:error", f"./{name}", *map(str, arguments)]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=300)
    rows = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("rank ")]
    if done.returncode or len(rows) != ranks:
        raise RuntimeError(f"{' '.join(argv)}\nended with {done.returncode}: {done.stderr[-2000:]}")
    times, messages, nbytes, began, ended = zip(*(map(float, row) for row in rows), strict=True)
    return Said(max(times), int(sum(messages)), int(sum(nbytes)), max(ended) - min(began))
