"""Moves x towards the sum by its difference: exact on whole numbers, another rounding per rank."""

from dlpar.collectives import ring_allgather, ring_reduce_scatter

CAUGHT = r"p=5, n=9, numbers whose sums round: rank \d's sum differs from rank 0's"


def ring_allreduce(x, comm):
    total = ring_allgather(ring_reduce_scatter(x, comm), comm, x.size)
    return x + (total - x)
