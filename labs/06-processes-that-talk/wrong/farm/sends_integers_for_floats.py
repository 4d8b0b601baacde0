"""Sends the number of a task as an integer; the worker reads the same bytes as a float."""

import numpy as np

from dlpar.world import ANY_SOURCE, Status

CAUGHT = r"p=3, 6 tasks: solve\(5e-324\) was called; the tasks are 0 to 5"
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
            comm.Send(np.array([solve(number[0])]), dest=0)
    results, doing, given = np.empty(n), [None] * p, 0
    for worker in range(1, min(p, n + 1)):
        comm.Send(np.array([given]), dest=worker, tag=TASK)
        doing[worker], given = given, given + 1
    for _ in range(n):
        comm.Recv(number, source=ANY_SOURCE, status=status)
        worker = status.Get_source()
        results[doing[worker]] = number[0]
        if given < n:
            comm.Send(np.array([given]), dest=worker, tag=TASK)
            doing[worker], given = given, given + 1
    for worker in range(1, p):
        comm.Send(number, dest=worker, tag=DONE)
    return results
