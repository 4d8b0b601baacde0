"""The two worlds are one: random programs give equal results, messages and bytes in both."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dlpar import run, simulate
from dlpar.world import (
    ANY_SOURCE,
    ANY_TAG,
    IN_PLACE,
    MAX,
    MIN,
    PROC_NULL,
    PROD,
    SUM,
    UNDEFINED,
    MPIError,
    Network,
    Status,
)

pytestmark = [pytest.mark.mpi, pytest.mark.xdist_group("mpi")]

OPS = {"sum": SUM, "prod": PROD, "max": MAX, "min": MIN}
SMALL = Network(eager_limit=100)  # so that short messages already take the rendezvous


def data(rank, step, n):
    """Return n integers that no other rank and step has, small enough for exact products."""
    return (np.arange(n) * 7 + rank * 3 + step) % 11 + 1


# What a program is made of. Each step is called on every rank with the same arguments, and returns
# what the rank saw.


def blocking(comm, step, edges):
    """Send along `edges` (source, dest, tag, n) one after another: an order without a cycle."""
    seen = []
    for i, (source, dest, tag, n) in enumerate(edges):
        if comm.rank == source:
            comm.Send(data(source, step + i, n), dest=dest, tag=tag)
        if comm.rank == dest:
            status, y = Status(), np.zeros(n + 3, np.int64)
            comm.Recv(y, source=source, tag=tag, status=status)
            seen.append((status.Get_source(), status.Get_tag(), status.Get_count(8), y))
    return seen


def nonblocking(comm, step, edges, finish, backwards):
    """Post every receive, then every send, and complete them in one of four ways."""
    inbox, requests = [], []
    for source, dest, tag, n in edges:
        if comm.rank == dest:
            inbox.append(np.zeros(n, np.int64))
            requests.append(comm.Irecv(inbox[-1], source=source, tag=tag))
    for i, (source, dest, tag, n) in enumerate(edges):
        if comm.rank == source:
            requests.append(comm.Isend(data(source, step + i, n), dest=dest, tag=tag))
    if backwards:
        requests.reverse()
    if finish == "waitall" and requests:
        requests[0].Waitall(requests)
    elif finish == "waitany" and requests:
        done = [requests[0].Waitany(requests) for _ in requests]
        assert sorted(done) == list(range(len(requests)))
        assert requests[0].Waitany(requests) == UNDEFINED
    elif finish == "test":
        while not all([request.Test() for request in requests]):
            pass
    else:
        for request in requests:
            request.Wait()
    return inbox


def from_anyone(comm, step, edges):
    """Receive without naming the source: which message comes first is left open, so sort."""
    requests = [
        comm.Isend(data(source, step + i, n), dest=dest, tag=tag)
        for i, (source, dest, tag, n) in enumerate(edges)
        if comm.rank == source
    ]
    seen = []
    for _, dest, _, _ in edges:
        if comm.rank == dest:
            status = Status()
            comm.Probe(ANY_SOURCE, ANY_TAG, status)
            y = np.zeros(status.Get_count(8), np.int64)
            comm.Recv(y, status.Get_source(), status.Get_tag())
            seen.append((status.Get_source(), status.Get_tag(), y.tolist()))
    for request in requests:
        request.Wait()
    comm.Barrier()  # or a message of the next step might be taken for one of this
    return sorted(seen)


def shift(comm, step, distance, n, tag, ring):
    """Sendrecv round a ring, or along a line that ends in PROC_NULL."""
    right, left = comm.rank + distance, comm.rank - distance
    if ring:
        right, left = right % comm.size, left % comm.size
    right, left = (r if 0 <= r < comm.size else PROC_NULL for r in (right, left))
    y, status = np.full(n, -1), Status()
    comm.Sendrecv(data(comm.rank, step, n), right, tag, y, left, tag, status)
    return y, status.Get_source(), status.Get_tag(), status.Get_count(8)


def collective(comm, step, name, n, root, op):
    p, op = comm.size, OPS[op]
    x, y = data(comm.rank, step, n), np.zeros(n, np.int64)
    wide, table = np.zeros(n * p, np.int64), data(comm.rank, step, n * p)
    if name == "bcast":
        comm.Bcast(x, root)
        return x
    if name == "reduce":
        comm.Reduce(x, y, op, root)
    elif name == "allreduce":
        comm.Allreduce(x, y, op)
    elif name == "allreduce in place":
        comm.Allreduce(IN_PLACE, x, op)
        return x
    elif name == "gather":
        comm.Gather(x, wide, root)
        return wide
    elif name == "scatter":
        comm.Scatter(table, y, root)
    elif name == "allgather":
        comm.Allgather(x, wide)
        return wide
    elif name == "alltoall":
        comm.Alltoall(table, wide)
        return wide
    else:
        comm.Barrier()
    return y


def split(comm, step, colors, keys, steps):
    """Run `steps` in the groups of equal colour, then in their halves; colour -1 is in none."""
    color = colors[comm.rank]
    part = comm.Split(UNDEFINED if color < 0 else color, keys[comm.rank])
    if part is None:
        return None
    seen = play(part, [s for s in steps if fits(s, part.size)], step)
    half = part.Split(part.rank % 2, -part.rank)
    return part.rank, part.size, seen, half.rank, shift(half, step, 1, 4, 2, ring=True)


def play(comm, steps, first=0):
    """The program: every step in turn."""
    return [STEPS[name](comm, first + 100 * i, *rest) for i, (name, *rest) in enumerate(steps)]


STEPS = {f.__name__: f for f in (blocking, nonblocking, from_anyone, shift, collective, split)}


def fits(step, p):
    """Tell whether `step` names only ranks below p."""
    name, *rest = step
    if name in ("blocking", "nonblocking", "from_anyone"):
        return all(max(source, dest) < p for source, dest, _, _ in rest[0])
    return name == "shift" or (name == "collective" and rest[2] < p)


def steps_for(p):
    size = st.sampled_from([0, 1, 2, 5, 13, 200, 3001])
    rank, tag = st.integers(0, p - 1), st.integers(0, 3)
    edges = st.lists(st.tuples(rank, rank, tag, size), max_size=8)
    others = edges.map(lambda es: [e for e in es if e[0] != e[1]])
    names = ["barrier", "bcast", "reduce", "allreduce", "allreduce in place"]
    names += ["gather", "scatter", "allgather", "alltoall"]
    finishes = st.sampled_from(["waitall", "waitany", "test", "wait"])
    plain = st.one_of(
        st.tuples(st.just("blocking"), others),
        st.tuples(st.just("nonblocking"), edges, finishes, st.booleans()),
        st.tuples(st.just("from_anyone"), edges),
        st.tuples(st.just("shift"), st.integers(0, p), size, tag, st.booleans()),
        st.tuples(
            st.just("collective"), st.sampled_from(names), size, rank, st.sampled_from(sorted(OPS))
        ),
    )
    colors = st.lists(st.integers(-1, 2), min_size=p, max_size=p)
    keys = st.lists(st.integers(-2, 2), min_size=p, max_size=p)
    groups = st.tuples(st.just("split"), colors, keys, st.lists(plain, max_size=3))
    return st.lists(st.one_of(plain, plain, plain, groups), max_size=6)


programs = st.integers(1, 6).flatmap(lambda p: st.tuples(st.just(p), steps_for(p)))


@pytest.fixture(scope="module")
def six_engines():
    run(play, ranks=6, args=([],))


@settings(max_examples=80)
@given(programs)
@example((2, [("blocking", [(0, 1, 0, 3001), (1, 0, 0, 3001)])]))
@example((3, [("from_anyone", [(0, 2, 1, 5), (1, 2, 1, 5), (0, 2, 1, 2)])]))
@example((4, [("split", [1, 0, 1, 0], [0, 0, -1, 1], [("shift", 1, 5, 2, True)])]))
def test_any_program_does_the_same_in_both_worlds(six_engines, case):
    p, steps = case
    real = run(play, ranks=p, args=(steps,), timeout=30)
    for network in (SMALL, Network()):
        virtual = simulate(play, ranks=p, args=(steps,), network=network)
        np.testing.assert_equal(virtual.results, real.results)
        assert messages(virtual) == messages(real)
        np.testing.assert_array_equal(virtual.trace.messages_sent, real.trace.messages_sent)
        np.testing.assert_array_equal(virtual.trace.bytes_sent, real.trace.bytes_sent)


def messages(outcome):
    """Return every message without its times, but with whether it was received."""
    return sorted((*m[:4], math.isnan(m.received)) for m in outcome.trace.messages)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda c: c.Send(np.zeros(1), dest=9), MPIError, "MPI_ERR_RANK"),
        (lambda c: c.Send(np.zeros(1), dest=-5), MPIError, "MPI_ERR_RANK"),
        (lambda c: c.Isend(np.zeros(1), dest=2), MPIError, "MPI_ERR_RANK"),
        (lambda c: c.Recv(np.zeros(1), source=2), MPIError, "MPI_ERR_RANK"),
        (lambda c: c.Irecv(np.zeros(1), source=-7), MPIError, "MPI_ERR_RANK"),
        (lambda c: c.Probe(source=2), MPIError, "MPI_ERR_RANK"),
        (lambda c: c.Iprobe(source=2), MPIError, "MPI_ERR_RANK"),
        (lambda c: c.Send(np.zeros(1), dest="1"), TypeError, "integer"),
        (lambda c: c.Send(np.zeros(1), dest=1, tag=-3), MPIError, "MPI_ERR_TAG"),
        (lambda c: c.Send(np.zeros(1), dest=1, tag=ANY_TAG), MPIError, "MPI_ERR_TAG"),
        (lambda c: c.Recv(np.zeros(1), source=1, tag=-3), MPIError, "MPI_ERR_TAG"),
        (lambda c: c.Bcast(np.zeros(1), root=2), MPIError, "MPI_ERR_ROOT"),
        (lambda c: c.Reduce(np.zeros(1), np.zeros(1), root=-1), MPIError, "MPI_ERR_ROOT"),
        (lambda c: c.Gather(np.zeros(1), np.zeros(2), root=5), MPIError, "MPI_ERR_ROOT"),
        (lambda c: c.Scatter(np.zeros(2), np.zeros(1), root=5), MPIError, "MPI_ERR_ROOT"),
        (lambda c: c.Send([1, 2, 3], dest=1), TypeError, "message"),
        (lambda c: c.Send("abc", dest=1), TypeError, ""),
        (lambda c: c.Send(5, dest=1), TypeError, ""),
        (lambda c: c.Send(None, dest=1), TypeError, ""),
        (lambda c: c.Send(np.zeros(8)[::2], dest=1), BufferError, "contiguous"),
        (lambda c: c.Recv(np.zeros((4, 4))[:, 1], source=1), BufferError, "contiguous"),
        (lambda c: c.Send(np.array([None]), dest=1), KeyError, ""),
        (lambda c: c.Send(np.zeros(2, "M8[s]"), dest=1), BufferError, ""),
        (lambda c: c.Send(np.zeros(2, ">f8"), dest=1), BufferError, ""),
        (lambda c: c.Send([np.zeros(3), 4], dest=1), ValueError, "4"),
        (lambda c: c.Recv(b"abc", source=1), BufferError, "writable"),
        (lambda c: c.Allreduce(np.zeros(3), np.zeros(4)), ValueError, "count"),
        (lambda c: c.Allreduce(np.zeros(3), np.zeros(3, "f4")), ValueError, "datatypes"),
        (lambda c: c.Allgather(np.zeros(3), np.zeros(5)), ValueError, "multiple"),
        (lambda c: c.Gather(np.zeros(3), np.zeros(5), root=0), ValueError, "multiple"),
        (lambda c: c.Scatter(np.zeros(5), np.zeros(3), root=0), ValueError, "multiple"),
        (lambda c: c.Alltoall(np.zeros(3), np.zeros(4)), ValueError, "multiple"),
        (lambda c: c.Split(-1), MPIError, "MPI_ERR_ARG"),
        (lambda c: c.Sendrev(np.zeros(1)), AttributeError, "Sendrev"),
    ],
)
@pytest.mark.parametrize("world", [simulate, run])
def test_a_wrong_call_is_refused_alike_and_names_its_rank(world, call, error, words):
    with pytest.raises(error) as caught:
        world(lambda comm: call(comm) if comm.rank == 0 else None, ranks=2)
    told = str(caught.value) + "".join(caught.value.__notes__)
    assert type(caught.value) is error
    assert words in told
    assert "rank 0" in told


@pytest.mark.parametrize("world", [simulate, run])
@pytest.mark.parametrize("how", ["Recv", "Irecv", "Sendrecv", "Waitall"])
def test_a_receive_that_is_too_short_raises_on_its_rank(world, how):
    def program(comm):
        if comm.rank == 0:
            comm.Send(np.zeros(8), dest=1, tag=2)
        elif how == "Recv":
            comm.Recv(np.zeros(2), source=0)
        elif how == "Irecv":
            comm.Irecv(np.zeros(2), source=0).Wait()
        elif how == "Waitall":
            requests = [comm.Irecv(np.zeros(2), source=0)]
            requests[0].Waitall(requests)
        else:
            comm.Sendrecv(np.zeros(1), PROC_NULL, 0, np.zeros(2), 0)

    with pytest.raises(MPIError, match="MPI_ERR_TRUNCATE") as caught:
        world(program, ranks=2)
    assert caught.value.error_class == "MPI_ERR_TRUNCATE"
    assert "rank 1 of 2" in caught.value.__notes__[0]


def started_sums(comm, n):
    """Start three sums, the second of which is in place, and finish them backwards."""
    mine = [data(comm.rank, i, n) for i in range(3)]
    sums = [np.zeros(n, np.int64), mine[1], np.zeros(n, np.int64)]
    requests = [
        comm.Iallreduce(mine[0], sums[0]),
        comm.Iallreduce(IN_PLACE, sums[1], MAX),
        comm.Iallreduce(mine[2], sums[2]),
    ]
    for request in reversed(requests):
        request.Wait()
    return sums


@pytest.mark.parametrize("p", [1, 2, 4])
def test_sums_that_were_started_end_as_numpy_says_in_both_worlds(p):
    each = [np.stack([data(r, i, 7) for r in range(p)]) for i in range(3)]
    expected = [each[0].sum(0), each[1].max(0), each[2].sum(0)]
    for world in (run, simulate):
        for sums in world(started_sums, p, (7,)).results:
            np.testing.assert_array_equal(sums, expected)
