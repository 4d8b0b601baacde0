"""A farmer hands out tasks of unequal length to whoever is free, and collects the results."""

import numpy as np
from mpi4py import MPI

TASK, RESULT, STOP = 1, 2, 3
TASKS = 11


def solve(task):
    return float(np.sum(1.0 / np.arange(1, task + 2) ** 2))


def farmer(comm):
    results = np.zeros(TASKS)
    status, answer = MPI.Status(), np.empty(2)
    following, busy = 0, 0
    for worker in range(1, comm.Get_size()):
        if following < TASKS:
            comm.Send(np.array([following], "i"), dest=worker, tag=TASK)
            following, busy = following + 1, busy + 1
        else:
            comm.Send(np.array([-1], "i"), dest=worker, tag=STOP)
    while busy:
        comm.Recv(answer, source=MPI.ANY_SOURCE, tag=MPI.ANY_TAG, status=status)
        assert status.Get_tag() == RESULT
        results[int(answer[0])] = answer[1]
        tag, task = (TASK, following) if following < TASKS else (STOP, -1)
        comm.Send(np.array([task], "i"), dest=status.Get_source(), tag=tag)
        following, busy = following + 1, busy - (tag == STOP)
    return results


def worker(comm):
    status, task, done = MPI.Status(), np.empty(1, "i"), 0
    while True:
        comm.Probe(source=0, tag=MPI.ANY_TAG, status=status)
        comm.Recv([task, MPI.INT], source=0, tag=status.Get_tag())
        if status.Get_tag() == STOP:
            break
        request = comm.Isend(np.array([task[0], solve(task[0])]), dest=0, tag=RESULT)
        request.Wait()
        done += 1
    return done


def program(comm):
    if comm.Get_size() == 1:
        mine = np.array([solve(task) for task in range(TASKS)])
    else:
        mine = farmer(comm) if comm.Get_rank() == 0 else worker(comm)
    total = np.empty(1) if comm.Get_rank() == 0 else None
    done = 0.0 if comm.Get_rank() == 0 else float(mine)
    comm.Reduce(np.array([done]), total, op=MPI.SUM, root=0)
    return (mine, total[0]) if comm.Get_rank() == 0 else None  # who did how many is left open


def check(results):
    tasks, total = results[0]
    np.testing.assert_array_equal(tasks, [solve(task) for task in range(TASKS)])
    assert total == (TASKS if len(results) > 1 else 0)
