"""Experiments with models that learn apart and are averaged: SparkNet's crossover, BMUF's reach."""

from functools import lru_cache

import numpy as np
from threadpoolctl import threadpool_limits

from dlpar.data import digits
from dlpar.data_parallel import descend_together, local_steps, train_in_rounds
from dlpar.frameworks.sparknet import crossover_exchange, sparknet
from dlpar.nn import mlp
from dlpar.optim import SGD
from dlpar.world import Network, simulate, work

SIZES = (64, 10)
STEP = 1.0  # s, virtual: one batch on one machine
WORKERS, TAU, BATCH, RATE, TARGET = 4, 10, 16, 0.1, 0.35


def travelled(p, momentum, steps=1280, tau=4):
    """Return how far p workers come together, as a share of what one alone does in `steps` steps.

    Each has its part of the digits and does steps / p; the models are averaged every tau, with
    block momentum `momentum`.
    """
    return _distance(p, momentum, steps, tau) / _distance(1, 0.0, steps, tau)


@lru_cache
def _distance(p, momentum, steps, tau):
    data = digits(np.random.default_rng(0))

    def program(comm):
        model = mlp(SIZES, np.random.default_rng(0))
        start = model.params.copy()
        mine = np.array_split(np.arange(len(data.x)), p)[comm.rank]
        own = np.random.default_rng(comm.rank)
        local = local_steps(model, SGD(model.params), data.x[mine], data.y[mine], 8, tau, 0.05, own)
        train_in_rounds(model.params, local, steps // (tau * p), comm, momentum)
        return float(np.linalg.norm(model.params - start))

    with threadpool_limits(1):
        return simulate(program, p).results[0]


@lru_cache
def split_run(exchange_seconds):
    """Return (updates, s) until every step, split over the workers, has brought TARGET."""

    def program(comm, data):
        model = mlp(SIZES, np.random.default_rng(0))
        steps = descend_together(
            model, data.x, data.y, BATCH, 2000, RATE, comm, np.random.default_rng(1)
        )
        for t, _ in enumerate(steps, start=1):
            if t % 10 == 0 and model.loss(data.x, data.y) < TARGET:
                return t
        return None

    return _timed(program, exchange_seconds)


@lru_cache
def apart_run(exchange_seconds):
    """Return (rounds, s) until SparkNet's rounds of TAU steps have brought TARGET."""

    def program(comm, data):
        model, rng = mlp(SIZES, np.random.default_rng(0)), np.random.default_rng(comm.rank)
        mine = np.array_split(np.arange(len(data.x)), comm.size)[comm.rank]
        x, y = data.x[mine], data.y[mine]
        for k in range(1, 200):
            work(comm, seconds=TAU * STEP)
            sparknet(model, x, y, BATCH, TAU, 1, RATE, comm, rng)
            if model.loss(data.x, data.y) < TARGET:
                return k
        return None

    return _timed(program, exchange_seconds)


def _timed(program, exchange_seconds):
    """Run on a network on which a ring takes `exchange_seconds`, and a batch STEP."""
    d = mlp(SIZES, np.random.default_rng(0)).params.size
    alpha = exchange_seconds / (2 * (WORKERS - 1))
    network = Network(alpha, beta=0.0, flops=6 * BATCH * d / STEP)
    with threadpool_limits(1):
        out = simulate(program, WORKERS, (digits(np.random.default_rng(0)),), network)
    return out.results[0], out.time


def crossover_by_formula():
    """Return the S, s, at which both ways take the same time, from the counts of two runs."""
    return crossover_exchange(split_run(0.0)[0], apart_run(0.0)[0], TAU, STEP, WORKERS)


def crossover_by_running():
    """Return the S, s, at which the measured times of both ways meet: two runs of each."""
    split, apart = ([run(s)[1] for s in (0.0, 1.0)] for run in (split_run, apart_run))
    return (apart[0] - split[0]) / ((split[1] - split[0]) - (apart[1] - apart[0]))


def crossover_ratio():
    """Return the crossover found by running, over that of the formula."""
    return crossover_by_running() / crossover_by_formula()
