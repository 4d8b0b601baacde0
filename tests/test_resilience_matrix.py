"""The fault matrix: what each system does when it is struck, and a guard that makes it safe."""

import numpy as np
import pytest

from dlpar import simulate
from dlpar.collectives import ring_allreduce
from dlpar.resilience import matrix, systems
from dlpar.resilience.guard import Guarded, guarded
from dlpar.resilience.matrix import OF_MESSAGES, OF_RANKS, SYSTEMS, WHEN, fault_matrix
from dlpar.world import Drop, Duplicate, Faults, MPIError


@pytest.fixture(scope="module")
def rows():
    return fault_matrix()


def test_every_cell_is_there_once(rows):
    assert len({row[:4] for row in rows}) == len(rows)
    assert len(rows) == len(SYSTEMS) * 2 * len(OF_RANKS + OF_MESSAGES) * len(WHEN)


def test_guarded_every_cell_survives_or_is_named(rows):
    assert {r.outcome for r in rows if r.guarded} == {"complete", "partial", "named"}


def test_on_mpis_promise_only_what_mpi_rules_out_is_silently_wrong(rows):
    wrong = {row for row in rows if not row.guarded and row.outcome == "WRONG"}
    assert {row.fault for row in wrong} == {"Duplicate", "Reorder"}
    assert {row.system for row in wrong} == set(SYSTEMS)
    unnamed = [row for row in rows if row.outcome == "unnamed"]
    assert {(row.guarded, row.fault) for row in unnamed} == {(False, "Raise")}


def test_deaths_are_outlived_by_every_guarded_system(rows):
    deaths = [row for row in rows if row.guarded and row.fault in ("Exit", "Kill")]
    for row in deaths:
        partial = row.system in ("ring", "tree")
        assert row.outcome == ("partial" if partial else "complete"), row
        if partial:
            assert row.words == "contributions of ranks 0, 1, 3"
        if row.system == "data-parallel loop":
            assert "4 then 3 workers" in row.words


def test_the_matrix_is_the_same_every_time(rows):
    assert fault_matrix(names=["ring"]) == [row for row in rows if row.system == "ring"]


def test_a_wrong_sum_is_seen(monkeypatch):
    def lossy(x, comm):
        return ring_allreduce(x, comm) - 1

    monkeypatch.setitem(
        matrix.SYSTEMS,
        "ring",
        SYSTEMS["ring"]._replace(plain=lambda comm: systems.plain_rounds(comm, lossy)),
    )
    (*_, last) = fault_matrix(["ring"], [matrix.Slow], [False])
    assert last.outcome == "WRONG"


def three_sends(comm):
    guard, got = Guarded(comm), np.empty((3, 2))
    for k in range(3):
        if comm.rank == 0:
            guard.Send(np.array([k, 0.5]), 1)
        else:
            guard.Recv(got[k], 0)
    return got


def test_a_guard_drops_what_comes_twice():
    for nth in (1, 2, 3):
        out = simulate(three_sends, 2, faults=Faults([Duplicate(0, 1, nth=nth)]))
        np.testing.assert_array_equal(out.results[1][:, 0], [0, 1, 2])


def test_a_guard_names_what_is_left_out():
    with pytest.raises(MPIError, match="rank 1: message 1 from rank 0, 0 was due"):
        simulate(three_sends, 2, faults=Faults([Drop(0, 1, nth=1)]))


def test_a_guard_names_another_size():
    def program(comm):
        guard = Guarded(comm)
        if comm.rank == 0:
            guard.Send(np.ones(2), 1)
        else:
            guard.Recv(np.empty(3), 0)

    with pytest.raises(MPIError, match="rank 1: 16 bytes from rank 0, 24 were due"):
        simulate(program, 2)


def test_a_guard_costs_16_bytes_a_message():
    x = np.ones(8)
    plain = simulate(lambda comm: ring_allreduce(x, comm), 4).trace
    exchange = guarded(ring_allreduce)
    out = simulate(lambda comm: exchange(x, comm), 4)
    np.testing.assert_array_equal(out.results[0], 4 * x)
    assert out.trace.bytes_sent.sum() == plain.bytes_sent.sum() + 16 * plain.messages_sent.sum()


def test_a_guarded_receive_names_its_source():
    with pytest.raises(ValueError, match="names its source"):
        simulate(lambda comm: Guarded(comm).Recv(np.empty(1)), 1)
