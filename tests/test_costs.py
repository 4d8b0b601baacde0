import pytest

from dlpar.world import Network
from dlpar.world.virtual.costs import collective_seconds

NET = Network(alpha=1.0, beta=1e-3)
NAMES = ["Barrier", "Bcast", "Reduce", "Allreduce", "Gather", "Scatter", "Allgather", "Alltoall"]


@pytest.mark.parametrize("name", NAMES)
def test_alone_a_collective_costs_nothing(name):
    assert collective_seconds(name, 1, 1000, NET) == 0


def test_short_messages_pay_the_tree_and_long_ones_twice_their_bytes():
    assert collective_seconds("Allreduce", 8, 0, NET) == 3 * NET.alpha
    n = 10**9
    assert collective_seconds("Allreduce", 8, n, NET) == pytest.approx(6 + 2 * 7 / 8 * n * NET.beta)
    assert collective_seconds("Bcast", 8, n, NET) == pytest.approx(10 + 2 * 7 / 8 * n * NET.beta)
    assert collective_seconds("Bcast", 5, 1000, NET) == 3 * (1 + 1)


def test_no_collective_beats_the_bytes_that_must_reach_a_rank():
    n = 10**6
    for p in (2, 3, 8, 13):
        for name in ("Gather", "Allgather", "Alltoall"):
            assert collective_seconds(name, p, n, NET) >= (p - 1) * n * NET.beta


def test_an_unknown_collective_has_no_price():
    with pytest.raises(ValueError, match="Scan"):
        collective_seconds("Scan", 4, 8, NET)
