"""Experiments with parameter servers: bounded delay, late gradients, vectors for a matrix."""

import math
from functools import lru_cache

import numpy as np
from threadpoolctl import threadpool_limits

from dlpar.data import digits
from dlpar.frameworks import bounded_delay
from dlpar.frameworks.project_adam import send_vectors
from dlpar.nn import mlp
from dlpar.parameter_server import Client, even_shards, serve
from dlpar.world import Network, simulate, work

TAUS = (0, 1, 2, 4, 8, 16, 32)
FREE = Network(alpha=0.0, beta=0.0, eager_limit=math.inf)
CURVATURE = np.array([0.4, 3.0])  # of a quadratic; the smaller one never binds


@lru_cache
def delays():
    """Return a `Delay` for each of TAUS: 8 workers of lognormal pace learn the digits."""
    data, workers, clocks = digits(np.random.default_rng(0)), 8, 100
    pace = np.random.default_rng(1).lognormal(0, 1, (workers, clocks))

    def model():
        return mlp((64, 10), np.random.default_rng(0))

    learn = (model, data.x, data.y, 64, clocks, 6.0, 0.3)  # batch, clocks, rate, target loss
    with threadpool_limits(1):
        return bounded_delay.sweep(*learn, TAUS, workers, pace, Network(eager_limit=math.inf))


def waiting(tau):
    """Return the share of their time, %, in which workers wait if the delay may be `tau`."""
    return 100 * delays()[TAUS.index(tau)].waiting


def best_delay():
    """Return that of TAUS for which the target is met soonest."""
    return min(delays(), key=lambda delay: delay.seconds).tau


def delayed_descent(comm, lr, updates):
    """Descend a quadratic with workers of equal speed that start one after another.

    With tau + 1 workers update t is by the gradient at the weights of update t - tau, once all are
    under way. Rank 0 returns (the largest weight after each update, what it applied).
    """
    workers = comm.size - 1
    if comm.rank == 0:
        weights, sizes = np.ones(2), []

        def update(gradient):
            weights[:] -= lr * gradient
            sizes.append(float(np.abs(weights).max()))

        return sizes, serve(comm, weights, range(1, comm.size), math.inf, update)
    client, vector = Client(comm, even_shards(2, 1), range(1, comm.size), float), np.empty(2)
    work(comm, seconds=comm.rank / workers)
    for _ in range(updates // workers):
        client.pull(vector)
        work(comm, seconds=1.0)
        client.push(CURVATURE * vector)
    client.done()
    return None


def diverges(tau, lr):
    """Tell whether the weights grow: over the length of a swing, late in the run and earlier."""
    with np.errstate(over="ignore", invalid="ignore"):
        sizes, _ = simulate(delayed_descent, tau + 2, (lr, 480), FREE).results[0]
        sizes = np.nan_to_num(sizes, nan=np.inf)
    return bool(max(sizes[-40:]) > max(sizes[-140:-100]))


def rate_found(tau):
    """Return the learning rate, times the largest curvature, where delayed descent starts to
    diverge: bisection over runs, to 0.4 %, in a bracket that knows no formula.
    """  # fmt: skip
    low, high = 0.03, 1.0
    while high / low > 1.004:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if diverges(tau, middle) else (middle, high)
    return math.sqrt(low * high) * float(CURVATURE.max())


def images_for_equal_bytes(m, n):
    """Return at how many images a dense layer's vectors are as many bytes as its gradient.

    Counted on the wire: one image's two vectors, and one gradient.
    """

    def program(comm):
        if comm.rank == 1:
            send_vectors(np.zeros((1, m), np.float32), np.zeros((1, n), np.float32), comm)
            comm.Send(np.zeros((m, n), np.float32), dest=0, tag=3)
        else:
            comm.Recv(np.empty((1, m), np.float32), source=1)
            comm.Recv(np.empty((1, n), np.float32), source=1)
            comm.Recv(np.empty((m, n), np.float32), source=1)

    *vectors, gradient = (message.nbytes for message in simulate(program, 2).trace.messages)
    return gradient / sum(vectors)
