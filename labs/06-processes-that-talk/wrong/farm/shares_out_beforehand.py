"""Task i goes to worker i modulo p-1, however long the worker's queue is."""

import numpy as np

from dlpar.world import ANY_SOURCE, Status

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
    queues = [list(range(w, n, p - 1)) for w in range(p - 1)]
    for worker in range(1, p):
        if queues[worker - 1]:
            comm.Send(np.array([float(queues[worker - 1][0])]), dest=worker, tag=TASK)
    for _ in range(n):
        comm.Recv(number, source=ANY_SOURCE, status=status)
        worker = status.Get_source()
        mine = queues[worker - 1]
        results[mine.pop(0)] = number[0]
        if mine:
            comm.Send(np.array([float(mine[0])]), dest=worker, tag=TASK)
    for worker in range(1, p):
        comm.Send(number, dest=worker, tag=DONE)
    return results
