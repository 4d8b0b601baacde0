"""Experiments with saying less: what one bit costs and keeps, and how fast Seide's cluster was."""

from functools import lru_cache

import numpy as np

from dlpar.collectives import ring_allreduce
from dlpar.compress import OneBit, OneBitExchange, columns_of, telescope
from dlpar.data import digits
from dlpar.data_parallel import descend_together
from dlpar.frameworks import poseidon
from dlpar.nn import mlp
from dlpar.world import simulate


def fewer_bytes(n=1 << 20, p=4, column=2048):
    """Return how many times fewer bytes a rank sends in bits than in floats by a ring."""

    def program(comm, exchange):
        exchange(np.zeros(n, np.float32), comm)

    floats, bits = (
        simulate(program, p, (exchange,)).trace.bytes_sent[0]
        for exchange in (ring_allreduce, OneBitExchange(column))
    )
    return floats / bits


@lru_cache
def misread(way):
    """Return how many % of the digits four ranks misread: "floats", "bits" or "forgetful"."""
    data = digits(np.random.default_rng(0))

    def program(comm):
        model = mlp((64, 32, 10), np.random.default_rng(1))
        lengths, order = columns_of(model)
        bits = OneBitExchange(lengths, order, feedback=way == "bits")
        exchange = ring_allreduce if way == "floats" else bits
        rng = np.random.default_rng(2)
        list(descend_together(model, data.x, data.y, 64, 150, 0.5, comm, rng, exchange))
        return 100 * (1 - model.accuracy(data.x_test, data.y_test))

    with np.errstate(all="ignore"):
        return simulate(program, 4).results[0]


def more_misread(way):
    """Return how many points more than with floats."""
    return misread(way) - misread("floats")


def left_over(rule, steps=400):
    """Return the largest missing entry after some noisy steps of 8 columns of 64, over the right
    rule's.
    """
    rng = np.random.default_rng(0)
    slope = 0.1 * rng.normal(size=512)
    gradients = slope + rng.normal(size=(steps, 512))
    off = [np.abs(telescope(gradients, OneBit(64), name)[0]).max() for name in (rule, "right")]
    return float(off[0] / off[1])


@lru_cache
def poseidon_speed_up(name):
    """Return how many times faster 32 nodes train VGG19-22K, in simulation."""
    return poseidon.speed_up(poseidon.SCHEMES[name], 32)[0]
