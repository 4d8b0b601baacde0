import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlpar.world import Network, simulate
from dlpar.world.fitting import fit_alpha_beta

SIZES = [8 * 4**k for k in range(10)]


@given(alpha=st.floats(1e-9, 1e-2), beta=st.floats(1e-13, 1e-6))
def test_a_line_gives_back_its_own_two_numbers(alpha, beta):
    times = [alpha + n * beta for n in SIZES]
    found = fit_alpha_beta(SIZES, times)
    # A number that adds less than rounding to every time cannot be found again.
    assert found == pytest.approx((alpha, beta), rel=1e-6, abs=1e-12 * max(times))


def test_a_virtual_ping_pong_gives_back_the_declared_network():
    network = Network(alpha=5e-6, beta=1e-10)

    def there_and_back(comm, x):
        for sender in (0, 1):
            if comm.rank == sender:
                comm.Send(x, dest=1 - sender)
            else:
                comm.Recv(x, source=sender)

    times = [simulate(there_and_back, 2, (np.zeros(n, np.uint8),), network).time / 2 for n in SIZES]
    assert fit_alpha_beta(SIZES, times) == pytest.approx((5e-6, 1e-10), rel=1e-9)


def test_short_and_long_messages_count_alike():
    """Every time is off by a tenth, one way or the other: no short message is ten times off."""
    wobble = np.tile([1.1, 0.9], 5)
    times = (5e-6 + 1e-9 * np.array(SIZES)) * wobble
    alpha, beta = fit_alpha_beta(SIZES, times)
    line = alpha + beta * np.array(SIZES)
    assert np.abs(np.log(line / times)).max() < 0.2
    assert alpha == pytest.approx(5e-6, rel=0.1)


def test_neither_number_is_negative():
    assert fit_alpha_beta([1, 2, 4], [1.0, 2.5, 6.0])[0] == 0
    assert fit_alpha_beta([1, 2, 4], [3.0, 2.0, 1.0])[1] == 0


@pytest.mark.parametrize(
    ("sizes", "times"),
    [
        ([], []),
        ([8], [1.0]),
        ([8, 8], [1.0, 2.0]),
        ([8, 16], [1.0]),
        ([8, 16], [1.0, 0.0]),
        ([-8, 16], [1.0, 1.0]),
        ([8, 16], [1.0, np.nan]),
    ],
)
def test_what_is_no_measurement_is_refused(sizes, times):
    with pytest.raises(ValueError, match="fit_alpha_beta needs"):
        fit_alpha_beta(sizes, times)
