import gc
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar.world import (
    ANY_SOURCE,
    ANY_TAG,
    IN_PLACE,
    MAX,
    PROC_NULL,
    SUM,
    UNDEFINED,
    Deadlock,
    MPIError,
    Network,
    Status,
    simulate,
    work,
)

NET = Network(alpha=1e-5, beta=1e-9, eager_limit=1000)


def ping_pong(comm, n, rounds):
    buf = np.zeros(n, np.uint8)
    for _ in range(rounds):
        if comm.rank == 0:
            comm.Send(buf, dest=1)
            comm.Recv(buf, source=1)
        else:
            comm.Recv(buf, source=0)
            comm.Send(buf, dest=0)


# ------------------------------------------------------------------- time


@pytest.mark.parametrize("n", [0, 1, 1000, 1001, 100_000])  # on both sides of the eager limit
def test_a_message_alone_takes_alpha_plus_n_beta(n):
    out = simulate(ping_pong, 2, (n, 3), network=NET)
    assert out.time == pytest.approx(6 * (NET.alpha + n * NET.beta), rel=1e-12)


@pytest.mark.parametrize("n", [10, 5000])
def test_senders_to_one_rank_share_its_link(n):
    def incast(comm):
        buf = np.zeros(n, np.uint8)
        if comm.rank == 0:
            for _ in range(1, comm.size):
                comm.Recv(buf, source=ANY_SOURCE)
        else:
            comm.Send(buf, dest=0)

    out = simulate(incast, 8, network=Network(alpha=1e-5, beta=1e-9, eager_limit=1e6))
    assert out.time == pytest.approx(1e-5 + 7 * n * 1e-9, rel=1e-12)


def test_messages_of_one_sender_queue_on_its_link_and_cost_it_only_overhead():
    net = Network(alpha=1e-5, beta=1e-9, overhead=1e-6, eager_limit=1e6)

    def scatter(comm):
        if comm.rank == 0:
            for dest in range(1, comm.size):
                comm.Send(np.zeros(10_000, np.uint8), dest)
            work(comm, seconds=0.0)
        else:
            comm.Recv(np.empty(10_000, np.uint8), source=0)

    out = simulate(scatter, 5, network=net)
    (ended,) = [s.end for s in out.trace.spans if s.what == "work"]
    assert ended == pytest.approx(4 * net.overhead)
    arrived = [m.received for m in out.trace.messages]
    expected = net.overhead + net.alpha + np.arange(1, 5) * 1e-5
    np.testing.assert_allclose(arrived, expected, rtol=1e-12)


def test_a_rendezvous_starts_when_the_later_side_is_there():
    def program(comm, late):
        work(comm, seconds=1.0 if comm.rank == late else 0.0)
        if comm.rank == 0:
            comm.Send(np.zeros(10_000, np.uint8), dest=1)
        else:
            comm.Recv(np.empty(10_000, np.uint8), source=0)
        before = len(comm._world.spans)
        work(comm, seconds=0.0)  # leaves this rank's clock in the trace
        return before

    for late in (0, 1):
        out = simulate(program, 2, (late,), network=NET)
        ends = [s.end for s in out.trace.spans if s.what == "work" and s.end > 1.0]
        # Both sides are free when the message has arrived, whoever was late.
        np.testing.assert_allclose(ends, [1 + NET.alpha + 10_000 * NET.beta] * 2, rtol=1e-12)


def test_an_eager_send_does_not_wait_and_a_late_receive_finds_it_there():
    def program(comm):
        if comm.rank == 0:
            comm.Send(np.zeros(10, np.uint8), dest=1)
        else:
            work(comm, seconds=1.0)
            comm.Recv(np.empty(10, np.uint8), source=0)

    out = simulate(program, 2, network=NET)
    assert out.time == 1.0
    assert [s for s in out.trace.spans if s.what != "work"] == []
    assert [m.received for m in out.trace.messages] == [1.0]  # it was there, but nobody had asked


def test_a_rendezvous_whose_receiver_is_late_waits_for_what_queued_up_behind_it():
    def program(comm):
        if comm.rank == 0:
            sizes = (10_000, 1_000_000)
            requests = [comm.Isend(np.zeros(n, np.uint8), i + 1) for i, n in enumerate(sizes)]
            requests[0].Waitall(requests)
        else:
            work(comm, seconds=1e-4 if comm.rank == 1 else 0.0)
            comm.Recv(np.empty(1_000_000, np.uint8), source=0)

    late, behind = simulate(program, 3, network=NET).trace.messages
    assert behind.received == pytest.approx(1e-5 + 1e-3 + NET.alpha, rel=1e-12)
    assert late.received == pytest.approx(1e-5 + 1e-3 + 1e-5 + NET.alpha, rel=1e-12)


def test_computation_hides_communication_behind_a_nonblocking_receive():
    def program(comm, overlap):
        buf = np.empty(100, np.uint8)
        if comm.rank == 0:
            comm.Send(np.zeros(100, np.uint8), dest=1)
            return
        if overlap:
            request = comm.Irecv(buf, source=0)
            work(comm, seconds=5e-6)
            request.Wait()
        else:
            comm.Recv(buf, source=0)
            work(comm, seconds=5e-6)

    flight = NET.alpha + 100 * NET.beta
    assert simulate(program, 2, (True,), network=NET).time == pytest.approx(flight)
    assert simulate(program, 2, (False,), network=NET).time == pytest.approx(flight + 5e-6)


def test_work_is_declared_in_seconds_or_flops_and_nothing_else():
    net = Network(flops=1e9)
    out = simulate(lambda comm: work(comm, flops=5e8), 2, network=net)
    assert out.time == 0.5
    for wrong in ({}, {"seconds": 1, "flops": 1}, {"seconds": -1}, {"flops": float("nan")}):
        with pytest.raises(ValueError, match="work"):
            simulate(lambda comm, wrong=wrong: work(comm, **wrong), 1)


def test_collectives_meet_at_the_last_rank_and_cost_their_formula():
    def program(comm):
        work(comm, seconds=float(3 - comm.rank))
        comm.Barrier()
        comm.Alltoall(np.zeros(8, np.uint8), np.empty(8, np.uint8))

    out = simulate(program, 4, network=NET)
    assert out.time == pytest.approx(3 + 2 * NET.alpha + 3 * (NET.alpha + 2 * NET.beta), rel=1e-12)
    assert out.trace.messages == []  # MPI's own collectives show no messages


# --------------------------------------------------------------- matching


def test_messages_between_two_ranks_with_one_tag_never_overtake():
    def program(comm):
        sizes = [2000, 1, 5000, 3, 900]  # rendezvous and eager in turn
        if comm.rank == 0:
            bufs = [np.full(n, i, np.uint8) for i, n in enumerate(sizes)]
            requests = [comm.Isend(buf, dest=1) for buf in bufs]
            requests[0].Waitall(requests)
            return None
        work(comm, seconds=1.0)
        got, status = [], Status()
        for _ in sizes:
            buf = np.empty(5000, np.uint8)
            comm.Recv(buf, source=0, tag=ANY_TAG, status=status)
            got.append((status.Get_count(), int(buf[0])))
        return got

    got = simulate(program, 2, network=NET).results[1]
    assert got == [(2000, 0), (1, 1), (5000, 2), (3, 3), (900, 4)]


def test_any_source_takes_what_arrives_first_and_says_whose_it_was():
    def program(comm):
        if comm.rank:
            work(comm, seconds=float(comm.size - comm.rank))
            comm.Send(np.array([comm.rank]), dest=0, tag=comm.rank)
            return None
        order, status = [], Status()
        for _ in range(1, comm.size):
            buf = np.empty(1, int)
            comm.Recv(buf, source=ANY_SOURCE, tag=ANY_TAG, status=status)
            assert (status.Get_source(), status.Get_tag()) == (buf[0], buf[0])
            order.append(int(buf[0]))
        return order

    assert simulate(program, 5).results[0] == [4, 3, 2, 1]


def test_a_receive_takes_the_first_that_fits_in_the_order_of_posting():
    def program(comm):
        if comm.rank == 0:
            comm.Barrier()
            for value, tag in ((1.0, 5), (2.0, 6), (3.0, 5)):
                comm.Send(np.array([value]), dest=1, tag=tag)
            return None
        bufs = np.empty((3, 1))
        requests = [
            comm.Irecv(bufs[0], source=0, tag=6),
            comm.Irecv(bufs[1], source=ANY_SOURCE, tag=ANY_TAG),
            comm.Irecv(bufs[2], source=0, tag=5),
        ]
        comm.Barrier()
        requests[0].Waitall(requests)
        return bufs[:, 0].tolist()

    assert simulate(program, 2).results[1] == [2.0, 1.0, 3.0]


def test_waitany_returns_the_request_that_was_done_first():
    def program(comm):
        if comm.rank:
            work(comm, seconds={1: 3.0, 2: 1.0, 3: 2.0}[comm.rank])
            comm.Send(np.zeros(1), dest=0)
            return None
        requests = [comm.Irecv(np.empty(1), source=s) for s in (1, 2, 3)]
        order = [requests[0].Waitany(requests) for _ in range(4)]
        return order

    assert simulate(program, 4).results[0] == [1, 2, 0, UNDEFINED]


def test_waitany_prefers_what_is_done_first_over_what_is_known_first():
    def program(comm):
        if comm.rank == 1:
            comm.Isend(np.zeros(900, np.uint8), dest=0)  # on rank 0's link until 910 us
        elif comm.rank == 2:
            work(comm, seconds=1e-4)
            comm.Recv(np.empty(1, np.uint8), source=0)  # takes rank 0's message at 111 us
        else:
            big = comm.Irecv(np.empty(900, np.uint8), source=1)
            requests = [big, comm.Isend(np.zeros(1, np.uint8), dest=2)]
            return requests[0].Waitany(requests)
        return None

    slow = Network(alpha=1e-5, beta=1e-6, eager_limit=0)
    assert simulate(program, 3, network=slow).results[0] == 1


def test_a_message_on_the_link_is_not_there_yet():
    def program(comm):
        if comm.rank == 0:
            comm.Send(np.zeros(900, np.uint8), dest=1, tag=1)
            comm.Send(np.zeros(900, np.uint8), dest=1, tag=2)
            return None
        request = comm.Irecv(np.empty(900, np.uint8), source=0, tag=1)
        seen = []
        for _ in range(4):  # at 0.5, 1, 1.5 and 2 ms; the messages end at 0.91 and 1.81 ms
            work(comm, seconds=5e-4)
            seen.append((request.Test(), comm.Iprobe(tag=2)))
        return seen

    slow = Network(alpha=1e-5, beta=1e-6)
    seen = simulate(program, 2, network=slow).results[1]
    assert seen == [(False, False), (True, False), (True, False), (True, True)]


def test_test_and_iprobe_see_a_message_only_once_it_has_arrived():
    def program(comm):
        if comm.rank == 0:
            comm.Send(np.zeros(1), dest=1, tag=3)
            return None
        request = comm.Irecv(np.empty(1), source=0, tag=4)
        seen = [comm.Iprobe(source=0, tag=3), request.Test()]
        work(comm, seconds=1.0)
        status = Status()
        seen += [comm.Iprobe(source=0, tag=3, status=status), request.Test(), comm.Iprobe(tag=9)]
        comm.Recv(np.empty(1), source=0, tag=3)
        return seen, status.tag

    def with_reply(comm):
        if comm.rank == 0:
            comm.Send(np.zeros(1), dest=1, tag=4)
        return program(comm)

    assert simulate(program, 2, network=NET, timeout=5).results[1] == (
        [False, False, True, False, False],
        3,
    )
    seen, _ = simulate(with_reply, 2, network=NET).results[1]
    assert seen == [False, False, True, True, False]


def test_probe_waits_and_leaves_the_message_there():
    def program(comm):
        if comm.rank == 0:
            work(comm, seconds=1.0)
            comm.Send(np.arange(3), dest=1)
            return None
        status = Status()
        comm.Probe(source=0, status=status)
        buf = np.empty(status.Get_count(8), int)
        comm.Recv(buf, source=0)
        return buf.tolist()

    assert simulate(program, 2).results[1] == [0, 1, 2]


def test_polling_ends_when_the_message_comes():
    def program(comm):
        if comm.rank == 0:
            work(comm, seconds=1e-5)
            comm.Send(np.zeros(1), dest=1)
            return 0
        polls = 0
        while not comm.Iprobe():
            polls += 1
        comm.Recv(np.empty(1))
        return polls

    assert simulate(program, 2, network=NET).results[1] > 10


def test_proc_null_swallows_sends_and_answers_receives_at_once():
    def program(comm):
        status = Status()
        buf = np.ones(2)
        comm.Send(buf, dest=PROC_NULL)
        comm.Recv(buf, source=PROC_NULL, status=status)
        comm.Sendrecv(buf, PROC_NULL, 0, buf, PROC_NULL)
        comm.Isend(buf, PROC_NULL).Wait()
        return buf.tolist(), status.source, status.nbytes

    out = simulate(program, 1)
    assert out.results == [([1.0, 1.0], PROC_NULL, 0)]
    assert out.trace.messages == []


def test_an_eager_message_is_a_copy_from_the_moment_of_sending():
    def program(comm):
        x = np.zeros(4)
        if comm.rank == 0:
            comm.Send(x, dest=1)
            x += 1
        else:
            comm.Recv(x, source=0)
        return x.tolist()

    assert simulate(program, 2).results[1] == [0.0] * 4


# ------------------------------------------------------------ collectives


@settings(deadline=None, max_examples=40)
@given(p=st.integers(1, 7), n=st.integers(0, 5), root=st.integers(0, 6), seed=st.integers(0, 99))
def test_collectives_do_what_numpy_does(p, n, root, seed):
    root %= p
    x = np.random.default_rng(seed).integers(-99, 99, (p, p, n))

    def program(comm):
        mine = x[comm.rank]
        out = {}
        out["bcast"] = mine[0].copy()
        comm.Bcast(out["bcast"], root)
        out["reduce"] = np.zeros_like(mine)
        comm.Reduce(mine, out["reduce"], SUM, root)
        out["allreduce"] = np.empty_like(mine)
        comm.Allreduce(mine, out["allreduce"], MAX)
        out["in_place"] = mine.copy()
        comm.Allreduce(IN_PLACE, out["in_place"])
        out["gather"] = np.zeros_like(mine) if comm.rank == root else None
        comm.Gather(mine[0], out["gather"], root)
        out["scatter"] = np.empty_like(mine[0])
        comm.Scatter(mine if comm.rank == root else None, out["scatter"], root)
        out["allgather"] = np.empty_like(mine)
        comm.Allgather(mine[0], out["allgather"])
        out["alltoall"] = np.empty_like(mine)
        comm.Alltoall(mine, out["alltoall"])
        return out

    for r, out in enumerate(simulate(program, p).results):
        expected = {
            "bcast": x[root, 0],
            "reduce": x.sum(axis=0) if r == root else np.zeros_like(x[0]),
            "allreduce": x.max(axis=0),
            "in_place": x.sum(axis=0),
            "gather": x[:, 0] if r == root else None,
            "scatter": x[root, r],
            "allgather": x[:, 0],
            "alltoall": x[:, r],
        }
        for name, want in expected.items():
            np.testing.assert_array_equal(out[name], want, err_msg=name)


def test_split_groups_by_color_orders_by_key_and_keeps_messages_apart():
    def program(comm):
        color = UNDEFINED if comm.rank == 4 else comm.rank % 2
        part = comm.Split(color, key=-comm.rank)
        if part is None:
            return None
        total = np.zeros(1)
        part.Allreduce(np.array([float(comm.rank)]), total)
        comm.Send(np.array([-1.0]), dest=comm.rank, tag=0)  # the same tag in the other group
        buf = np.empty(1)
        part.Sendrecv(np.array([float(comm.rank)]), (part.rank + 1) % part.size, 0, buf)
        comm.Recv(np.empty(1), source=comm.rank)
        return part.rank, part.size, total[0], buf[0]

    assert simulate(program, 7).results == [
        (2, 3, 8.0, 2.0),
        (2, 3, 9.0, 3.0),
        (1, 3, 8.0, 6.0),
        (1, 3, 9.0, 5.0),
        None,
        (0, 3, 9.0, 1.0),
        (0, 3, 8.0, 0.0),
    ]


# ---------------------------------------------------------------- failure


def test_an_exception_of_one_rank_ends_all_and_names_the_rank():
    cleaned = []

    def program(comm):
        if comm.rank == 2:
            raise KeyError("lost")
        try:
            comm.Recv(np.empty(1), source=2)
        finally:
            cleaned.append(comm.rank)

    with pytest.raises(KeyError, match="lost") as caught:
        simulate(program, 4)
    assert "rank 2 of 4" in caught.value.__notes__[0]
    assert any("program" in str(entry) for entry in caught.traceback)
    assert cleaned == [0, 1]  # rank 3 had not had its first turn


def test_a_rank_that_exits_is_reported_and_does_not_end_the_caller():
    with pytest.raises(RuntimeError, match=r"rank 1 called sys.exit\(3\)"):
        simulate(lambda comm: comm.rank == 1 and exit_with(3), 2)


def exit_with(code):
    raise SystemExit(code)


def test_an_endless_rank_is_stopped_at_the_limit_with_everyone_s_place():
    def program(comm):
        if comm.rank == 1:
            while True:
                pass
        comm.Recv(np.empty(1), source=1, tag=7)

    with pytest.raises(TimeoutError, match=r"0\.2 s.*rank 1 was running.*test_simulate\.py") as e:
        simulate(program, 2, timeout=0.2)
    assert "rank 0 waits for rank 1 to send tag 7" in str(e.value)


def test_nothing_of_a_simulation_stays_behind():
    def program(comm):
        if comm.rank == 0:
            raise ValueError("stop")
        comm.Recv(np.empty(1), source=0)

    threads, thresholds = threading.active_count(), gc.get_threshold()
    gc.set_threshold(701, 11, 12)
    for _ in range(3):
        with pytest.raises(ValueError, match="stop"):
            simulate(program, 50)
    assert gc.get_threshold() == (701, 11, 12)
    gc.set_threshold(*thresholds)
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(timeout=5)
    assert threading.active_count() == threads


WRONG_CALLS = [
    (lambda c: c.Send(np.zeros(1), dest=9), MPIError, "MPI_ERR_RANK: rank 0: no rank 9 among 2"),
    (lambda c: c.Send(np.zeros(1), dest=-5), MPIError, "MPI_ERR_RANK"),
    (lambda c: c.Recv(np.zeros(1), source=2), MPIError, "MPI_ERR_RANK"),
    (lambda c: c.Send(np.zeros(1), dest="1"), TypeError, "integer"),
    (lambda c: c.Send(np.zeros(1), dest=1, tag=-3), MPIError, "MPI_ERR_TAG"),
    (lambda c: c.Send(np.zeros(1), dest=1, tag=ANY_TAG), MPIError, "MPI_ERR_TAG"),
    (lambda c: c.Bcast(np.zeros(1), root=2), MPIError, "MPI_ERR_ROOT"),
    (lambda c: c.Send(None, dest=1), TypeError, "expecting buffer"),
    (lambda c: c.Send([1, 2, 3], dest=1), TypeError, "buffer"),
    (lambda c: c.Send("abc", dest=1), TypeError, "buffer"),
    (lambda c: c.Send(np.zeros(8)[::2], dest=1), BufferError, "contiguous"),
    (lambda c: c.Send(np.array([None]), dest=1), KeyError, "cannot map"),
    (lambda c: c.Send(np.zeros(2, "M8[s]"), dest=1), BufferError, "datetime"),
    (lambda c: c.Send(np.zeros(2, ">f8"), dest=1), BufferError, "byte order"),
    (lambda c: c.Send([np.zeros(3), 4], dest=1), ValueError, "count 4"),
    (lambda c: c.Recv(b"abc", source=1), BufferError, "rank 0.*not writable"),
    (lambda c: c.Allreduce(np.zeros(3), np.zeros(4)), ValueError, "count 3"),
    (lambda c: c.Allreduce(np.zeros(3), np.zeros(3, "f4")), ValueError, "datatypes"),
    (lambda c: c.Allgather(np.zeros(3), np.zeros(5)), ValueError, "multiple"),
    (lambda c: c.Split(-1), MPIError, "color"),
]


@pytest.mark.parametrize(("call", "error", "match"), WRONG_CALLS)
def test_a_wrong_call_is_refused_with_its_rank_before_anything_moves(call, error, match):
    with pytest.raises(error, match=match) as caught:
        simulate(lambda comm: call(comm) if comm.rank == 0 else None, 2)
    assert "rank 0" in str(caught.value) + caught.value.__notes__[0]


def test_a_message_that_is_too_long_for_its_receive_raises_there():
    def program(comm):
        if comm.rank == 0:
            comm.Send(np.zeros(8), dest=1, tag=2)
        else:
            comm.Recv(np.zeros(2), source=0)

    with pytest.raises(MPIError, match=r"MPI_ERR_TRUNCATE.*16 bytes, and rank 0 sent 64") as caught:
        simulate(program, 2)
    assert "rank 1 of 2" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"ranks": 0}, ValueError, "ranks"),
        ({"ranks": 2.5}, TypeError, "ranks"),
        ({"program": 3}, TypeError, "program"),
        ({"timeout": 0}, ValueError, "timeout"),
        ({"args": 5}, TypeError, "args"),
        ({"network": "fast"}, TypeError, "network"),
    ],
)
def test_wrong_arguments_are_named(kwargs, error, match):
    with pytest.raises(error, match=match):
        simulate(**({"program": lambda comm: None, "ranks": 1} | kwargs))


@pytest.mark.parametrize("name", ["alpha", "beta", "overhead", "eager_limit", "flops"])
def test_a_network_refuses_what_is_no_network(name):
    for value in (-1, float("nan")):
        with pytest.raises(ValueError, match=name):
            Network(**{name: value})


def test_ranks_live_in_the_caller_s_context():
    with np.errstate(divide="ignore"):
        out = simulate(lambda comm: float(np.ones(1)[0] / np.zeros(1)[0]), 2)
    assert out.results == [np.inf, np.inf]


# ----------------------------------------------------------- determinism


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), p=st.integers(2, 9))
def test_the_same_program_gives_the_same_bits(seed, p):
    def program(comm):
        rng = np.random.default_rng((seed, comm.rank))
        total = 0.0
        for _ in range(5):
            work(comm, seconds=rng.exponential(1e-5))
            dest = int(rng.integers(p))
            comm.Isend(rng.random(int(rng.integers(0, 20))), dest)
        comm.Barrier()
        work(comm, seconds=1.0)
        status = Status()
        while comm.Iprobe(status=status):
            buf = np.empty(status.Get_count(8))
            comm.Recv(buf, source=status.source, tag=status.tag)
            total = total / 3 + buf.sum()
        return total

    first, second = (simulate(program, p, network=NET) for _ in range(2))
    assert first.results == second.results
    assert first.time == second.time
    assert first.trace.messages == second.trace.messages
    assert first.trace.spans == second.trace.spans
    assert not np.isnan([m.received for m in first.trace.messages]).any()


def test_a_thousand_ranks_recurse_no_deeper_than_one():
    def program(comm):
        buf = np.empty(1)
        left, right = (comm.rank - 1) % comm.size, (comm.rank + 1) % comm.size
        comm.Sendrecv(np.array([float(comm.rank)]), right, 0, buf, left)
        return buf[0]

    assert simulate(program, 3000).results == [2999.0, *range(2999)]


@pytest.mark.parametrize("name", ["alpha", "beta", "overhead", "eager_limit", "flops"])
def test_a_network_names_what_is_no_number(name):
    for wrong in ("fast", None, True, 1j):
        with pytest.raises(TypeError, match=f"Network {name} must be a number"):
            Network(**{name: wrong})
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError, match=f"Network {name} must be"):
            Network(**{name: wrong})


def test_started_sums_share_the_network_one_after_another():
    """Each takes the time of an Allreduce; the second begins when the first is over."""
    net = Network(alpha=0.0, beta=1e-6)

    def program(comm, hidden):
        x, y = np.ones(100), np.ones(50)
        requests = [comm.Iallreduce(IN_PLACE, x), comm.Iallreduce(IN_PLACE, y)]
        work(comm, seconds=hidden)
        for request in requests:
            request.Wait()
            work(comm, seconds=0.0)  # leaves this rank's clock in the trace

    load = 8e-6 * 2 * (4 - 1) / 4  # s an element, of a long vector over 4 ranks
    for hidden in (0.0, 0.0013, 1.0):
        spans = simulate(program, 4, (hidden,), net).trace.spans
        ends = [span.end for span in spans if (span.rank, span.what) == (0, "work")][1:]
        assert ends == pytest.approx([max(hidden, 100 * load), max(hidden, 150 * load)])
        under_way = [s[2:] for s in spans if (s.rank, s.what) == (3, "Iallreduce")]
        first, second = (0.0, 100 * load), (100 * load, 150 * load)
        assert np.ravel(under_way) == pytest.approx([*first, *second])


def test_a_started_sum_names_the_rank_that_never_starts_it():
    def program(comm):
        if comm.rank != 1:
            comm.Iallreduce(IN_PLACE, np.ones(2)).Wait()

    with pytest.raises(Deadlock, match="rank 0 waits in Iallreduce for rank 1 to call it"):
        simulate(program, 3)
