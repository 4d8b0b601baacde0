import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar import run, simulate
from dlpar.collectives import (
    pass_around_allreduce,
    ring_allgather,
    ring_allreduce,
    ring_reduce_scatter,
    root_allreduce,
)
from dlpar.world import Deadlock, Network

ALLREDUCES = [pass_around_allreduce, root_allreduce, ring_allreduce]
RINGS = [pass_around_allreduce, ring_allreduce, ring_allgather, ring_reduce_scatter]
DTYPES = ["int8", "int64", "uint16", "float32", "float64", "complex128"]
ranks, lengths = st.integers(1, 8), st.integers(0, 40)
seeds = st.integers(0, 2**32 - 1)


def vectors(p, n, seed, dtype="float64"):
    """One row a rank, of whole numbers so small that every sum is exact in every dtype."""
    return np.random.default_rng(seed).integers(0, 10, (p, n)).astype(dtype)


def on_ranks(collective, x, *more, **network):
    """Simulate `collective(x[r], comm, *more)` on each rank r."""

    def program(comm):
        return collective(x[comm.rank], comm, *more)

    return simulate(program, ranks=len(x), network=Network(**network))


@pytest.mark.parametrize("allreduce", ALLREDUCES)
@settings(deadline=None)
@given(p=ranks, n=lengths, seed=seeds, dtype=st.sampled_from(DTYPES))
def test_allreduce_is_the_sum_on_every_rank_and_leaves_x_alone(allreduce, p, n, seed, dtype):
    x = vectors(p, n, seed, dtype)
    before = x.copy()
    results = on_ranks(allreduce, x).results
    assert len(results) == p
    for got in results:
        assert got.dtype == x.dtype
        np.testing.assert_array_equal(got, x.sum(axis=0).astype(dtype), strict=True)
    np.testing.assert_array_equal(x, before)


@settings(deadline=None)
@given(p=ranks, n=lengths, seed=seeds, dtype=st.sampled_from(DTYPES))
def test_reduce_scatter_leaves_chunk_r_of_the_sum_on_rank_r(p, n, seed, dtype):
    x = vectors(p, n, seed, dtype)
    before = x.copy()
    wanted = np.array_split(x.sum(axis=0).astype(dtype), p)
    for got, want in zip(on_ranks(ring_reduce_scatter, x).results, wanted, strict=True):
        np.testing.assert_array_equal(got, want, strict=True)
    np.testing.assert_array_equal(x, before)


@settings(deadline=None)
@given(p=ranks, n=lengths, seed=seeds, dtype=st.sampled_from(DTYPES))
def test_allgather_puts_the_chunks_in_rank_order(p, n, seed, dtype):
    whole = vectors(1, n, seed, dtype)[0]
    chunks = np.array_split(whole, p)
    for got in on_ranks(ring_allgather, chunks, n).results:
        np.testing.assert_array_equal(got, whole, strict=True)
        assert not any(np.shares_memory(got, chunk) for chunk in chunks)


@pytest.mark.parametrize("p", [1, 2, 5])
def test_allgather_takes_chunks_of_one_size_without_being_told_n(p):
    x = vectors(p, 3, seed=0)
    for got in on_ranks(ring_allgather, x).results:
        np.testing.assert_array_equal(got, x.ravel(), strict=True)


@settings(deadline=None)
@given(p=ranks, n=lengths)
def test_ring_sends_one_chunk_a_step_to_the_right_neighbour_only(p, n):
    x = vectors(p, n, seed=0)
    for collective, rounds in [(ring_reduce_scatter, 1), (ring_allreduce, 2)]:
        trace = on_ranks(collective, x).trace
        np.testing.assert_array_equal(trace.messages_sent, np.full(p, rounds * (p - 1)))
        assert all(m.dest == (m.source + 1) % p for m in trace.messages)
        allowed = {8 * (n // p), 8 * -(-n // p)}  # floor and ceil
        assert {m.nbytes for m in trace.messages} <= allowed
        assert trace.bytes_sent.sum() == rounds * 8 * n * (p - 1)


@settings(deadline=None)
@given(p=ranks, k=st.integers(0, 9))
def test_ring_allreduce_meets_the_lower_bound_on_bytes_on_every_rank(p, k):
    n = k * p
    bytes_sent = on_ranks(ring_allreduce, vectors(p, n, seed=0)).trace.bytes_sent
    np.testing.assert_array_equal(bytes_sent, np.full(p, 2 * 8 * n * (p - 1) // p))


@settings(deadline=None)
@given(p=ranks, n=lengths)
def test_naive_allreduces_move_whole_vectors(p, n):
    x = vectors(p, n, seed=0)
    around = on_ranks(pass_around_allreduce, x).trace
    np.testing.assert_array_equal(around.bytes_sent, np.full(p, 8 * n * (p - 1)))
    assert all(m.dest == (m.source + 1) % p for m in around.messages)
    root = on_ranks(root_allreduce, x).trace
    np.testing.assert_array_equal(root.bytes_sent, [8 * n * (p - 1)] + [8 * n] * (p - 1))
    assert all(0 in (m.source, m.dest) for m in root.messages)


@pytest.mark.parametrize("allreduce", [root_allreduce, ring_allreduce])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_ranks_agree_to_the_bit_where_sums_round(allreduce, dtype):
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(7, 40)) * 10.0 ** rng.integers(-6, 7, (7, 40))).astype(dtype)
    results = on_ranks(allreduce, x).results
    assert {got.tobytes() for got in results} == {results[0].tobytes()}
    np.testing.assert_allclose(results[0], x.sum(axis=0), rtol=0, atol=1e-6 * np.abs(x).sum())


def test_pass_around_does_not_promise_equal_bits():
    x = np.array([[1e16], [1.0], [1.0], [-1e16]])
    results = on_ranks(pass_around_allreduce, x).results
    assert {got.tobytes() for got in results} != {results[0].tobytes()}


def test_integers_stay_exact_beyond_the_floats():
    x = np.array([[2**62], [1], [-(2**61)]])  # float64 would lose the 1
    for allreduce in ALLREDUCES:
        for got in on_ranks(allreduce, x).results:
            assert got.tolist() == [2**62 + 1 - 2**61]


@pytest.mark.parametrize("p", [2, 3, 17])
@pytest.mark.parametrize("k", [0, 1, 20_000])  # the last lies above the eager limit
def test_ring_takes_as_long_as_the_formula_says(p, k):
    alpha, beta, n = 3e-6, 2e-10, k * p
    x = np.ones((p, n), np.float32)
    step = alpha + 4 * k * beta  # Hockney: one chunk of k elements
    for collective, steps in [(ring_reduce_scatter, p - 1), (ring_allreduce, 2 * (p - 1))]:
        time = on_ranks(collective, x, alpha=alpha, beta=beta).time
        assert time == pytest.approx(steps * step, rel=1e-9)
    time = on_ranks(pass_around_allreduce, x, alpha=alpha, beta=beta).time
    assert time == pytest.approx((p - 1) * (alpha + 4 * n * beta), rel=1e-9)


@pytest.mark.parametrize("p", [2, 3, 8])
@pytest.mark.parametrize("eager_limit", [0, np.inf])
def test_root_takes_at_least_what_its_link_must_carry(p, eager_limit):
    alpha, beta, nbytes = 3e-6, 2e-10, 8000
    network = {"alpha": alpha, "beta": beta, "eager_limit": eager_limit}
    time = on_ranks(root_allreduce, np.ones((p, 1000)), **network).time
    bound = 2 * alpha + 2 * (p - 1) * nbytes * beta
    assert time >= bound * (1 - 1e-9)
    assert time <= bound + 2 * p * alpha


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_any_root_will_do(n):
    x = vectors(4, n, seed=0)
    for root in range(4):
        for got in on_ranks(root_allreduce, x, root).results:
            np.testing.assert_array_equal(got, x.sum(axis=0))


@pytest.mark.parametrize("eager_limit", [0, 64 * 1024])
@pytest.mark.parametrize("collective", [*RINGS, root_allreduce])
def test_no_collective_leans_on_eager_sends(collective, eager_limit):
    on_ranks(collective, np.ones((5, 10)), eager_limit=eager_limit)


def test_ring_names_the_rank_that_went_quiet():
    def program(comm):
        if comm.rank != 1:
            ring_allreduce(np.ones(4), comm)

    with pytest.raises(Deadlock, match=r"waits for rank 1"):
        simulate(program, ranks=2)


class Untouchable:
    """A communicator that cannot send: what is refused must be refused before the first message."""

    rank, size = 0, 2


@pytest.mark.parametrize("collective", [*RINGS, root_allreduce])
@pytest.mark.parametrize(
    ("x", "complaint"),
    [
        ([1.0, 2.0], "NumPy array, got list"),
        (np.float64(1.0), "NumPy array, got float64"),
        (np.array(1.0), r"shape \(n,\), got \(\)"),
        (np.ones((2, 3)), r"shape \(n,\), got \(2, 3\)"),
        (np.array(["a", "b"]), "numeric dtype, got <U1"),
        (np.array([True, False]), "numeric dtype, got bool"),
        (np.array([None]), "numeric dtype, got object"),
    ],
)
def test_wrong_vectors_are_refused_before_any_message(collective, x, complaint):
    with pytest.raises(ValueError, match=f"{collective.__name__} needs x .*{complaint}"):
        collective(x, Untouchable())


@pytest.mark.parametrize("root", [-1, 2, 1.5, None])
def test_root_must_be_a_rank(root):
    with pytest.raises(ValueError, match=r"root in 0\.\.1"):
        root_allreduce(np.ones(3), Untouchable(), root)


def test_allgather_refuses_a_chunk_of_another_length():
    with pytest.raises(ValueError, match="chunk 0 of 5 elements over 2 ranks, which has 3, got 2"):
        ring_allgather(np.ones(2), Untouchable(), 5)


@pytest.mark.parametrize("collective", [*RINGS, root_allreduce])
def test_a_strided_or_read_only_vector_will_do(collective):
    x = np.arange(24.0)[::2]
    x.flags.writeable = False
    results = simulate(lambda comm: collective(x, comm), ranks=2).results
    assert all(got.size for got in results)


def all_of_them(comm, x):
    """Run each collective on row r of `x`; return what this rank got."""
    mine = x[comm.rank]
    got = [f(mine, comm) for f in (pass_around_allreduce, root_allreduce, ring_allreduce)]
    chunk = ring_reduce_scatter(mine, comm)
    return [*got, ring_allgather(chunk, comm, mine.size)]


@pytest.mark.mpi
@pytest.mark.parametrize("p", [1, 3, 4])
def test_over_mpi_they_sum_and_count_the_same(p):
    for n in (0, 2, 50_000):  # nothing, fewer than p, above MPI's eager limit
        x = vectors(p, n, seed=n, dtype="float32")
        real, virtual = (world(all_of_them, ranks=p, args=(x,)) for world in (run, simulate))
        for got in real.results:
            for total in got:
                np.testing.assert_array_equal(total, x.sum(axis=0), strict=True)
        np.testing.assert_array_equal(real.trace.messages_sent, virtual.trace.messages_sent)
        np.testing.assert_array_equal(real.trace.bytes_sent, virtual.trace.bytes_sent)
