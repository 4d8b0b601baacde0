"""Synchronous data parallelism: every rank its share of the batch, and all the same update."""

import zlib
from itertools import islice, repeat

import numpy as np

from dlpar.collectives import ring_allreduce, tree_broadcast
from dlpar.optim import SGD, batches
from dlpar.world import MAX, MIN, work


def descend_together(
    model, x, y, b, updates, lr, comm, rng, exchange=ring_allreduce, optimizer=None, micro=None
):
    """Train every rank's replica of `model` on its shares of each batch, as one machine would.

    Parameters
    ----------
    model : this rank's replica, equal on all ranks (`broadcast_params`). Changed in place.
    x, y : (m, ...) all examples and targets, on every rank; it looks at its shares only.
    b : examples of the whole batch, over all ranks; where p does not divide it shares differ by 1.
    updates : how many.  lr : learning rate, or a schedule.
    comm : communicator.  rng : Generator in the same state on all ranks, or None for no shuffle.
    exchange : exchanger: function (grads, comm) -> the sum of all ranks' grads, (d,). Any allreduce
        is one. If it has `ready(part)`, backward calls it when grads[part] is final.
    optimizer : made for `model.params`; plain SGD if None.
    micro : examples of one pass, or None for the whole share: gradient accumulation, for shares
        whose activations have no room.

    Yields
    ------
    float after each update: this rank's part of the batch's loss. The parts' sum is the mean loss.

    A gradient goes into the exchange weighted by its rank's share of the batch, so that the sum is
    the batch's mean gradient also where shares differ, and no exchanger has to know of it.
    In simulation the passes take declared time: 2 operations a parameter and example forward, 4
    backward, as dense layers need.
    """
    optimizer = SGD(model.params) if optimizer is None else optimizer
    rate = lr if callable(lr) else lambda t: lr
    epochs = (batches(len(x), b, rng) for _ in repeat(None))
    for t, batch in enumerate(islice((i for epoch in epochs for i in epoch), updates)):
        mine = np.array_split(batch, comm.size)[comm.rank]
        loss = _backward(
            model, x, y, mine, len(batch), micro, comm, getattr(exchange, "ready", None)
        )
        optimizer.step(exchange(model.grads, comm), rate(t))
        yield loss


def _backward(model, x, y, mine, b, micro, comm, ready):
    """Set model.grads to this rank's part of the batch's gradient; return its part of the loss."""
    passes = [mine] if micro is None else np.split(mine, range(micro, len(mine), micro))
    loss, total = 0.0, np.zeros_like(model.grads)
    for i, some in enumerate(passes):
        last = i == len(passes) - 1
        work(comm, flops=2 * len(some) * model.params.size)

        def done(part, some=some, last=last):
            work(comm, flops=4 * len(some) * (part.stop - part.start))
            if len(passes) > 1:
                total[part] += model.grads[part]
                model.grads[part] = total[part]
            if last and ready is not None:
                ready(part)

        if len(some):
            weight = len(some) / b
            loss += weight * model.loss_and_grad(x[some], y[some], weight, done)
        else:  # fewer examples than ranks
            model.grads[:] = 0
            for part in reversed(model.parts):
                done(part)
    return loss


def broadcast_params(model, comm):
    """Give every rank's `model` the parameters of rank 0's.

    Cost: that of `tree_broadcast`. Without it replicas differ from the start, and stay different.
    """
    model.params[:] = tree_broadcast(model.params, comm)


def checksum(x):
    """Return the CRC-32 of the bits of `x`: no single flip leaves it, other changes 1 in 2^32."""
    return zlib.crc32(np.ascontiguousarray(x).reshape(-1).view(np.uint8).data)


def replicas_agree(params, comm):
    """Tell whether all ranks hold the same bits in `params`: two Allreduces of 8 bytes."""
    check = checksum(params)
    low, high = np.array([check]), np.array([check])
    comm.Allreduce(low.copy(), low, op=MIN)
    comm.Allreduce(high.copy(), high, op=MAX)
    return bool(low[0] == high[0])
