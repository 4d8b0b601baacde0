"""Divides by p, as gradient averaging will: the promise is the sum."""

from dlpar.collectives import ring_allgather, ring_reduce_scatter

CAUGHT = r"p=2, n=4: rank 0 returned"


def ring_allreduce(x, comm):
    total = ring_allgather(ring_reduce_scatter(x, comm), comm, x.size)
    return (total / comm.size).astype(x.dtype)
