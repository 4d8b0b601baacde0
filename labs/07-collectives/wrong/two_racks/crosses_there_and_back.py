"""Rack 1 sends its chunks, rack 0 adds and sends the sums back: two crossings in turn."""

import numpy as np

from dlpar.collectives import ring_allgather, ring_reduce_scatter
from dlpar.collectives.group import Group

CAUGHT = r"two racks of 1, .*: it took|n=6: it took"


def two_racks(x, comm):
    p, r = comm.size, comm.rank
    g = p // 2
    first = r - r % g
    rack = Group(comm, range(first, first + g))
    mine = ring_reduce_scatter(x, rack)
    theirs, twin = np.empty_like(mine), (r + g) % p
    if r < g:
        comm.Recv(theirs, source=twin)
        mine += theirs
        comm.Send(mine, dest=twin)
    else:
        comm.Send(mine, dest=twin)
        comm.Recv(mine, source=twin)
    return ring_allgather(mine, rack, x.size)
