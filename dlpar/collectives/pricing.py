"""What a rehearsed collective takes on a network whose links are shared, without simulating it.

Messages of one level are taken to set out together and to share links fairly: all that cross a link
are over it when it has carried their bytes. A link that an earlier level still keeps busy carries
them after that.
"""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from dlpar.collectives.rehearsal import rehearse


class Crossing(NamedTuple):
    """One stage of m messages' routes: what each crosses as one flow."""

    latency: np.ndarray  # (m,) s
    slowest: np.ndarray  # (m,) s per byte, of the slowest link
    channels: np.ndarray  # (m, hops) int: links by direction; 0 is no link
    some: np.ndarray  # (m,) bool: whether the route has this stage


class Ways:
    """The routes of p ranks on a topology, found as they are asked for."""

    def __init__(self, topology, p):
        self.topology, self.places = topology, topology.devices_of(p)
        self.numbers = {}  # (link, direction) -> channel, from 1 on
        self.pace = [0.0]  # s per byte of each channel; channel 0 is no link

    @lru_cache(maxsize=128)  # noqa: B019 - a few Ways live as long as the process: see `ways`
    def crossings(self, collective, p, options):
        """Return a `Crossing` for each stage of the routes of `rehearse(...)`'s messages."""
        rehearsal = rehearse(collective, p, options)
        pairs, which = np.unique(
            np.stack([rehearsal.source, rehearsal.dest]), axis=1, return_inverse=True
        )
        found = [self._stages(a, b) for a, b in pairs.T]
        stages = max(map(len, found), default=0)
        hops = max((len(s[2]) for stages in found for s in stages), default=0)
        table = []
        for s in range(stages):
            rows = [one[s] if s < len(one) else (0.0, 0.0, []) for one in found]
            channels = np.array([row[2] + [0] * (hops - len(row[2])) for row in rows])
            latency, slowest = np.array([row[:2] for row in rows]).T
            some = np.array([s < len(one) for one in found])
            table.append(
                Crossing(*(part[which.ravel()] for part in (latency, slowest, channels, some)))
            )
        return table

    def _stages(self, a, b):
        """Return (latency, s per byte of the slowest, channels) of each stage from rank a to b."""
        return [
            (
                sum(link.latency for link, _ in stage),
                1 / min(link.bandwidth for link, _ in stage),
                list(dict.fromkeys(self._channel(link, way) for link, way in stage)),
            )
            for stage in self.topology.stages(self.places[a], self.places[b])
        ]

    def _channel(self, link, forward):
        one = link, forward or link.duplex == "half"
        if one not in self.numbers:
            self.numbers[one] = len(self.pace)
            self.pace.append(1 / link.bandwidth)
        return self.numbers[one]


@lru_cache(maxsize=8)
def ways(topology, p):
    """Return the `Ways` of `p` ranks on `topology`; the last 8 are kept."""
    return Ways(topology, p)


def price(collective, nbytes, p, topology, options=()):
    """Return what `collective(x, comm, **dict(options))` should take on `topology`, in s.

    nbytes : bytes of one rank's vector.  options : tuple of (name, value).
    Cost: some 60 us for each level of messages, and 5 us a message the first time.
    """
    rehearsal, way = rehearse(collective, p, options), ways(topology, p)
    crossings, pace = way.crossings(collective, p, options), np.array(way.pace)
    size = rehearsal.share * nbytes
    waited_for = size > topology.eager_limit
    clock = np.zeros(rehearsal.ends[-1] + 1)
    busy = np.zeros((2, len(pace)))  # s, since when and until when each channel is busy
    for bounds in pairwise(rehearsal.levels):
        now = slice(*bounds)
        sent, posted, waits = rehearsal.sent[now], rehearsal.posted[now], waited_for[now]
        free = clock[sent] + topology.overhead
        at = np.where(waits, np.maximum(free, clock[posted]), free)
        for crossing in crossings:
            at = _crossed(Crossing(*(part[now] for part in crossing)), at, size[now], busy, pace)
        over = np.where(waits, at, free)
        clock[sent + 1] = np.maximum(clock[sent + 1], over)
        clock[posted + 1] = np.maximum(clock[posted + 1], np.maximum(at, clock[posted]))
    return float(clock[rehearsal.ends].max())


def _crossed(stage, at, size, busy, pace):
    """Return when messages that set out `at` are over `stage`; move on `busy` of its channels."""
    at = at + stage.latency
    bound = np.where(size > 0, at, np.inf)[:, None]
    first = np.full(len(pace), np.inf)
    np.minimum.at(first, stage.channels, np.broadcast_to(bound, stage.channels.shape))
    weights = np.broadcast_to(size[:, None], stage.channels.shape)
    load = np.bincount(stage.channels.ravel(), weights.ravel(), len(pace))
    through = first + load * pace  # were the channel idle
    since, until = busy
    used = (load > 0) & (pace > 0) & (through > since)  # else it is done before them
    fresh = used & (first >= until)
    since[fresh] = first[fresh]
    until[used] = through[used] = (np.maximum(until, first) + load * pace)[used]
    shared = np.where(pace > 0, through, 0.0)[stage.channels].max(axis=1, initial=0.0)
    over = np.maximum(at + size * stage.slowest, shared)
    return np.where(stage.some & (size > 0), over, at)
