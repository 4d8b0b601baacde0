import json

import numpy as np

from dlpar.world import Message, Span, Trace, simulate, work


def chain(comm):
    buf = np.zeros(10 * (comm.rank + 1))
    if comm.rank > 0:
        comm.Recv(np.empty(100), source=comm.rank - 1, tag=7)
    work(comm, seconds=1e-3)
    if comm.rank < comm.size - 1:
        comm.Send(buf, dest=comm.rank + 1, tag=7)


def test_counts_are_the_senders():
    trace = simulate(chain, 4).trace
    assert trace.messages_sent.tolist() == [1, 1, 1, 0]
    assert trace.bytes_sent.tolist() == [80, 160, 240, 0]
    assert [(m.source, m.dest, m.tag, m.nbytes) for m in trace.messages] == [
        (0, 1, 7, 80),
        (1, 2, 7, 160),
        (2, 3, 7, 240),
    ]


def test_an_empty_trace_counts_zero():
    trace = Trace(3, [], [])
    assert trace.messages_sent.tolist() == trace.bytes_sent.tolist() == [0, 0, 0]
    assert (trace.messages, trace.spans) == ([], [])


def test_rows_come_out_in_order_with_names():
    rows = [(1, 0, 0, 8, 2.0, 3.0), (1, 2, 0, 8, 1.0, 9.0), (0, 1, 5, 4, 1.0, 2.0)]
    trace = Trace(3, rows, [(1, "Recv", 2.0, 3.0), (0, "work", 0.0, 1.0)])
    assert trace.messages[0] == Message(0, 1, 5, 4, sent=1.0, received=2.0)
    assert [m.source for m in trace.messages] == [0, 1, 1]
    assert trace.spans[0] == Span(0, "work", 0.0, 1.0)


def test_a_message_that_nobody_received_is_counted_and_has_no_end():
    def program(comm):
        if comm.rank == 0:
            comm.Send(np.zeros(2), dest=1)

    trace = simulate(program, 2).trace
    assert trace.bytes_sent.tolist() == [16, 0]
    (message,) = trace.messages
    assert np.isnan(message.received)


def test_chrome_trace_has_a_track_a_rank_a_slice_a_span_and_an_arrow_a_message(tmp_path):
    trace = simulate(chain, 3).trace
    trace.to_chrome(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    tracks = {e["tid"]: e["args"]["name"] for e in events if e["ph"] == "M"}
    assert tracks == {0: "rank 0", 1: "rank 1", 2: "rank 2"}
    slices = [(e["tid"], e["name"], e["ts"], e["dur"]) for e in events if e.get("dur")]
    assert slices == [(s.rank, s.what, s.start * 1e6, (s.end - s.start) * 1e6) for s in trace.spans]
    for i, message in enumerate(trace.messages):
        start, finish = (next(e for e in events if e["ph"] == p and e["id"] == i) for p in "sf")
        assert (start["tid"], finish["tid"]) == (message.source, message.dest)
        assert (start["ts"], finish["ts"]) == (message.sent * 1e6, message.received * 1e6)
        for end in (start, finish):  # Perfetto binds an arrow to the slice that is open there
            assert any(
                e["ph"] == "X" and e["tid"] == end["tid"] and e["ts"] == end["ts"] for e in events
            )


def test_a_lost_message_is_no_arrow_in_the_chrome_trace(tmp_path):
    Trace(2, [(0, 1, 0, 8, 0.0, float("nan"))], []).to_chrome(tmp_path / "trace.json")
    text = (tmp_path / "trace.json").read_text()
    assert "NaN" not in text
    assert {e["ph"] for e in json.loads(text)["traceEvents"]} == {"M"}


def test_messages_of_one_sender_at_one_instant_stay_in_program_order():
    def program(comm):
        if comm.rank == 0:
            for dest in (2, 1, 2):
                comm.Send(np.zeros(dest), dest, tag=dest)
        elif comm.rank == 1:
            comm.Recv(np.empty(2), source=0)  # the third message, to rank 2, is never received

    messages = simulate(program, 3).trace.messages
    assert [(m.dest, m.nbytes, bool(np.isnan(m.received))) for m in messages] == [
        (2, 16, True),
        (1, 8, False),
        (2, 16, True),
    ]
