"""The server's side: keep a shard of the weights, apply what is pushed, answer what is pulled."""

import math

import numpy as np

from dlpar.parameter_server.history import Applied
from dlpar.world import ANY_SOURCE, ANY_TAG, Status

PUSH, PULL, REPLY, DONE = range(1, 5)  # tags
CLOCK, VERSION = 0, 1  # the header of a PUSH and of a PULL, before the gradient
HEADER = 2


def serve(comm, weights, workers, staleness, update):
    """Serve `weights` to the ranks in `workers` until each is done.

    Parameters
    ----------
    weights : (n,) float array, changed in place by `update(gradient)`.
    workers : ranks, each of which pulls at clocks 0, 1, ... and pushes one gradient a clock.
    staleness : s. A pull at clock c is answered once every worker that is still at work has pushed
        its gradients of clocks up to c - s - 1.  s > 0 is stale synchronous, math.inf asynchronous;
        there, gradients are applied as they come. s = 0 is bulk synchronous: the gradients of a
        clock are kept until all are there, added up in the order of `workers`, and applied as one,
        so that the weights do not depend on who came first.
    update : function of a gradient, (n,), e.g. `lambda g: optimizer.step(g, lr)`.

    Returns
    -------
    list of Applied, in the order of application.

    Raises
    ------
    ValueError : staleness below 0, before any message; or a worker skips a clock, so that a
        gradient was lost. A gradient that comes twice is applied once.

    Cost: a pull brings 2 and takes p + n elements, a push brings 2 + n. Clocks and versions travel
    as elements of the weights' dtype: exact up to 2**24 in float32.
    Source: Ho et al., NIPS 2013, section 2; push and pull, Li et al., OSDI 2014.
    """
    if not staleness >= 0:
        raise ValueError(f"staleness must be at least 0, got {staleness!r}")
    shard = Shard(weights, workers, staleness, update)
    inbox, status = np.empty(HEADER + weights.size, weights.dtype), Status()
    while shard.at_work:
        comm.Recv(inbox, source=ANY_SOURCE, tag=ANY_TAG, status=status)
        worker, tag = status.Get_source(), status.Get_tag()
        if tag == PUSH:
            shard.push(worker, int(inbox[CLOCK]), int(inbox[VERSION]), inbox[HEADER:])
        elif tag == PULL:
            shard.waiting.append((worker, int(inbox[CLOCK])))
        elif tag == DONE:
            shard.leave(worker)
        if askers := shard.due():
            reply = shard.reply()  # one for all
            for asker in askers:
                comm.Send(reply, dest=asker, tag=REPLY)
    return shard.history


class Shard:
    """The weights, who has pushed how much, and who waits."""

    def __init__(self, weights, workers, staleness, update):
        """Take what `serve` takes."""
        self.weights, self.staleness, self.update = weights, staleness, update
        self.pushed = dict.fromkeys(workers, 0)  # gradients that came, of each worker
        self.included = dict.fromkeys(workers, 0)  # and that the weights contain
        self.at_work = dict.fromkeys(workers)  # an ordered set
        self.waiting = []  # (worker, clock): pulls not answered yet
        self.held = {}  # bulk synchronous: (clock, worker) -> (version read, gradient)
        self.history = []

    def push(self, worker, clock, based_on, gradient):
        """Take a gradient in, unless it was here before."""
        if clock > self.pushed[worker]:
            due = self.pushed[worker]
            raise ValueError(f"worker {worker} pushed clock {clock} where {due} was due")
        if clock < self.pushed[worker]:
            return
        self.pushed[worker] += 1
        if self.staleness > 0:
            self.apply(gradient, [(worker, clock, based_on)])
        else:
            self.held[clock, worker] = based_on, self.keep(gradient)
            self._close(clock)

    def leave(self, worker):
        """Wait for this worker no more."""
        del self.at_work[worker]
        self.close_all()

    def close_all(self):
        """Apply all clocks that wait for nobody any more."""
        for clock in sorted({clock for clock, _ in self.held}):
            self._close(clock)

    def _close(self, clock):
        """Apply a clock whose gradients are all there."""
        if any(self.pushed[worker] <= clock for worker in self.at_work):
            return
        came = [worker for worker in self.pushed if (clock, worker) in self.held]
        if not came:
            return
        gradients, parts = [], []
        for worker in came:
            based_on, gradient = self.held.pop((clock, worker))
            gradients.append(gradient)
            parts.append((worker, clock, based_on))
        self.apply(self.add_up(gradients), parts)

    def keep(self, gradient):
        """Return `gradient` as it will still be when its clock closes: messages bring others."""
        return gradient.copy()

    def add_up(self, gradients):
        """Return the sum of what `keep` returned, in this order; nobody needs the terms again."""
        total, *others = gradients
        for gradient in others:
            total += gradient
        return total

    def apply(self, gradient, parts):
        """Update the weights by a gradient that is the sum of `parts`: (worker, clock, version)."""
        version = len(self.history)
        self.update(gradient)
        for worker, clock, based_on in parts:
            self.included[worker] = clock + 1
            self.history.append(Applied(worker, clock, based_on, version))

    def due(self):
        """Take the workers whose pulls may be answered from those that wait, and return them."""
        oldest = min((self.included[worker] for worker in self.at_work), default=math.inf)
        ready = [pull for pull in self.waiting if pull[1] - oldest <= self.staleness]
        self.waiting = [pull for pull in self.waiting if pull not in ready]
        return [worker for worker, _ in ready]

    def reply(self):
        """Return the message that answers a pull: the version, what is included, the weights."""
        counts = list(self.included.values())
        head = np.array([len(self.history), *counts], self.weights.dtype)
        return np.concatenate([head, self.weights])
