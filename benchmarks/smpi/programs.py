"""The same messages in Python as the C programs beside this file: `program(comm, n, rounds)`."""

import numpy as np

from dlpar.collectives import pairwise_alltoall, ring_allreduce, tree_allreduce


def ring(comm, n, rounds):
    for _ in range(rounds):
        ring_allreduce(np.zeros(n), comm)


def tree(comm, n, rounds):
    for _ in range(rounds):
        tree_allreduce(np.zeros(n), comm)


def alltoall(comm, n, rounds):
    for _ in range(rounds):
        pairwise_alltoall(np.zeros(n), comm)


def incast(comm, n, rounds):
    others = range(1, comm.size)
    inboxes = [np.empty(n) for _ in others] if comm.rank == 0 else []
    for _ in range(rounds):
        if comm.rank:
            comm.Send(np.zeros((len(others) + comm.rank) * n // (2 * len(others))), 0)
        else:
            for request in [comm.Irecv(inboxes[q - 1], q) for q in others]:
                request.Wait()


def crossing(comm, n, rounds):
    part = np.zeros(n // 2 if comm.rank % 2 else n)
    for _ in range(rounds):
        if comm.rank < 2:
            comm.Send(part, comm.rank + 2)
        else:
            comm.Recv(part, comm.rank - 2)


def shift(comm, n, rounds, distance):
    mine, theirs = np.zeros(n), np.empty(n)
    up, down = (comm.rank + distance) % comm.size, (comm.rank - distance) % comm.size
    for _ in range(rounds):
        comm.Sendrecv(mine, up, 0, theirs, down, 0)
