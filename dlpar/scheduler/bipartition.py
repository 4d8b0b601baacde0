"""Dual recursive bipartition: a job's tasks and the cluster's GPUs are halved side by side."""


def bipartition(weights, first):
    """Return two sorted lists of vertices, `first` of them in the first, cut where little is lost.

    weights : (n, n) nested lists, symmetric, of at least 0; what an edge between the halves costs.

    From the first `first` vertices on, passes of moves: the free vertex with the greatest gain
    goes over, whatever the sign, and is locked; sizes leave `first` by at most one; the best state
    of the right size is kept, until a pass gains nothing. Gains are looked up anew for each move:
    buckets make that linear, and a node has 8 GPUs.

    Source: Fiduccia & Mattheyses, DAC 1982.
    """
    n = len(weights)
    least = 1e-9 * max((max(row) for row in weights), default=0.0)  # below it lies rounding
    side = [int(v >= first) for v in range(n)]
    while True:
        best, kept, total, trial = 0.0, None, 0.0, side[:]
        unlocked = set(range(n))
        while unlocked:
            ones = sum(trial)
            legal = [v for v in sorted(unlocked) if abs(n - first - ones - (1 - 2 * trial[v])) <= 1]
            if not legal:
                break
            v = max(legal, key=lambda v: _gain(weights, trial, v))
            total += _gain(weights, trial, v)
            trial[v] = 1 - trial[v]
            unlocked.remove(v)
            if sum(trial) == n - first and total > best + least:
                best, kept = total, trial[:]
        if kept is None:
            return [[v for v in range(n) if side[v] == half] for half in (0, 1)]
        side = kept


def _gain(weights, side, v):
    """Return by how much the cut falls if v goes to the other side."""
    return sum(w if side[u] != side[v] else -w for u, w in enumerate(weights[v]) if u != v)


def map_tasks(tasks, gpus, traffic, nearness):
    """Return {task: GPU}: halve the GPUs where they are far apart, the tasks where they talk least.

    tasks, gpus : lists, no more tasks than GPUs.  traffic, nearness : functions of two tasks, of
    two GPUs. If all tasks fit into one half of the GPUs, they go there together.

    Source: Amaral et al., SC 2017, section 4; Pellegrini & Roman, Scotch, HPCN 1996.
    """
    if len(gpus) == 1 or not tasks:
        return dict(zip(tasks, gpus, strict=False))
    halves = bipartition([[nearness(a, b) if a != b else 0.0 for b in gpus] for a in gpus],
                         len(gpus) // 2)  # fmt: skip
    near, far = ([gpus[v] for v in half] for half in halves)
    if len(tasks) <= max(len(near), len(far)):
        room = min((h for h in (near, far) if len(h) >= len(tasks)), key=len)
        return map_tasks(tasks, room, traffic, nearness)
    talk = [[traffic(a, b) if a != b else 0.0 for b in tasks] for a in tasks]
    here, there = bipartition(talk, len(near))
    found = map_tasks([tasks[v] for v in here], near, traffic, nearness)
    return found | map_tasks([tasks[v] for v in there], far, traffic, nearness)
