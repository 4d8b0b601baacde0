"""What a step of a job puts on the links: its phases, and how its flows share with others'.

The flows of a phase keep step, as in a ring, where the slowest holds all others up: all run at one
rate. Among jobs, rates are max-min fair: they rise together until a link is full; the jobs on it
stay there, the others rise on (progressive filling, as in `dlpar.world.Topology`).
"""

from collections import Counter
from dataclasses import dataclass
from itertools import chain, pairwise

ROUNDING = 1 + 1e-9


@dataclass(frozen=True)
class Phase:
    """A part of a step: `delay` seconds without traffic, then flows of `nbytes` each.

    loads : {channel: how many of the flows cross it}; a channel is (a, b), one way of a link.
    """

    delay: float  # s
    nbytes: float = 0.0
    loads: tuple = ()  # ((channel, flows), ...)


def phases(job, gpus, cluster):
    """Return what a step of `job` on `gpus` is made of: computing, reading, exchanging."""
    found = [Phase(job.compute)]
    if job.batch_bytes and cluster.hosts:
        pairs = [(cluster.hosts[gpu], gpu) for gpu in gpus if gpu in cluster.hosts]
        found += _crossings(pairs, 1, job.batch_bytes, cluster)
    for pairs, rounds, nbytes in _exchange(job, list(gpus)):
        found += _crossings(pairs, rounds, nbytes, cluster)
    return tuple(found)


def _exchange(job, gpus):
    """Yield (pairs of GPUs, rounds, bytes of a pair in all rounds), one after another."""
    p, n = len(gpus), job.nbytes
    if p == 1 or not n or job.pattern == "none":
        return
    if job.pattern == "ring":
        yield list(pairwise([*gpus, gpus[0]])), 2 * (p - 1), 2 * (p - 1) / p * n
    elif job.pattern == "all-to-all":
        yield [(a, b) for a in gpus for b in gpus if a != b], p - 1, n / p
    else:
        yield [(a, gpus[0]) for a in gpus[1:]], 1, n
        yield [(gpus[0], a) for a in gpus[1:]], 1, n


def _crossings(pairs, rounds, nbytes, cluster):
    """Return the phases of flows between `pairs`: one for each stage of their routes.

    A message is stored between two stages: the second begins when the first is over for all of
    the phase. Where stored messages could overlap, that is too slow, by up to a quarter.
    """
    routes = [_stages(a, b, cluster) for a, b in pairs]
    found = []
    for stage in range(max(map(len, routes), default=0)):
        hops = [route[stage] for route in routes if stage < len(route)]
        loads = Counter(chain.from_iterable(channels for _, channels in hops))
        latency = max(latency for latency, _ in hops)
        found.append(Phase(rounds * latency, nbytes, tuple(loads.items())))
    return found


def _stages(a, b, cluster):
    """Return (latency, channels) of each stage of the route from a to b."""
    if (a, b) not in cluster.routes:
        cluster.routes[a, b] = tuple(
            (sum(link.latency for link, _ in hop), tuple(dict.fromkeys(_channel(*h) for h in hop)))
            for hop in cluster.topology.stages(a, b)
        )
    return cluster.routes[a, b]


def _channel(link, forward):
    return (link.a, link.b) if forward or link.duplex == "half" else (link.b, link.a)


def capacities(topology):
    """Return {channel: byte/s} of a topology."""
    found = {}
    for link in topology.links:
        found[link.a, link.b] = link.bandwidth
        if link.duplex == "full":
            found[link.b, link.a] = link.bandwidth
    return found


def alone(phase, capacity):
    """Return how long `phase` takes if no other job is on its links, in s."""
    return phase.delay + phase.nbytes * max((k / capacity[c] for c, k in phase.loads), default=0.0)


def fair_rates(flowing, capacity):
    """Return the rate of each flow of each of the phases `flowing`, in byte/s: max-min fair."""
    users, weight = {}, {}
    for i, phase in enumerate(flowing):
        for channel, k in phase.loads:
            users.setdefault(channel, []).append((i, k))
            weight[channel] = weight.get(channel, 0) + k
    left = {channel: capacity[channel] for channel in users}
    rates = [0.0] * len(flowing)
    while not all(rates):
        level = min(left[c] / w for c, w in weight.items() if w)
        full = [c for c, w in weight.items() if w and left[c] / w <= level * ROUNDING]
        for i in dict.fromkeys(i for c in full for i, _ in users[c] if not rates[i]):
            rates[i] = level
            for channel, k in flowing[i].loads:
                left[channel] -= k * level
                weight[channel] -= k
    return rates
