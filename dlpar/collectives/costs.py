"""What each collective costs by formula, in the alpha-beta model.

Every formula takes the bytes of the vector, the ranks p, the `Network` and gamma, s per byte that
is added up (the simulator adds for nothing, so gamma is 0 unless you say). A message of b bytes
that nothing else delays takes network.overhead + network.alpha + b * network.beta.
Source: Thakur, Rabenseifner and Gropp, IJHPCA 2005, sections 3 and 4; for the double tree,
Sanders, Speck and Traeff, Parallel Computing 35 (2009).
"""

import math

import numpy as np

from dlpar.collectives.alltoall import pairwise_alltoall
from dlpar.collectives.chain import chain_broadcast, default_segments
from dlpar.collectives.double_tree import double_tree_allreduce, rounds
from dlpar.collectives.doubling import recursive_doubling_allreduce
from dlpar.collectives.folding import lower_power
from dlpar.collectives.halving import (
    recursive_doubling_allgather,
    recursive_halving_reduce_scatter,
)
from dlpar.collectives.hierarchical import (
    balanced_node,
    hierarchical_allreduce,
    leader_allreduce,
)
from dlpar.collectives.in_network import in_network_segments
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
    """lg p whole vectors, and up to two more for the fold.  Exact for powers of two, else about.

    Eager, a rank outside the fold sends before its partner is ready to listen, which can save a
    step. So for each of the q that go on it is followed when its total is `ready`, and until when
    its incoming link is `taken`.
    """
    q, folded = _lower_power(p)
    message, adding = message_seconds(nbytes, network), nbytes * gamma
    if nbytes > network.eager_limit:
        return (_lg_up(q) + 2 * folded) * message + (_lg_up(q) + folded) * adding
    load, in_fold = nbytes * network.beta, np.arange(q) < p - q
    taken = np.where(in_fold, message, 0.0)
    ready = np.where(in_fold, message + adding, 0.0)
    for step in range(_lg_up(q)):
        first_byte = ready[np.arange(q) ^ (1 << step)] + message - load
        taken = np.maximum(first_byte, taken) + load
        ready = np.maximum(ready, taken) + adding
    return float(np.max(ready + in_fold * message))


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


def hierarchical_seconds(nbytes, p, network, gamma=0.0, node_size=None):
    """Rings in the node and between nodes, all links alike.  Exact where p divides the elements.

    node_size : ranks of a node, a divisor of p; by default `balanced_node(p)`.
    """
    g = balanced_node(p) if node_size is None else node_size
    between = ring_allreduce_seconds(nbytes / g, p // g, network, gamma)
    return ring_allreduce_seconds(nbytes, g, network, gamma) + between


def leader_seconds(nbytes, p, network, gamma=0.0, node_size=None):
    """Up the node's tree, a ring of the leaders, and down, all links alike.

    Exact where nodes are full and powers of two, and the leaders divide the elements; else at most.
    node_size : ranks of a node; by default `balanced_node(p)`.
    """
    g = balanced_node(p) if node_size is None else min(node_size, p)
    between = ring_allreduce_seconds(nbytes, -(-p // g), network, gamma)
    return tree_allreduce_seconds(nbytes, g, network, gamma) + between


def halving_seconds(nbytes, p, network, gamma=0.0):
    """Reduce-scatter: halves, quarters, ...  Exact for powers of two, else at most."""
    q, folded = _lower_power(p)
    moved = _folded_share(p) * nbytes
    steps = _lg_up(q) * message_seconds(0, network) + moved * network.beta
    fold = message_seconds(nbytes, network) + message_seconds(nbytes / p, network)
    return steps + folded * fold + (moved + folded * nbytes) * gamma


def doubling_allgather_seconds(nbytes, p, network, gamma=0.0):
    """Allgather: halving backwards; `nbytes` is the whole vector.  Exact for powers of two."""
    return halving_seconds(nbytes, p, network)


def in_network_seconds(nbytes, p, network, gamma=0.0, segments=None):
    """One piece after another up to the switch, and its sum down behind it.  p : hosts.

    network : alpha and beta of a host's link to the switch, which adds as fast as bytes come.
    segments : pieces of the vector; by default those of `in_network_allreduce`.
    Exact where links are alike, with no overhead.  Eager pieces go up in pairs: a host sends two
    before it must hear of one, and they share its link.
    """
    k = in_network_segments(nbytes) if segments is None else segments
    if nbytes / k > network.eager_limit:
        return (k + 1) * message_seconds(nbytes / k, network)
    pairs, odd = divmod(k, 2)
    pair, one = message_seconds(2 * nbytes / k, network), message_seconds(nbytes / k, network)
    return 2 * (pairs * pair + odd * one)


ALLREDUCES = {
    pass_around_allreduce: pass_around_seconds,
    root_allreduce: root_seconds,
    tree_allreduce: tree_allreduce_seconds,
    recursive_doubling_allreduce: recursive_doubling_seconds,
    ring_allreduce: ring_allreduce_seconds,
    rabenseifner_allreduce: rabenseifner_seconds,
    double_tree_allreduce: double_tree_seconds,
    leader_allreduce: leader_seconds,
    hierarchical_allreduce: hierarchical_seconds,
}
OTHERS = {
    tree_reduce: tree_seconds,
    tree_broadcast: tree_broadcast_seconds,
    chain_broadcast: chain_seconds,
    ring_reduce_scatter: ring_seconds,
    ring_allgather: allgather_seconds,
    recursive_halving_reduce_scatter: halving_seconds,
    recursive_doubling_allgather: doubling_allgather_seconds,
    pairwise_alltoall: allgather_seconds,
}


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
    q = lower_power(p)
    return q, q < p


def _folded_share(p):
    """Return the share of the vector that rank 0's halving moves: it has two chunks for one."""
    q = lower_power(p)
    return sum(d + min(d, p - q) for d in (1 << i for i in range(_lg_up(q)))) / p
