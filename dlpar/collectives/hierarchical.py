"""Two levels: first among the ranks of a node, then between the nodes.

Node k is made of ranks k * node_size .. (k+1) * node_size - 1, as a launcher fills hosts.
"""

from dlpar.collectives.arguments import require_count, require_vector
from dlpar.collectives.group import Group
from dlpar.collectives.ring import ring_allgather, ring_allreduce, ring_reduce_scatter
from dlpar.collectives.tree import tree_broadcast, tree_reduce


def leader_allreduce(x, comm, node_size=None):
    """Return the sum of every rank's `x`, on every rank: only one rank of a node talks outside.

    Each node reduces to its first rank up a binomial tree, these leaders run a ring, and each node
    broadcasts down its tree.

    Parameters
    ----------
    x : (n,) numeric array; same n and dtype on all p ranks. Not modified.
    comm : communicator with `rank`, `size`, `Send`, `Recv` and `Sendrecv` (mpi4py's names).
    node_size : g, ranks of a node; the last node may have fewer. By default `balanced_node(p)`.
        Same on all ranks.

    Returns
    -------
    (n,) array of x's dtype, bit-identical on all ranks.

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array, or `node_size` no integer of at least 1.
        Raised before any message is sent.

    Cost, with P = ceil(p/g) nodes and N = n * itemsize bytes: 2 ceil(lg g) (alpha + N beta) in the
        node at most, 2(P-1) alpha + 2 (P-1)/P * N * beta between nodes
        [alpha: s/message, beta: s/byte, of the links in question]
    Source: Jia et al., arXiv:1807.11205 (2018): reduce, allreduce of the leaders, broadcast.
    """
    require_vector(x, "leader_allreduce")
    g = balanced_node(comm.size) if node_size is None else node_size
    require_count("node_size", g, "leader_allreduce")
    p = comm.size
    first = comm.rank - comm.rank % g
    node = Group(comm, range(first, min(first + g, p)))
    total = tree_reduce(x, node)
    if total is not None:
        total = ring_allreduce(total, Group(comm, range(0, p, g)))
    return tree_broadcast(x if total is None else total, node)


def hierarchical_allreduce(x, comm, node_size=None):
    """Return the sum of every rank's `x`, on every rank: all ranks of a node talk outside at once.

    Reduce-scatter in the node; then rank j of every node allreduces chunk j with its peers in the
    other nodes; then allgather in the node. All three are rings.

    Parameters
    ----------
    x : (n,) numeric array; same n and dtype on all p ranks. Not modified.
    comm : communicator with `rank`, `size` and `Sendrecv` (mpi4py's names).
    node_size : g, ranks of a node; it divides p. By default `balanced_node(p)`. Same on all ranks.

    Returns
    -------
    (n,) array of x's dtype, bit-identical on all ranks.

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array, `node_size` no integer of at least 1, or
        `node_size` does not divide p. Raised before any message is sent.

    Cost, with P = p/g nodes and N = n * itemsize bytes: 2(g-1) alpha + 2 (g-1)/g * N * beta in the
        node, 2(P-1) alpha + 2 (P-1)/P * N/g * beta between nodes
        [alpha: s/message, beta: s/byte, of the links in question]
    Source: the three phases of Horovod's hierarchical allreduce (pull request 411, 2018); with a
        leader in each node's place, Jia et al., arXiv:1807.11205 (2018).
    """
    require_vector(x, "hierarchical_allreduce")
    g = balanced_node(comm.size) if node_size is None else node_size
    require_count("node_size", g, "hierarchical_allreduce")
    p, r = comm.size, comm.rank
    if p % g:
        raise ValueError(f"hierarchical_allreduce needs node_size to divide {p} ranks, got {g}")
    node = Group(comm, range(r - r % g, r - r % g + g))
    peers = Group(comm, range(r % g, p, g))
    chunk = ring_reduce_scatter(x, node)
    return ring_allgather(ring_allreduce(chunk, peers), node, x.size)


def balanced_node(p):
    """Return the node size g that divides `p` and makes g + p/g least, the smaller of two.

    Where all links are alike, that takes the fewest steps.
    """
    return min((g for g in range(1, p + 1) if p % g == 0), key=lambda g: g + p // g)
