"""The link on which two schemes are equal: by formula, and by two simulated runs beside it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlpar import simulate
from dlpar.collectives import ring_allreduce
from dlpar.compress import OneBitExchange, one_bit_exchange_bytes
from dlpar.compress.break_even import Scheme, break_even
from dlpar.world import Network, work

some = st.floats(1e-6, 10.0)
schemes = st.builds(Scheme, st.integers(1, 1000), st.floats(1, 1e9), st.floats(0, 20), some)


@given(schemes, schemes, some, st.floats(0, 1e-3))
def test_at_the_break_even_both_are_equal_and_beside_it_the_right_one_wins(a, b, compute, alpha):
    light, heavy = sorted((a, b), key=lambda scheme: scheme.updates * scheme.nbytes)
    if light.updates * light.nbytes == heavy.updates * heavy.nbytes:
        return
    at = break_even(light, heavy, compute, alpha)
    if at == math.inf:
        assert light.seconds(compute, alpha, 1e15) <= heavy.seconds(compute, alpha, 1e15)
        return
    equal = light.seconds(compute, alpha, at)
    assert math.isclose(equal, heavy.seconds(compute, alpha, at), rel_tol=1e-6)
    for share, first in ((0.5, True), (2.0, False)):
        gap = light.seconds(compute, alpha, share * at) - heavy.seconds(compute, alpha, share * at)
        assert (gap <= 1e-9 * equal) if first else (gap >= -1e-9 * equal)


def test_by_hand():
    floats, bits = Scheme(100, 800.0), Scheme(110, 100.0, codec=0.5)
    assert floats.seconds(1.0, 0.0, 8.0) == 100 * (1 + 100)
    # 80,000 - 11,000 bytes fewer; 110 * 1.5 - 100 * 1 = 65 s longer
    assert break_even(bits, floats, 1.0) == 69_000 / 65
    assert break_even(Scheme(100, 10.0), floats, 1.0) == math.inf


def test_a_scheme_that_sends_more_and_one_that_costs_less_than_nothing_are_refused():
    with pytest.raises(ValueError, match="fewer bytes"):
        break_even(Scheme(2, 500.0), Scheme(1, 1000.0), 1.0)
    for wrong in ({"updates": 0}, {"nbytes": -1.0}, {"codec": -1e-9}, {"messages": -1.0}):
        with pytest.raises(ValueError, match="below 0"):
            Scheme(**{"updates": 1, "nbytes": 1.0} | wrong)


def test_the_simulator_changes_sides_where_the_formula_says():
    n, p, compute, codec = 40_960, 4, 1e-3, 2e-3

    def step(comm, bits):
        work(comm, seconds=compute + codec * bits)
        exchange = OneBitExchange(512) if bits else ring_allreduce
        exchange(np.ones(n, np.float32), comm)

    def took(bits, bandwidth):
        link = Network(0.0, 1 / bandwidth, eager_limit=math.inf)
        return simulate(step, p, (bits,), link).time

    floats = Scheme(1, 2 * (p - 1) / p * 4 * n)
    bits = Scheme(1, one_bit_exchange_bytes(n, p)[0], codec=codec)
    at = break_even(bits, floats, compute)
    for bandwidth in (0.95 * at, 1.05 * at):
        for coded, scheme in ((True, bits), (False, floats)):
            expected = scheme.seconds(compute, 0.0, bandwidth)
            assert math.isclose(took(coded, bandwidth), expected, rel_tol=1e-3)
        assert (took(True, bandwidth) < took(False, bandwidth)) == (bandwidth < at)
