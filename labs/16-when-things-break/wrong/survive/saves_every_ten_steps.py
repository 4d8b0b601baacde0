"""Keeps a snapshot every ten steps."""

import numpy as np

from dlpar.collectives import ring_allreduce
from dlpar.world import MIN, MPIError

CAUGHT = r"lost work"


def survive(comm, w, steps, gradient):
    t, kept = 0, {0: w.copy()}
    saved = kept
    first = True
    while True:
        done = 0
        try:
            oldest = np.array([min(saved) if t and not first else t])
            comm.Allreduce(oldest.copy(), oldest, op=MIN)
            t = int(oldest[0])
            kept, first = kept if t in kept else dict(saved), False
            while t < steps:
                total = ring_allreduce(gradient(kept[t], t, comm.rank, comm.size), comm)
                saved = kept if t % 10 == 0 else saved
                kept = {t + 1: kept[t] - total}
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
