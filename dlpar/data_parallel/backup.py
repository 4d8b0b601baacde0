"""Backup workers: N + b start each step, the first N decide it, and nobody waits for the rest."""

import numpy as np

from dlpar.optim import SGD
from dlpar.world import ANY_SOURCE, ANY_TAG, Status, work

GRADIENT, WEIGHTS, DONE = 1, 2, 3  # tags


def descend_with_backups(
    model, x, y, b, updates, lr, comm, rng, backups=0, seconds=None, optimizer=None
):
    """Train with rank 0 as the server and all others as workers; a step may miss `backups` of them.

    Every worker draws batches of `b` examples of its own; update t is the mean of the first
    p - 1 - backups gradients taken at the weights of step t. What comes later is thrown away, and
    its worker goes on with the newest weights.

    Parameters
    ----------
    model : equal on all ranks; rank 0's ends trained.  x, y : (m, ...) on every rank.
    updates : how many.  lr : learning rate, or a schedule.
    rng : this rank's own Generator.  backups : 0 .. p - 2.
    seconds : function of (rank, step) -> s that a gradient takes in simulation, or None for 6
        operations a parameter and example.  optimizer : rank 0's; plain SGD if None.

    Returns on rank 0 how many gradients of each rank counted, (p,) int; on workers None.

    Raises ValueError, before any message, if `backups` leaves no worker to wait for.
    Source: Chen et al., Revisiting distributed synchronous SGD, arXiv:1604.00981 (2016).
    """
    if not 0 <= backups <= comm.size - 2:
        raise ValueError(f"backups must be 0 .. {comm.size - 2} for {comm.size} ranks: {backups!r}")
    if comm.rank:
        return _compute(model, x, y, b, comm, rng, seconds)
    optimizer = SGD(model.params) if optimizer is None else optimizer
    return _decide(model, updates, lr, comm, comm.size - 1 - backups, optimizer)


def _decide(model, updates, lr, comm, needed, optimizer):
    """Rank 0: publish the weights of each step, and take the first `needed` of its gradients."""
    inbox, status = np.empty(1 + model.params.size), Status()  # step, gradient
    counted = np.zeros(comm.size, int)
    under_way = []  # a slow worker may still be at weights that were sent steps ago
    for t in range(updates):
        under_way += _publish(np.append(t, model.params), comm, WEIGHTS)
        total, came = np.zeros_like(model.params), 0
        while came < needed:
            comm.Recv(inbox, source=ANY_SOURCE, tag=GRADIENT, status=status)
            if inbox[0] == t:
                total += inbox[1:]
                counted[status.Get_source()] += 1
                came += 1
        optimizer.step(total / needed, lr(t) if callable(lr) else lr)
    under_way += _publish(np.append(updates, model.params), comm, DONE)
    at_work = comm.size - 1
    while at_work:  # a worker's last word follows its last gradient
        comm.Recv(inbox, source=ANY_SOURCE, tag=ANY_TAG, status=status)
        at_work -= status.Get_tag() == DONE
    for request in under_way:
        request.Wait()
    return counted


def _publish(message, comm, tag):
    """Start to send `message`, which nobody will change, to all workers; return the requests."""
    return [comm.Isend(message, dest=worker, tag=tag) for worker in range(1, comm.size)]


def _compute(model, x, y, b, comm, rng, seconds):
    """Take the newest weights, send a gradient at them, until the server is done."""
    inbox, status = np.empty(1 + model.params.size), Status()
    while True:
        comm.Recv(inbox, source=0, tag=ANY_TAG, status=status)
        while status.Get_tag() != DONE and comm.Iprobe(source=0, tag=ANY_TAG):
            comm.Recv(inbox, source=0, tag=ANY_TAG, status=status)  # older ones are of no use
        if status.Get_tag() == DONE:
            comm.Send(inbox[:1], dest=0, tag=DONE)
            return
        model.params[:] = inbox[1:]
        some = rng.choice(len(x), b, replace=False)
        model.loss_and_grad(x[some], y[some])
        if seconds is None:
            work(comm, flops=6 * b * model.params.size)
        else:
            work(comm, seconds=seconds(comm.rank, int(inbox[0])))
        inbox[1:] = model.grads
        comm.Send(inbox, dest=0, tag=GRADIENT)
