"""The systems of the fault matrix: each does three rounds and knows what is right.

A program returns (the value of its last round, the ranks whose contributions are in). Rank VICTIM
comes late to round 2, so the others are blocked in their calls when the fault strikes it there.
"""

from itertools import count

import numpy as np

from dlpar.collectives import ring_allreduce, tree_allreduce
from dlpar.data_parallel import descend_together
from dlpar.nn import Linear, Model
from dlpar.optim import SGD
from dlpar.parameter_server import (
    Client,
    Patience,
    ReliableClient,
    ReliableShard,
    even_shards,
    serve,
    serve_reliably,
)
from dlpar.resilience.guard import Guarded, Outliving, guarded
from dlpar.resilience.recovery import agreed, descend_through_failures, is_death
from dlpar.world import MPIError, pause

RANKS, ROUNDS, VICTIM, N = 4, 3, 2, 10
LATE = 0.05  # s
PATIENCE = Patience(seconds=0.05, tries=8, limit=1.0)


def contribution(rank, k):
    """Return what a rank brings to round k: whole numbers, so that sums are exact."""
    return np.arange(N) * 4.0**rank + k


def plain_rounds(comm, allreduce):
    """Add up in each round, on MPI's promise."""
    for k in range(ROUNDS):
        _late(comm, k)
        total = allreduce(contribution(comm.rank, k), comm)
    return total, tuple(range(comm.size))


def guarded_rounds(comm, allreduce):
    """Add up in each round, guarded, and after a death once more among those that live."""
    me, members = comm.rank, tuple(range(comm.size))
    guard, k = Guarded(comm), 0
    while k < ROUNDS:
        _late(comm, k)
        try:
            total, fine = allreduce(contribution(me, k), guard), True
        except MPIError as error:
            if not is_death(error):
                raise
            comm.Revoke()
            fine = False
        if agreed(comm, fine):
            k += 1
            continue
        comm = comm.Shrink()
        guard, told = Guarded(comm), np.empty(comm.size, np.int64)
        comm.Allgather(np.array([me]), told)
        members = tuple(told.tolist())
    return total, members


def plain_server(comm):
    """Three clocks on one server; a worker returns its last pull."""
    weights = np.zeros(N)
    if comm.rank == 0:
        serve(comm, weights, range(1, comm.size), 0, _adding(comm, weights))
        return None
    return _push_rounds(Client(comm, even_shards(N, 1), range(1, comm.size), float))


def guarded_server(comm):
    """Three clocks on a server with a replica, which both ask again until they are answered."""
    weights, chain, workers = np.zeros(N), [0, 1], range(2, comm.size)
    comm = Outliving(comm)
    if comm.rank in chain:
        shard = ReliableShard(weights, workers, 0, _adding(comm, weights))
        serve_reliably(comm, shard, PATIENCE, chain)
        return None
    shards = even_shards(N, 1)
    return _push_rounds(ReliableClient(comm, shards, workers, float, PATIENCE, [chain]))


def _adding(comm, weights):
    """Return a server's update: add the gradient; the head is late with the first."""

    def update(gradient):
        if comm.rank == 0 and not weights.any():
            pause(comm, LATE)
        weights[:] += gradient

    return update


def _push_rounds(client):
    got = np.empty(N)
    for k in range(ROUNDS):
        client.pull(got)
        client.push(contribution(client.comm.rank, k))
    client.pull(got)
    client.done()
    return got, tuple(client.workers)


def plain_training(comm):
    """Train together, on MPI's promise."""
    model, x, y = _task()

    for _ in descend_together(
        model, x, y, 6, ROUNDS, 0.1, comm, None, _late_exchange(ring_allreduce)
    ):
        pass
    return model.params, (comm.size,), 0


def guarded_training(comm, workers=None):
    """Train together, guarded, and go on without the dead."""
    model, x, y = _task()
    exchange, rule = _late_exchange(guarded(ring_allreduce)), SGD(model.params)
    told = descend_through_failures(
        model, x, y, 6, ROUNDS, 0.1, comm, 7, workers, 1, exchange, rule
    )
    last = told.regroups[-1]
    return model.params, tuple(len(r.members) for r in told.regroups), last.step


def _late_exchange(exchange):
    """Return `exchange`, to the second call of which the victim comes late."""
    calls = count()

    def late_exchange(grads, comm):
        _late(comm, next(calls))
        return exchange(grads, comm)

    return late_exchange


def _task():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(6, 2)), rng.integers(0, 2, 6)
    return Model([Linear(2, 2, rng)], dtype=float), x, y


def _late(comm, k):
    if k == 1 and comm.rank == VICTIM:
        pause(comm, LATE)


def plain_ring(comm):
    """Add up round a ring."""
    return plain_rounds(comm, ring_allreduce)


def guarded_ring(comm):
    """Add up round a ring, guarded."""
    return guarded_rounds(comm, ring_allreduce)


def plain_tree(comm):
    """Add up in a tree."""
    return plain_rounds(comm, tree_allreduce)


def guarded_tree(comm):
    """Add up in a tree, guarded."""
    return guarded_rounds(comm, tree_allreduce)


def right_sum(members):
    """Return the last round's sum over `members`."""
    return sum(contribution(rank, ROUNDS - 1) for rank in members)


def right_total(members):
    """Return what the server ends with if each of `members` has pushed each round once."""
    return sum(contribution(rank, k) for rank in members for k in range(ROUNDS))
