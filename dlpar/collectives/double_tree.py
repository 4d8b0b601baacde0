"""Two binary trees at once: who is inside one of them is a leaf of the other.

In one pipelined tree half of the ranks, the leaves, send little and receive little. With a second
tree whose insides are the first one's leaves, and half of the vector on each tree, all links carry
the same. Rounds alternate between two colours: the lines are coloured so that no rank sends twice,
or receives twice, in a round.
Source: Sanders, Speck and Traeff, Parallel Computing 35 (2009).
"""

from functools import cache
from itertools import product

import numpy as np

from dlpar.collectives.arguments import require_count, require_vector
from dlpar.collectives.chain import default_segments


def double_tree_allreduce(x, comm, segments=None):
    """Return the sum of every rank's `x`, on every rank: up two trees in segments, and down again.

    Parameters
    ----------
    x : (n,) numeric array; same n and dtype on all p ranks. Not modified.
    comm : communicator with `rank`, `size`, `Send`, `Recv` and `Sendrecv` (mpi4py's names).
    segments : k, how many pieces each half of `x` is sent in; by default pieces of 32 KiB. Same
        on all ranks.

    Returns
    -------
    (n,) array of x's dtype, bit-identical on all ranks: each segment is added up in one tree.

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array, or `segments` no integer of at least 1.
        Raised before any message is sent.

    Cost: 2 R (alpha + n/(2k) * itemsize * beta), in 2 R rounds with R = `rounds(p, k)`, which is
        2k + O(lg p), less where rounds overlap; no rank sends more than 2 n * itemsize bytes
        [alpha: s/message, beta: s/byte]
    Source: Sanders, Speck and Traeff, Parallel Computing 35 (2009).
    """
    require_vector(x, "double_tree_allreduce")
    k = default_segments(x.nbytes // 2) if segments is None else segments
    require_count("segments", k, "double_tree_allreduce")
    out = x.copy()
    pieces = [np.array_split(half, k) for half in np.array_split(out, 2)]  # [tree][segment]
    inbox = np.empty_like(pieces[0][0])  # the first is never the shorter one
    above, below = _lines(comm.rank, comm.size)
    last = rounds(comm.size, k) - 1

    for j in range(last + 1):  # up: what comes from a child is added
        to, source = _active(above, j, k), _active(below, j, k)
        give, take = (line and pieces[line[1]][line[2]] for line in (to, source))
        got = None if take is None else inbox[: take.size]
        _exchange(comm, give, to, got, source)
        if take is not None:
            take += got

    # Down: the same rounds backwards, so what went up last comes down first.
    for j in range(last, -1, -1):
        to, source = _active(below, j, k), _active(above, j, k)
        give, take = (line and pieces[line[1]][line[2]] for line in (to, source))
        _exchange(comm, give, to, take, source)
    return out


@cache
def double_trees(p):
    """Return two trees over ranks 0 .. p-1, each a tuple of every rank's parent, None for the root.

    No rank has more than two children, and none has children in both trees. The first is the tree
    whose order from left to right is the ranks' own, so odd ranks are leaves; the second is its
    mirror image. If p is odd, the last rank is a leaf right below both roots.
    """
    even = p - p % 2
    first = [_in_order_parent(r, even) for r in range(even)]
    second = [None if up is None else even - 1 - up for up in reversed(first)]
    if p % 2:
        first.append(0 if even else None)
        second.append(even - 1 if even else None)
    return tuple(first), tuple(second)


def _in_order_parent(r, p):
    """Return the parent of rank `r` in the in-order tree over 0 .. p-1, whose root is 0."""
    if r == 0:
        return None
    bit = r & -r  # a rank's lowest set bit is its height
    up = (r ^ bit) | (bit << 1)
    return up if up < p else r ^ bit


def rounds(p, segments):
    """Return in how many rounds `segments` of each half have gone up both trees over p ranks."""
    first = max(_first_rounds(p).values(), default=-2)  # alone: no round
    return 0 if first < 0 else first + 2 * (segments - 1) + 1


@cache
def _first_rounds(p):
    """Return {(tree, child): the round in which its first segment goes to its parent}.

    A line is used in every second round from then on. Its colour is the round's parity.
    """
    trees = double_trees(p)
    colours = _colours(trees)
    children = _children(trees)
    first = {}

    def settle(line):
        t = line[0]
        before = [settle((t, child)) for child in children[line]]
        ready = max(before, default=-1) + 1
        first[line] = ready + (ready - colours[line]) % 2
        return first[line]

    for t, tree in enumerate(trees):
        for child in children[t, tree.index(None)]:
            settle((t, child))
    return first


def _colours(trees):
    """Colour each line (tree, child) 0 or 1: a rank's two lines up differ, and so do its two down.

    Lines that must differ make paths and cycles of even length, so going along them is enough.
    """
    children = _children(trees)
    colours = {}
    for line in product((0, 1), range(len(trees[0]))):
        todo = [(line, 0)]
        while todo:
            (t, child), colour = todo.pop()
            parent = trees[t][child]
            if parent is None or (t, child) in colours:
                continue
            colours[t, child] = colour
            todo.append(((1 - t, child), 1 - colour))
            todo += [((t, c), 1 - colour) for c in children[t, parent] if c != child]
    return colours


def _children(trees):
    """Return {(tree, rank): its children there}."""
    children = {line: [] for line in product((0, 1), range(len(trees[0])))}
    for t, tree in enumerate(trees):
        for child, parent in enumerate(tree):
            if parent is not None:
                children[t, parent].append(child)
    return children


def _lines(r, p):
    """Return rank r's lines up and its lines down, each by colour: (peer, tree, first round)."""
    above, below = {}, {}
    trees = double_trees(p)
    for (t, child), first in _first_rounds(p).items():
        if child == r:
            above[first % 2] = (trees[t][child], t, first)
        elif trees[t][child] == r:
            below[first % 2] = (child, t, first)
    return above, below


def _active(lines, j, k):
    """Return (peer, tree, segment) of the line in use in round j, or None."""
    peer, tree, first = lines.get(j % 2, (None, 0, j + 1))
    segment = (j - first) // 2
    return (peer, tree, segment) if 0 <= segment < k else None


def _exchange(comm, give, to, got, source):
    """Send and receive at the same time, or do the one of the two that there is to do."""
    if to and source:
        comm.Sendrecv(give, dest=to[0], recvbuf=got, source=source[0])
    elif to:
        comm.Send(give, dest=to[0])
    elif source:
        comm.Recv(got, source=source[0])
