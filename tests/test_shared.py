import functools
import gc
import os
import signal
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_under_mpiexec import mpiexec

from dlpar import run, simulate
from dlpar.collectives import SharedVectors, shared
from dlpar.collectives.adding import adder
from dlpar.world import Deadlock

DTYPES = ["int8", "int64", "float32", "complex128"]


def vector(rank, n, dtype, seed=0):
    """Numbers whose sums are rounded, or wrap around: only the right order gives the right bits."""
    x = np.random.default_rng([rank, seed]).normal(size=n) * 50
    return x.astype(dtype)


def total_of(vectors):
    return functools.reduce(np.add, vectors)


def allreduce(comm, n, dtype):
    vectors = SharedVectors(comm, n, dtype)
    vectors.mine[:] = vector(comm.rank, n, dtype)
    return vectors.allreduce()


# Sums


@given(p=st.integers(1, 9), n=st.integers(0, 80))
def test_the_total_is_the_sum_in_the_order_of_ranks_to_the_bit(p, n):
    wanted = total_of([vector(r, n, "float32") for r in range(p)])
    for got in simulate(allreduce, p, (n, "float32")).results:
        assert got.dtype == wanted.dtype
        assert got.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("beyond_cache", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", [1, 3])
def test_each_compiled_loop_adds_in_order_at_every_length(p, dtype, beyond_cache):
    for n in (0, 1, 1023, 1024, 5000):
        x = [vector(r, n, dtype) for r in range(p)]
        room = np.empty(16 * n + 64, np.uint8)
        out = room[-room.ctypes.data % 64 :][: n * x[0].itemsize].view(dtype)
        adder(x, out, beyond_cache)()
        assert out.tobytes() == total_of(x).tobytes()


def test_more_arrays_than_one_pass_takes_are_added_in_order():
    x = [vector(r, 100, "float32") for r in range(17)]
    out = np.empty(100, "float32")
    adder(x, out, False)()
    assert out.tobytes() == total_of(x).tobytes()


# Memory


def test_all_see_the_vectors_of_all_and_may_write_their_own_alone():
    def program(comm):
        vectors = SharedVectors(comm, 3, np.int64)
        vectors.mine[:] = comm.rank + 1
        comm.Barrier()
        seen = [v.tolist() for v in vectors.vectors]
        for array in (*vectors.vectors, vectors.total):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 7
        return seen

    assert simulate(program, ranks=3).results == [[[1] * 3, [2] * 3, [3] * 3]] * 3


def test_mine_is_free_at_once_and_the_total_stays_until_the_next_call():
    def program(comm):
        vectors = SharedVectors(comm, 100, np.int64)
        totals = []
        for step in range(4):
            vectors.mine[:] = 10**step
            total = vectors.allreduce()
            vectors.mine[:] = -1  # while others may not even have left the call
            comm.Barrier()
            totals.append(total.copy())
        return totals

    for totals in simulate(program, ranks=3).results:
        for step, total in enumerate(totals):
            np.testing.assert_array_equal(total, np.full(100, 3 * 10**step))


def test_all_is_zero_at_first_and_arrays_outlive_what_made_them():
    def program(comm):
        vectors = SharedVectors(comm, 4, np.float32)
        return vectors.mine, vectors.total

    results = simulate(program, ranks=2).results
    gc.collect()
    for array in (array for pair in results for array in pair):
        np.testing.assert_array_equal(array, np.zeros(4, np.float32), strict=True)


def test_no_element_travels_in_a_message_and_the_last_two_calls_are_barriers():
    out = simulate(allreduce, 3, (1000, "float32"))
    assert out.trace.messages == []
    mine = [span.what for span in out.trace.spans if span.rank == 1]
    assert mine == ["Bcast", "Bcast", "Allreduce", "Barrier", "Barrier"]


def mapped():
    """How many memories of ours this process has mapped."""
    gc.collect()
    return Path("/proc/self/maps").read_text().count("memfd:dlpar")


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="reads Linux's /proc")
def test_memory_goes_with_the_last_array_also_after_an_error():
    def fail(comm):
        vectors = SharedVectors(comm, 10_000, np.float32)
        assert mapped()
        comm.Barrier()
        raise KeyError(vectors.total.size)

    before = mapped()
    simulate(allreduce, 2, (10_000, "float32"))
    assert mapped() == before
    with pytest.raises(KeyError):
        simulate(fail, ranks=2)
    assert mapped() == before


def test_where_memory_must_have_a_name_it_loses_it_at_once(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    opened = []
    monkeypatch.setattr(shared, "_mapped", tell(shared._mapped, opened, tmp_path))
    for got in simulate(allreduce, 3, (50, "float64")).results:
        assert got.tobytes() == total_of([vector(r, 50, "float64") for r in range(3)]).tobytes()
    assert opened == [1, 1, 1]
    assert list(tmp_path.iterdir()) == []


def tell(function, told, folder):
    def wrapped(*args):
        told.append(len(list(folder.iterdir())))
        return function(*args)

    return wrapped


# Wrong arguments


class Untouchable:
    rank, size = 0, 2


@pytest.mark.parametrize("n", [-1, 1.5, True, None, "3"])
def test_a_length_is_a_whole_number(n):
    with pytest.raises(ValueError, match="needs n as an integer of at least 0"):
        SharedVectors(Untouchable(), n, np.float32)


@pytest.mark.parametrize("dtype", ["bool", "float16", "longdouble", "U3", "datetime64[s]", ">f4"])
def test_a_dtype_is_one_that_the_loops_can_add(dtype):
    with pytest.raises(ValueError, match="needs dtype as native integers or floats"):
        SharedVectors(Untouchable(), 3, dtype)


@pytest.mark.parametrize("other", [(4, "float32"), (3, "int32")])
def test_ranks_that_want_different_vectors_are_all_told(other):
    def program(comm):
        with pytest.raises(ValueError, match="the same n and dtype on all ranks"):
            SharedVectors(comm, *(other if comm.rank == 1 else (3, "float32")))
        return True

    assert simulate(program, ranks=3).results == [True] * 3


@pytest.mark.parametrize("wrong", ["missing", "another"])
def test_ranks_of_several_hosts_are_all_told(wrong, monkeypatch):
    """There the path leads nowhere, or to another memory."""

    def opened(name, nbytes):
        if wrong == "missing":
            raise FileNotFoundError(name)
        return bytearray(nbytes)

    monkeypatch.setattr(shared, "_opened", opened)

    def program(comm):
        with pytest.raises(RuntimeError, match="all ranks on one host: 2 of 3"):
            SharedVectors(comm, 3, "float32")
        return True

    assert simulate(program, ranks=3).results == [True] * 3


def test_in_simulation_a_rank_that_does_not_come_is_a_deadlock():
    def program(comm):
        vectors = SharedVectors(comm, 3, np.float32)
        if comm.rank != 1:
            vectors.allreduce()

    with pytest.raises(Deadlock, match=r"Barrier for rank 1"):
        simulate(program, ranks=3)


# Real processes


def several(comm, sizes, dtype):
    totals = [allreduce(comm, n, dtype).copy() for n in sizes]
    return totals, mapped() if hasattr(os, "memfd_create") else 0


@pytest.mark.mpi
@pytest.mark.parametrize("p", [1, 4])
def test_real_processes_make_the_same_bits_and_keep_nothing(p):
    sizes = (0, 1, 1000, 6_000_000 // p)  # the last is streamed past the caches where p > 1
    out = run(several, p, (sizes, "float32"))
    for totals, left in out.results:
        assert left == 0
        for n, got in zip(sizes, totals, strict=True):
            wanted = total_of([vector(r, n, "float32") for r in range(p)])
            assert got.tobytes() == wanted.tobytes()
    assert out.trace.messages == []


def leave(comm, end):
    vectors = SharedVectors(comm, 1000, np.float32)
    if comm.rank == 1:
        end()
    else:
        vectors.allreduce()


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.mpi
def test_a_rank_that_does_not_come_or_dies_ends_the_call_and_leaves_no_file():
    memory = Path("/dev/shm")
    run(several, 2, ((1,), "float32"))
    before = set(memory.iterdir()) if memory.exists() else set()
    with pytest.raises(TimeoutError, match=r"rank 0 waits in Barrier"):
        run(leave, 2, (int,), timeout=1)
    with pytest.raises(RuntimeError, match="rank 1 was killed"):
        run(leave, 2, (kill,))
    if memory.exists():
        ours = {p for p in set(memory.iterdir()) - before if p.is_file()}
        assert ours == set()


@pytest.mark.mpi
def test_under_mpiexec_a_communicator_of_mpi4py_will_do(tmp_path):
    body = """
        from dlpar.collectives import SharedVectors, pipelined_ring_allreduce

        comm = MPI.COMM_WORLD
        vectors = SharedVectors(comm, 1000, np.float32)
        vectors.mine[:] = comm.rank + 1
        message = np.full(1000, comm.rank + 1, np.float32)
        ways = vectors.allreduce(), pipelined_ring_allreduce(message, comm, 2)
        write([sorted(set(total.tolist())) for total in ways])
    """
    code, stderr, told, _ = mpiexec(tmp_path, body)
    assert code == 0, stderr
    assert told == [[[6.0], [6.0]]] * 3
