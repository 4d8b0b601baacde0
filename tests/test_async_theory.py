"""Asynchronous descent on a real server: it diverges at the rate that the theory of delays says."""

import numpy as np
import pytest

from dlpar import simulate
from dlpar.claims.servers import FREE, delayed_descent, diverges, rate_found
from dlpar.parameter_server.theory import largest_rate


@pytest.mark.parametrize("tau", [0, 1, 2, 3, 4])
def test_workers_in_turn_make_a_fixed_delay(tau):
    _, applied = simulate(delayed_descent, tau + 2, (0.03, 60), FREE).results[0]
    late = [one.staleness for one in applied]
    assert late == [*range(tau), *[tau] * (60 - 60 % (tau + 1) - tau)]


@pytest.mark.parametrize("tau", [0, 1, 2, 3, 4])
def test_a_fixed_delay_diverges_where_the_theory_says(tau):
    assert not diverges(tau, 0.03)
    assert diverges(tau, 1.0)
    assert rate_found(tau) == pytest.approx(largest_rate(1.0, tau), rel=0.02)


@pytest.mark.parametrize("tau", [0, 1, 4])
def test_one_update_of_delay_more_or_less_is_another_rate(tau):
    """So the 2 % above can fail: a formula for tau + 1 is at least 15 % off."""
    assert abs(largest_rate(1.0, tau + 1) / largest_rate(1.0, tau) - 1) > 0.15


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
    with pytest.raises(ValueError, match=r"above 0|at least 1"):
        largest_rate(curvature, delay)
