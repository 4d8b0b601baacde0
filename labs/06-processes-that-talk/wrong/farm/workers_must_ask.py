"""A worker asks, gets a task, and reports: three messages where two suffice."""

import numpy as np

from dlpar.world import ANY_SOURCE, Status

CAUGHT = r"p=3, 6 tasks: \d+ messages were sent, par is 14"
ASK, TASK, RESULT, DONE = 1, 2, 3, 4


def farm(n, comm, solve):
    p, status, number = comm.size, Status(), np.empty(1)
    if p == 1:
        return np.array([solve(i) for i in range(n)])
    if comm.rank > 0:
        while True:
            comm.Send(number, dest=0, tag=ASK)
            comm.Recv(number, source=0, status=status)
            if status.Get_tag() == DONE:
                return None
            comm.Send(np.array([number[0], solve(int(number[0]))]), dest=0, tag=RESULT)
    results, pair, given, gone = np.empty(n), np.empty(2), 0, 0
    while gone < p - 1:
        comm.Recv(pair, source=ANY_SOURCE, status=status)
        worker = status.Get_source()
        if status.Get_tag() == RESULT:
            results[int(pair[0])] = pair[1]
        elif given < n:
            comm.Send(np.array([float(given)]), dest=worker, tag=TASK)
            given += 1
        else:
            comm.Send(number, dest=worker, tag=DONE)
            gone += 1
    return results
