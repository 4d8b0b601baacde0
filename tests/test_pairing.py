import math

from dlpar.world.real.pairing import trace_of

WORLD = [0, 1, 2]


def log(sends=(), receives=(), spans=(), comms=(), started=100.0, ended=109.0):
    """Return one rank's log: (dest, tag, nbytes, start) sent, (source, tag, end) received."""
    return started, ended, list(spans), [((), WORLD, list(sends), list(receives)), *comms]


def test_time_zero_is_the_first_start_and_the_time_ends_with_the_last_rank():
    logs = [
        log(started=101.0, ended=105.0, spans=[("Recv", 102.0, 104.0)]),
        log(started=100.0, ended=103.0, spans=[("Send", 100.5, 101.0)]),
    ]
    time, trace = trace_of(logs)
    assert time == 5.0
    assert trace.spans == [(1, "Send", 0.5, 1.0), (0, "Recv", 2.0, 4.0)]
    assert trace.messages == []


def test_the_kth_send_of_a_lane_meets_the_kth_receive_posted_though_it_was_seen_later():
    sends = [(1, 7, 10, 101.0), (1, 7, 20, 102.0), (1, 8, 30, 103.0)]
    receives = [(0, 8, 104.0), (0, 7, 108.0), (0, 7, 105.0)]  # as posted; waited for backwards
    _, trace = trace_of([log(sends), log(receives=receives), log()])
    assert trace.messages == [
        (0, 1, 7, 10, 1.0, 8.0),
        (0, 1, 7, 20, 2.0, 5.0),
        (0, 1, 8, 30, 3.0, 4.0),
    ]


def test_senders_are_kept_apart():
    logs = [
        log([(2, 0, 1, 101.0)]),
        log([(2, 0, 2, 101.5)]),
        log(receives=[(1, 0, 103.0), (0, 0, 104.0)]),
    ]
    _, trace = trace_of(logs)
    assert [m.received for m in trace.messages] == [4.0, 3.0]


def test_a_message_that_nobody_received_has_no_time_of_arrival():
    _, trace = trace_of([log([(1, 0, 8, 101.0), (1, 0, 8, 102.0)]), log(receives=[(0, 0, 103.0)])])
    first, second = trace.messages
    assert first.received == 3.0
    assert math.isnan(second.received)


def test_communicators_are_kept_apart_and_ranks_are_those_of_the_world():
    part = ((1, 0), [2, 0])  # rank 0 of the part is rank 2 of the world
    sender = log([(0, 5, 1, 101.0)], comms=[(*part, [(0, 5, 2, 102.0)], [])])
    receiver = log(comms=[(*part, [], [(1, 5, 103.0)])])
    _, trace = trace_of([sender, log(), receiver])
    assert trace.messages[0][:4] == (0, 0, 5, 1)
    assert math.isnan(trace.messages[0].received)
    assert trace.messages[1] == (0, 2, 5, 2, 2.0, 3.0)
