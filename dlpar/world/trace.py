"""What a run leaves behind: every message, every wait, every result, the same from both worlds."""

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np


class Message(NamedTuple):
    """One point-to-point message; `received` is NaN for a message that nobody received."""

    source: int
    dest: int
    tag: int
    nbytes: int
    sent: float  # s, when the sender called
    received: float  # s, when the payload lay in the receiver's buffer


class Span(NamedTuple):
    """A stretch of one rank's time: `what` is "work" or the call in which the rank waited.

    In simulation there is also "Iallreduce", from where the network takes up a sum that was started
    to where it is done; the rank may work meanwhile. On real processes nobody can see that.
    """

    rank: int
    what: str
    start: float  # s
    end: float  # s


class Trace:
    """Messages and spans of one call of `simulate` (virtual seconds) or `run` (wall seconds).

    Point-to-point messages count, each once, at its sender. What MPI sends inside its own
    collectives is not visible in the real world, so it counts in neither: a collective call is
    a span. (Chapter 7 builds collectives whose messages one can see.)

    size : ranks.  messages : rows as of Message, those of one sender in the order of sending, or
    each with its place among them as a seventh entry.  spans : rows as of Span.  faults : the
    Strikes of planned faults, in the order in which they struck. A simulation of a million messages
    hands over its rows as they are; they are put in order when first looked at.
    counts : (2, p) int64, the messages and bytes that each rank sent; then there are no rows.
    """

    def __init__(self, size, messages, spans, faults=(), counts=None):
        self.size = size
        self.faults = list(faults)
        self.counts = counts
        self._messages = messages
        self._spans = spans

    @cached_property
    def messages(self):
        """Return the list of Message, in the order of `sent`, then of `source`, then as sent.

        Raises ValueError if only counts were kept; so does `spans`.
        """
        rows = sorted(self._rows(self._messages), key=lambda row: (row[4], row[0], *row[6:]))
        return [Message(*row[:6]) for row in rows]

    @cached_property
    def spans(self):
        """Return the list of Span, in the order of `start`, then of `rank`."""
        return sorted(map(Span._make, self._rows(self._spans)), key=lambda s: (s.start, s.rank))

    def _rows(self, rows):
        if self.counts is not None:
            raise ValueError("this trace has counts only: simulate(..., trace='rows') keeps more")
        return rows

    @cached_property
    def messages_sent(self):
        """How many messages each rank sent: (p,) int64."""
        if self.counts is not None:
            return self.counts[0]
        return np.bincount(self._column(0), minlength=self.size)

    @cached_property
    def bytes_sent(self):
        """How many bytes each rank sent: (p,) int64."""
        if self.counts is not None:
            return self.counts[1]
        total = np.zeros(self.size, np.int64)
        np.add.at(total, self._column(0), self._column(3))
        return total

    def _column(self, i):
        return np.fromiter((row[i] for row in self._messages), np.int64, len(self._messages))

    def to_chrome(self, path):
        """Write the trace as Chrome trace-event JSON, which Perfetto and chrome://tracing open.

        One track a rank; spans are slices, messages are arrows. Times are in microseconds, as
        the format wants.
        """
        track = {"cat": "dlpar", "pid": 0}
        events: list[dict[str, Any]] = [
            {"name": "thread_name", "ph": "M", "pid": 0, "tid": r, "args": {"name": f"rank {r}"}}
            for r in range(self.size)
        ]
        for rank, what, start, end in self.spans:
            times = {"ts": start * 1e6, "dur": (end - start) * 1e6}
            events.append({"name": what, "ph": "X", "tid": rank, **times, **track})
        for i, m in enumerate(self.messages):
            if math.isnan(m.received):
                continue
            name = f"{m.source} to {m.dest}"
            args = {"tag": m.tag, "nbytes": m.nbytes}
            for phase, rank, t in (("s", m.source, m.sent), ("f", m.dest, m.received)):
                arrow = {"ph": phase, "id": i, "bp": "e", "tid": rank, "ts": t * 1e6}
                # An arrow needs a slice to start and to end on.
                events.append(
                    {"name": name, "ph": "X", "tid": rank, "ts": t * 1e6, "dur": 0} | track
                )
                events.append({"name": name, "args": args, **arrow, **track})
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events, "displayTimeUnit": "ns"}, file)


@dataclass(frozen=True)
class Outcome:
    """What `run` and `simulate` return."""

    results: list[Any]  # what each rank returned, in rank order
    time: float  # s: virtual (the last rank's clock) from simulate, wall from run
    trace: Trace
