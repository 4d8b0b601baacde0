"""Elastic averaging: workers on a rubber band to a centre, which they pull after them.

Source: Zhang, Choromanska & LeCun, NIPS 2015: algorithm 1 (asynchronous) and equations 2 to 4.
"""

import numpy as np

from dlpar.collectives import ring_allreduce
from dlpar.world import ANY_SOURCE, ANY_TAG, Status

ELASTIC, DONE = 1, 2  # tags


def elastic_rounds(params, step, rounds, comm, alpha, exchange=ring_allreduce):
    """Synchronous EASGD; return the centre, (d,), the same bits on all ranks.

    params : (d,), this rank's x; all ranks start from the same, which is the centre's start too.
        Changed in place.
    step : function (params, round) that moves params by the rank's own learning; with momentum in
        it this is EAMSGD.
    alpha : 0 .. 1, how far x goes to the centre in a round; p * alpha above 1 overshoots.

    A round: x <- x - alpha (x - c) and c <- c + alpha * sum over ranks of (x - c), both with the
    old x and c, so that sum(x) + c stays what it was; then the step.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must lie in 0 .. 1, got {alpha!r}")
    centre = params.copy()
    for k in range(rounds):
        pull = alpha * (params - centre)
        params -= pull
        centre += exchange(pull, comm)
        step(params, k)
    return centre


def hold_centre(centre, comm, alpha):
    """Asynchronous EASGD, rank 0's part: hold the centre until all others are done.

    centre : (d,), changed in place.  alpha : as of `elastic_rounds`, for one worker.

    Whoever comes with its x gets d = alpha (x - c) back and takes it off; c gets it added: the
    force is the same at both ends of the band, and x + c stays what it was.
    Returns how many exchanges there were.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must lie in 0 .. 1, got {alpha!r}")
    x, status, exchanges = np.empty_like(centre), Status(), 0
    at_work = comm.size - 1
    while at_work:
        comm.Recv(x, source=ANY_SOURCE, tag=ANY_TAG, status=status)
        if status.Get_tag() == DONE:
            at_work -= 1
            continue
        pull = alpha * (x - centre)
        centre += pull
        exchanges += 1
        comm.Send(pull, dest=status.Get_source(), tag=ELASTIC)
    return exchanges


def elastic_worker(params, step, steps, tau, comm):
    """Asynchronous EASGD, the others' part: `steps` steps, an exchange before each tau-th.

    params : (d,), changed in place.  step : function (params, number of the step).
    Cost: 2 messages of d elements every tau steps.
    """
    if tau < 1:
        raise ValueError(f"tau must be at least 1, got {tau!r}")
    pull = np.empty_like(params)
    for t in range(steps):
        if t % tau == 0:
            comm.Send(params, dest=0, tag=ELASTIC)
            comm.Recv(pull, source=0, tag=ELASTIC)
            params -= pull
        step(params, t)
    comm.Send(params[:0], dest=0, tag=DONE)
