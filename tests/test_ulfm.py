"""ULFM: a death is told to those who need the dead, and the survivors go on; in both worlds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar.collectives import ring_allreduce
from dlpar.world import (
    ANY_SOURCE,
    Deadlock,
    Faults,
    Kill,
    MPIError,
    Network,
    clock,
    run,
    simulate,
    work,
)
from dlpar.world.faults import Exit, Stop
from dlpar.world.presets import star
from dlpar.world.virtual.ulfm import DETECTION

NETWORKS = [Network(), star(6)]
both_networks = pytest.mark.parametrize("network", NETWORKS, ids=["Network", "Topology"])
BIG = np.ones(100_000)  # bytes above the eager limit


def told(call, *args, **kwargs):
    """Return the error class that `call` raises, or what it returns."""
    try:
        return call(*args, **kwargs)
    except MPIError as error:
        return error.error_class


def library_sum(x, comm):
    total = np.empty_like(x)
    comm.Allreduce(x, total)
    return total


def survive(comm, add):
    """Sum 2 ** rank over all who live; return (sum, how many took part)."""
    x = np.array([2.0**comm.rank])
    while True:
        try:
            total, fine = add(x, comm), 1
        except MPIError:
            comm.Revoke()
            fine = 0
        comm.Ack_failed()
        try:
            fine = comm.Agree(fine)
        except MPIError:
            fine = 0
        if fine:
            return total[0], comm.size
        comm = comm.Shrink()


@both_networks
@pytest.mark.parametrize("kind", [Kill, Exit])
@pytest.mark.parametrize("when", ["before", "during", "after"])
@pytest.mark.parametrize("add", [ring_allreduce, library_sum])
def test_survivors_revoke_shrink_and_finish(network, kind, when, add):
    on = "Sendrecv" if add is ring_allreduce else "Allreduce"
    plan = Faults([kind(2, on, when=when)])
    out = simulate(survive, 4, (add,), network=network, faults=plan, ulfm=True)
    assert out.results[2] is None
    # Also after the library's sum, where all have 15: Agree tells of a death, and they repeat it.
    assert {out.results[r] for r in (0, 1, 3)} == {(11.0, 3)}
    (strike,) = out.trace.faults
    assert strike.rank == 2


@settings(max_examples=300)
@given(
    p=st.integers(2, 6),
    data=st.data(),
    when=st.sampled_from(["before", "during", "after"]),
    routed=st.booleans(),
    add=st.sampled_from([ring_allreduce, library_sum]),
)
def test_whoever_dies_the_others_finish_with_one_sum(p, data, when, routed, add):
    rank = data.draw(st.integers(0, p - 1))
    nth = data.draw(st.integers(1, 2 if add is library_sum else 2 * (p - 1) + 1))
    plan = Faults([Kill(rank, nth=nth, when=when)])
    out = simulate(survive, p, (add,), network=NETWORKS[routed], faults=plan, ulfm=True)
    (got,) = {result for r, result in enumerate(out.results) if r != rank}
    everyone = 2.0**p - 1
    # One whose part had gone into everybody's sum may be in it; none is counted in part.
    assert got in [(everyone - 2.0**rank, p - 1), (everyone, p)]
    assert out.results[rank] is None


@both_networks
@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.Recv(np.empty(1), source=1),
        lambda c: c.Irecv(np.empty(1), source=1).Wait(),
        lambda c: c.Recv(np.empty(1), source=ANY_SOURCE),
        lambda c: c.Probe(1),
        lambda c: c.Probe(),
        lambda c: c.Send(BIG, dest=1),
        lambda c: c.Isend(BIG, dest=1).Wait(),
        lambda c: c.Sendrecv(BIG, 1, 0, np.empty(1), 2),
        lambda c: c.Sendrecv(np.ones(1), 2, 0, np.empty(1), 1),
        lambda c: c.Barrier(),
        lambda c: c.Split(0, 0),
        lambda c: c.Iallreduce(np.ones(1), np.empty(1)).Wait(),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_call_that_needs_the_dead_raises_once_that_is_known(network, call, late):
    def program(comm):
        if comm.rank == 0:
            work(comm, seconds=1.0 if late else 0.0)
            with pytest.raises(MPIError, match=r"rank 1 was killed at 0\.25 s, before work 2") as e:
                call(comm)
            return e.value.error_class, clock(comm)
        work(comm, seconds=0.25)
        if comm.rank == 1:
            work(comm, seconds=5.0)

    plan = Faults([Kill(1, "work", 2)])
    error, at = simulate(program, 3, network=network, faults=plan, ulfm=True).results[0]
    assert error == "MPI_ERR_PROC_FAILED"
    assert at == pytest.approx(1.0 if late else 0.25 + DETECTION, abs=1e-4)


@both_networks
def test_what_has_arrived_from_the_dead_can_be_received(network):
    def program(comm):
        if comm.rank == 1:
            comm.Send(np.full(1, 7.0), dest=0)
            comm.Barrier()
        else:
            work(comm, seconds=1.0)
            x = np.empty(1)
            comm.Recv(x, source=1)
            return x[0], told(comm.Recv, x, 1)

    plan = Faults([Kill(1, "Barrier")])
    out = simulate(program, 2, network=network, faults=plan, ulfm=True)
    assert out.results[0] == (7.0, "MPI_ERR_PROC_FAILED")


def test_a_receive_from_anyone_is_pending_until_the_dead_are_acknowledged():
    def program(comm):
        if comm.rank == 1:
            work(comm, seconds=1.0)
        elif comm.rank == 2:
            work(comm, seconds=2.0)
            comm.Send(np.full(1, 2.0), dest=0)
        else:
            x = np.zeros(1)
            request = comm.Irecv(x, ANY_SOURCE)
            seen = [told(request.Wait), told(request.Test)]
            group = comm.Get_failed()
            seen += [group.Get_size(), group.Translate_ranks(None, comm.Get_group())]
            seen += [comm.Ack_failed(0), comm.Ack_failed(), request.Wait(), x[0]]
            return seen

    pending = "MPI_ERR_PROC_FAILED_PENDING"
    out = simulate(program, 3, faults=Faults([Kill(1, "work")]), ulfm=True)
    assert out.results[0] == [pending, pending, 1, [1], 0, 1, True, 2.0]


def test_polling_for_the_dead_ends_too():
    def program(comm):
        if comm.rank == 1:
            work(comm, seconds=1.0)
            return None
        request = comm.Irecv(np.empty(1), source=1)
        try:
            while not request.Test():
                work(comm, seconds=1e-3)
        except MPIError as error:
            first = error.error_class
        try:
            while not comm.Iprobe(1):
                pass
        except MPIError as error:
            return first, error.error_class

    out = simulate(program, 2, faults=Faults([Kill(1, "work")]), ulfm=True)
    assert out.results[0] == ("MPI_ERR_PROC_FAILED", "MPI_ERR_PROC_FAILED")


@both_networks
@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.Recv(np.empty(1), source=2),
        lambda c: c.Recv(np.empty(1), source=ANY_SOURCE),
        lambda c: c.Irecv(np.empty(1), source=2).Wait(),
        lambda c: c.Send(BIG, dest=2),
        lambda c: c.Isend(np.ones(1), dest=2).Wait() if c.Is_revoked() else c.Barrier(),
        lambda c: c.Probe(2),
        lambda c: c.Allreduce(np.ones(1), np.empty(1)),
    ],
)
def test_a_revoked_communicator_ends_all_calls_but_shrink_and_agree(network, call):
    def program(comm):
        other = comm.Dup()
        if comm.rank == 2:
            work(comm, seconds=1.0)
            comm.Revoke()
            seen = comm.Is_revoked()
        else:
            seen = told(call, comm)
        again = told(comm.Barrier)
        other.Barrier()
        return seen, again, comm.Agree(6 + comm.rank), comm.Shrink().size, other.Is_revoked()

    out = simulate(program, 3, network=network, ulfm=True)
    revoked = "MPI_ERR_REVOKED"
    rest = (revoked, 6 & 7 & 8, 3, False)
    assert out.results == [(revoked, *rest), (revoked, *rest), (True, *rest)]


def test_agree_raises_on_all_until_all_have_acknowledged():
    def program(comm):
        told(comm.Barrier)
        if comm.rank == 0:
            comm.Ack_failed()
        seen = [told(comm.Agree, 7 - comm.rank)]
        comm.Ack_failed()
        start = clock(comm)
        return [*seen, comm.Agree(7 - comm.rank), round((clock(comm) - start) / 1e-5, 6)]

    out = simulate(
        program, 5, network=Network(alpha=1e-5), faults=Faults([Kill(3, "Barrier")]), ulfm=True
    )
    expected = ["MPI_ERR_PROC_FAILED", 7 & 6 & 5 & 3, 2 * 2]  # of 4 survivors: 2 lg 4 alpha
    assert out.results == [expected] * 3 + [None, expected]


def test_shrink_keeps_the_order_and_leaves_out_all_the_dead():
    def program(comm):
        told(comm.Barrier)
        smaller = comm.Shrink()
        every = np.empty(smaller.size)
        smaller.Allgather(np.array([float(comm.rank)]), every)
        return smaller.rank, every.tolist()

    plan = Faults([Kill(0, "Barrier"), Exit(3, "Shrink", when="during")])
    out = simulate(program, 6, faults=plan, ulfm=True)
    alive = [1.0, 2.0, 4.0, 5.0]
    assert out.results == [None, (0, alive), (1, alive), None, (2, alive), (3, alive)]


@pytest.mark.parametrize("ulfm", [False, True])
@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_a_stopped_rank_is_silent_and_named(ulfm, when):
    def program(comm):
        for _ in range(2):
            comm.Allreduce(np.ones(1), np.empty(1))

    plan = Faults([Stop(1, "Allreduce", when=when)])
    with pytest.raises(Deadlock, match=f"but rank 1 was stopped at .* s, {when} Allreduce 1"):
        simulate(program, 3, faults=plan, ulfm=ulfm)


@both_networks
@pytest.mark.parametrize("kind", [Kill, Stop])
def test_what_a_stopped_rank_was_sending_arrives_if_it_is_short(network, kind):
    def program(comm):
        if comm.rank == 0:
            comm.Send(np.ones(1), dest=1)
        else:
            comm.Recv(np.empty(1), source=0)
            return "received"

    plan = Faults([kind(0, "Send", when="during")])
    if kind is Stop:
        assert simulate(program, 2, network=network, faults=plan).results == [None, "received"]
    else:
        with pytest.raises(Deadlock):
            simulate(program, 2, network=network, faults=plan)


@both_networks
def test_without_a_death_nothing_changes(network):
    def program(comm):
        for _ in range(3):
            ring_allreduce(np.arange(9.0), comm)
            work(comm, seconds=1e-6 * comm.rank)
            comm.Sendrecv(BIG, comm.rank ^ 1, 0, BIG.copy(), comm.rank ^ 1)
        return clock(comm)

    plain = simulate(program, 4, network=network)
    with_ulfm = simulate(program, 4, network=network, ulfm=True)
    assert with_ulfm.results == plain.results
    assert with_ulfm.trace.messages == plain.trace.messages
    assert math.isfinite(plain.time)


@both_networks
def test_who_sends_to_one_long_dead_is_told(network):
    def program(comm):
        work(comm, seconds=0.25)
        if comm.rank == 0:
            work(comm, seconds=1.0)
        else:
            work(comm, seconds=1.0)  # ahead of the other's death, were it not for the order of time
            return told(comm.Send, np.ones(1), 0), told(comm.Isend(np.ones(1), 0).Wait)

    out = simulate(program, 2, network=network, faults=Faults([Kill(0, "work", 2)]), ulfm=True)
    assert out.results[1] == ("MPI_ERR_PROC_FAILED",) * 2


def test_nothing_is_written_where_a_receive_was_given_up():
    def program(comm):
        if comm.rank == 1:
            comm.Isend(BIG, dest=0)  # 0.8 s
            work(comm, seconds=0.1)
        else:
            x = np.zeros(BIG.size)
            error = told(comm.Recv, x, 1)
            work(comm, seconds=2.0)
            comm.Get_failed()
            return error, x.sum()

    plan = Faults([Kill(1, "work")])
    out = simulate(program, 2, network=star(2, bandwidth=1e6), faults=plan, ulfm=True)
    assert out.results[0] == ("MPI_ERR_PROC_FAILED", 0.0)


def test_a_sum_that_was_given_up_is_given_up_by_all():
    def program(comm):
        total = np.zeros(1)
        work(comm, seconds=comm.rank / 2)
        request = comm.Iallreduce(np.ones(1), total)
        if comm.rank == 1:
            work(comm, seconds=0.1)
        error = told(request.Wait)
        work(comm, seconds=2.0)
        return error, total[0]

    out = simulate(program, 3, faults=Faults([Kill(1, "work", 2)]), ulfm=True)
    assert out.results[0] == out.results[2] == ("MPI_ERR_PROC_FAILED", 0.0)


@pytest.mark.mpi
@pytest.mark.xdist_group("mpi")
@pytest.mark.parametrize(
    ("kind", "when", "add"),
    [(Kill, "during", ring_allreduce), (Exit, "before", library_sum), (Kill, "after", library_sum)],
)
def test_real_survivors_do_what_simulated_ones_do(kind, when, add):
    on = "Sendrecv" if add is ring_allreduce else "Allreduce"
    plan = Faults([kind(2, on, when=when)])
    virtual, real = (
        world(survive, 4, args=(add,), faults=plan, ulfm=True, timeout=30)
        for world in (simulate, run)
    )
    assert [r is None for r in real.results] == [False, False, True, False]
    assert len({r for r in real.results if r is not None}) == 1
    # A rank that dies after its call has given its part; whether the others' call still ended
    # before they heard of it is the network's affair, in both worlds.
    sums = {(11.0, 3)} if when != "after" else {(11.0, 3), (15.0, 4)}
    assert {r for out in (virtual, real) for r in out.results if r is not None} <= sums
