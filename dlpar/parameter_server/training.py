"""A whole training run on a parameter server: some ranks serve, the others learn."""

from typing import Any, NamedTuple

import numpy as np

from dlpar.optim import SGD, batches
from dlpar.parameter_server.client import Client
from dlpar.parameter_server.server import serve
from dlpar.parameter_server.shards import even_shards, gather_shard, shard_size, spread_shard
from dlpar.world import work


class Worked(NamedTuple):
    """What a worker brings home."""

    losses: list[float]  # of its own batches, before each push
    reads: list[Any]  # Reads of all servers


class Served(NamedTuple):
    """What a server brings home."""

    weights: np.ndarray  # (n,) its shard at the end
    history: list[Any]  # Applied


def train_on_servers(
    model,
    x,
    y,
    b,
    clocks,
    lr,
    comm,
    rng,
    servers=1,
    staleness=0,
    optimizer=SGD,
    shards=None,
    seconds=None,
):
    """Train with ranks 0 .. servers - 1 as parameter servers and the others as workers.

    Parameters
    ----------
    model : equal on all ranks; a worker's is overwritten by every pull.
    x, y : (m, ...) all examples, on every worker.
    b : examples of one clock over all workers: each takes its share, weighted by its size, so that
        the gradients of one clock add up to the mean over b. Fewer than workers: ValueError.
    clocks : how many gradients each worker pushes.  lr : the servers' learning rate.
    rng : Generator in the same state on all workers.
    servers : 1 .. p - 1.  staleness : as of `serve`.
    optimizer : class or function that makes a server's optimiser for its weights.
    shards : slices of each server, or None for even ranges.
    seconds : function of (worker 0, 1, ..., clock) -> s that a gradient takes in simulation, or
        None for 6 operations a parameter and example.

    Returns on a server `Served`, on a worker `Worked`. `assemble` puts the shards together.
    Raises ValueError before any message.
    """
    p = comm.size
    if not 1 <= servers < p:
        raise ValueError(f"servers must be 1 .. {p - 1} of {p} ranks, got {servers!r}")
    if not p - servers <= b:
        raise ValueError(f"b must be at least {p - servers}, one a worker, got {b!r}")
    shards = even_shards(model.params.size, servers) if shards is None else shards
    workers = range(servers, p)
    if comm.rank < servers:
        weights = np.empty(shard_size(shards[comm.rank]), model.params.dtype)
        gather_shard(model.params, shards[comm.rank], weights)
        rule = optimizer(weights)
        history = serve(comm, weights, workers, staleness, lambda g: rule.step(g, lr))
        return Served(weights, history)
    client = Client(comm, shards, workers, model.params.dtype)
    share = comm.rank - servers, len(workers)
    losses = learn(client, model, x, y, b, clocks, rng, share, seconds)
    client.done()
    return Worked(losses, client.reads)


def learn(client, model, x, y, b, clocks, rng, share, seconds=None):
    """Pull, compute and push until the client's clock is `clocks`; return the losses.

    share : (number of this worker 0, 1, ..., how many they are).
    The other arguments are those of `train_on_servers`. A client whose clock is not 0 goes on from
    there: the batches of the clocks before are drawn, and passed over.
    """
    number, workers = share
    losses = []
    for clock, batch in zip(range(clocks), _endless(len(x), b, rng), strict=False):
        if clock < client.clock:
            continue
        client.pull(model.params)
        mine = np.array_split(batch, workers)[number]
        losses.append(model.loss_and_grad(x[mine], y[mine], len(mine) / len(batch)))
        if seconds is None:
            work(client.comm, flops=6 * len(mine) * model.params.size)
        else:
            work(client.comm, seconds=seconds(number, clock))
        client.push(model.grads)
    return losses


def assemble(results, servers, params, shards=None):
    """Return the vector (d,) of the servers' final shards; `params` gives its size and dtype."""
    shards = even_shards(params.size, servers) if shards is None else shards
    whole = np.empty_like(params)
    for k in range(servers):
        spread_shard(results[k].weights, shards[k], whole)
    return whole


def _endless(m, b, rng):
    """Yield batches of b of m examples, epoch after epoch; a remainder of an epoch is dropped."""
    while True:
        for batch in batches(m, b, rng):
            if len(batch) == min(b, m):
                yield batch


def servers_seconds(nbytes, workers, servers, network):
    """Return the time of one synchronous pull and push, in s, while nobody computes.

    Either bytes bind: each server's link carries nbytes / servers to each worker (but no worker
    takes more than its own link), and when the last worker has its weights, it pushes nbytes while
    the others have pushed before. Or messages do, at `network.overhead` each: a server answers all
    workers one after another, or a worker asks all servers; and then the last pushes to all.
    Few servers make the first long, many the second.
    """
    carried = (max(workers / servers, 1) + 1) * nbytes * network.beta
    talked = (max(workers, servers) + servers) * network.overhead
    return max(carried + 2 * network.overhead, talked) + 2 * network.alpha


def best_servers(nbytes, workers, network):
    """Return the number of servers, 1 .. workers, for which `servers_seconds` is least."""
    counts = range(1, workers + 1)
    return min(counts, key=lambda s: (servers_seconds(nbytes, workers, s, network), s))
