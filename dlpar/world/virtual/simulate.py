"""`simulate`: many ranks in one process, on a virtual clock."""

import ctypes
import math
import threading
import traceback
from pathlib import Path

from dlpar.world.arguments import check_call
from dlpar.world.faults import Faults
from dlpar.world.network import Network
from dlpar.world.topology import Topology
from dlpar.world.trace import Outcome
from dlpar.world.virtual.comm import SimComm
from dlpar.world.virtual.deadlock import whereabouts
from dlpar.world.virtual.engine import World
from dlpar.world.virtual.faulty import FaultyRoutedWorld, FaultyWorld
from dlpar.world.virtual.faulty_comm import FaultyComm
from dlpar.world.virtual.routed import RoutedWorld
from dlpar.world.virtual.ulfm import UlfmRoutedWorld, UlfmWorld
from dlpar.world.virtual.ulfm_comm import UlfmComm


def simulate(
    program,
    ranks,
    args=(),
    network=None,
    timeout=60,
    speeds=None,
    faults=None,
    trace="rows",
    ulfm=False,
):
    """Run `program(comm, *args)` on every rank of a simulated cluster.

    Parameters
    ----------
    program : function of a communicator (mpi4py's names) and `args`; what it returns is the
        rank's result.
    ranks : int, 1 or more.
    args : tuple; every rank gets the same objects.
    network : Network, where ranks share nothing but their own links; Topology, where messages
        share the links of their routes; or None for `Network()`.
    timeout : s of wall time after which the simulation is given up.
    speeds : None, or for each rank the factor by which its `work` is faster than declared, above
        0: `[1, 1, 0.5, 1]` makes rank 2 a straggler; `rng.lognormal(0, 0.1, ranks)` all a little.
    faults : Faults, what is to go wrong; `Outcome.trace.faults` tells what did. The result of a
        rank that was killed, exited or was stopped is None.
    trace : "rows", or "counts": for each rank, the messages and bytes that it sent, and nothing
        that grows with the number of messages. With a `phantom` as payload, memory is bounded.
    ulfm : bool, whether calls that need a dead rank raise MPIError ("MPI_ERR_PROC_FAILED"), and the
        communicator has Revoke, Shrink, Agree...: see `virtual/ulfm.py`. Else they wait for ever.

    Returns
    -------
    Outcome: results in rank order; time (s, virtual: the last rank's clock); trace.

    Raises
    ------
    Deadlock : every unfinished rank waits for another; it says who waits for whom.
    TimeoutError : the wall time is over; it says where every rank stands.
    MPIError, and whatever else a rank raises, with a note that names the rank.
    RuntimeError : a fault that was sure to strike found nothing to strike.

    Cost: about 4 us of processor time a message of up to 256 ranks; with more, as the ranks no
    longer fit into the caches, up to twice that. On a Topology 5 us, and 7 where flows contend.
    A ring allreduce sends 2.1 million messages on 1,024 ranks, 33.5 million on 4,096: minutes.
    Trees and halving take a second there. Rows take some 200 bytes of memory a message.
    """
    check_call(program, ranks, args, timeout)
    if network is None:
        network = Network()
    if trace not in ("rows", "counts"):
        raise ValueError(f"trace must be 'rows' or 'counts', got {trace!r}")
    speeds = _checked_speeds(speeds, ranks)
    world, communicator = _world(ranks, network, faults, ulfm)
    if trace == "counts":
        world.keep_counts()
    everyone = tuple(range(ranks))
    for rank, speed in zip(world.ranks, speeds, strict=True):
        rank.speed = speed
        comm = communicator(world, rank, everyone, rank.number, 0)
        world.start(rank, lambda comm=comm: program(comm, *args))
    try:
        with _Alarm(timeout):
            world.run()
    except _OutOfTime as alarm:
        raise TimeoutError(_too_long(world, timeout, alarm)) from None
    clocks = [rank.clock for rank in world.ranks]
    return Outcome([rank.result for rank in world.ranks], max(clocks), world.trace())


def _world(ranks, network, faults, ulfm):
    """Return the World that `simulate` asks for, and the class of its communicators."""
    if not isinstance(network, Network | Topology):
        raise TypeError(f"network must be a Network or Topology, got {type(network).__name__}")
    routed = isinstance(network, Topology)
    if faults is None and not ulfm:
        return (RoutedWorld if routed else World)(ranks, network), SimComm
    faults = Faults([]) if faults is None else faults
    if not isinstance(faults, Faults):
        raise TypeError(f"faults must be Faults([...]), got {type(faults).__name__}")
    faults.check_ranks(ranks)
    if ulfm:
        return (UlfmRoutedWorld if routed else UlfmWorld)(ranks, network, faults), UlfmComm
    return (FaultyRoutedWorld if routed else FaultyWorld)(ranks, network, faults), FaultyComm


def _checked_speeds(speeds, ranks):
    """Return a float for each rank."""
    if speeds is None:
        return [1.0] * ranks
    speeds = [float(speed) for speed in speeds]
    if len(speeds) != ranks or not all(0 < speed < math.inf for speed in speeds):
        raise ValueError(f"speeds must be {ranks} finite numbers above 0, got {speeds}")
    return speeds


class _OutOfTime(BaseException):
    """Raised in the simulating thread by the alarm; no program's `except Exception` eats it."""


class _Alarm:
    """Raise _OutOfTime in the thread that entered, after `seconds`, unless it has left by then."""

    def __init__(self, seconds):
        self.thread = threading.get_ident()
        self.lock = threading.Lock()
        self.left = False
        self.rung = False
        self.timer = threading.Timer(seconds, self._ring)
        self.timer.daemon = True

    def _ring(self):
        with self.lock:
            if not self.left:
                self.rung = True
                thread, error = ctypes.c_ulong(self.thread), ctypes.py_object(_OutOfTime)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, error)

    def __enter__(self):
        self.timer.start()

    def __exit__(self, kind, error, tb):
        self.timer.cancel()
        with self.lock:
            self.left = True
        if self.rung and kind is not _OutOfTime:
            # It rang in the last instant: withdraw the exception, if it is not on its way yet.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.thread), None)


def _too_long(world, timeout, alarm):
    ours = str(Path(__file__).parents[1])
    frames = [f for f in traceback.extract_tb(alarm.__traceback__) if ours not in f.filename]
    where = f", at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    runner = f"rank {world.running.number} was running{where}" if world.running else "no rank ran"
    over = f"the simulation did not end within {timeout} s of wall time"
    return "; ".join([over, runner, *whereabouts(world)])
