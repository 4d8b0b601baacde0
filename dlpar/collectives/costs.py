"""What each collective costs by formula, in the alpha-beta model, and which allreduce to choose.

Every formula takes the bytes of the vector, the ranks p, the `Network` and gamma, s per byte that
is added up (the simulator adds for nothing, so gamma is 0 unless you say). A message of b bytes
that nothing else delays takes network.overhead + network.alpha + b * network.beta.
Source: Thakur, Rabenseifner and Gropp, IJHPCA 2005, sections 3 and 4; for the double tree,
Sanders, Speck and Traeff, Parallel Computing 35 (2009).
"""

import math
from typing import Any, NamedTuple

from dlpar.collectives.alltoall import pairwise_alltoall
from dlpar.collectives.arguments import require_count
from dlpar.collectives.chain import chain_broadcast, default_segments
from dlpar.collectives.double_tree import double_tree_allreduce, rounds
from dlpar.collectives.doubling import recursive_doubling_allreduce
from dlpar.collectives.naive import pass_around_allreduce, root_allreduce
from dlpar.collectives.rabenseifner import rabenseifner_allreduce
from dlpar.collectives.ring import ring_allgather, ring_allreduce, ring_reduce_scatter
from dlpar.collectives.tree import tree_allreduce, tree_broadcast, tree_reduce


def message_seconds(nbytes, network):
    """Return what a message of `nbytes` takes alone, in s."""
    return network.overhead + network.alpha + nbytes * network.beta


def ring_seconds(nbytes, p, network, gamma=0.0):
    """Reduce-scatter: p-1 chunks, each added to.  Exact where p divides the elements."""
    return (p - 1) * (message_seconds(nbytes / p, network) + nbytes / p * gamma)


def allgather_seconds(nbytes, p, network, gamma=0.0):
    """Allgather, or pairwise all-to-all: p-1 chunks; `nbytes` is the whole vector.  Exact."""
    return (p - 1) * message_seconds(nbytes / p, network)


def ring_allreduce_seconds(nbytes, p, network, gamma=0.0):
    """Reduce-scatter, then allgather.  Exact where p divides the elements."""
    return ring_seconds(nbytes, p, network, gamma) + allgather_seconds(nbytes, p, network)


def pass_around_seconds(nbytes, p, network, gamma=0.0):
    """p-1 whole vectors.  Exact for any p."""
    return (p - 1) * (message_seconds(nbytes, network) + nbytes * gamma)


def root_seconds(nbytes, p, network, gamma=0.0):
    """p-1 vectors through root's link, in and out.

    Eager, they queue at the link; above the eager limit, each waits for the one before.
    """
    if p == 1:
        return 0.0
    load, first = nbytes * network.beta, message_seconds(nbytes, network)
    adding = (p - 1) * nbytes * gamma
    if nbytes > network.eager_limit:
        return (2 * p - 2) * (first - network.overhead) + p * network.overhead + adding
    return 2 * first + (p - 2) * (load + max(load, network.overhead)) + adding


def tree_seconds(nbytes, p, network, gamma=0.0):
    """Return the seconds of the reduce: as deep as the tree.  Exact for powers of two."""
    return _lg_up(p) * (message_seconds(nbytes, network) + nbytes * gamma)


def tree_broadcast_seconds(nbytes, p, network, gamma=0.0):
    """As deep as the tree.  Exact for powers of two."""
    return tree_seconds(nbytes, p, network)


def tree_allreduce_seconds(nbytes, p, network, gamma=0.0):
    """Up the tree and down.  Exact for powers of two."""
    return tree_seconds(nbytes, p, network, gamma) + tree_seconds(nbytes, p, network)


def recursive_doubling_seconds(nbytes, p, network, gamma=0.0):
    """lg p whole vectors, and two more for the fold.  Exact for powers of two, else at most.

    Ranks outside the fold send before their partners are ready to listen, which can save a step.
    """
    q, folded = _lower_power(p)
    adding = (_lg_up(q) + folded) * nbytes * gamma
    return (_lg_up(q) + 2 * folded) * message_seconds(nbytes, network) + adding


def rabenseifner_seconds(nbytes, p, network, gamma=0.0):
    """Halves, quarters, ... and back, and two vectors for the fold.  Exact for p a power of two."""
    q, folded = _lower_power(p)
    moved = nbytes * (q - 1) / q
    steps = 2 * (_lg_up(q) * message_seconds(0, network) + moved * network.beta)
    fold = 2 * folded * message_seconds(nbytes, network)
    return steps + fold + (moved + folded * nbytes) * gamma


def double_tree_seconds(nbytes, p, network, gamma=0.0, segments=None):
    """Return the seconds of all rounds, up and down: about, since some rounds overlap.

    segments : pieces of each half of the vector; by default those of `double_tree_allreduce`.
    """
    k = default_segments(nbytes // 2) if segments is None else segments
    piece = nbytes / (2 * k)
    up = k if p == 2 else rounds(p, k)  # two ranks have lines of one colour only
    return up * (2 * message_seconds(piece, network) + piece * gamma)


def chain_seconds(nbytes, p, network, gamma=0.0, segments=None):
    """Return when the last segment is through: p-1 hops of one, then the others behind it.

    segments : pieces of the vector; by default those of `chain_broadcast`.  Exact with no overhead.
    """
    if p == 1:
        return 0.0
    k = default_segments(nbytes) if segments is None else segments
    behind = (k - 1) * max(nbytes / k * network.beta, network.overhead)
    return (p - 1) * message_seconds(nbytes / k, network) + behind


ALLREDUCES = {
    pass_around_allreduce: pass_around_seconds,
    root_allreduce: root_seconds,
    tree_allreduce: tree_allreduce_seconds,
    recursive_doubling_allreduce: recursive_doubling_seconds,
    ring_allreduce: ring_allreduce_seconds,
    rabenseifner_allreduce: rabenseifner_seconds,
    double_tree_allreduce: double_tree_seconds,
}
OTHERS = {
    tree_reduce: tree_seconds,
    tree_broadcast: tree_broadcast_seconds,
    chain_broadcast: chain_seconds,
    ring_reduce_scatter: ring_seconds,
    ring_allgather: allgather_seconds,
    pairwise_alltoall: allgather_seconds,
}


class Choice(NamedTuple):
    """An allreduce, how to call it, and what it should take: `allreduce(x, comm, **options)`."""

    allreduce: Any
    options: dict[str, Any]
    seconds: float


def choose(nbytes, p, network, gamma=0.0):
    """Return the `Choice` that is fastest by its formula, on a flat network.

    nbytes : bytes of one rank's vector.  p : ranks.  network : Network.  gamma : s per byte added.
    Equals go to the first in `ALLREDUCES`.
    Raises ValueError for a negative size, or for p that is no integer of at least 1.
    """
    if not nbytes >= 0:
        raise ValueError(f"choose needs nbytes of at least 0, got {nbytes!r}")
    require_count("p", p, "choose")
    choices = []
    for allreduce, cost in ALLREDUCES.items():
        options = {}
        if allreduce is double_tree_allreduce:
            options["segments"] = best_segments(nbytes, p, network)
        choices.append(Choice(allreduce, options, cost(nbytes, p, network, gamma, **options)))
    return min(choices, key=lambda choice: choice.seconds)


def best_segments(nbytes, p, network):
    """Return the pieces of each half that make a double tree fastest.

    2 R (a + n/(2k) beta) with R = 2k + c is least at k = sqrt(c n beta / (4 a)), a per message.
    """
    per_message = message_seconds(0, network)
    fill = max(rounds(p, 1) - 2, 0)
    if not per_message:
        return default_segments(nbytes // 2)
    return max(1, round(math.sqrt(fill * nbytes * network.beta / (4 * per_message))))


def _lg_up(p):
    """Return ceil(lg p)."""
    return (p - 1).bit_length()


def _lower_power(p):
    """Return the power of two not above p, and whether it is below."""
    q = 1 << (p.bit_length() - 1)
    return q, q < p
