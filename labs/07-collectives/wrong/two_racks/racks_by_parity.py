"""Takes even and odd ranks for the racks: right, but all that is local crosses."""

import numpy as np

from dlpar.collectives import ring_allgather, ring_reduce_scatter
from dlpar.collectives.group import Group

CAUGHT = r"n=6: \d+ bytes left rack 0, par is 48"


def two_racks(x, comm):
    p, r = comm.size, comm.rank
    rack = Group(comm, range(r % 2, p, 2))
    mine = ring_reduce_scatter(x, rack)
    theirs, twin = np.empty_like(mine), r ^ 1
    comm.Sendrecv(mine, dest=twin, recvbuf=theirs, source=twin)
    return ring_allgather(mine + theirs, rack, x.size)
