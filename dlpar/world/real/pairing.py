"""From the logs of the ranks to one trace: which receive met which send."""

import math
from collections import defaultdict

from dlpar.world.trace import Trace


def trace_of(logs):
    """Return (time, Trace) of a call from every rank's `Log.entries()`, in rank order.

    Time zero is the moment when the first rank began its program; `time` is when the last ended.

    MPI keeps messages of one sender, receiver, communicator and tag in order, so the k-th such
    send meets the k-th such receive, in the order in which the receives were posted.
    Source: MPI 4.1, section 3.5.
    """
    zero = min(started for started, *_ in logs)
    time = max(ended for _, ended, *_ in logs) - zero
    spans = [
        (rank, what, start - zero, end - zero)
        for rank, (_, _, waits, _) in enumerate(logs)
        for what, start, end in waits
    ]
    arrivals = defaultdict(list)
    for rank, (_, _, _, comms) in enumerate(logs):
        for key, members, _, receives in comms:
            for source, tag, end in receives:
                arrivals[key, members[source], rank, tag].append(end - zero)
    messages = []
    in_order = {lane: iter(times) for lane, times in arrivals.items()}
    for rank, (_, _, _, comms) in enumerate(logs):
        for key, members, sends, _ in comms:
            for to, tag, nbytes, start in sends:
                dest = members[to]
                received = next(in_order.get((key, rank, dest, tag), iter(())), math.nan)
                messages.append((rank, dest, tag, nbytes, start - zero, received))
    return time, Trace(len(logs), messages, spans)
