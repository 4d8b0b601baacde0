"""The first snapshot is the array that was given, and it is changed in place."""

import numpy as np

from dlpar.collectives import ring_allreduce
from dlpar.world import MIN, MPIError

CAUGHT = r"returned|work on a copy"


def survive(comm, w, steps, gradient):
    t, kept = 0, {0: w}  # kept: the last two weights, by step
    while True:
        done = 0
        try:
            oldest = np.array([t])
            comm.Allreduce(oldest.copy(), oldest, op=MIN)
            t = int(oldest[0])
            while t < steps:
                total = ring_allreduce(gradient(kept[t], t, comm.rank, comm.size), comm)
                old = kept[t].copy()
                kept[t] -= total
                kept = {t: old, t + 1: kept[t]}
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
