"""A collective rehearsed without a network: who sends how much to whom, and what waits for what.

What a rank sends, and to whom, never depends on the values that it receives. So each rank can go
through the collective alone, with a communicator that only takes notes; the notes of all ranks
together are its messages, in their order, for every size.
"""

import math
from collections import deque
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from dlpar.collectives.folding import lower_power


class Rehearsal(NamedTuple):
    """The m messages of a collective over p ranks, level by level.

    Messages of a level wait for messages of lower levels only, so they may be under way together.
    A rank's calls are points on its line, where the next call is the next point. All points are
    numbered, the lines one after another.
    """

    source: np.ndarray  # (m,) int, ranks
    dest: np.ndarray
    share: np.ndarray  # (m,) float, of the vector's bytes
    sent: np.ndarray  # (m,) int, the point where the sender calls
    posted: np.ndarray  # and the one where the receiver does
    levels: np.ndarray  # int, where each level begins, and m
    ends: np.ndarray  # (p,) int, the last point of each line: its rank is done


@lru_cache(maxsize=128)
def rehearse(collective, p, options=()):
    """Return the `Rehearsal` of `collective(x, comm, **dict(options))` over `p` ranks.

    collective : its calls are Send, Recv and Sendrecv.  options : tuple of (name, value).
    The vector is taken to divide evenly wherever it is cut.
    Raises ValueError if it leaves a rank waiting.
    Cost: about 5 us a message; the last 128 are kept.
    """
    given = dict(options)
    n = even_length(p, options)
    x = np.zeros(n, np.uint8)
    notes = [Notes(r, p) for r in range(p)]
    for comm in notes:
        collective(x, comm, **given)
    rows = np.array(matched([comm.calls for comm in notes]), int).reshape(-1, 6)
    level, source, dest, nbytes, sent, posted = rows[np.argsort(rows[:, 0], kind="stable")].T
    starts = np.cumsum([0, *(len(comm.calls) + 1 for comm in notes)])
    bounds = np.searchsorted(level, np.arange(1, level.max(initial=0) + 2))
    points = starts[source] + sent, starts[dest] + posted
    return Rehearsal(source, dest, nbytes / n, *points, bounds, starts[1:] - 1)


def even_length(p, options):
    """Return an n that no allreduce over `p` ranks with these options cuts unevenly."""
    given = dict(options)
    nodes = -(-p // given.get("node_size", 1))
    return math.lcm(p, lower_power(p), nodes, 2 * given.get("segments", 1))


class Notes:
    """A communicator of one rank that sends nothing, and writes down what it is asked to."""

    def __init__(self, rank, size):
        self.rank, self.size = rank, size
        self.calls = []  # each a list of (peer, bytes to send, or None to receive)

    def Send(self, buf, dest):
        """Note a send."""
        self.calls.append([(dest, buf.nbytes)])

    def Recv(self, buf, source):
        """Note a receive."""
        self.calls.append([(source, None)])

    def Sendrecv(self, sendbuf, dest, *, recvbuf, source):
        """Note both, as one call."""
        self.calls.append([(dest, sendbuf.nbytes), (source, None)])


def matched(calls):
    """Return (level, source, dest, nbytes, sender's call, receiver's call) for each message.

    calls : for each rank, its calls as in `Notes`.
    """
    rows = []
    at = [0] * len(calls)  # the call in which each rank is
    height = [0] * len(calls)  # the highest level of what its call must wait for
    reached = [0] * len(calls)  # the same with what has been matched since
    missing = [0] * len(calls)  # how many messages its call still lacks
    announced = {}  # (source, dest) -> bytes, or None: one side has called, the other has not
    ready = deque(range(len(calls)))
    while ready:
        r = ready.popleft()
        if at[r] == len(calls[r]):
            continue
        missing[r] = len(calls[r][at[r]])
        for peer, nbytes in calls[r][at[r]]:
            pair = (peer, r) if nbytes is None else (r, peer)
            if pair not in announced:
                announced[pair] = nbytes
                continue
            other = announced.pop(pair)
            level = 1 + max(height[r], height[peer])
            size = other if nbytes is None else nbytes
            rows.append((level, *pair, size, at[pair[0]], at[pair[1]]))
            for end in pair:
                reached[end] = max(reached[end], level)
                missing[end] -= 1
                if not missing[end]:
                    height[end] = reached[end]
                    at[end] += 1
                    ready.append(end)
    if any(here < len(mine) for here, mine in zip(at, calls, strict=True)):
        raise ValueError("the collective cannot be rehearsed: it leaves a rank waiting")
    return rows
