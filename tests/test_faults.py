"""Planned faults strike where they are planned, are told, and leave what they must leave."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar.collectives import ring_allreduce
from dlpar.world import (
    ANY_SOURCE,
    Deadlock,
    Drop,
    Duplicate,
    Faults,
    Kill,
    Link,
    Network,
    Raise,
    Reorder,
    Slow,
    Status,
    Topology,
    clock,
    simulate,
    work,
)
from dlpar.world.faults import OPERATIONS
from dlpar.world.presets import star
from dlpar.world.virtual.comm import SimComm

NETWORKS = [Network(), star(6)]
both_networks = pytest.mark.parametrize("network", NETWORKS, ids=["Network", "Topology"])
BIG = np.ones(100_000)  # bytes above the eager limit


def shift(comm):
    """Send round a ring, three times; return what came."""
    right, left = (comm.rank + 1) % comm.size, (comm.rank - 1) % comm.size
    got = np.full(3, -1.0)
    for i in range(3):
        comm.Sendrecv(np.array([10.0 * comm.rank + i]), right, i, got[i:], left, i)
    return got


def one_way(comm, n=4):
    """Rank 0 sends n numbered messages; rank 1 returns what it received, in order."""
    got = np.full(n, -1.0)
    for i in range(n):
        if comm.rank == 0:
            comm.Send(np.array([float(i)]), dest=1, tag=7)
        elif comm.rank == 1:
            comm.Recv(got[i:], source=0, tag=7)
    return got


def drain(comm):
    """Rank 0 sends 0, 1, 2, 3; rank 1 takes whatever comes until nothing has for a second."""
    if comm.rank == 0:
        for i in range(4):
            comm.Send(np.array([float(i)]), dest=1, tag=7)
    elif comm.rank == 1:
        got, x = [], np.empty(1)
        while receive_within(comm, x, 0, 7, 1.0):
            got.append(int(x[0]))
        return got


def receive_within(comm, buf, source, tag, seconds):
    """Receive and return True, or return False if nothing has come within `seconds`."""
    limit = clock(comm) + seconds
    while not comm.Iprobe(source, tag):
        if clock(comm) >= limit:
            return False
        work(comm, seconds=seconds / 16)
    comm.Recv(buf, source, tag)
    return True


# ------------------------------------------------------------------- kill


@both_networks
@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_a_killed_rank_stops_and_its_peers_say_so(network, when):
    plan = Faults([Kill(rank=2, on="Sendrecv", nth=2, when=when)])
    with pytest.raises(Deadlock, match="rank 3 waits for rank 2 to send") as caught:
        simulate(shift, 4, network=network, faults=plan)
    assert f"rank 2 was killed at {strike_of(caught.value).time:.9g} s, {when} Sendrecv 2" in str(
        caught.value
    )
    # Before: never sent. During: on its way, and never there. After: it arrives.
    last = [m for m in caught.value.trace.messages if m.source == 2 and m.tag == 1]
    assert len(last) == (when != "before")
    assert [math.isfinite(m.received) for m in last] == [when == "after"] * len(last)


def strike_of(error_or_outcome):
    (strike,) = error_or_outcome.trace.faults
    return strike


@both_networks
@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_survivors_that_need_nothing_of_the_dead_finish(network, when):
    def program(comm):
        if comm.rank == 0:
            comm.Send(np.ones(1), dest=1)
            return "sent"
        got = receive_within(comm, np.empty(1), 0, 0, 1e-3)
        return "received" if got else "nothing"

    out = simulate(program, 3, network=network, faults=Faults([Kill(rank=0, on="Send", when=when)]))
    there = "received" if when == "after" else "nothing"
    assert out.results == [None, there, "nothing"]
    assert strike_of(out)[1:] == (0, 0.0, f"{when} Send 1")


@pytest.mark.parametrize("at", [0.0, 0.3, 0.99, 1.5, 2.5])
@both_networks
def test_a_rank_dies_at_its_time_whatever_it_does_then(network, at):
    def program(comm):
        if comm.rank == 0:
            work(comm, seconds=1.0)
            comm.Recv(np.empty(1), source=1)  # until 2 s
            work(comm, seconds=1.0)
            comm.Send(np.ones(1), dest=1)
        else:
            work(comm, seconds=2.0)
            comm.Send(np.ones(1), dest=0)
            return receive_within(comm, np.empty(1), 0, 0, 8.0)

    out = simulate(program, 2, network=network, faults=Faults([Kill(rank=0, at=at)]))
    assert out.results == [None, False]
    assert strike_of(out).time == at
    (message,) = out.trace.messages  # it never sent
    assert math.isfinite(message.received) == (at > 2)
    assert max((s.end for s in out.trace.spans if s.rank == 0), default=0) <= at


@both_networks
def test_a_rank_that_dies_in_its_wait_is_told(network):
    def program(comm):
        comm.Recv(np.empty(1), source=1 - comm.rank)

    with pytest.raises(Deadlock, match=r"rank 0 was killed at 0\.25 s, in Recv 1") as caught:
        simulate(program, 2, network=network, faults=Faults([Kill(rank=0, at=0.25)]))
    assert [rank for rank, *_ in caught.value.waits] == [1]


@pytest.mark.parametrize("network", [Network(beta=1e-6), star(2, bandwidth=1e6)])
def test_what_arrives_after_its_receivers_death_was_not_received(network):
    def program(comm):
        if comm.rank == 0:
            comm.Send(np.zeros(8000, np.uint8), dest=1)  # 8 ms
        else:
            comm.Recv(np.zeros(8000, np.uint8), source=0)
            return "alive"

    out = simulate(program, 2, network=network, faults=Faults([Kill(1, at=4e-3)]))
    assert out.results == [None, None]
    assert math.isnan(out.trace.messages[0].received)
    assert all(span.end <= 4e-3 for span in out.trace.spans if span.rank == 1)


def test_a_rank_that_works_past_the_time_stops_at_it():
    def program(comm):
        try:
            work(comm, seconds=5.0)
            return "alive"
        except OSError:
            return clock(comm)

    killed = simulate(program, 1, faults=Faults([Kill(0, at=3.0)]))
    assert (killed.results, killed.time) == ([None], 3.0)
    raised = simulate(program, 1, faults=Faults([Raise(0, at=3.0, error=OSError())]))
    assert (raised.results, raised.trace.spans) == ([3.0], [(0, "work", 0.0, 3.0)])


@both_networks
@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_a_sender_above_the_eager_limit_waits_for_a_dead_receiver(network, when):
    def program(comm):
        if comm.rank == 0:
            comm.Send(BIG, dest=1)
        else:
            comm.Recv(np.empty(BIG.size), source=0)

    plan = Faults([Kill(rank=1, on="Recv", when=when)])
    if when == "after":
        assert math.isfinite(
            simulate(program, 2, network=network, faults=plan).trace.messages[0].received
        )
    else:
        with pytest.raises(Deadlock, match=r"rank 1 to receive.*but rank 1 was killed"):
            simulate(program, 2, network=network, faults=plan)


@both_networks
def test_what_a_dead_sender_has_announced_never_comes(network):
    def program(comm):
        if comm.rank == 0:
            comm.Isend(BIG, dest=1)
            work(comm, seconds=1.0)
        else:
            work(comm, seconds=2.0)
            comm.Recv(np.empty(BIG.size), source=0)

    with pytest.raises(Deadlock, match="rank 1 waits for rank 0 to send, but rank 0 was killed"):
        simulate(program, 2, network=network, faults=Faults([Kill(rank=0, on="work")]))


@both_networks
@pytest.mark.parametrize("when", ["before", "during"])
def test_a_collective_waits_for_the_dead(network, when):
    def program(comm):
        comm.Allreduce(np.ones(1), np.empty(1))
        work(comm, seconds=comm.rank)
        comm.Allreduce(np.ones(1), np.empty(1))

    for plan in ([Kill(1, "Allreduce", 2, when)], [Kill(1, at=1.5)]):
        match = r"rank 0 waits in Allreduce for rank 1 to call it, but rank 1 was killed at 1"
        with pytest.raises(Deadlock, match=match):
            simulate(program, 3, network=network, faults=Faults(plan))


@both_networks
@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_a_sum_that_was_started_needs_all_to_have_started_it(network, when):
    def program(comm):
        total = np.zeros(1)
        comm.Iallreduce(np.ones(1), total).Wait()
        return total[0]

    plan = Faults([Kill(1, "Iallreduce", when=when)])
    if when == "after":
        assert simulate(program, 3, network=network, faults=plan).results == [3.0, None, 3.0]
    else:
        with pytest.raises(Deadlock, match=r"rank 0 waits in Iallreduce for rank 1.*was killed"):
            simulate(program, 3, network=network, faults=plan)


def test_the_dead_do_nothing_more_not_even_at_last():
    def program(comm):
        try:
            comm.Barrier()
        finally:
            if comm.rank == 0:
                comm.Send(np.ones(1), dest=1)

    with pytest.raises(Deadlock) as caught:
        simulate(program, 2, faults=Faults([Kill(0, "Barrier")]))
    assert caught.value.trace.messages == []


@pytest.mark.parametrize("rank", range(4))
@pytest.mark.parametrize("when", ["before", "during", "after"])
@pytest.mark.parametrize("nth", [1, 4, 6])
def test_a_ring_allreduce_with_a_dead_rank_never_gives_a_wrong_sum(rank, when, nth):
    """Whoever returns at all returns the sum; somebody does only when the last call was over."""
    sums = {}

    def program(comm):
        sums[comm.rank] = ring_allreduce(np.arange(7.0) + comm.rank, comm)

    plan = Faults([Kill(rank, "Sendrecv", nth, when)])
    if nth == 6 and when == "after":  # of 2 (p - 1) = 6 calls
        assert simulate(program, 4, faults=plan).trace.faults
    else:
        with pytest.raises(Deadlock, match=f"rank {rank} was killed"):
            simulate(program, 4, faults=plan)
    assert len(sums) < 4
    for total in sums.values():
        np.testing.assert_array_equal(total, 4 * np.arange(7.0) + 6)


# ------------------------------------------------------------------ raise


@both_networks
@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_an_exception_can_be_caught_and_the_call_made_again(network, when):
    def program(comm):
        x, tries = np.zeros(1), 0
        if comm.rank == 0:
            work(comm, seconds=1.0)
            comm.Send(np.ones(1), dest=1)
            comm.Send(np.full(1, 2.0), dest=1)
            return None
        while True:
            tries += 1
            try:
                comm.Recv(x, source=0)
                return tries, x[0]
            except OSError:
                continue

    plan = Faults([Raise(1, "Recv", when=when, error=OSError("cable"))])
    out = simulate(program, 2, network=network, faults=plan)
    # After the call, the message has been taken; else the receive is withdrawn.
    assert out.results[1] == (2, 2.0 if when == "after" else 1.0)
    assert strike_of(out).rank == 1


@both_networks
@pytest.mark.parametrize("source", [0, ANY_SOURCE])
def test_an_exception_in_a_wait_withdraws_its_receive(network, source):
    def program(comm):
        if comm.rank == 0:
            work(comm, seconds=2.0)
            comm.Send(np.ones(1), dest=1)
        else:
            x = np.zeros(1)
            with pytest.raises(RuntimeError, match="a planned fault"):
                comm.Recv(x, source)
            interrupted = clock(comm)
            comm.Recv(x, source)
            return interrupted, x[0]

    plan = Faults([Raise(1, at=1.0)])
    assert simulate(program, 2, network=network, faults=plan).results[1] == (1.0, 1.0)


def test_an_exception_that_is_not_caught_ends_the_simulation_and_is_told_as_planned():
    with pytest.raises(RuntimeError, match="a planned fault") as caught:
        simulate(shift, 3, faults=Faults([Raise(1, "Sendrecv", 2)]))
    notes = "\n".join(caught.value.__notes__)
    assert "raised by rank 1 of 3" in notes
    assert "before Sendrecv 2" in notes


# ------------------------------------------------------------------- slow


@both_networks
@pytest.mark.parametrize(("when", "arrives"), [("before", 3.0), ("during", 0.0), ("after", 0.0)])
def test_a_pause_delays_what_comes_after_it(network, when, arrives):
    def program(comm):
        if comm.rank == 0:
            comm.Send(np.zeros(0), dest=1)
            return clock(comm)
        comm.Recv(np.zeros(0), source=0)
        return clock(comm)

    plain = simulate(program, 2, network=network).results
    slow = simulate(
        program, 2, network=network, faults=Faults([Slow(0, "Send", when=when, seconds=3.0)])
    )
    assert slow.results == pytest.approx([plain[0] + 3.0, plain[1] + arrives], rel=1e-12)


def test_work_takes_its_factor_longer_from_there_on():
    def program(comm):
        times = [clock(comm)]
        for _ in range(3):
            work(comm, seconds=1.0)
            times.append(clock(comm))
        return np.diff(times).tolist()

    def slowed(**where):
        return simulate(program, 1, faults=Faults([Slow(0, factor=4.0, **where)])).results[0]

    assert slowed() == [4.0, 4.0, 4.0]
    assert slowed(on="work", nth=2) == [1.0, 4.0, 4.0]
    assert slowed(on="work", nth=2, when="during") == [1.0, 2.5, 4.0]
    assert slowed(at=1.5) == [1.0, 1.0, 4.0]


# --------------------------------------------------------------- messages


@both_networks
@pytest.mark.parametrize(
    ("fault", "got"),
    [
        (Drop(0, 1, 7, nth=2), [0, 2, 3]),
        (Drop(), []),
        (Duplicate(0, 1, 7, nth=2), [0, 1, 1, 2, 3]),
        (Reorder(0, 1, 7, nth=2), [0, 2, 1, 3]),
        (Reorder(0, 1, 7, nth=1), [1, 0, 2, 3]),
    ],
)
def test_a_message_is_lost_doubled_or_overtaken(network, fault, got):
    out = simulate(drain, 3, network=network, faults=Faults([fault]))
    assert out.results[1] == got
    strikes = out.trace.faults
    assert len(strikes) == (4 if fault == Drop() else 1)
    assert {s.where for s in strikes} == {"message 0 to 1, tag 7"}
    lost = [m for m in out.trace.messages if math.isnan(m.received)]
    assert len(lost) == 4 * (fault == Drop()) + (fault == Drop(0, 1, 7, nth=2))
    assert len(out.trace.messages) == 4 + isinstance(fault, Duplicate)


@both_networks
def test_a_message_can_be_overtaken_by_one_that_sets_out_later(network):
    def program(comm):
        if comm.rank == 0:
            for i in range(2):
                comm.Send(np.full(1, i), dest=1)
                work(comm, seconds=1.0)
        else:
            got = np.zeros(2, int)
            for i in range(2):
                comm.Recv(got[i:], source=0)
            return got.tolist(), clock(comm)

    (got, end), plain = (
        simulate(program, 2, network=network, faults=faults).results[1]
        for faults in (Faults([Reorder(nth=1)]), None)
    )
    assert (got, plain[0]) == ([1, 0], [0, 1])
    assert end == pytest.approx(plain[1], rel=1e-6)  # both come after 1 s


@both_networks
def test_a_second_copy_waits_at_its_receiver_as_a_short_message_does(network):
    def program(comm):
        if comm.rank == 0:
            comm.Send(BIG, dest=1)
        else:
            for late in (0.0, 1.0):
                work(comm, seconds=late)
                start = clock(comm)
                comm.Recv(np.empty(BIG.size), source=0)
            return clock(comm) - start

    out = simulate(program, 2, network=network, faults=Faults([Duplicate()]))
    assert out.results[1] == 0.0


@both_networks
def test_above_the_eager_limit_too(network):
    def program(comm):
        if comm.rank == 0:
            requests = [comm.Isend(np.full(9000, float(i)), dest=1) for i in range(2)]
            requests[0].Waitall(requests)
        else:
            got = np.zeros((2 if doubled else 1) + 1)
            for i in range(got.size):
                x = np.empty(9000)
                comm.Recv(x, source=0)
                got[i] = x.mean()
            return got.tolist()

    doubled = True
    twice = simulate(program, 2, network=network, faults=Faults([Duplicate(nth=1)]))
    assert twice.results[1] == [0.0, 0.0, 1.0]
    doubled = False
    swapped = simulate(program, 2, network=network, faults=Faults([Reorder(nth=1)]))
    assert swapped.results[1] == [1.0, 0.0]
    with pytest.raises(Deadlock, match="waits for rank 1 to receive") as caught:
        simulate(program, 2, network=network, faults=Faults([Drop(nth=1)]))
    assert any("Drop" in note and "struck" in note for note in caught.value.__notes__)


def test_other_messages_are_left_alone():
    def program(comm):
        if comm.rank != 1:
            comm.Send(np.array([comm.rank]), dest=1, tag=comm.rank)
            return None
        status, got = Status(), []
        for _ in range(2):
            comm.Recv(np.zeros(1, int), ANY_SOURCE, status=status)
            got.append(status.Get_source())
        return got

    for fault in (Drop(source=2), Drop(tag=2), Drop(source=2, dest=1, tag=2, nth=1)):
        out = simulate(program, 4, faults=Faults([fault]))
        assert sorted(out.results[1]) == [0, 3]
    with pytest.raises(RuntimeError, match="0 messages fitted"):
        simulate(lambda comm: program(comm) if comm.rank < 1 else None, 4, faults=Faults([Drop(2)]))


def test_a_held_message_goes_on_when_nothing_follows_and_that_is_no_strike():
    with pytest.raises(RuntimeError, match=r"Reorder.*4 messages fitted and none over") as caught:
        simulate(one_way, 2, faults=Faults([Reorder(nth=4)]))
    assert type(caught.value) is RuntimeError  # no Deadlock
    with pytest.raises(RuntimeError, match="never struck: 1 messages"):  # one_way(n=1) ends
        simulate(one_way, 2, args=(1,), faults=Faults([Reorder()]))


# ----------------------------------------------------- plan, seed, record


@given(seed=st.integers(0, 2**32 - 1), probability=st.sampled_from([0.1, 0.5, 1.0]))
def test_the_same_seed_strikes_the_same_messages(seed, probability):
    def outcome(seed):
        rng = np.random.default_rng(seed)
        faults = [Drop(probability=probability), Duplicate(probability=0.3)]
        return simulate(drain, 2, faults=Faults(faults, rng=rng))

    one, two = outcome(seed), outcome(seed)
    assert one.trace.faults == two.trace.faults
    assert repr(one.trace.messages) == repr(two.trace.messages)
    assert one.results == two.results
    lost = sum(isinstance(s.fault, Drop) for s in one.trace.faults)
    assert len(set(one.results[1])) == 4 - lost


def test_about_the_stated_share_of_the_messages_is_struck():
    faults = Faults([Drop(probability=0.25)], rng=np.random.default_rng(0))

    def program(comm):
        if comm.rank == 0:
            for _ in range(4000):
                comm.Send(np.zeros(1), dest=1)

    lost = len(simulate(program, 2, faults=faults).trace.faults)
    assert abs(lost - 1000) < 5 * math.sqrt(4000 * 0.25 * 0.75)  # five standard deviations


@pytest.mark.parametrize(
    "fault",
    [
        Kill(0, "Sendrecv", nth=4),
        Kill(0, "Bcast"),
        Kill(0, nth=100),
        Kill(0, at=1e9),
        Raise(0, "Sendrecv", nth=4, when="after"),
        Slow(0, "Wait", seconds=1.0),
        Drop(tag=99),
        Duplicate(source=0, dest=2),
    ],
    ids=repr,
)
def test_a_fault_that_never_struck_is_an_error(fault):
    with pytest.raises(RuntimeError, match="never struck"):
        simulate(shift, 3, faults=Faults([fault]))


def test_an_error_tells_of_the_faults_that_did_not_strike():
    def program(comm):
        raise KeyError(comm.rank)

    with pytest.raises(KeyError) as caught:
        simulate(program, 2, faults=Faults([Drop(), Kill(1, "Recv")]))
    notes = "\n".join(caught.value.__notes__)
    assert "Drop" in notes
    assert "Kill" in notes
    assert notes.count("never struck") == 2


@both_networks
def test_an_empty_plan_changes_nothing(network):
    plain = simulate(shift, 4, network=network)
    with_plan = simulate(shift, 4, network=network, faults=Faults([]))
    np.testing.assert_equal(with_plan.results, plain.results)
    assert with_plan.time == plain.time
    assert with_plan.trace.messages == plain.trace.messages
    assert with_plan.trace.spans == plain.trace.spans


def test_calls_are_counted_over_all_communicators_and_once_though_made_of_others():
    def program(comm):
        part = comm.Split(comm.rank % 2)
        part.Barrier()
        comm.Barrier()
        requests = [comm.Irecv(np.empty(1), source=comm.rank), comm.Isend(np.ones(1), comm.rank)]
        requests[0].Waitall(requests)
        return clock(comm)

    plan = Faults([Slow(0, "Barrier", nth=2, seconds=1.0), Slow(0, nth=7, seconds=5.0)])
    strikes = simulate(program, 2, faults=plan).trace.faults
    assert [s.where for s in strikes] == ["before Barrier 2", "before Wait 2"]


def test_every_operation_of_a_communicator_can_be_struck():
    quiet = {"Get_rank", "Get_size", "Free", "Shift", "Get_coords", "Get_cart_rank"}
    calls = {name for name in dir(SimComm) if name[0].isupper()}
    assert calls - quiet <= set(OPERATIONS)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Kill(-1), ValueError, "rank"),
        (lambda: Kill(True), TypeError, "rank"),
        (lambda: Kill(0, "Sendrev"), ValueError, "on must be"),
        (lambda: Kill(0, "Send", nth=0), ValueError, "nth"),
        (lambda: Kill(0, "Send", nth=1.0), TypeError, "nth"),
        (lambda: Kill(0, "Send", when="while"), ValueError, "when"),
        (lambda: Kill(0, "Send", at=1.0), ValueError, "not both"),
        (lambda: Kill(0, at=-1.0), ValueError, "at"),
        (lambda: Kill(0, at=math.nan), ValueError, "at"),
        (lambda: Slow(0), ValueError, "either"),
        (lambda: Slow(0, seconds=1.0, factor=2.0), ValueError, "either"),
        (lambda: Slow(0, factor=0), ValueError, "factor"),
        (lambda: Drop(source=-1), ValueError, "source"),
        (lambda: Drop(tag="a"), TypeError, "tag"),
        (lambda: Drop(probability=0), ValueError, "probability"),
        (lambda: Drop(probability=1.1), ValueError, "probability"),
        (lambda: Faults([Drop(probability=0.5)]), ValueError, "rng"),
        (lambda: Faults([Drop], None), TypeError, "Drop"),
        (lambda: Faults([], rng=3), TypeError, "rng"),
        (lambda: simulate(shift, 2, faults=Faults([Kill(2)])), ValueError, "not among 2"),
        (lambda: simulate(shift, 2, faults=Faults([Drop(dest=2)])), ValueError, "not among 2"),
        (lambda: simulate(shift, 2, faults=[Kill(1)]), TypeError, "Faults"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


# ------------------------------------------------------- a protocol lives


def stop_and_wait(comm, letters, patience):
    """Bring `letters` from rank 0 to rank 1 over a network that loses, doubles and reorders.

    Each letter goes with its number until its number comes back. Rank 1 acknowledges all that
    comes, takes what it has not got, and stays until rank 0 must have given up asking.
    """
    DATA, ACK = 1, 2
    box, ack = np.empty(2), np.empty(1)
    if comm.rank == 0:
        sent = 0
        for number, letter in enumerate(letters):
            acknowledged = False
            while not acknowledged:
                comm.Send(np.array([number, letter]), dest=1, tag=DATA)
                sent += 1
                while not acknowledged and receive_within(comm, ack, 1, ACK, patience):
                    acknowledged = ack[0] == number  # else a late one, of an earlier letter
        return sent
    taken = []
    while receive_within(comm, box, 0, DATA, 200 * patience):
        comm.Send(box[:1], dest=0, tag=ACK)
        if box[0] == len(taken):
            taken.append(box[1])
    return taken


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), routed=st.booleans())
def test_stop_and_wait_survives_loss_doubling_and_reordering(seed, routed):
    letters = [float(x) for x in np.random.default_rng(seed).integers(0, 9, 12)]
    plan = [kind(probability=0.2) for kind in (Drop, Duplicate, Reorder)]
    out = simulate(
        stop_and_wait,
        2,
        args=(letters, 1e-3),
        network=NETWORKS[routed],
        faults=Faults(plan, rng=np.random.default_rng(seed)),
    )
    assert out.results[1] == letters
    dropped = [s for s in out.trace.faults if isinstance(s.fault, Drop)]
    assert out.results[0] >= len(letters)
    assert out.results[0] > len(letters) or not dropped


def test_without_its_numbers_the_protocol_would_take_a_letter_twice():
    def naive(comm):
        if comm.rank == 0:
            for letter in (5.0, 6.0):
                comm.Send(np.array([letter]), dest=1)
        else:
            got = np.zeros(2)
            for i in range(2):
                comm.Recv(got[i:], source=0)
            return got.tolist()

    assert simulate(naive, 2, faults=Faults([Duplicate(nth=1)])).results[1] == [5.0, 5.0]
    assert simulate(naive, 2, faults=Faults([Reorder(nth=1)])).results[1] == [6.0, 5.0]


def test_a_message_on_a_shared_link_can_be_struck_while_others_flow():
    links = [Link(f"r{i}", "switch", 1e-6, 1e9) for i in range(3)]
    network = Topology(links, devices=("r0", "r1", "r2"), eager_limit=math.inf)

    def program(comm):
        if comm.rank < 2:
            comm.Send(BIG, dest=2, tag=comm.rank)
        else:
            comm.Recv(BIG.copy(), source=1, tag=1)

    alone = simulate(program, 3, network=network, faults=Faults([Drop(source=0)]))
    kill = Faults([Kill(0, "Send", when="during")])
    assert simulate(program, 3, network=network, faults=kill).time == alone.time
    assert alone.time < simulate(program, 3, network=network).time
