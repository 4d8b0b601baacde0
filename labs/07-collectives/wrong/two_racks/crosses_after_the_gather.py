"""Finishes the sum of its rack on every host, and then each host crosses with all of it."""

import numpy as np

from dlpar.collectives import ring_allgather, ring_reduce_scatter
from dlpar.collectives.group import Group

CAUGHT = r"n=6: 96 bytes left rack 0, par is 48"


def two_racks(x, comm):
    p, r = comm.size, comm.rank
    g = p // 2
    first = r - r % g
    rack = Group(comm, range(first, first + g))
    ours = ring_allgather(ring_reduce_scatter(x, rack), rack, x.size)
    theirs, twin = np.empty_like(x), (r + g) % p
    comm.Sendrecv(ours, dest=twin, recvbuf=theirs, source=twin)
    return ours + theirs
