"""One host of each rack collects, crosses and spreads: few bytes cross, but the others are idle."""

import numpy as np

from dlpar.collectives import tree_broadcast, tree_reduce
from dlpar.collectives.group import Group

CAUGHT = r"two racks of 2, .*n=20000: it took .* of virtual time, par is"


def two_racks(x, comm):
    p, r = comm.size, comm.rank
    g = p // 2
    first = r - r % g
    rack = Group(comm, range(first, first + g))
    total = tree_reduce(x, rack)
    if total is not None:
        theirs, twin = np.empty_like(total), (r + g) % p
        comm.Sendrecv(total, dest=twin, recvbuf=theirs, source=twin)
        total += theirs
    return tree_broadcast(x if total is None else total, rack)
