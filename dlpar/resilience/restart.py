"""Start again from the last checkpoint, with as many ranks as there are: elasticity by restarts.

What `torchrun` does: nobody survives a failure, everybody is started again, and the file says where
the training stood. It needs nothing of MPI, and costs a start and the steps since the checkpoint.
"""

from pathlib import Path
from typing import Any, NamedTuple

from dlpar.collectives import ring_allreduce
from dlpar.optim import SGD
from dlpar.resilience.checkpoint import pack_state, save_state, unpack_state
from dlpar.resilience.recovery import bcast_bytes, share_step


class Supervised(NamedTuple):
    """What came of a supervised training."""

    outcome: Any  # of the start that went through
    ranks: list[int]  # of each start
    failures: list[str]  # how each start but the last ended, in words


def supervise(start, ranks, restarts=3):
    """Call `start(ranks)` until it goes through, at most 1 + `restarts` times.

    start : function of a number of ranks, that calls `run` or `simulate` with a program that goes
        on from its checkpoint, as `descend_from_checkpoint` does.
    ranks : int; or a function of the number of the start, 0, 1, ..., of how many there are then.

    A start has failed if it raises RuntimeError (a dead rank, Deadlock, MPIError) or TimeoutError.
    The last one's error is raised again. Anything else is a fault of the program, and raised.
    """
    if restarts < 0:
        raise ValueError(f"restarts must be at least 0, got {restarts!r}")
    sizes, failures = [], []
    while True:
        sizes.append(ranks(len(sizes)) if callable(ranks) else ranks)
        try:
            return Supervised(start(sizes[-1]), sizes, failures)
        except (RuntimeError, TimeoutError) as error:
            if len(failures) == restarts:
                raise
            failures.append(f"{type(error).__name__}: {error}")


def descend_from_checkpoint(
    model, x, y, b, updates, lr, comm, seed, path, every=10, exchange=ring_allreduce, optimizer=None
):
    """Train synchronously, from the state in `path` if there is one; return the step it was of.

    Rank 0 reads the file, gives its bytes to all, and writes a new one every `every` steps and at
    the end. The arguments are those of `descend_through_failures`; ranks may be more or fewer than
    those that wrote it: the order of the examples depends on the seed and the step alone.

    Raises ValueError on all ranks, before any step, if the file is damaged or of another training.
    """
    if every < 1:
        raise ValueError(f"every must be at least 1, got {every!r}")
    optimizer = SGD(model.params) if optimizer is None else optimizer
    packed = None
    if comm.rank == 0:
        there = Path(path).exists()
        packed = Path(path).read_bytes() if there else pack_state(model.params, optimizer)
    packed = bcast_bytes(packed, comm, 0)
    first = unpack_state(packed, model.params, optimizer, name=str(path)).step
    for t in range(first, updates):
        share_step(model, x, y, b, lr, comm, seed, exchange, optimizer, None, t)
        if comm.rank == 0 and ((t + 1) % every == 0 or t + 1 == updates):
            save_state(path, model.params, optimizer, step=t + 1)
    return first
