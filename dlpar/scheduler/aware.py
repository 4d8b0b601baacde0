"""Topology-aware placement: of several mappings, the one of the greatest utility."""

from dlpar.scheduler.bipartition import map_tasks
from dlpar.scheduler.placements import pack, spread, spread_sockets
from dlpar.scheduler.steps import step_seconds

PROBE = 1e8  # bytes, whose time tells how near two GPUs are
NODES = 4  # candidates among the nodes, the fullest ones that have room


def topology_aware(threshold=0.0):
    """Return a placement by recursive bipartition; below `threshold` of utility a job waits.

    Candidates are the mappings of `map_tasks` into the fullest nodes that have room and into what
    `pack`, `spread_sockets` and `spread` would take. With a threshold this is the paper's
    TOPO-AWARE-P. In an empty cluster nobody waits.

    Source: Amaral et al., SC 2017: utility of communication, interference and fragmentation. The
    three have equal weights here.
    """
    near, ideal = {}, {}

    def by_utility(job, free, cluster):
        """Return the GPUs of the greatest utility, or None."""
        if job.gpus > len(free):
            return None
        empty = list(cluster.gpus)
        shape = (id(cluster), job.gpus, job.compute, job.nbytes, job.pattern, job.batch_bytes)
        if shape not in ideal:
            ideal[shape] = min(
                step_seconds(job, how(job, empty, cluster), cluster)
                for how in (pack, spread_sockets, spread)
            )
        found = [_mapped(job, gpus, cluster, near) for gpus in _candidates(job, free, cluster)]
        scored = [(_utility(job, gpus, free, cluster, ideal[shape]), gpus) for gpus in found]
        best, gpus = max(scored, key=lambda pair: pair[0])
        return gpus if best >= threshold or len(free) == len(empty) else None

    return by_utility


def _candidates(job, free, cluster):
    """Return sets of GPUs, each with room for the job."""
    nodes = {}
    for gpu in free:
        nodes.setdefault(cluster.places[gpu].node, []).append(gpu)
    fitting = sorted((g for g in nodes.values() if len(g) >= job.gpus), key=len)[:NODES]
    return fitting + [how(job, free, cluster) for how in (pack, spread_sockets, spread)]


def _mapped(job, gpus, cluster, near):
    """Return the job's GPUs, in rank order, out of `gpus`."""

    def nearness(a, b):
        key = (id(cluster), *sorted((a, b)))
        if key not in near:
            near[key] = PROBE / cluster.topology.time_alone(a, b, PROBE)
        return near[key]

    place = map_tasks(list(range(job.gpus)), list(gpus), _traffic(job), nearness)
    return [place[rank] for rank in range(job.gpus)]


def _traffic(job):
    """Return the function (a, b) -> share of the job's bytes that ranks a and b exchange."""
    p = job.gpus
    if job.pattern == "ring":
        return lambda a, b: float((a - b) % p in (1, p - 1))
    if job.pattern == "server":
        return lambda a, b: float(0 in (a, b))
    return lambda a, b: float(job.pattern == "all-to-all")


def _utility(job, gpus, free, cluster, ideal):
    """Return the mean of three shares, 1 the best: speed, nobody else near, whole nodes left."""
    speed = min(ideal / step_seconds(job, gpus, cluster), 1.0)
    free_now, mine = set(free), set(gpus)
    sockets = {cluster.places[gpu].socket for gpu in gpus}
    around = [g for s in sockets for g in cluster.rooms["socket"][s] if g not in mine]
    alone = sum(g in free_now for g in around) / len(around) if around else 1.0
    whole = 1 - cluster.fragmentation(g for g in free if g not in mine)
    return (speed + alone + whole) / 3
