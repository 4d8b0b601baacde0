import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlpar import simulate
from dlpar.collectives import in_network_allreduce, ring_allreduce
from dlpar.collectives.costs import in_network_seconds
from dlpar.collectives.report import bus_factor, virtual_report
from dlpar.world import Link, Network, Topology

ALPHA, BETA = 2e-6, 1e-9
hosts, lengths, pieces = st.integers(1, 9), st.integers(0, 40), st.integers(1, 5)


def switched(p, **settings):
    """Join p hosts to a switch; the last rank adds there, as fast as all links together."""
    names = [f"host{h}" for h in range(p)]
    links = [Link(name, "switch", ALPHA, 1 / BETA) for name in names]
    adder = Link("switch", "adder", 0.0, p / BETA)
    return Topology([*links, adder], [*names, "adder"], **settings)


def on_hosts(x, segments=None, **settings):
    """Simulate `in_network_allreduce` of the rows of `x`, a host each; the switch brings -1."""

    def program(comm):
        mine = x[comm.rank] if comm.rank < len(x) else np.full_like(x[0], -1)
        return in_network_allreduce(mine, comm, segments)

    return simulate(program, len(x) + 1, network=switched(len(x), **settings))


@given(p=hosts, n=lengths, k=pieces, seed=st.integers(0, 2**32 - 1))
def test_hosts_get_their_sum_and_the_switch_adds_nothing_of_its_own(p, n, k, seed):
    x = np.random.default_rng(seed).integers(0, 10, (p, n)).astype(float)
    before = x.copy()
    results = on_hosts(x, k).results
    for got in results[:-1]:
        np.testing.assert_array_equal(got, x.sum(axis=0), strict=True)
    assert results[-1] is None
    np.testing.assert_array_equal(x, before)


@given(p=hosts, n=lengths, k=pieces)
def test_a_host_sends_its_vector_once_and_the_switch_the_sum_once_to_each(p, n, k):
    out = on_hosts(np.ones((p, n)), k)
    np.testing.assert_array_equal(out.trace.messages_sent, [k] * p + [k * p])
    np.testing.assert_array_equal(out.trace.bytes_sent, [8 * n] * p + [8 * n * p])
    carried = switched(p).bytes_carried(out.trace)
    wanted = {(f"host{h}", "switch"): 8 * n for h in range(p)}
    wanted["switch", "adder"] = 8 * n * p
    assert carried == wanted | {(b, a): size for (a, b), size in wanted.items()}


@pytest.mark.parametrize("eager_limit", [0, 1e9])
@pytest.mark.parametrize("k", [1, 2, 5, 10])
@pytest.mark.parametrize("p", [1, 2, 7])
def test_the_formula_is_the_simulators_time(p, k, eager_limit):
    for n in (0, 100, 10_000):
        time = on_hosts(np.ones((p, n)), k, eager_limit=eager_limit).time
        network = Network(ALPHA, BETA, eager_limit=eager_limit)
        wanted = in_network_seconds(8 * n, p, network, segments=k)
        assert time == pytest.approx(wanted, rel=1e-9)


def test_many_segments_come_near_one_vectors_time_half_of_what_the_ring_must_take():
    network = Network(alpha=0, beta=BETA, eager_limit=0)
    seconds = in_network_seconds(10**6, 8, network, segments=1000)
    assert seconds == pytest.approx(10**6 * BETA, rel=2e-3)


def test_the_bus_factor_counts_hosts():
    assert bus_factor(in_network_allreduce, 9) == 7 / 9  # 8 hosts: (8-1)/(8+1)
    collectives = [in_network_allreduce, ring_allreduce]
    line, _ = virtual_report([4000], 5, switched(4), collectives).lines
    assert line.collective == "in_network_allreduce"
    assert line.busbw == pytest.approx(line.algbw * 3 / 5)


def test_hosts_agree_to_the_bit_where_sums_round():
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(7, 40)) * 10.0 ** rng.integers(-6, 7, (7, 40))).astype("float32")
    results = on_hosts(x, 3).results[:-1]
    assert {got.tobytes() for got in results} == {results[0].tobytes()}


class Untouchable:
    """A communicator that cannot send: what is refused must be refused before the first message."""

    rank, size = 0, 2


def test_wrong_arguments_are_refused_before_any_message():
    with pytest.raises(ValueError, match="in_network_allreduce needs x"):
        in_network_allreduce([1.0], Untouchable())
    with pytest.raises(ValueError, match="segments as an integer"):
        in_network_allreduce(np.ones(3), Untouchable(), 0)
    with pytest.raises(ValueError, match="a host beside the switch"):
        simulate(lambda comm: in_network_allreduce(np.ones(3), comm), 1)
