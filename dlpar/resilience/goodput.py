"""Goodput: the share of the time that a failing, checkpointing training spends on what lasts.

Letters: tau, s of work between two checkpoints; delta, s that a checkpoint takes; M, s, the mean
time between failures of the whole system; R, s from a failure until the work goes on.
Source: Young, CACM 17 (1974); Daly, Future Generation Computer Systems 22 (2006).
"""

import math
from typing import NamedTuple

import numpy as np

from dlpar.world import MAX, Deadlock, Faults, Kill, Network, simulate, work

DAY = 86_400  # s


class Record(NamedTuple):
    """How often a real training was stopped unexpectedly."""

    stops: int
    days: float
    gpus: int
    source: str

    @property
    def mtbf(self):
        """Mean time between failures of the whole, s."""
        return self.days * DAY / self.stops

    @property
    def gpu_mtbf(self):
        """The same per GPU, s: what `system_mtbf` scales to other sizes."""
        return self.mtbf * self.gpus


# As reported: 466 stops, of which 47 planned. (Of the causes' shares not all are shares of 419.)
LLAMA3 = Record(419, 54, 16_384, "Llama team, The Llama 3 herd of models, arXiv:2407.21783, 3.3.4")


def system_mtbf(node_mtbf, nodes):
    """Return the mean time between failures of `nodes` nodes that fail apart, s: it is shared."""
    _positive(node_mtbf=node_mtbf, nodes=nodes)
    return node_mtbf / nodes


def young_interval(delta, mtbf):
    """Return sqrt(2 delta M), s: where checkpoints cost as much as the work that is lost.

    Per second of work a checkpoint costs delta / tau, and a failure loses tau / 2 once every M.
    """
    _positive(delta=delta, mtbf=mtbf)
    return math.sqrt(2 * delta * mtbf)


def daly_interval(delta, mtbf):
    """Return Daly's interval, s: the higher-order one, and M where delta >= 2 M.

    sqrt(2 delta M) (1 + x/3 + x^2/9) - delta, with x = sqrt(delta / (2 M)). R does not matter: a
    restart costs the same whatever the interval.  Source: Daly 2006.
    """
    _positive(delta=delta, mtbf=mtbf)
    if delta >= 2 * mtbf:
        return float(mtbf)
    x = math.sqrt(delta / (2 * mtbf))
    return young_interval(delta, mtbf) * (1 + x / 3 + x * x / 9) - delta


def expected_goodput(tau, delta, mtbf, restart=0.0):
    """Return tau / (M e^(R/M) (e^((tau + delta)/M) - 1)), for exponential failures; tau: (k,).

    From one failure to the next, M on average, a restart of R has to come through (e^(-R/M)), and
    then as many stretches of tau + delta as do. Each does with q = e^(-(tau+delta)/M), so there are
    q / (1 - q) = 1 / (e^((tau+delta)/M) - 1), of tau each. A failure may strike work, checkpoint
    and restart alike.  Source: Daly 2006, as a share of the time.
    """
    _positive(mtbf=mtbf)
    tau = np.asarray(tau, float)
    share = np.exp(-restart / mtbf) / np.expm1((tau + delta) / mtbf)
    return tau * share / mtbf


def failing_goodput(tau, delta, restart, gaps):
    """Return the goodput of a training that fails after each of `gaps`, and checkpoints every tau.

    gaps : (k,) s between failures, of any law: `rng.exponential(M, k)`. Give all intervals the same
    gaps, and their difference is theirs, not chance's. The first gap begins with a restart too.

    A gap shorter than `restart` ends in it, and the next begins with another. What is not in a
    finished checkpoint is lost. A float, exactly the same for the same gaps.
    """
    _positive(tau=tau)
    gaps = np.asarray(gaps, float)
    whole = np.floor(np.maximum(gaps - restart, 0) / (tau + delta))
    return float(tau * whole.sum() / gaps.sum())


def episodes(tau, delta, restart, gaps):
    """Return what the time of `failing_goodput` goes into: a list of (what, start, end), s.

    what : "work" that lasts, "save", "restart", or "lost": what a failure undid. They follow one
    another without a gap, and a failure ends each "lost" and each "restart" cut short.
    """
    _positive(tau=tau)
    told, now = [], 0.0
    for gap in np.asarray(gaps, float):
        end = now + float(gap)
        told.append(("restart", now, min(now + restart, end)))
        now = told[-1][2]
        while now + tau + delta <= end:
            told += [("work", now, now + tau), ("save", now + tau, now + tau + delta)]
            now += tau + delta
        if now < end:
            told.append(("lost", now, end))
        now = end
    return told


def peak(intervals, goodputs):
    """Return the interval, s, at the top of a parabola through `goodputs` over log(interval).

    intervals : (k,) s, 3 or more, on both sides of the top, not more than about a factor of 3 away.
    Raises ValueError if the goodputs have no top: the parabola is open upwards, or its top lies
    outside.
    """
    x = np.log(np.asarray(intervals, float))
    a, b, _ = np.polyfit(x - x.mean(), np.asarray(goodputs, float), 2)
    top = -b / (2 * a) + x.mean() if a < 0 else math.nan
    if not x.min() <= top <= x.max():
        raise ValueError(f"no top between {min(intervals):.3g} and {max(intervals):.3g} s")
    return math.exp(top)


def simulated_goodput(tau, delta, restart, gaps, ranks=4, steps=10):
    """Return what `failing_goodput` does, from ranks that work, exchange, save and are killed.

    Each gap is one `simulate`: a `restart`, then `steps` steps of work with an allreduce behind
    each, a checkpoint of `delta`, and so on, until a Kill strikes a rank at the gap's end, and the
    others wait for it in vain. The network is free, so that only the declared times pass.
    """
    free = Network(alpha=0.0, beta=0.0)
    saved = 0

    def program(comm):
        nonlocal saved
        mine, total = np.zeros(1), np.zeros(1)
        work(comm, seconds=restart)
        while True:
            for _ in range(steps):
                work(comm, seconds=tau / steps)
                comm.Allreduce(mine, total, op=MAX)
            work(comm, seconds=delta)
            comm.Barrier()  # a checkpoint counts when all have written theirs
            saved += comm.rank == 0

    for k, gap in enumerate(gaps):
        try:
            simulate(program, ranks, network=free, faults=Faults([Kill(k % ranks, at=gap)]))
        except Deadlock:
            continue
    return tau * saved / float(np.sum(gaps))


def _positive(**values):
    """Raise ValueError for an argument that is not above 0."""
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be above 0, got {value!r}")
