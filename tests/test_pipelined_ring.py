import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlpar import run, simulate
from dlpar.collectives import (
    pipelined_ring,
    pipelined_ring_allreduce,
    recursive_doubling_allreduce,
)
from dlpar.world import Deadlock, Network

DTYPES = ["int8", "int64", "uint16", "float32", "float64", "complex128"]
ranks, lengths = st.integers(1, 9), st.integers(0, 40)
pieces = st.sampled_from([None, 1, 2, 3, 7])


def vectors(p, n, seed, dtype="float64"):
    """One row a rank, of whole numbers so small that every sum is exact in every dtype."""
    return np.random.default_rng(seed).integers(0, 10, (p, n)).astype(dtype)


def on_ranks(x, segments, **network):
    def program(comm):
        return pipelined_ring_allreduce(x[comm.rank], comm, segments)

    return simulate(program, ranks=len(x), network=Network(**network))


@given(p=ranks, n=lengths, k=pieces, dtype=st.sampled_from(DTYPES), eager=st.sampled_from([0, 99]))
def test_it_is_the_sum_on_every_rank_and_leaves_x_alone(p, n, k, dtype, eager):
    x = vectors(p, n, 0, dtype)
    before = x.copy()
    results = on_ranks(x, k, eager_limit=eager).results
    assert len(results) == p
    for got in results:
        np.testing.assert_array_equal(got, x.sum(axis=0).astype(dtype), strict=True)
        assert not np.shares_memory(got, x)
    np.testing.assert_array_equal(x, before)


@given(p=ranks, n=lengths, k=pieces)
def test_in_place_it_leaves_the_sum_in_x(p, n, k):
    x = vectors(p, n, 1)
    wanted = x.sum(axis=0)

    def program(comm):
        mine = x[comm.rank].copy()
        assert pipelined_ring_allreduce(mine, comm, k, out=mine) is mine
        return mine

    for got in simulate(program, ranks=p).results:
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("k", [None, 1, 3])
@pytest.mark.parametrize("p", [2, 4, 7, 9])
def test_ranks_agree_to_the_bit_where_sums_round(p, k):
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(p, 40)) * 10.0 ** rng.integers(-6, 7, (p, 40))).astype("float32")
    results = on_ranks(x, k).results
    assert {got.tobytes() for got in results} == {results[0].tobytes()}
    np.testing.assert_allclose(results[0], x.sum(axis=0), rtol=0, atol=1e-6 * np.abs(x).sum())


@given(p=ranks, n=lengths, k=st.integers(1, 7))
def test_each_rank_sends_2k_messages_a_step_to_its_right_and_all_the_rings_bytes(p, n, k):
    trace = on_ranks(vectors(p, n, 0), k).trace
    np.testing.assert_array_equal(trace.messages_sent, np.full(p, 2 * (p - 1) * k))
    assert trace.bytes_sent.sum() == 2 * 8 * n * (p - 1)
    assert all(m.dest == (m.source + 1) % p for m in trace.messages)


@pytest.mark.parametrize("p", [2, 5])
def test_up_to_16_kib_it_has_the_steps_of_recursive_doubling(p):
    for n, fewer in [(pipelined_ring.SMALL, True), (pipelined_ring.SMALL + 1, False)]:
        x = vectors(p, n, 0, "int8")

        def doubled(comm, x=x):
            return recursive_doubling_allreduce(x[comm.rank], comm)

        sent = on_ranks(x, None).trace.messages_sent.tolist()
        there = simulate(doubled, ranks=p).trace.messages_sent.tolist()
        assert sent == (there if fewer else [2 * (p - 1)] * p)


@pytest.mark.parametrize("alpha", [0.0, 1e-6, 1e-4])
@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("p", [2, 3, 4, 8])
def test_time_is_the_closed_form_and_alpha_counts_once_where_links_are_busy(p, k, alpha):
    beta, m = 1e-9, 8 * 600
    x = np.ones((p, 600 * k * p))
    time = on_ranks(x, k, alpha=alpha, beta=beta, overhead=0, eager_limit=1 << 30).time
    step = max(k * m * beta, alpha + m * beta)
    assert time == pytest.approx(alpha + k * m * beta + (2 * p - 3) * step, rel=1e-9)
    if (k - 1) * m * beta >= alpha:
        assert time == pytest.approx(alpha + 2 * (p - 1) / p * x[0].nbytes * beta, rel=1e-9)


class Strict:
    """A communicator that holds its rank to MPI's rule: a buffer on its way is nobody else's."""

    def __init__(self, comm):
        self.comm, self.rank, self.size = comm, comm.rank, comm.size
        self.leaving = []  # buffers of sends that nobody has waited for
        self.coming = []

    def Isend(self, buf, dest):
        assert not any(np.shares_memory(buf, other) for other in self.coming)
        return Watched(self.comm.Isend(buf, dest=dest), self.leaving, buf)

    def Irecv(self, buf, source):
        assert not any(np.shares_memory(buf, other) for other in self.leaving + self.coming)
        return Watched(self.comm.Irecv(buf, source=source), self.coming, buf)


class Watched:
    def __init__(self, request, buffers, buf):
        self.request, self.buffers, self.buf = request, buffers, buf
        buffers.append(buf)

    def Wait(self):
        self.request.Wait()
        self.buffers[:] = [other for other in self.buffers if other is not self.buf]


@pytest.mark.parametrize("k", [1, 2, 3, 9])
@pytest.mark.parametrize("p", [2, 3, 5])
def test_no_buffer_is_used_while_it_is_on_its_way_and_every_request_is_waited_for(p, k):
    def program(comm):
        strict = Strict(comm)
        pipelined_ring_allreduce(np.ones(20 * p), strict, k)
        return len(strict.leaving), len(strict.coming)

    assert simulate(program, ranks=p).results == [(0, 0)] * p


@pytest.mark.parametrize("k", [None, 2])
def test_a_rank_that_went_quiet_is_named(k):
    def program(comm):
        if comm.rank != 1:
            pipelined_ring_allreduce(np.ones(4), comm, k)

    with pytest.raises(Deadlock, match=r"waits for rank 1"):
        simulate(program, ranks=2)


class Untouchable:
    rank, size = 0, 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"x": [1.0]}, "NumPy array, got list"),
        ({"x": np.ones((2, 3))}, r"shape \(n,\)"),
        ({"segments": 0}, "segments as an integer"),
        ({"segments": 1.5}, "segments as an integer"),
        ({"out": np.ones(4)}, r"out of shape \(3,\) and float64"),
        ({"out": np.ones(3, "float32")}, r"out of shape \(3,\) and float64"),
        ({"out": [0.0] * 3}, r"out of shape \(3,\) and float64"),
        ({"out": np.ones(6)[::2]}, "contiguous and writable"),
        ({"out": np.broadcast_to(1.0, 3)}, "contiguous and writable"),
    ],
)
def test_wrong_arguments_are_refused_before_any_message(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        pipelined_ring_allreduce(**{"x": np.ones(3), "comm": Untouchable()} | arguments)


def both_ways(comm, x):
    mine = x[comm.rank].copy()
    new = pipelined_ring_allreduce(mine, comm)
    return new, pipelined_ring_allreduce(mine, comm, 5, out=mine)


@pytest.mark.mpi
@pytest.mark.parametrize("p", [1, 3, 4])
def test_over_mpi_it_sums_and_counts_the_same(p):
    for n in (0, 2, 2_000_003 // p):  # nothing, fewer than p, several default segments
        x = vectors(p, n, n, "float32")
        real, virtual = (world(both_ways, ranks=p, args=(x,)) for world in (run, simulate))
        for got in (got for pair in real.results for got in pair):
            np.testing.assert_array_equal(got, x.sum(axis=0), strict=True)
        np.testing.assert_array_equal(real.trace.messages_sent, virtual.trace.messages_sent)
        np.testing.assert_array_equal(real.trace.bytes_sent, virtual.trace.bytes_sent)
