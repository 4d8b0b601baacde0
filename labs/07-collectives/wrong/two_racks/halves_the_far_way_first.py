"""Halving and doubling starts with the partner in the other rack: half a vector from each host."""

from dlpar.collectives import rabenseifner_allreduce

CAUGHT = r"n=6: 96 bytes left rack 0, par is 48"


def two_racks(x, comm):
    return rabenseifner_allreduce(x, comm)
