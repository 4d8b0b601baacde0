"""Believes that all survivors have made the same steps."""

from dlpar.collectives import ring_allreduce
from dlpar.world import MPIError

CAUGHT = r"returned|deadlock|lost|collective calls|raised MPIError"


def survive(comm, w, steps, gradient):
    t, kept = 0, {0: w.copy()}  # kept: the last two weights, by step
    while True:
        done = 0
        try:
            while t < steps:
                total = ring_allreduce(gradient(kept[t], t, comm.rank, comm.size), comm)
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
