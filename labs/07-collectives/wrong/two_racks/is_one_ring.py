"""One ring over both racks: each chunk crosses twice, so nearly two vectors leave each rack."""

from dlpar.collectives import ring_allgather, ring_reduce_scatter

CAUGHT = r"two racks of 2, .*n=6: 72 bytes left rack 0, par is 48"


def two_racks(x, comm):
    return ring_allgather(ring_reduce_scatter(x, comm), comm, x.size)
