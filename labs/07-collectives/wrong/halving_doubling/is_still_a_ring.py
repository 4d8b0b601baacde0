"""The ring of task 3: right, with as few bytes, in 2(p-1) steps."""

from dlpar.collectives import ring_allgather, ring_reduce_scatter

CAUGHT = r"p=4, n=8: rank 0 sent 6 messages, par is 4"


def halving_doubling(x, comm):
    return ring_allgather(ring_reduce_scatter(x, comm), comm, x.size)
