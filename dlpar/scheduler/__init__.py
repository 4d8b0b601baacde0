"""Where to put the tasks: jobs, clusters, placements, and a scheduler that runs a stream of them.

    cluster = gpu_cluster(nodes=4)  # or Cluster(a topology of dlpar.world.presets)
    jobs = job_stream(100, len(cluster.gpus), rng)
    done = schedule(jobs, cluster, fifo(pack))
    done.summary(), done.occupancy()

A placement is a function (job, free, cluster) -> GPUs in rank order, or None. A policy is a
function (view) -> iterable of `Start(entry, gpus)` and `Stop(entry)`; `view.waiting`, `.running`,
`.free`, `.now` and `.cluster` are what it sees, and each decision is carried out as it is yielded.

    def my_policy(view):
        for entry in view.waiting:
            gpus = pack(entry.job, view.free, view.cluster)
            if gpus is not None:
                yield Start(entry, gpus)

A step alone: `step_seconds(job, gpus, cluster)`; beside others: `contended_seconds`, `slowdowns`.
Times are virtual.
"""

from dlpar.scheduler.aware import topology_aware
from dlpar.scheduler.bipartition import bipartition, map_tasks
from dlpar.scheduler.cluster import Cluster, Place, gpu_cluster
from dlpar.scheduler.contention import Counters, Exact
from dlpar.scheduler.events import Entry, Start, Stop, View, schedule
from dlpar.scheduler.jobs import PROFILES, Job, job_stream, profile
from dlpar.scheduler.placements import (
    consolidated,
    pack,
    random_placement,
    spread,
    spread_sockets,
)
from dlpar.scheduler.policies import backfill, fewest_attained, fifo, time_slicing
from dlpar.scheduler.record import Schedule, Stint
from dlpar.scheduler.steps import contended_seconds, slowdowns, step_seconds

__all__ = [
    "PROFILES",
    "Cluster",
    "Counters",
    "Entry",
    "Exact",
    "Job",
    "Place",
    "Schedule",
    "Start",
    "Stint",
    "Stop",
    "View",
    "backfill",
    "bipartition",
    "consolidated",
    "contended_seconds",
    "fewest_attained",
    "fifo",
    "gpu_cluster",
    "job_stream",
    "map_tasks",
    "pack",
    "profile",
    "random_placement",
    "schedule",
    "slowdowns",
    "spread",
    "spread_sockets",
    "step_seconds",
    "time_slicing",
    "topology_aware",
]
