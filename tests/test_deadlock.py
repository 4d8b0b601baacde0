"""The same deadlocks in both worlds, each explained: who waits for whom, in which call, which tag.

In `simulate` each is found at once. On real processes several share the ranks of one job, each in a
group of its own, and the time limit tells of all of them.
"""

import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from test_under_mpiexec import mpiexec

from dlpar.world import ANY_SOURCE, Deadlock, Faults, Kill, run, simulate
from dlpar.world.real import board
from dlpar.world.real.call import Call

BIG = np.zeros(100_000)  # above the eager limit of both worlds


def two_receives_first(comm):
    comm.Recv(np.empty(1), source=1 - comm.rank, tag=3)
    comm.Send(np.zeros(1), dest=1 - comm.rank, tag=3)


def ring_of_large_sends(comm):
    comm.Send(BIG, dest=(comm.rank + 1) % comm.size)
    comm.Recv(BIG.copy(), source=(comm.rank - 1) % comm.size)


def tag_mismatch(comm):
    if comm.rank == 0:
        comm.Send(np.zeros(1), dest=1, tag=4)
    else:
        comm.Recv(np.empty(1), source=0, tag=3)


def two_roots(comm):
    comm.Bcast(BIG.copy(), root=comm.rank)


def missing_from_the_barrier(comm):
    if comm.rank != 1:
        comm.Barrier()


def collectives_crossed(comm):
    calls = [comm.Barrier, lambda: comm.Bcast(BIG.copy())]
    for call in calls[:: 1 if comm.rank == 0 else -1]:
        call()


def wait_for_any(comm):
    if comm.rank == 0:
        requests = [comm.Irecv(np.empty(1), source=1, tag=t) for t in (6, 7)]
        requests[0].Waitany(requests)


def wait_for_all(comm):
    requests = [comm.Irecv(np.empty(1), source=1 - comm.rank, tag=t) for t in (6, 7)]
    comm.Isend(np.zeros(1), dest=1 - comm.rank, tag=6)
    requests[0].Waitall(requests)


def probing(comm):
    comm.Probe(source=1 - comm.rank, tag=5)


def nobody_sends(comm):
    if comm.rank == 0:
        comm.Recv(np.empty(1), source=ANY_SOURCE, tag=9)


def from_itself(comm):
    comm.Recv(np.empty(1), source=comm.rank)


def to_itself(comm):
    comm.Send(BIG, dest=comm.rank)


def peer_has_left(comm):
    if comm.rank == 0:
        comm.Recv(np.empty(1), source=1)


def wrong_parity(comm):
    """Exchange with a neighbour; odd ranks take the right one, where it should be the left."""
    partner = comm.rank + 1
    if partner < comm.size:
        comm.Sendrecv(np.zeros(1), partner, 2, np.empty(1), partner, 2)


def other_communicator(comm):
    part = comm.Split(0)
    if comm.rank == 0:
        comm.Send(np.zeros(1), dest=1)
    else:
        part.Recv(np.empty(1), source=0)


def one_send_too_few(comm):
    """Rank 0 serves the others and forgets the last; its Isend is never received, either."""
    if comm.rank == 0:
        comm.Isend(BIG, dest=1).Wait()
    else:
        comm.Recv(np.empty(1), source=0, tag=8)


# Each with its ranks, what `simulate` says, and what `run` says; {a}, {b}, {c} are its ranks.
# The first twelve are tried on real processes.
SHAPES = [
    (
        two_receives_first,
        2,
        "rank 0 waits for rank 1 to send tag 3; rank 1 waits for rank 0 to send tag 3. "
        "They wait in a circle: 0 -> 1 -> 0",
        ["rank {a} waits in Recv(source={b}, tag=3)", "rank {b} waits in Recv(source={a}, tag=3)"],
    ),
    (
        ring_of_large_sends,
        2,
        "rank 1 waits for rank 0 to receive tag 0 (800000 bytes, above the eager limit of 65536). "
        "They wait in a circle: 0 -> 1 -> 0",
        ["rank {a} waits in Send(dest={b}, tag=0)", "rank {b} waits in Send(dest={a}, tag=0)"],
    ),
    (
        tag_mismatch,
        2,
        "rank 1 waits for rank 0 to send tag 3 (it has sent only tag 4), but rank 0 has finished",
        ["rank {b} waits in Recv(source={a}, tag=3)", "rank {a} has ended"],
    ),
    (
        collectives_crossed,
        2,
        "rank 1 calls Bcast(root=0) where rank 0 is in Barrier",
        ["rank {a} waits in Barrier()", "rank {b} waits in Bcast(root={a})"],
    ),
    (
        two_roots,
        2,
        "rank 1 calls Bcast(root=1) where rank 0 is in Bcast(root=0)",
        ["rank {a} waits in Bcast(root={a})", "rank {b} waits in Bcast(root={b})"],
    ),
    (
        missing_from_the_barrier,
        3,
        "rank 0 waits in Barrier for rank 1 to call it, but rank 1 has finished",
        ["rank {a} waits in Barrier()", "rank {c} waits in Barrier()", "rank {b} has ended"],
    ),
    (
        wrong_parity,
        3,
        "rank 0 waits for rank 1 to send tag 2; rank 1 waits for rank 2 to send tag 2, "
        "but rank 2 has finished",
        [
            "rank {a} waits in Sendrecv(dest={b}, source={b}, recvtag=2)",
            "rank {b} waits in Sendrecv(dest={c}, source={c}, recvtag=2)",
            "rank {c} has ended",
        ],
    ),
    (
        wait_for_any,
        2,
        "rank 0 waits for rank 1 to send tag 6, but rank 1 has finished or waits for rank 1 to "
        "send tag 7",
        ["rank {a} waits in Waitany(peer={b}, tag=6, requests=2)", "rank {b} has ended"],
    ),
    (
        probing,
        2,
        "rank 1 waits for rank 0 to send tag 5 (in Probe). They wait in a circle",
        ["rank {a} waits in Probe(source={b}, tag=5)"],
    ),
    (
        nobody_sends,
        2,
        "rank 0 waits for any rank to send tag 9",
        ["rank {a} waits in Recv(source=ANY_SOURCE, tag=9)", "rank {b} has ended"],
    ),
    (
        other_communicator,
        2,
        "rank 1 waits for rank 0 to send (it has sent only on another communicator)",
        ["rank {b} waits in Recv(source={a}, tag=ANY_TAG) on a Split of 2 ranks"],
    ),
    (
        to_itself,
        1,
        "rank 0 waits for rank 0 to receive tag 0",
        ["rank {a} waits in Send(dest={a}, tag=0)"],
    ),
    (
        from_itself,
        1,
        "rank 0 waits for rank 0 to send. They wait in a circle: 0 -> 0",
        ["rank {a} waits in Recv(source={a}, tag=ANY_TAG)"],
    ),
    (
        wait_for_all,
        2,
        "rank 0 waits for rank 1 to send tag 7; rank 1 waits for rank 0 to send tag 7",
        ["rank {a} waits in Wait for Irecv(source={b}, tag=7)"],
    ),
    (
        peer_has_left,
        2,
        "rank 0 waits for rank 1 to send, but rank 1 has finished",
        ["rank {a} waits in Recv(source={b}, tag=ANY_TAG)", "rank {b} has ended"],
    ),
    (
        one_send_too_few,
        2,
        "rank 0 waits for rank 1 to receive tag 0 (800000 bytes, above the eager limit of 65536); "
        "rank 1 waits for rank 0 to send tag 8 (it has sent only tag 0)",
        ["rank {a} waits in Wait for Isend(dest={b}, tag=0)"],
    ),
]


@pytest.mark.parametrize(
    ("program", "ranks", "said"), [s[:3] for s in SHAPES], ids=[s[0].__name__ for s in SHAPES]
)
def test_a_simulated_deadlock_says_who_waits_for_whom(program, ranks, said):
    with pytest.raises(Deadlock) as caught:
        simulate(program, ranks)
    assert said in str(caught.value)


def placed():
    """Return two lists of (shape, its first rank): those for `run`, and those for mpiexec."""
    lists = []
    for shapes in (SHAPES[:4], SHAPES[4:12]):
        ends = np.cumsum([ranks for _, ranks, *_ in shapes]).tolist()
        lists.append(list(zip(shapes, [0, *ends], strict=False)))
    return lists


def all_at_once(comm, batch):
    """Run each shape of one of the two lists in a group of its own ranks."""
    programs = [program for (program, ranks, *_), _ in placed()[batch] for _ in range(ranks)]
    mine = programs[comm.rank]
    mine(comm.Split(programs.index(mine)))


def sentences(batch):
    """Return what `run` is to say of these shapes."""
    said = []
    for (_, ranks, _, shapes), first in placed()[batch]:
        names = {name: first + i for i, name in enumerate("abc")}
        group = f" on a Split of {ranks} ranks"
        for sentence in shapes:
            whole = sentence.endswith(("ended", "ranks"))
            said.append(sentence.format(**names) + ("" if whole else group))
    return said


@pytest.mark.mpi
def test_real_deadlocks_are_told_when_the_time_is_over():
    run(lambda comm: comm.Barrier(), 8)  # starts the engines
    with pytest.raises(TimeoutError, match=r"the program did not end within 4 s") as caught:
        run(all_at_once, 8, args=(0,), timeout=4)
    told = str(caught.value).split(": ", 1)[1].split("; ")
    for sentence in sentences(0):
        assert sentence in told
    assert "they wait in a circle: 0 -> 1 -> 0" in told


@pytest.mark.mpi
def test_real_deadlocks_are_told_under_mpiexec_too(tmp_path):
    body = f"""
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_deadlock import all_at_once
        run(all_at_once, MPI.COMM_WORLD.size, args=(1,), timeout=4)
    """
    code, stderr, _, _ = mpiexec(tmp_path, body, n=sum(ranks for (_, ranks, *_), _ in placed()[1]))
    assert code != 0
    for sentence in sentences(1):
        if not sentence.endswith("ended"):
            assert f"the program did not end within 4 s: {sentence}\n" in stderr


def test_a_circle_is_one_of_receives_or_one_of_sends():
    def slot(call, *arguments):
        words = [0] * board.WORDS
        words[board.WHAT] = board.CODE[call]
        words[board.ARGS : board.ARGS + len(arguments)] = arguments
        return words

    def found(*slots):
        call = SimpleNamespace(slots=dict(enumerate(slots)))
        return Call._circle(call, range(len(slots)))

    assert found(slot("Recv", 1, 0), slot("Probe", 2, 0), slot("Wait for Irecv", 0, 0)) == [0, 1, 2]
    assert found(slot("Send", 1, 0), slot("Wait for Isend", 0, 0)) == [0, 1]
    assert found(slot("Send", 1, 0), slot("Recv", 0, 0)) == []  # may just take long
    assert found(slot("Recv", -1, 0), slot("Barrier"), [0] * board.WORDS) == []


@pytest.mark.mpi
def test_when_a_process_dies_it_is_named_with_those_who_wait_for_it():
    def die(comm):
        if comm.rank == 1:
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGKILL)
        comm.Recv(np.empty(1), source=1, tag=7)

    with pytest.raises(RuntimeError, match="rank 1 was killed by signal 9") as caught:
        run(die, 2, timeout=10)
    assert "rank 0 waits in Recv(source=1, tag=7)" in str(caught.value)


def test_when_a_rank_dies_in_simulation_those_who_wait_for_it_say_so():
    for plan in ([Kill(1, "Recv")], [Kill(1, at=1.0)]):
        with pytest.raises(Deadlock, match=r"waits for rank 1 to send tag 3, but rank 1 was kil"):
            simulate(two_receives_first, 2, faults=Faults(plan))


def test_two_ranks_that_left_are_both_named():
    with pytest.raises(Deadlock, match="but rank 1 has finished, rank 2 has finished"):
        simulate(lambda comm: comm.rank or comm.Barrier(), 3)


def test_the_circle_comes_first_and_carries_the_trace():
    def program(comm):
        if comm.rank == 0:
            comm.Send(np.zeros(1), dest=1)
            comm.Recv(np.empty(1), source=2)
        elif comm.rank in (1, 2):
            comm.Recv(np.empty(1), source=0 if comm.rank == 1 else 3)
            comm.Recv(np.empty(1), source=comm.rank % 3 + 1)
        else:
            comm.Recv(np.empty(1), source=2)

    with pytest.raises(Deadlock) as caught:
        simulate(program, 4)
    ranks, waited_for, sentences = zip(*caught.value.waits, strict=True)
    assert ranks == (2, 3, 0, 1)
    assert waited_for == ((3,), (2,), (2,), (2,))
    assert sentences[0] == "waits for rank 3 to send"
    (message,) = caught.value.trace.messages
    assert (message.source, message.dest) == (0, 1)


def test_a_thousand_waiting_ranks_are_counted_not_listed():
    def program(comm):
        comm.Recv(np.empty(1), source=0)

    with pytest.raises(Deadlock, match="and 991 more ranks wait") as caught:
        simulate(program, 1000)
    assert len(str(caught.value)) < 1000
    assert len(caught.value.waits) == 1000
