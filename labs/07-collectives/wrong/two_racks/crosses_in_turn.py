"""Each host crosses after the one before it has: the thin link is shared out in time, by hand."""

import numpy as np

from dlpar.collectives import ring_allgather, ring_reduce_scatter
from dlpar.collectives.group import Group

CAUGHT = r"it took .* of virtual time, par is"


def two_racks(x, comm):
    p, r = comm.size, comm.rank
    g = p // 2
    first = r - r % g
    rack = Group(comm, range(first, first + g))
    mine = ring_reduce_scatter(x, rack)
    theirs, twin = np.empty_like(mine), (r + g) % p
    token = np.empty(0)
    if r % g:
        comm.Recv(token, source=r - 1)
    comm.Sendrecv(mine, dest=twin, recvbuf=theirs, source=twin)
    if r % g < g - 1:
        comm.Send(token, dest=r + 1)
    return ring_allgather(mine + theirs, rack, x.size)
