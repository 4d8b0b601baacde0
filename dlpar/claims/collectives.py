"""Experiments with collectives: how latency grows with the ranks, what a ring carries."""

import numpy as np

from dlpar.collectives import ring_allreduce, root_allreduce
from dlpar.world import Network, simulate


def latency_growth(few, many):
    """Return how many times longer 8 bytes take a ring of `many` ranks than one of `few`."""

    def program(comm):
        ring_allreduce(np.ones(1), comm)

    network = Network(beta=0.0)
    return simulate(program, many, network=network).time / simulate(program, few, (), network).time


def bus_factor(p):
    """Return the bytes that a rank of the ring sends, over the bytes that are summed up."""
    x = np.ones(840)
    sent = simulate(lambda comm: ring_allreduce(x, comm), p).trace.bytes_sent
    return float(sent.max()) / x.nbytes


def root_over_ring(p):
    """Return the bytes in and out of a master, over those in and out of a rank of the ring."""
    x = np.ones(840)
    messages = simulate(lambda comm: root_allreduce(x, comm), p).trace.messages
    root = sum(m.nbytes for m in messages if 0 in (m.source, m.dest))
    return root / (2 * bus_factor(p) * x.nbytes)
