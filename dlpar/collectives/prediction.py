"""This machine's alpha, beta and gamma, and what the formulas make of them, beside real runs.

Everything is measured in one run, in turns: what disturbs the machine disturbs all of it alike.
Predicted is what a collective takes with nobody to talk to (calls, copies, new memory: measured on
one rank alone), and the formula's time for messages and additions on top.
"""

from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple

import numpy as np

from dlpar.collectives.arguments import require_count
from dlpar.collectives.costs import ALLREDUCES, OTHERS
from dlpar.collectives.doubling import recursive_doubling_allreduce
from dlpar.collectives.naive import root_allreduce
from dlpar.collectives.ring import ring_allreduce
from dlpar.collectives.tables import Table
from dlpar.collectives.tree import tree_broadcast
from dlpar.rulers import Wall, nbytes, seconds, si, wall_of
from dlpar.world import Network, run
from dlpar.world.fitting import fit_alpha_beta

FOUR = (ring_allreduce, recursive_doubling_allreduce, root_allreduce, tree_broadcast)
ROUNDS = 3
FORMULAS = {**ALLREDUCES, **OTHERS}


class Predicted(NamedTuple):
    """One collective at one size: what the formula says, and what was measured."""

    collective: str
    nbytes: int
    predicted: float  # s
    measured: Wall

    @property
    def factor(self):
        """By which the larger of the two exceeds the other."""
        ratio = self.measured.median / self.predicted
        return max(ratio, 1 / ratio)


@dataclass(frozen=True, repr=False)
class Prediction(Table):
    """A machine's numbers and how far they carry; it prints as text and in a notebook."""

    ranks: int
    network: Network
    gamma: float  # s per byte added
    lines: tuple[Predicted, ...]
    kind = "wall"

    @property
    def worst(self):
        """The largest factor between prediction and measured median."""
        return max(line.factor for line in self.lines)

    @property
    def title(self):
        """The fitted numbers, and what the times depend on, as text."""
        fitted = (
            f"alpha {seconds(self.network.alpha)}, 1/beta {_rate(self.network.beta)}, "
            f"1/gamma {_rate(self.gamma)}"
        )
        return f"{self.ranks} ranks, {fitted}, {self.lines[0].measured.conditions}"

    def rows(self):
        """Yield the heads, then a line each."""
        yield "collective", "size", "predicted", "measured", "factor"
        for line in self.lines:
            texts = seconds(line.predicted), line.measured.time, f"{line.factor:.2f}"
            yield line.collective, nbytes(line.nbytes), *texts


def predict_and_measure(sizes, ranks=2, collectives=FOUR, repeats=21, timeout=60):
    """Return the `Prediction` for each of `collectives` at each of `sizes`, on this machine.

    Ranks 0 and 1 play ping-pong, all ranks add, and alpha, beta and gamma are fitted to the
    medians. With more ranks than cores, the formulas let ranks work at once that have to take
    turns.

    sizes : bytes of the whole vector, cut to whole elements of 4 bytes (float32).  ranks : at least
    2.  collectives : of those in costs.py, but no allgather.
    repeats : timed calls of each, in three rounds; the time of a call is the slowest rank's, from a
    barrier on.  timeout : s for everything.
    Raises ValueError before anything is run if an argument cannot be.
    """
    require_count("ranks", ranks, "predict_and_measure")
    require_count("repeats", repeats, "predict_and_measure")
    sizes = [int(size) // 4 * 4 for size in sizes]
    if ranks < 2 or not sizes or min(sizes) < 4:
        raise ValueError("predict_and_measure needs 2 ranks or more, and sizes of at least 4 bytes")
    for f in collectives:
        if f not in FORMULAS or f.__name__.endswith("allgather"):
            raise ValueError(f"predict_and_measure has no formula for {f.__name__}")
    ladder = [8 * 4**k for k in range(16) if 4**k <= max(sizes)]  # up to 2 to 8 of the largest
    results = run(_measure, ranks, (ladder, sizes, collectives, repeats), timeout=timeout).results
    trips = np.median([results[0]["trip", n] for n in ladder], axis=1)
    added = np.median([_slowest(results, ("add", n)) for n in ladder], axis=1)
    network = Network(*fit_alpha_beta(ladder, trips / 2))
    _, gamma = fit_alpha_beta(ladder, added)

    def line(f, size):
        alone, together = (_slowest(results, (what, f, size)) for what in ("alone", "together"))
        formula = FORMULAS[f](size, ranks, network, gamma)
        return Predicted(f.__name__, size, np.median(alone) + formula, wall_of(together))

    lines = tuple(line(f, size) for size in sizes for f in collectives)
    return Prediction(ranks, network, gamma, lines)


class _Alone:
    """A communicator of one rank, which has nobody to send to."""

    rank, size = 0, 1


def _measure(comm, ladder, sizes, collectives, repeats):
    """Return {what: times in s} on this rank: round trips, additions, and calls, alone and not."""
    times = {}

    def take(what, f, *arguments):
        """Call `f` twice to warm up, then time a round of calls, each from a barrier on."""
        for i in range(2 + -(-repeats // ROUNDS)):
            comm.Barrier()
            start = perf_counter()
            f(*arguments)
            if i >= 2:
                times.setdefault(what, []).append(perf_counter() - start)

    for _ in range(ROUNDS):
        for n in ladder:
            ball, total = np.ones(n // 4, np.float32), np.zeros(n // 4, np.float32)
            take(("trip", n), _there_and_back, ball, comm)
            take(("add", n), np.add, total, ball, total)
        for size in sizes:
            x = np.ones(size // 4, np.float32)
            for f in collectives:
                take(("alone", f, size), f, x, _Alone)
                take(("together", f, size), f, x, comm)
    return times


def _slowest(results, what):
    """Return for each timed call the time of the rank that took longest, in s."""
    return np.max([times[what] for times in results], axis=0)


def _there_and_back(ball, comm):
    if comm.rank == 0:
        comm.Send(ball, dest=1)
        comm.Recv(ball, source=1)
    elif comm.rank == 1:
        comm.Recv(ball, source=0)
        comm.Send(ball, dest=0)


def _rate(per_byte):
    return si(1 / per_byte, "B/s") if per_byte else "without limit"
