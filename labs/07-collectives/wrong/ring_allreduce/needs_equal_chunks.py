"""Gathers with MPI's rule that all chunks have one size: fails where p does not divide n."""

from dlpar.collectives import ring_allgather, ring_reduce_scatter

CAUGHT = r"p=3, n=7: your code raised"


def ring_allreduce(x, comm):
    return ring_allgather(ring_reduce_scatter(x, comm), comm)
