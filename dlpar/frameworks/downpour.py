"""DistBelief's Downpour SGD: replicas that never wait for each other, and servers with Adagrad.

Source: Dean et al., Large scale distributed deep networks, NIPS 2012, section 4.1, algorithm 7.1.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from dlpar.optim import Adagrad
from dlpar.parameter_server import Client, Served, even_shards, serve
from dlpar.parameter_server.shards import gather_shard, shard_size
from dlpar.world import work

GO = 9  # tag: the warm start is over


class Replica(NamedTuple):
    """What a replica brings home."""

    losses: list[float]
    reads: list[Any]


def downpour(
    model,
    local,
    steps,
    lr,
    comm,
    rng,
    servers=1,
    fetch=1,
    push=1,
    warm_steps=0,
    optimizer=Adagrad,
    seconds=None,
):
    """Train with ranks 0 .. servers - 1 as parameter servers and the others as model replicas.

    Parameters
    ----------
    model : equal on all ranks.
    local : function (rng) -> (x, y): a mini-batch of this replica's own data.
    steps : mini-batches of each replica.  lr : of servers and replicas.
    fetch, push : a replica pulls the weights every `fetch` steps, and pushes the gradients that it
        has added up every `push`; in between it moves its own copy by lr * gradient.
    warm_steps : steps that the first replica does alone before the others start.
    optimizer : of the servers.
    seconds : function of (replica 0, 1, ..., step) -> s in simulation, or None for no time at all.

    Returns on a server `Served`, on a replica `Replica`.
    Raises ValueError before any message.
    """
    p = comm.size
    if not 1 <= servers < p:
        raise ValueError(f"servers must be 1 .. {p - 1} of {p} ranks, got {servers!r}")
    if min(fetch, push) < 1 or warm_steps > steps:
        raise ValueError(f"fetch and push must be at least 1, warm_steps at most {steps}")
    shards = even_shards(model.params.size, servers)
    replicas = range(servers, p)
    if comm.rank < servers:
        weights = np.empty(shard_size(shards[comm.rank]), model.params.dtype)
        gather_shard(model.params, shards[comm.rank], weights)
        rule = optimizer(weights)
        return Served(weights, serve(comm, weights, replicas, math.inf, lambda g: rule.step(g, lr)))
    client = Client(comm, shards, replicas, model.params.dtype)
    first = comm.rank == servers
    if warm_steps and not first:
        comm.Recv(np.empty(0), source=servers, tag=GO)
    losses, accrued = [], np.zeros_like(model.grads)
    for step in range(steps):
        if warm_steps and first and step == warm_steps:
            _let_go(comm, replicas)
        if step % fetch == 0:
            client.pull(model.params)
        losses.append(model.loss_and_grad(*local(rng)))
        work(comm, seconds=0.0 if seconds is None else seconds(comm.rank - servers, step))
        accrued += model.grads
        model.params -= lr * model.grads
        if step % push == push - 1 or step == steps - 1:
            client.push(accrued)
            accrued[:] = 0
    if warm_steps == steps and first:
        _let_go(comm, replicas)
    client.done()
    return Replica(losses, client.reads)


def _let_go(comm, replicas):
    for replica in replicas[1:]:
        comm.Send(np.empty(0), dest=replica, tag=GO)
