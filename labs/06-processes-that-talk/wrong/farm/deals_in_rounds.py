"""Gives a task to each, waits for all, and deals again: all wait for the slowest."""

import numpy as np

from dlpar.world import Status

CAUGHT = r"p=3, 6 tasks: it took .* virtual time, par is|p=4, 11 tasks: it took"
TASK, DONE = 1, 2


def farm(n, comm, solve):
    p, status, number = comm.size, Status(), np.empty(1)
    if p == 1:
        return np.array([solve(i) for i in range(n)])
    if comm.rank > 0:
        while True:
            comm.Recv(number, source=0, status=status)
            if status.Get_tag() == DONE:
                return None
            comm.Send(np.array([solve(int(number[0]))]), dest=0)
    results = np.empty(n)
    for first in range(0, n, p - 1):
        tasks = range(first, min(first + p - 1, n))
        for worker, task in enumerate(tasks, 1):
            comm.Send(np.array([float(task)]), dest=worker, tag=TASK)
        for worker, task in enumerate(tasks, 1):
            comm.Recv(number, source=worker)
            results[task] = number[0]
    for worker in range(1, p):
        comm.Send(number, dest=worker, tag=DONE)
    return results
