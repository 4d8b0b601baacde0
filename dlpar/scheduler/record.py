"""What a schedule leaves behind: who held which GPU when, and the measures taken from that."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from dlpar.scheduler.cluster import Cluster
from dlpar.scheduler.jobs import Job


class Stint(NamedTuple):
    """A stretch of time in which a job held its GPUs, all of them and no others."""

    job: int  # its number among the schedule's jobs
    gpus: tuple[str, ...]
    start: float  # s
    end: float  # s
    steps: float  # done in it
    loading: float  # s at its start in which no step was done: a stopped job comes back


@dataclass(eq=False)
class Schedule:
    """The record of a run of `schedule`.

    jobs : in the order of arrival.  stints : in the order of their ends.
    ended : {number of a job: s, when it was done}.
    samples : rows (s, free GPUs, fragmentation, jobs waiting), one after each event; they hold
    until the next.
    """

    cluster: Cluster
    jobs: tuple[Job, ...]
    stints: list[Stint] = field(default_factory=list)
    ended: dict[int, float] = field(default_factory=dict)
    samples: list[tuple] = field(default_factory=list)

    def note(self, now, view):
        """Take a sample of the free GPUs."""
        free = view.free
        part = view.cluster.fragmentation(free) if free else 0.0
        self.samples.append((now, len(free), part, len(view.queue)))

    @cached_property
    def makespan(self):
        """From the first arrival to the end of the last job, in s."""
        return max(self.ended.values()) - self.jobs[0].arrival

    @cached_property
    def completion(self):
        """(jobs,) JCT: from its arrival to its end, in s."""
        return np.array([self.ended[i] - job.arrival for i, job in enumerate(self.jobs)])

    @cached_property
    def waiting(self):
        """(jobs,) s in which a job held no GPU, before it began and after it was stopped."""
        running = np.zeros(len(self.jobs))
        for stint in self.stints:
            running[stint.job] += stint.end - stint.start
        return self.completion - running

    @cached_property
    def held(self):
        """GPU-seconds in which GPUs were held: computing, reading, exchanging, loading."""
        return math.fsum(len(s.gpus) * (s.end - s.start) for s in self.stints)

    @property
    def utilisation(self):
        """The share of the GPU-seconds, from first arrival to last end, that were held."""
        return self.held / (len(self.cluster.gpus) * self.makespan)

    @property
    def goodput(self):
        """The share of those GPU-seconds in which a job computed: its work and nothing else."""
        return math.fsum(job.work for job in self.jobs) / (len(self.cluster.gpus) * self.makespan)

    @property
    def fragmentation(self):
        """The mean over time of the share of free GPUs in broken nodes, weighted by free GPUs."""
        rows = np.array(self.samples)
        if len(rows) < 2:
            return 0.0
        free = np.diff(rows[:, 0]) * rows[:-1, 1]
        return float(free @ rows[:-1, 2] / free.sum()) if free.sum() else 0.0

    def wait_of(self, gpus):
        """Return the mean waiting of the jobs that asked for `gpus` GPUs, in s; NaN if none did."""
        chosen = [i for i, job in enumerate(self.jobs) if job.gpus == gpus]
        return float(self.waiting[chosen].mean()) if chosen else math.nan

    def summary(self):
        """Return the measures by name: times in s, shares as fractions."""
        jct = self.completion
        return {
            "makespan": float(self.makespan),
            "utilisation": float(self.utilisation),
            "goodput": float(self.goodput),
            "mean wait": float(self.waiting.mean()),
            "mean JCT": float(jct.mean()),
            "median JCT": float(np.median(jct)),
            "95 % JCT": float(np.percentile(jct, 95)),
            "fragmentation": self.fragmentation,
        }

    def occupancy(self):
        """Return rows (GPU's number, job's number, start s, end s), by GPU, then by time."""
        order = self.cluster.order
        rows = [(order[g], s.job, s.start, s.end) for s in self.stints for g in s.gpus]
        return sorted(rows, key=lambda row: (row[0], row[2]))
