"""Placements: functions (job, free, cluster) -> the job's GPUs in the order of its ranks, or None.

`free` is a sequence of names of GPUs in the cluster's order; None: there are too few.
"""

import numpy as np

from dlpar.scheduler.cluster import NODE


def pack(job, free, cluster):
    """Return GPUs as near to each other as can be, in the fullest place that has room (best fit).

    The lecture's pack: GPUs of one switch, else of one socket, one node, one rack.
    """
    if job.gpus > len(free):
        return None
    return _named(_best_fit(cluster.numbers(free), job.gpus, cluster.groups), cluster)


def _best_fit(free, k, groups):
    """Return k of `free`: of the smallest group at the nearest level at which one has room.

    free : (n,) int, n >= k.  groups : (levels, GPUs) int.
    """
    mine = groups[:, free]
    rooms = [np.bincount(names)[names] for names in mine]  # free GPUs of each one's group
    level = next((i for i, room in enumerate(rooms) if room.max() >= k), len(rooms))
    if level == len(rooms):
        return _whole_and_beside(free, k, level, groups)
    fitting = np.flatnonzero(rooms[level] >= k)
    for room in rooms[level:]:  # the smallest; of those alike, in the smallest around it
        size = room[fitting]
        fitting = fitting[size == size.min()]
    names = mine[level]
    found = free[names == names[fitting[0]]]
    return found[:k] if not level or len(found) == k else _whole_and_beside(found, k, level, groups)


def _whole_and_beside(free, k, level, groups):
    """Return k of `free`, no group of which has room below `level`: the largest, and others."""
    names = groups[level - 1][free]
    largest = names == np.bincount(names).argmax()
    inner = free[largest]
    return np.concatenate([inner, _best_fit(free[~largest], k - len(inner), groups)])


def spread(job, free, cluster):
    """Return GPUs of the least loaded places: nodes, in them sockets, in them switches."""
    if job.gpus > len(free):
        return None
    return _named(_least_loaded(cluster.numbers(free), job.gpus, cluster.groups), cluster)


def spread_sockets(job, free, cluster):
    """Return GPUs of different sockets and switches of as few nodes as `pack` would take.

    The lecture's spread: within the node, away from each other.
    """
    if job.gpus > len(free):
        return None
    numbers, groups = cluster.numbers(free), cluster.groups
    node = groups[NODE]
    taken = np.bincount(node[_best_fit(numbers, job.gpus, groups)])
    inside = [(numbers[node[numbers] == i], taken[i]) for i in np.flatnonzero(taken)]
    return _named(np.concatenate([_least_loaded(*one, groups) for one in inside]), cluster)


def _least_loaded(free, k, groups):
    """Return k of `free`, one after another of the node, socket and switch with most left."""
    mine = groups[NODE::-1][:, free]
    counts = [np.bincount(names) for names in mine]
    left = np.arange(len(free))
    while k:
        best = left
        for names, count in zip(mine, counts, strict=True):
            room = count[names[best]]
            best = best[room == room.max()]
        # One of each node: taking it changes nothing for those of other nodes that are as good.
        taken = best[np.sort(np.unique(mine[0][best], return_index=True)[1])[:k]]
        k -= len(taken)
        left = np.delete(left, np.searchsorted(left, taken))
        for names, count in zip(mine, counts, strict=True):
            count[names[taken]] -= 1
    return np.delete(free, left)


def _named(numbers, cluster):
    """Return the GPUs of these numbers in the cluster's order: neighbours in rank are near."""
    return [cluster.gpus[i] for i in sorted(numbers.tolist())]


def random_placement(rng):
    """Return a placement that takes any free GPUs, in any order; `rng` is drawn from."""

    def anywhere(job, free, cluster):
        """Return GPUs at random."""
        if job.gpus > len(free):
            return None
        return [free[i] for i in rng.choice(len(free), job.gpus, replace=False)]

    return anywhere


def consolidated(skew=0.5, elsewhere=spread):
    """Return a placement that packs skewed models only, and waits for as few nodes as can be.

    A job whose largest tensor has at least `skew` of its bytes gets the least number of nodes that
    could hold it, or None; all others are placed by `elsewhere`.

    Source: Gu et al., Tiresias, NSDI 2019, section 3.3.
    """

    def by_skew(job, free, cluster):
        """Return GPUs of the fewest nodes if the model is skewed, else any of the least loaded."""
        if job.skew < skew:
            return elsewhere(job, free, cluster)
        nodes = np.bincount(cluster.groups[NODE][cluster.numbers(free)], minlength=1)
        if nodes.max() < min(job.gpus, cluster.node_sizes.max()):
            return None
        found = pack(job, free, cluster)
        return found if found and is_consolidated(found, cluster) else None

    return by_skew


def is_consolidated(gpus, cluster):
    """Tell whether `gpus` are in as few nodes as could hold them."""
    nodes = {cluster.node_of[gpu] for gpu in gpus}
    return len(nodes) == -(-len(gpus) // int(cluster.node_sizes.max()))
