"""What was read and what was applied, and a judge who trusts neither server nor worker."""

import math
from typing import NamedTuple


class Read(NamedTuple):
    """A pull, as its worker saw the reply."""

    server: int
    worker: int
    clock: int  # of the worker: how many gradients it had pushed before
    included: dict[int, int]  # worker -> how many of its gradients the weights contained
    version: int  # updates the weights had seen


class Applied(NamedTuple):
    """An update of a server's weights by one worker's gradient."""

    worker: int
    clock: int  # of the worker, when it computed the gradient
    based_on: int  # version of the weights that the gradient was computed at
    version: int  # version of the weights that it was applied to

    @property
    def staleness(self):
        """How many updates came between the read and this."""
        return self.version - self.based_on


def breaches(reads, applied, staleness, joined=None):
    """Return what breaks the rules of a bounded parameter server, as sentences; [] if all is well.

    Parameters
    ----------
    reads : Reads of all workers from one server, each worker's in its order.
    applied : that server's Applied, in its order.
    staleness : s >= 0, or math.inf.
    joined : {worker: its first clock} of those who came later, or None for nobody.

    The rules: a read at clock c contains every gradient of clocks up to c - s - 1 of every worker
    (unless that worker finished before), and all of the reader's own; what was contained once stays
    so; a worker's gradients are applied once each and in order.
    Source: Ho et al., NIPS 2013, section 2.
    """
    broken = []
    first = joined or {}
    pushed: dict[int, int] = dict(first)
    for one in applied:
        if one.clock != pushed.get(one.worker, 0):
            broken.append(f"worker {one.worker}: gradient {one.clock} where "
                          f"{pushed.get(one.worker, 0)} was due")  # fmt: skip
        pushed[one.worker] = one.clock + 1
    seen: dict[int, dict[int, int]] = {}
    for read in reads:
        who = f"worker {read.worker} at clock {read.clock}"
        if read.included.get(read.worker, 0) != read.clock:
            broken.append(f"{who} missed its own writes: {read.included.get(read.worker, 0)}")
        for worker, count in read.included.items():
            due = -math.inf if staleness == math.inf else read.clock - staleness
            if first.get(worker, 0) < due and count < min(due, pushed.get(worker, 0)):
                broken.append(f"{who} saw {count} gradients of worker {worker}, {due} were due")
            if count < seen.get(read.worker, {}).get(worker, 0):
                broken.append(f"{who} saw fewer gradients of worker {worker} than before")
        seen[read.worker] = dict(read.included)
    return broken


def widest_gap(reads):
    """Return the largest number of clocks that any read was behind some worker's gradients.

    At most the staleness, where all workers push equally many: one that has finished falls behind.
    """
    return max(
        (read.clock - min(read.included.values()) for read in reads if read.included), default=0
    )
