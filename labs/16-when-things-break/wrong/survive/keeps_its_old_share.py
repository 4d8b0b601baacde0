"""Computes the share of its first rank: those of the dead are lost."""

import numpy as np

from dlpar.collectives import ring_allreduce
from dlpar.world import MIN, MPIError

CAUGHT = r"returned"


def survive(comm, w, steps, gradient):
    t, kept = 0, {0: w.copy()}  # kept: the last two weights, by step
    rank, size = comm.rank, comm.size
    while True:
        done = 0
        try:
            oldest = np.array([t])
            comm.Allreduce(oldest.copy(), oldest, op=MIN)
            t = int(oldest[0])
            while t < steps:
                total = ring_allreduce(gradient(kept[t], t, rank, size), comm)
                kept = {t: kept[t], t + 1: kept[t] - total}
                t += 1
            done = 1
        except MPIError:
            comm.Revoke()  # others may wait for this rank, which has left the sum
        agreed = None
        while agreed is None:
            comm.Ack_failed()
            try:
                agreed = comm.Agree(done)
            except MPIError:  # one more died: all hear it, and all ask again
                continue
        if agreed:
            return kept[t]
        comm = comm.Shrink()
