"""Payloads without contents, traces without rows: the same times and counts in bounded memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar import collectives
from dlpar.world import SUM, Drop, Duplicate, Faults, MPIError, Network, phantom, simulate
from dlpar.world.presets import fat_tree
from dlpar.world.virtual import routed

NET = Network(alpha=1e-5, beta=1e-9, eager_limit=1000)
ALLREDUCES = [
    "pass_around_allreduce",
    "tree_allreduce",
    "recursive_doubling_allreduce",
    "ring_allreduce",
    "rabenseifner_allreduce",
]


@pytest.mark.parametrize("name", ALLREDUCES)
@pytest.mark.parametrize("p", [1, 2, 5, 8])
@pytest.mark.parametrize("n", [0, 1, 7, 3000])
def test_a_phantom_takes_the_time_messages_and_bytes_of_real_data(name, p, n):
    allreduce = getattr(collectives, name)

    def program(comm, x):
        return allreduce(x, comm)

    real = simulate(program, p, (np.ones(n, np.float32),), NET)
    there = simulate(program, p, (phantom(n, np.float32),), NET)
    assert there.trace.messages == real.trace.messages
    assert there.time == real.time
    assert all(got.shape == (n,) and got.dtype == np.float32 for got in there.results)


def test_a_large_run_takes_little_memory_however_many_messages_it_sends():
    def program(comm, rounds):
        for _ in range(rounds):
            collectives.ring_allreduce(phantom(10**12, np.float32), comm)

    def peak(rounds):
        tracemalloc.start()
        out = simulate(program, 64, (rounds,), trace="counts")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert out.trace.messages_sent.tolist() == [rounds * 126] * 64
        return most

    peak(1)  # what is made once is there from now on
    few, many = peak(1), peak(4)
    assert few < 2e6  # bytes, for 64 vectors of 4 TB
    assert many < few + 1e5


@settings(deadline=None, max_examples=30)
@given(p=st.integers(1, 6), sizes=st.lists(st.integers(0, 3000), max_size=9))
def test_counts_are_those_of_the_rows(p, sizes):
    def program(comm):
        rng = np.random.default_rng(comm.rank)
        for n in sizes:
            comm.Isend(np.zeros(n, np.uint8), int(rng.integers(p)))  # nobody need receive it

    rows, counts = (simulate(program, p, network=NET, trace=kept) for kept in ("rows", "counts"))
    assert counts.time == rows.time
    for name in ("messages_sent", "bytes_sent"):
        got = getattr(counts.trace, name)
        np.testing.assert_array_equal(got, getattr(rows.trace, name))
        assert got.dtype == np.int64
    for name in ("messages", "spans"):
        with pytest.raises(ValueError, match="counts only"):
            getattr(counts.trace, name)
    with pytest.raises(ValueError, match="trace must be 'rows' or 'counts', got 'all'"):
        simulate(program, p, trace="all")


def test_faults_are_told_and_counted_without_rows():
    def program(comm):
        for tag in range(2):
            if comm.rank == 0:
                comm.Isend(np.zeros(4), 1, tag)
        if comm.rank == 1:
            comm.Recv(np.zeros(4), 0, 0)
            comm.Recv(np.zeros(4), 0, 0)

    plan = [Duplicate(source=0, dest=1, nth=1), Drop(source=0, dest=1, nth=2)]
    rows, counts = (
        simulate(program, 2, faults=Faults(plan), trace=kept) for kept in ("rows", "counts")
    )
    assert rows.trace.messages_sent.tolist() == counts.trace.messages_sent.tolist() == [3, 0]
    assert counts.trace.bytes_sent.tolist() == [96, 0]
    assert [s.fault for s in counts.trace.faults] == [s.fault for s in rows.trace.faults]


@pytest.mark.parametrize("n", [4, 4000])  # on both sides of the eager limit
def test_a_real_buffer_keeps_its_contents_and_a_phantom_takes_what_comes(n):
    def program(comm):
        if comm.rank == 0:
            comm.Send(phantom(n), 1)
            comm.Send(np.ones(n), 1)
            return None
        kept = np.full(n, 3.0)
        comm.Recv(kept, 0)
        gone = phantom(n)
        comm.Recv(gone, 0)
        return kept, gone

    kept, gone = simulate(program, 2, network=NET).results[1]
    assert (kept == 3).all()
    assert gone[0] == 0
    with pytest.raises(MPIError, match=f"receive of 8 bytes, and rank 0 sent {8 * n}"):
        simulate(lambda c: c.Recv(phantom(1)) if c.rank else c.Send(phantom(n), 1), 2)


def test_collectives_of_mpi_take_phantoms():
    def program(comm):
        x, real = phantom((2, 3)), np.full(6, 5.0)
        comm.Bcast(x)
        comm.Allreduce(x, phantom(6), SUM)
        comm.Allgather(x, phantom(6 * comm.size))
        comm.Reduce(phantom(6), real)
        comm.Send([phantom(8), 2], (comm.rank + 1) % comm.size)
        comm.Recv(phantom(2), (comm.rank - 1) % comm.size)
        return real.tolist()

    out = simulate(program, 3)
    assert out.results == [[5.0] * 6] * 3
    assert out.trace.bytes_sent.tolist() == [16] * 3


def test_what_is_made_of_phantoms_has_the_shape_and_dtype_of_arrays():
    def made(a, shape):
        return [
            a + 1, 2.5 * a, a + a, a > 0, np.sqrt(a), np.maximum(a, a.copy()), a[1:], a.copy(),
            np.empty_like(a), np.zeros_like(a, dtype="c16"), np.empty_like(a, shape=(3, 4)),
            a.reshape(-1), *np.array_split(a, 3), a + np.ones(shape), np.negative(a),
        ]  # fmt: skip

    for shape, dtype in [((7,), "f4"), ((2, 5), "i8"), ((0,), "f8")]:
        x, y = phantom(shape, dtype), np.zeros(shape, dtype)
        for got, want in zip(made(x, shape), made(y, shape), strict=True):
            assert type(got) is type(x)
            assert (got.shape, got.dtype) == (want.shape, want.dtype)
            assert got.size < 2 or not any(got.strides)
    x = phantom(10)
    x += 3
    x[2] = 7
    np.copyto(x, np.ones(10))
    assert x[2] == x[9] == 0
    with pytest.raises(TypeError):
        x.sum()


def test_rates_that_are_forgotten_are_found_again(monkeypatch):
    def program(comm):
        return collectives.pairwise_alltoall(np.arange(64.0 * comm.size), comm)

    network = fat_tree(2, 4, oversubscription=4)
    first = simulate(program, 8, network=network)
    monkeypatch.setattr(routed, "KEPT", 1)
    again = simulate(program, 8, network=network)
    assert again.trace.messages == first.trace.messages
