"""Sums inside the rack and never crosses."""

from dlpar.collectives import ring_allgather, ring_reduce_scatter
from dlpar.collectives.group import Group

CAUGHT = r"n=6: rank 0 returned"


def two_racks(x, comm):
    r, g = comm.rank, comm.size // 2
    first = r - r % g
    rack = Group(comm, range(first, first + g))
    mine = ring_reduce_scatter(x, rack)
    return ring_allgather(mine, rack, x.size)
