"""Asynchronous descent on a real server: it diverges at the rate that the theory of delays says."""

import math

import numpy as np
import pytest

from dlpar import simulate
from dlpar.parameter_server import Client, even_shards, serve
from dlpar.parameter_server.theory import largest_rate
from dlpar.world import Network, work

NET = Network(alpha=0.0, beta=0.0, eager_limit=math.inf)
CURVATURE = np.array([0.4, 3.0])  # the smaller one never binds


def in_turn(comm, lr, updates):
    """Workers of equal speed that start one after another: update t sees that of t - tau."""
    workers = comm.size - 1
    if comm.rank == 0:
        weights, sizes = np.ones(2), []

        def update(g):
            weights.__isub__(lr * g)
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


def run_with_delay(tau, lr, updates=480):
    sizes, applied = simulate(in_turn, tau + 2, (lr, updates), NET).results[0]
    late = [one.staleness for one in applied]
    assert late == [*range(tau), *[tau] * (len(late) - tau)]
    return sizes


def diverges(tau, lr):
    """Tell whether the weights grow: over a swing's length, late in the run against earlier."""
    with np.errstate(over="ignore", invalid="ignore"):
        sizes = np.nan_to_num(run_with_delay(tau, lr), nan=np.inf)
    return max(sizes[-40:]) > max(sizes[-140:-100])


@pytest.mark.parametrize("tau", [0, 1, 2, 3, 4])
def test_a_fixed_delay_diverges_where_the_theory_says(tau):
    low, high = 0.03, 1.0  # brackets that know nothing of the formula
    assert not diverges(tau, low)
    assert diverges(tau, high)
    while high / low > 1.004:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if diverges(tau, middle) else (middle, high)
    assert math.sqrt(low * high) == pytest.approx(largest_rate(CURVATURE.max(), tau), rel=0.02)


@pytest.mark.parametrize("tau", [1, 4])
def test_the_formula_for_another_delay_is_not_met(tau):
    """The 2 % tell one update of delay from two: the test above could fail."""
    right = largest_rate(CURVATURE.max(), tau)
    for other in (tau - 1, tau + 1):
        assert abs(largest_rate(CURVATURE.max(), other) / right - 1) > 0.15


@pytest.mark.parametrize("tau", [0, 1, 2, 5, 20])
def test_at_the_threshold_a_root_lies_on_the_unit_circle_and_none_outside(tau):
    """w(t+1) = w(t) - lr w(t - tau): z**(tau+1) - z**tau + lr = 0."""
    equation = np.zeros(tau + 2)
    equation[0] = 1
    equation[1] -= 1
    equation[-1] += largest_rate(1.0, tau)
    assert np.abs(np.roots(equation)).max() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("curvature", "delay"), [(0, 1), (-1, 1), (1, -1), (1, 0.5)])
def test_rates_are_asked_for_a_hill_and_whole_updates(curvature, delay):
    with pytest.raises((ValueError, TypeError)):
        largest_rate(curvature, delay)
