"""Crosses to rank p-1-r, which holds another chunk."""

import numpy as np

from dlpar.collectives import ring_allgather, ring_reduce_scatter
from dlpar.collectives.group import Group

CAUGHT = r"n=6: rank 0 returned"


def two_racks(x, comm):
    p, r = comm.size, comm.rank
    g = p // 2
    first = r - r % g
    rack = Group(comm, range(first, first + g))
    mine = ring_reduce_scatter(x, rack)
    theirs, twin = np.empty_like(mine), p - 1 - r
    comm.Sendrecv(mine, dest=twin, recvbuf=theirs, source=twin)
    return ring_allgather(mine + theirs, rack, x.size)
