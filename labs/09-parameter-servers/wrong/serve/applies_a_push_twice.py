"""Subtracts a push that comes again, and counts it once."""

import math

import numpy as np

from dlpar.world import ANY_SOURCE, ANY_TAG, Status

CAUGHT = r"2 pushes come twice|3 pushes come twice"
PUSH, PULL, REPLY, DONE = 1, 2, 3, 4


def serve(comm, weights, workers, staleness):
    w, status = weights.copy(), Status()
    inbox = np.empty(1 + w.size)
    clock = dict.fromkeys(workers, 0)  # gradients applied, of each worker still at work
    waiting = []  # (worker, its clock): pulls that are not answered yet
    while clock:
        comm.Recv(inbox, source=ANY_SOURCE, tag=ANY_TAG, status=status)
        worker, tag, c = status.Get_source(), status.Get_tag(), inbox[0]
        if tag == PULL:
            waiting.append((worker, c))
        elif tag == DONE:
            del clock[worker]
        elif c > clock[worker]:
            raise ValueError(f"worker {worker} pushed {c:g} where {clock[worker]} was due")
        else:
            w -= inbox[1:]
            clock[worker] = max(clock[worker], int(c) + 1)
        oldest = min(clock.values(), default=math.inf)
        for pull in [pull for pull in waiting if pull[1] - oldest <= staleness]:
            comm.Send(w, dest=pull[0], tag=REPLY)
            waiting.remove(pull)
    return w
