"""From the logs of the ranks to one trace: which receive met which send."""

import math
from collections import defaultdict

from dlpar.world.trace import Trace


def trace_of(logs):
    """Return (time, Trace) of a call from every rank's `Log.entries()`, in rank order.

    A rank that died has left none, but None: what it did is missing, and what was sent to it was
    received by nobody.
    Time zero is the moment when the first rank began its program; `time` is when the last ended.

    MPI keeps messages of one sender, receiver, communicator and tag in order, so the k-th such
    send meets the k-th such receive, in the order in which the receives were posted.
    Source: MPI 4.1, section 3.5.
    """
    known = {rank: log for rank, log in enumerate(logs) if log is not None}
    zero = min(started for started, *_ in known.values())
    time = max(ended for _, ended, *_ in known.values()) - zero
    spans = [
        (rank, what, start - zero, end - zero)
        for rank, (_, _, waits, _) in known.items()
        for what, start, end in waits
    ]
    arrivals = defaultdict(list)
    for rank, (_, _, _, comms) in known.items():
        for key, members, _, receives in comms:
            for source, tag, end in receives:
                arrivals[key, members[source], rank, tag].append(end - zero)
    messages = []
    in_order = {lane: iter(times) for lane, times in arrivals.items()}
    for rank, (_, _, _, comms) in known.items():
        for key, members, sends, _ in comms:
            for to, tag, nbytes, start in sends:
                dest = members[to]
                received = next(in_order.get((key, rank, dest, tag), iter(())), math.nan)
                messages.append((rank, dest, tag, nbytes, start - zero, received))
    return time, Trace(len(logs), messages, spans)
