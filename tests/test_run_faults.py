"""Planned faults, and deaths by hand, on real processes: each is survived or named in time."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from dlpar import run
from dlpar.collectives import ring_allreduce
from dlpar.world import (
    Drop,
    Exit,
    Faults,
    Kill,
    MPIError,
    Raise,
    Slow,
    Stop,
    work,
)
from dlpar.world.real import engines
from dlpar.world.real.reaper import family

pytestmark = [pytest.mark.mpi, pytest.mark.xdist_group("mpi")]

MOMENTS = ["before", "during", "after"]
SENDRECV_2 = {"on": "Sendrecv", "nth": 2}


def ring(comm):
    return ring_allreduce(np.full(1000, comm.rank + 1.0), comm)[0]


def surviving(allreduce):
    """Return a program that sums; if a rank dies, its survivors sum again among themselves."""

    def program(comm):
        try:
            return allreduce(comm), comm.size, None, time.monotonic()
        except MPIError as error:
            comm.Revoke()
            new = comm.Shrink()
            return allreduce(new), new.size, error.error_class, time.monotonic()

    return program


surviving_ring = surviving(ring)


def test_a_raise_is_caught_and_the_call_made_again_and_a_pause_only_delays():
    def stubborn(comm):
        x, y = np.full(1, float(comm.rank)), np.empty(1)
        tries = 0
        for _ in range(3):
            while True:
                tries += 1
                try:
                    comm.Sendrecv(x, (comm.rank + 1) % comm.size, 0, y, (comm.rank - 1) % comm.size)
                    break
                except OSError:
                    continue
            x[:] = y
        comm.Allreduce(x.copy(), y)
        return tries, x[0], y[0]

    plan = [
        Raise(2, "Sendrecv", 1 + i, when, error=OSError()) for i, when in enumerate(MOMENTS[:2])
    ]
    plan += [Slow(1, **SENDRECV_2, when=when, seconds=0.05) for when in MOMENTS]
    plan += [Slow(1, "Allreduce", when=when, seconds=0.05) for when in MOMENTS]
    out = run(stubborn, 4, faults=Faults(plan))
    assert [tries for tries, *_ in out.results] == [3, 3, 5, 3]
    assert [(x, total) for _, x, total in out.results] == [(r, 6.0) for r in (1, 2, 3, 0)]
    assert sorted((s.rank, s.where) for s in out.trace.faults) == sorted(
        [(1, f"{when} {call}") for when in MOMENTS for call in ("Sendrecv 2", "Allreduce 1")]
        + [(2, "before Sendrecv 1"), (2, "during Sendrecv 2")]
    )
    assert out.time > 0.3


def test_a_raise_that_is_not_caught_says_that_it_was_planned():
    with pytest.raises(RuntimeError, match="a planned fault") as caught:
        run(ring, 4, faults=Faults([Raise(2, **SENDRECV_2, when="after")]))
    assert any("struck rank 2, after Sendrecv 2" in note for note in caught.value.__notes__)


@pytest.mark.parametrize(
    ("fault", "how", "inside"),
    [
        (Kill(2, **SENDRECV_2), r"killed by signal 9 \(SIGKILL\)", False),
        (Kill(2, **SENDRECV_2, when="during"), r"killed by signal 9 \(SIGKILL\)", True),
        (Exit(2, **SENDRECV_2, when="after", code=7), "exited with code 7", False),
    ],
)
def test_without_ulfm_a_death_ends_all_and_names_who_died_and_who_waits_where(fault, how, inside):
    where = r", in Sendrecv\(dest=3, source=1, .*?\)" if inside else ""
    others = "; ".join(
        rf"rank {r} waits in Sendrecv\(dest={(r + 1) % 4}, source={(r - 1) % 4}, .*?\)"
        for r in (0, 1, 3)
    )
    run(ring, 4)  # so that no start is timed
    cluster, start = engines._cluster, time.monotonic()
    with pytest.raises(RuntimeError, match=rf"^rank 2 (was )?{how}{where}; {others}\n") as caught:
        run(ring, 4, faults=Faults([fault]))
    assert time.monotonic() - start < 5
    assert any(f"struck rank 2, {fault.when} Sendrecv 2" in n for n in caught.value.__notes__)
    assert family(cluster.mark) == []


def test_a_stopped_rank_is_named_at_the_timeout():
    run(ring, 4)
    cluster, start = engines._cluster, time.monotonic()
    with pytest.raises(
        TimeoutError,
        match=r"rank 2 is stopped \(SIGSTOP\), in Sendrecv\(dest=3, .*rank 3 waits in Sendrecv\(",
    ):
        run(ring, 4, timeout=1, faults=Faults([Stop(2, **SENDRECV_2, when="during")]))
    assert time.monotonic() - start < 4  # the timeout, and the end of the processes
    assert family(cluster.mark) == []


@pytest.mark.parametrize(
    "fault",
    [
        Kill(2, **SENDRECV_2),
        Kill(2, **SENDRECV_2, when="during"),
        Exit(2, **SENDRECV_2, when="after", code=7),
    ],
)
def test_with_ulfm_the_survivors_shrink_and_finish_within_a_second(fault):
    def program(comm):
        return surviving_ring(comm)

    out = run(program, 4, faults=Faults([fault]), ulfm=True)
    assert out.results[2] is None
    for r in (0, 1, 3):
        total, size, error_class, _ = out.results[r]
        assert (total, size) == (6.0, 3)
        assert error_class in ("MPI_ERR_PROC_FAILED", "MPI_ERR_REVOKED")
    (strike,) = out.trace.faults
    assert (strike.fault, strike.rank, strike.where) == (fault, 2, f"{fault.when} Sendrecv 2")
    assert out.time - strike.time < 1.0
    assert out.trace.messages_sent[2] == 0  # its log died with it


def test_a_rank_killed_by_hand_inside_allreduce_leaves_survivors_that_finish():
    def program(comm):
        def allreduce(comm):
            y = np.empty(3)
            comm.Allreduce(np.full(3, comm.rank + 1.0), y)
            return y[0]

        allreduce(comm)
        if comm.rank == 2:
            time.sleep(0.1)  # the others are inside by now
            died = time.monotonic()
            Path(folder, "died").write_text(str(died))
            os.kill(os.getpid(), signal.SIGKILL)
        told = surviving(allreduce)(comm)
        failed = comm.Get_failed()
        return *told, failed.Translate_ranks(None, comm.Get_group()), comm.Is_revoked()

    run(ring, 4, ulfm=True)
    cluster, folder = engines._cluster, str(engines._cluster.folder)
    out = run(program, 4, ulfm=True)
    assert out.results[2] is None
    for r in (0, 1, 3):
        total, size, error_class, _, failed, revoked = out.results[r]
        assert (total, size, failed, revoked) == (6.0, 3, [2], True)
        assert error_class in ("MPI_ERR_PROC_FAILED", "MPI_ERR_REVOKED")
    assert out.time < 1.1
    assert family(cluster.mark) == []  # nothing is left, and the next call has new processes
    assert not cluster.shared.exists()
    assert run(ring, 4, ulfm=True).results == [10.0] * 4


def test_at_a_time_a_rank_dies_in_its_wait():
    def program(comm):
        if comm.rank == 1:
            comm.Recv(np.empty(1), source=0)
        return comm.rank

    out = run(program, 2, faults=Faults([Kill(1, at=0.1)]), ulfm=True)
    assert out.results == [0, None]
    assert [s.where for s in out.trace.faults] == ["in Recv 1"]
    assert 0.09 < out.trace.faults[0].time < 1.0


def test_work_takes_its_factor_longer_on_a_slowed_rank():
    def program(comm):
        start = time.perf_counter()
        work(comm, seconds=0.1)
        return time.perf_counter() - start

    fast, slow = run(program, 2, faults=Faults([Slow(1, factor=3.0)])).results
    assert fast < 0.1
    assert slow > 0.2


def test_a_fault_that_never_struck_is_an_error():
    with pytest.raises(RuntimeError, match=r"Sendrecv.*never struck: 6 such calls were made"):
        run(ring, 4, faults=Faults([Kill(2, "Sendrecv", 7)]))
    with pytest.raises(RuntimeError, match="never struck: the rank had ended"):
        run(ring, 4, faults=Faults([Kill(2, at=50)]))


@pytest.mark.parametrize(
    ("faults", "error", "words"),
    [
        ([Kill(1)], TypeError, "Faults"),
        (Faults([Kill(4)]), ValueError, "not among 4"),
        (Faults([Drop()]), ValueError, "simulate"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_before_anything_starts(faults, error, words, monkeypatch):
    monkeypatch.setattr(engines, "cluster", lambda *a: pytest.fail("it started a cluster"))
    with pytest.raises(error, match=words):
        run(ring, 4, faults=faults)


def test_with_ulfm_a_stopped_rank_that_nobody_waits_for_does_not_hold_the_call():
    def alone(comm):
        comm.Barrier()
        return comm.rank

    out = run(alone, 3, timeout=20, faults=Faults([Stop(1, on="Barrier", when="after")]), ulfm=True)
    assert out.results == [0, None, 2]
    assert out.time < 10
