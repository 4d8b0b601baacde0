"""Which allreduce, and how: by formula on a flat network; where links are shared, by rehearsal."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from dlpar.collectives.arguments import require_count
from dlpar.collectives.costs import ALLREDUCES, best_segments
from dlpar.collectives.double_tree import double_tree_allreduce
from dlpar.collectives.hierarchical import hierarchical_allreduce, leader_allreduce
from dlpar.collectives.pricing import price
from dlpar.collectives.rehearsal import even_length, rehearse
from dlpar.world import Network, Topology, simulate

MARGIN = 2  # what is priced at more than so many times the least is not simulated
WAYS = 3  # nor are more than so many options of one allreduce, the cheapest
MESSAGES = 100_000  # nor is anything, if that were to take more messages: half a second or more


class Choice(NamedTuple):
    """An allreduce, how to call it, and what it should take: `allreduce(x, comm, **options)`."""

    allreduce: Any
    options: dict[str, Any]
    seconds: float


def choose(nbytes, p, network, gamma=0.0):
    """Return the `Choice` that should be fastest on `network`; equals go to the first candidate.

    On a Network each candidate costs what its formula says (costs.py). On a Topology each is priced
    by what its messages put on shared links (pricing.py), and those that come near the cheapest are
    simulated, with few bytes on links as much slower.

    nbytes : bytes of one rank's vector.  p : ranks.  network : Network or Topology.
    gamma : s per byte added, on a Network; on a Topology adding is free, as in the simulator.
    Raises ValueError for a negative size, for p that is no integer of at least 1, or if a topology
    has no place for p ranks; TypeError if `network` is neither.
    Cost: under a millisecond on a Network; on a Topology some 0.2 s for 16 ranks,
        in proportion to p squared.
    """
    if not nbytes >= 0:
        raise ValueError(f"choose needs nbytes of at least 0, got {nbytes!r}")
    require_count("p", p, "choose")
    if isinstance(network, Network):
        tried = candidates(p, [best_segments(nbytes, p, network)])
        priced = [
            Choice(f, options, ALLREDUCES[f](nbytes, p, network, gamma, **options))
            for f, options in tried
        ]
        return min(priced, key=_seconds)
    if isinstance(network, Topology):
        return _on_topology(nbytes, p, network)
    raise TypeError(f"choose needs a Network or Topology, got {type(network).__name__}")


def candidates(p, segments):
    """Return (allreduce, options) for all that `choose` looks at over `p` ranks.

    segments : numbers of segments to try for the double tree.
    """
    inner = range(2, p)  # a node of one rank, or of all, is another algorithm's case
    divisors = [g for g in inner if p % g == 0]
    even = {-(-p // nodes) for nodes in inner} | {1 << i for i in range(p.bit_length())}
    options: dict[Any, list[dict[str, Any]]] = {
        double_tree_allreduce: [{"segments": k} for k in segments],
        hierarchical_allreduce: [{"node_size": g} for g in divisors],
        leader_allreduce: [{"node_size": g} for g in sorted(even & set(inner))],
    }
    return [(f, given) for f in ALLREDUCES for given in options.get(f, [{}])]


def _on_topology(nbytes, p, topology):
    """Return the `Choice` on a topology."""
    priced = [
        Choice(f, options, price(f, nbytes, p, topology, tuple(options.items())))
        for f, options in candidates(p, [1 << i for i in range(9)])
    ]
    least = min(priced, key=_seconds)
    near = []
    for allreduce in ALLREDUCES:
        ways = sorted((one for one in priced if one.allreduce is allreduce), key=_seconds)
        near += [one for one in ways[:WAYS] if one.seconds <= MARGIN * least.seconds]
    messages = sum(rehearse(f, p, tuple(o.items())).share.size for f, o, _ in near)
    if messages > MESSAGES or nbytes == 0:
        return least
    return min((simulated(choice, nbytes, p, topology) for choice in near), key=_seconds)


def simulated(choice, nbytes, p, topology):
    """Return `choice` with the simulator's seconds."""
    n = even_length(p, tuple(choice.options.items()))
    slower = nbytes / n  # n bytes take as long where each takes so many times longer
    links = [replace(link, bandwidth=link.bandwidth / slower) for link in topology.links]
    slow = replace(topology, links=links, eager_limit=topology.eager_limit / slower)
    x = np.zeros(n, np.uint8)
    outcome = simulate(lambda comm: choice.allreduce(x, comm, **choice.options), p, network=slow)
    return choice._replace(seconds=outcome.time)


def _seconds(choice):
    return choice.seconds
