"""CNTK's parallel trainers: one network, one learner chosen by its name in the configuration.

Source: CNTK's documentation, "Multiple GPUs and machines"; block momentum, Chen & Huo, ICASSP 2016.
"""

import math
from collections.abc import Callable

import numpy as np

from dlpar.collectives import ring_allreduce
from dlpar.compress import OneBitExchange, columns_of
from dlpar.data_parallel import descend_together, local_steps, train_in_rounds
from dlpar.optim import SGD
from dlpar.parameter_server import train_on_servers

LEARNERS = ("DataParallelSGD", "ModelAveragingSGD", "BlockMomentumSGD", "DataParallelASGD")


def train(
    model,
    x,
    y,
    b,
    updates,
    lr,
    comm,
    rng,
    learner,
    period=8,
    momentum=None,
    bits=32,
    distributed_after=0,
):
    """Train on x, y, all examples on every rank, with the learner of that name.

    model : equal on all ranks, changed in place.
    b : examples of one update over all ranks.  updates : how many.
    period : updates between two averages, for the two learners that average models; divides
        `updates`.  momentum : of the block; 1 - 1/p if None.
    bits : of a gradient of DataParallelSGD: 1, Seide's exchange, or 32.
    distributed_after : examples before the first that is sent in 1 bit.
    rng : Generator in the same state on all ranks.

    What tells them apart on the wire, for n bytes of gradients and p ranks: DataParallelSGD
    exchanges n an update, or about n / 32 in 1 bit; the two that average n every `period` updates;
    DataParallelASGD pushes and pulls n an update and worker, and rank 0 serves.
    """
    if learner not in LEARNERS:
        raise ValueError(f"learner must be one of {', '.join(LEARNERS)}, got {learner!r}")
    if bits not in (1, 32):
        raise ValueError(f"bits must be 1 or 32, got {bits!r}")
    p = comm.size
    if learner == "DataParallelSGD":
        exchange: Callable = ring_allreduce
        if bits == 1:
            warm_up = math.ceil(distributed_after / b)
            column, order = columns_of(model)
            exchange = OneBitExchange(column, order, warm_up)
        list(descend_together(model, x, y, b, updates, lr, comm, rng, exchange))
        return
    if learner == "DataParallelASGD":
        train_on_servers(model, x, y, b, updates, lr, comm, rng, staleness=math.inf)
        return
    if updates % period:
        raise ValueError(f"period must divide the {updates} updates, got {period!r}")
    mine = np.array_split(rng.permutation(len(x)), p)[comm.rank]
    own = np.random.default_rng([int(rng.integers(2**32)), comm.rank])
    each = max(1, b // p)
    local = local_steps(model, SGD(model.params), x[mine], y[mine], each, period, lr, own)
    block = 0.0 if learner == "ModelAveragingSGD" else (1 - 1 / p if momentum is None else momentum)
    nesterov = learner == "BlockMomentumSGD"
    train_in_rounds(model.params, local, updates // period, comm, block, nesterov=nesterov)


def block_momentum(block_size, time_constant):
    """Return the momentum exp(-block_size / time_constant); both in examples.

    CNTK asks for the time constant: the number of examples after which a gradient's part in the
    momentum has fallen to 1/e, whatever the block size is.
    """
    if not (block_size >= 0 and time_constant > 0):
        raise ValueError(f"sizes must be above 0, got {block_size!r} and {time_constant!r}")
    return math.exp(-block_size / time_constant)
