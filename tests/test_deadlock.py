import numpy as np
import pytest

from dlpar.world import ANY_SOURCE, Deadlock, simulate

BIG = np.zeros(100_000)


def facing(comm):
    comm.Recv(np.empty(1), source=1 - comm.rank, tag=3)


def wrong_tag(comm):
    if comm.rank == 0:
        comm.Send(np.zeros(1), dest=1, tag=4)
    else:
        comm.Recv(np.empty(1), source=0, tag=3)


def big_sends(comm):
    comm.Send(BIG, dest=1 - comm.rank)
    comm.Recv(BIG.copy(), source=1 - comm.rank)


def left_barrier(comm):
    if comm.rank != 1:
        comm.Barrier()


def mixed_collectives(comm):
    if comm.rank == 0:
        comm.Bcast(np.zeros(1))
    else:
        comm.Barrier()


def nobody(comm):
    if comm.rank == 0:
        comm.Recv(np.empty(1), source=ANY_SOURCE, tag=9)


def any_of_two(comm):
    requests = [comm.Irecv(np.empty(1), source=1, tag=t) for t in (1, 2)]
    if comm.rank == 0:
        requests[0].Waitany(requests)


def probing(comm):
    comm.Probe(source=(comm.rank + 1) % comm.size, tag=5)


def deserted(comm):
    if comm.rank == 0:
        comm.Recv(np.empty(1), source=1)


def to_itself(comm):
    comm.Send(BIG, dest=comm.rank)


GALLERY = [
    (
        facing,
        2,
        r"rank 0 waits for rank 1 to send tag 3; rank 1 waits for rank 0 to send tag 3\. "
        r"They wait in a circle: 0 -> 1 -> 0",
    ),
    (wrong_tag, 2, r"rank 1 waits for rank 0 to send tag 3 \(it has sent only tag 4\)"),
    (big_sends, 2, r"rank 0 waits for rank 1 to receive tag 0 \(800000 bytes, above the eager"),
    (left_barrier, 3, r"rank 0 waits in Barrier for rank 1 to call it, but rank 1 has finished"),
    (mixed_collectives, 2, r"rank 1 calls Barrier where rank 0 is in Bcast\(root=0\)"),
    (nobody, 2, r"rank 0 waits for any rank to send tag 9"),
    (any_of_two, 2, r"rank 0 waits for rank 1 to send tag 1.* or waits for rank 1 to send tag 2"),
    (probing, 3, r"rank 2 waits for rank 0 to send tag 5 \(in Probe\).*0 -> 1 -> 2 -> 0"),
    (deserted, 2, r"rank 0 waits for rank 1 to send, but rank 1 has finished"),
    (to_itself, 1, r"rank 0 waits for rank 0 to receive tag 0.*circle: 0 -> 0"),
]


@pytest.mark.parametrize(
    ("program", "ranks", "match"), GALLERY, ids=lambda x: getattr(x, "__name__", "")
)
def test_a_deadlock_says_who_waits_for_whom(program, ranks, match):
    with pytest.raises(Deadlock, match=match):
        simulate(program, ranks)


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
