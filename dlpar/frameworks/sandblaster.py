"""DistBelief's Sandblaster L-BFGS: a coordinator that sends commands and sees only scalars.

Rank 0 coordinates. Ranks 1 .. S are shards: each holds its slice of every vector there is, and does
arithmetic on command. The others are replicas: they take portions of the batch, fetch the weights
from the shards once a batch, and push gradients to the shards. No vector ever reaches rank 0.

Source: Dean et al., NIPS 2012, section 4.2 and algorithm 7.2; the two-loop recursion, Nocedal &
Wright, Numerical Optimization, 2006, algorithm 7.4.
"""

from collections import deque
from typing import NamedTuple

import numpy as np

from dlpar.parameter_server import even_shards
from dlpar.world import ANY_SOURCE, ANY_TAG, Status, work

# Tags: what the coordinator commands, and what replicas ask of the shards and tell.
DOT, AXPY, SCALE, COPY, ZERO, STOP = range(1, 7)
FETCH, PUSH, TAKEN, RESULT, PORTION, DONE, OVER = range(10, 17)
W, G, Q = 0, 1, 2  # handles: weights, gradient of the batch, search direction
OLD = 3  # weights and gradient before the step
PAIRS = 5  # s_i is handle PAIRS + 2 i, y_i the next one


class Batch(NamedTuple):
    """What the coordinator knows of one batch."""

    loss: float
    portions: list[int]  # of each replica, how many it was the first to finish
    doubled: int  # portions that were given out a second time


def sandblaster(model, x, y, portion, batches, comm, shards, memory=5, lr=1.0, seconds=None):
    """Minimise the loss over all of x, y by L-BFGS; return on rank 0 the list of `Batch`.

    Parameters
    ----------
    model : equal on all ranks; used by replicas, and its params are where shards start.
    x, y : (m, ...) on every replica.  portion : examples that a replica gets at a time.
    batches : gradients over the whole of x, y, and so steps.  shards : S ranks, 1 .. p - 2.
    memory : pairs (s, y) kept.  lr : length of a step in the direction found; the first is
        lr / |g|.
    seconds : function of (replica 0, 1, ..., portion) -> s in simulation, or None for none.

    When all portions are given out, the oldest that is still outstanding goes to whoever is idle:
    backup tasks. A shard takes the first gradient of a portion and drops the second.

    Returns on a shard its slice of the weights at the end, (n,); on replicas None.
    Raises ValueError before any message.
    """
    if not 1 <= shards <= comm.size - 2:
        raise ValueError(f"shards must be 1 .. {comm.size - 2} of {comm.size} ranks: {shards!r}")
    if portion < 1 or memory < 1:
        raise ValueError(f"portion and memory must be at least 1, got {portion!r} and {memory!r}")
    slices = [part for (part,) in even_shards(model.params.size, shards)]
    if comm.rank == 0:
        return _coordinate(comm, len(x), portion, batches, shards, memory, lr)
    if comm.rank <= shards:
        return _hold(comm, model.params[slices[comm.rank - 1]].copy(), memory)
    return _replicate(comm, model, x, y, portion, slices, seconds)


# ------------------------------------------------------------- coordinator


class _Shards:
    """Vectors by their handles; every operation is a message of a few numbers to each shard."""

    def __init__(self, comm, count):
        self.comm, self.ranks = comm, range(1, count + 1)

    def _command(self, tag, *numbers):
        order = np.array([*numbers, 0.0, 0.0, 0.0][:3], float)
        for rank in self.ranks:
            self.comm.Send(order, dest=rank, tag=tag)

    def dot(self, a, b):
        self._command(DOT, a, b)
        return self._answers()

    def _answers(self):
        """Return the sum of the numbers that all shards answer."""
        total, one = 0.0, np.empty(1)
        for rank in self.ranks:
            self.comm.Recv(one, source=rank, tag=RESULT)
            total += one[0]
        return total

    def axpy(self, target, scale, source):
        self._command(AXPY, target, scale, source)

    def scale(self, target, scale):
        self._command(SCALE, target, scale)

    def copy(self, target, source):
        self._command(COPY, target, source)

    def open(self, batch):
        """Have all shards ready for the gradients of `batch`, with G = 0.

        MPI orders the messages of one sender only: without an answer a replica could hear of the
        batch from here, and ask a shard that has not.
        """
        self._command(ZERO, G, batch)
        self._answers()

    def stop(self):
        self._command(STOP)


def _coordinate(comm, m, portion, batches, shards, memory, lr):
    vectors, log = _Shards(comm, shards), []
    pairs = deque()  # (slot, 1 / s.y), oldest first
    idle = deque(range(shards + 1, comm.size))  # replicas
    for k in range(batches):
        vectors.open(k)
        log.append(_gradient(comm, m, portion, idle, shards, k))
        if k:
            slot = PAIRS + 2 * ((k - 1) % memory)
            _remember(vectors, pairs, slot)
        _direction(vectors, pairs)
        vectors.copy(OLD, W)
        vectors.copy(OLD + 1, G)
        step = lr if k else lr / np.sqrt(vectors.dot(G, G))
        vectors.axpy(W, -step, Q)
    while len(idle) < comm.size - 1 - shards:  # some still do what others have done before them
        _hear(comm, idle)
    for replica in idle:
        comm.Send(np.empty(0), dest=replica, tag=OVER)
    vectors.stop()
    return log


def _remember(vectors, pairs, slot):
    """Keep s = w - old w and y = g - old g in `slot`, unless they say nothing of the curvature."""
    s, y = slot, slot + 1
    if pairs and pairs[0][0] == slot:  # the oldest makes room
        pairs.popleft()
    for target, new, old in ((s, W, OLD), (y, G, OLD + 1)):
        vectors.copy(target, new)
        vectors.axpy(target, -1.0, old)
    curvature = vectors.dot(s, y)
    if curvature > 0:
        pairs.append((slot, 1 / curvature))


def _direction(vectors, pairs):
    """Set Q to the inverse Hessian, as the pairs know it, times G."""
    vectors.copy(Q, G)
    weights = []
    for slot, rho in reversed(pairs):
        weights.append(rho * vectors.dot(slot, Q))
        vectors.axpy(Q, -weights[-1], slot + 1)
    if pairs:
        slot, rho = pairs[-1]
        vectors.scale(Q, 1 / rho / vectors.dot(slot + 1, slot + 1))
    for (slot, rho), weight in zip(pairs, reversed(weights), strict=True):
        vectors.axpy(Q, weight - rho * vectors.dot(slot + 1, Q), slot)


def _gradient(comm, m, portion, idle, shards, batch):
    """Hand out the portions of one batch until each has been done once."""
    queue = deque(range(-(-m // portion)))
    losses: dict[int, float | None] = dict.fromkeys(queue)
    outstanding: deque[int] = deque()  # in the order in which they were given out
    doubled, first = 0, [0] * (comm.size - 1 - shards)
    while None in losses.values():
        while idle and (queue or outstanding):
            if queue:
                one = queue.popleft()
            else:
                one = outstanding.popleft()
                doubled += 1
            outstanding.append(one)
            comm.Send(np.array([batch, one], float), dest=idle.popleft(), tag=PORTION)
        replica, of, one, loss = _hear(comm, idle)
        if of == batch and losses[one] is None:
            losses[one] = loss
            outstanding.remove(one)
            first[replica - shards - 1] += 1
    loss = sum(part for part in losses.values() if part is not None)
    return Batch(loss, first, doubled)


def _hear(comm, idle):
    """Wait for a replica that is done; return (it, batch, portion, loss): it is idle now."""
    told, status = np.empty(3), Status()
    comm.Recv(told, source=ANY_SOURCE, tag=DONE, status=status)
    idle.append(status.Get_source())
    return idle[-1], int(told[0]), int(told[1]), told[2]


# ------------------------------------------------------------------ shards


def _hold(comm, weights, memory):
    """Hold a slice of every vector; do what the coordinator commands and replicas ask."""
    n = weights.size
    vectors = np.zeros((PAIRS + 2 * memory, n))
    vectors[W] = weights
    inbox, status = np.empty(max(3, 2 + n)), Status()
    batch, taken = -1, set()
    while True:
        comm.Recv(inbox, source=ANY_SOURCE, tag=ANY_TAG, status=status)
        tag, asker = status.Get_tag(), status.Get_source()
        if tag == FETCH:
            comm.Send(vectors[W], dest=asker, tag=FETCH)
        elif tag == PUSH:
            if inbox[0] == batch and inbox[1] not in taken:
                taken.add(inbox[1])
                vectors[G] += inbox[2 : 2 + n]
            # Only now may the replica say that it is done, and the coordinator use the gradient.
            comm.Send(np.empty(0), dest=asker, tag=TAKEN)
        elif tag == ZERO:
            batch, taken = inbox[1], set()
            vectors[int(inbox[0])] = 0
            comm.Send(np.zeros(1), dest=0, tag=RESULT)
        elif tag == STOP:
            return vectors[W]
        else:
            _arithmetic(comm, vectors, tag, inbox)


def _arithmetic(comm, vectors, tag, numbers):
    target = vectors[int(numbers[0])]
    if tag == DOT:
        comm.Send(np.array([target @ vectors[int(numbers[1])]]), dest=0, tag=RESULT)
    elif tag == AXPY:
        target += numbers[1] * vectors[int(numbers[2])]
    elif tag == SCALE:
        target *= numbers[1]
    elif tag == COPY:
        target[:] = vectors[int(numbers[1])]


# ---------------------------------------------------------------- replicas


def _replicate(comm, model, x, y, portion, slices, seconds):
    """Do portions until there are no more."""
    order, status, at = np.empty(2), Status(), -1
    number = comm.rank - len(slices) - 1
    while True:
        comm.Recv(order, source=0, tag=ANY_TAG, status=status)
        if status.Get_tag() == OVER:
            return
        batch, one = map(int, order)
        if batch != at:
            at = batch
            _fetch(comm, model, slices)
        some = slice(one * portion, (one + 1) * portion)
        share = len(x[some]) / len(x)
        loss = share * model.loss_and_grad(x[some], y[some], share)
        work(comm, seconds=0.0 if seconds is None else seconds(number, one))
        for shard, part in enumerate(slices, start=1):
            comm.Send(np.concatenate([order, model.grads[part]]), dest=shard, tag=PUSH)
            comm.Recv(np.empty(0), source=shard, tag=TAKEN)
        comm.Send(np.array([batch, one, loss], float), dest=0, tag=DONE)


def _fetch(comm, model, slices):
    for shard, part in enumerate(slices, start=1):
        comm.Send(np.empty(0), dest=shard, tag=FETCH)
        comm.Recv(model.params[part], source=shard, tag=FETCH)
