"""Placements: functions (job, free, cluster) -> the job's GPUs in the order of its ranks, or None.

`free` is a sequence of names of GPUs in the cluster's order; None: there are too few.
"""

from dlpar.scheduler.cluster import LEVELS

NODE = LEVELS.index("node")


def pack(job, free, cluster):
    """Return GPUs as near to each other as can be, in the fullest place that has room (best fit).

    The lecture's pack: GPUs of one switch, else of one socket, one node, one rack.
    """
    if job.gpus > len(free):
        return None
    return in_order(_best_fit(list(free), job.gpus, cluster), cluster)


def _best_fit(free, k, cluster):
    """Return k of `free`: of the smallest group at the nearest level at which one has room."""
    rooms = [_grouped(free, level, cluster) for level in range(len(LEVELS))]

    def fullness(gpu):
        return tuple(
            len(groups[name]) for groups, name in zip(rooms, cluster.places[gpu], strict=True)
        )

    for level, groups in enumerate(rooms):
        fitting = [group for group in groups.values() if len(group) >= k]
        if fitting:
            group = min(fitting, key=lambda group: fullness(group[0])[level:])
            break
    else:
        level, group = len(LEVELS), free
    if level == 0 or len(group) == k:
        return group[:k]
    # No group of the level below has room: take the largest whole, and the rest beside it.
    inner = max(_grouped(group, level - 1, cluster).values(), key=len)
    beside = [gpu for gpu in group if gpu not in set(inner)]
    return inner + _best_fit(beside, k - len(inner), cluster)


def _grouped(free, level, cluster):
    groups = {}
    for gpu in free:
        groups.setdefault(cluster.places[gpu][level], []).append(gpu)
    return groups


def spread(job, free, cluster):
    """Return GPUs of the least loaded places: nodes, in them sockets, in them switches."""
    if job.gpus > len(free):
        return None
    return in_order(_least_loaded(list(free), job.gpus, cluster), cluster)


def spread_sockets(job, free, cluster):
    """Return GPUs of different sockets and switches of as few nodes as `pack` would take.

    The lecture's spread: within the node, away from each other.
    """
    if job.gpus > len(free):
        return None
    nodes = {}
    for gpu in _best_fit(list(free), job.gpus, cluster):
        node = cluster.places[gpu].node
        nodes[node] = nodes.get(node, 0) + 1
    found = []
    for node, k in nodes.items():
        inside = [gpu for gpu in free if cluster.places[gpu].node == node]
        found += _least_loaded(inside, k, cluster)
    return in_order(found, cluster)


def _least_loaded(free, k, cluster):
    """Return k of `free`, one after another of the node, socket and switch with most left."""
    left = [{} for _ in LEVELS]
    for gpu in free:
        for counts, name in zip(left, cluster.places[gpu], strict=True):
            counts[name] = counts.get(name, 0) + 1
    switches = _grouped(free, 0, cluster)
    paths = {switch: cluster.places[group[0]][:3] for switch, group in switches.items()}
    found = []
    for _ in range(k):
        switch = max(
            (s for s, group in switches.items() if group),
            key=lambda s: tuple(left[i][paths[s][i]] for i in (2, 1, 0)),
        )
        found.append(switches[switch].pop(0))
        for i, name in enumerate(paths[switch]):
            left[i][name] -= 1
    return found


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
        largest = max(map(len, _grouped(free, NODE, cluster).values()), default=0)
        if largest < min(job.gpus, max(map(len, cluster.rooms["node"].values()))):
            return None
        found = pack(job, free, cluster)
        return found if found and is_consolidated(found, cluster) else None

    return by_skew


def is_consolidated(gpus, cluster):
    """Tell whether `gpus` are in as few nodes as could hold them."""
    largest = max(len(room) for room in cluster.rooms["node"].values())
    return len({cluster.places[gpu].node for gpu in gpus}) == -(-len(gpus) // largest)


def in_order(gpus, cluster):
    """Return `gpus` in the cluster's order: neighbours in rank are near each other."""
    return sorted(gpus, key=cluster.order.__getitem__)
