"""A report as nccl-tests prints it: size, time and bandwidth of every collective.

algbw is size / time. busbw is algbw times the factor that makes it what each link carries if the
algorithm is as good as can be; so it can be held against the link's own bandwidth, whatever p.
Source: NVIDIA, nccl-tests, doc/PERFORMANCE.md.

The collectives themselves know `comm` only. What runs or simulates them stands one floor above the
worlds, and so here: this module, the chooser and the prediction.
"""

import math
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import NamedTuple

import numpy as np

from dlpar.collectives.arguments import require_count
from dlpar.collectives.costs import ALLREDUCES, OTHERS
from dlpar.collectives.in_network import in_network_allreduce
from dlpar.collectives.pipelined_ring import pipelined_ring_allreduce
from dlpar.collectives.tables import Table
from dlpar.rulers import Wall, nbytes, seconds, si, wall_of
from dlpar.world import Network, run, simulate


def mpi_allreduce(x, comm):
    """Return the sum of every rank's `x`, on every rank, by MPI's own Allreduce."""
    total = np.empty_like(x, order="C")
    comm.Allreduce(np.ascontiguousarray(x), total)
    return total


COLLECTIVES = (*ALLREDUCES, pipelined_ring_allreduce, mpi_allreduce, *OTHERS)


def bus_factor(collective, p):
    """Return busbw / algbw over p ranks: 2(p-1)/p for allreduce, 1 for broadcast and reduce, ...

    The kind is the last word of the function's name. Where the switch adds, p ranks are p-1 hosts,
    and the factor is (hosts-1)/(hosts+1). Raises ValueError for an unknown kind.
    """
    name = _function(collective).__name__
    if name == in_network_allreduce.__name__:
        return (p - 2) / p
    kind = name.rpartition("_")[2]
    if kind in ("broadcast", "reduce"):
        return 1.0
    if kind == "allreduce":
        return 2 * (p - 1) / p
    if kind in ("scatter", "allgather", "alltoall"):
        return (p - 1) / p
    raise ValueError(f"no bus factor is known for {name}")


def _function(collective):
    """Return the function that `collective` is, or is a partial of."""
    return collective.func if isinstance(collective, partial) else collective


def _name(collective):
    """Return the function's name and, of a partial, its options in brackets."""
    if not isinstance(collective, partial):
        return collective.__name__
    options = ", ".join(f"{name}={value}" for name, value in collective.keywords.items())
    return f"{collective.func.__name__}({options})"


class Line(NamedTuple):
    """One collective at one size."""

    collective: str
    nbytes: int  # of the whole vector, also for allgather and reduce-scatter
    time: float | Wall  # s; a Wall where it was measured
    algbw: float  # B/s
    busbw: float  # B/s


@dataclass(frozen=True, repr=False)
class Report(Table):
    """Lines of one ruler; it prints as text and shows itself in a notebook."""

    kind: str  # "virtual" or "wall"
    ranks: int
    lines: tuple[Line, ...]

    def rows(self):
        """Yield the heads, then a line each."""
        yield ("collective", "size", "time", "algbw", "busbw")
        for line in self.lines:
            time = line.time.time if isinstance(line.time, Wall) else seconds(line.time)
            rates = (si(rate, "B/s") for rate in (line.algbw, line.busbw))
            yield (line.collective, nbytes(line.nbytes), time, *rates)

    @property
    def title(self):
        """The ranks, and what measured times depend on, as text."""
        walls = [line.time.conditions for line in self.lines if isinstance(line.time, Wall)]
        return ", ".join([f"{self.ranks} rank{'s' * (self.ranks > 1)}", *dict.fromkeys(walls)])


def virtual_report(sizes, ranks, network=None, collectives=COLLECTIVES):
    """Return the `Report` of the simulator's time for each of `collectives` at each of `sizes`.

    sizes : bytes of the whole vector, cut to whole elements of 4 bytes (float32).  ranks : p.
    network : Network, Topology, or None for `Network()`.
    collectives : functions, or partials of them: `partial(leader_allreduce, node_size=8)`.
    Raises ValueError before anything is run if `sizes` is empty or has a negative size, if `ranks`
    is no integer of at least 1, or for a collective of unknown kind.
    """
    network = Network() if network is None else network
    plan = _plan("virtual_report", sizes, ranks, collectives)
    lines = (_line(f, n, simulate(_once, ranks, (f, n), network).time, ranks) for f, n in plan)
    return Report("virtual", ranks, tuple(lines))


def wall_report(sizes, ranks, repeats=15, collectives=COLLECTIVES, timeout=60):
    """Return the `Report` of wall times on `ranks` real processes of this machine.

    repeats : timed calls after two to warm up; the time of a call is the slowest rank's, from a
    barrier on.  timeout : s for each collective at each size.  Otherwise as `virtual_report`.
    """
    require_count("repeats", repeats, "wall_report")
    plan = _plan("wall_report", sizes, ranks, collectives)
    lines = []
    for f, n in plan:
        times = run(_timed, ranks, (f, n, repeats), timeout=timeout).results
        lines.append(_line(f, n, wall_of(np.max(times, axis=0)), ranks))
    return Report("wall", ranks, tuple(lines))


def _plan(caller, sizes, ranks, collectives):
    """Return (collective, elements) for each line, once all arguments are found right."""
    require_count("ranks", ranks, caller)
    sizes = list(sizes)
    if not sizes or min(sizes) < 0:
        raise ValueError(f"{caller} needs one or more sizes of at least 0 bytes, got {sizes}")
    for f in collectives:
        bus_factor(f, ranks)
    return [(f, int(size) // 4) for size in sizes for f in collectives]


def _line(f, n, time, p):
    middle = time.median if isinstance(time, Wall) else time
    algbw = 4 * n / middle if middle else math.nan  # alone, a collective may take no time
    return Line(_name(f), 4 * n, time, algbw, algbw * bus_factor(f, p))


def _bring(comm, f, n):
    """Return what this rank calls `f` with where the whole vector has n elements."""
    if not _function(f).__name__.endswith("allgather"):
        return np.ones(n, np.float32), comm
    p, r = comm.size, comm.rank
    return np.ones(n // p + (r < n % p), np.float32), comm, n  # chunk r


def _once(comm, f, n):
    f(*_bring(comm, f, n))


def _timed(comm, f, n, repeats):
    """Return the wall times, s, of `repeats` calls of `f` on this rank, after two to warm up."""
    arguments, times = _bring(comm, f, n), []
    for _ in range(repeats + 2):
        comm.Barrier()
        start = perf_counter()
        f(*arguments)
        times.append(perf_counter() - start)
    return times[2:]
