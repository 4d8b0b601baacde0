"""How fast jobs run while others start and end: exactly, or by counters on the links.

Both are told when a job starts and stops, and answer which jobs' steps now take another time.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from dlpar.scheduler.steps import steps_together
from dlpar.scheduler.traffic import capacities, phases

KEPT = 1 << 14  # flows of a job on its GPUs that are kept, should a job like it come there again


class Exact:
    """Jobs that share a link, or are joined by such jobs, are stepped together.

    Cost: what `steps_together` costs, once for each set of jobs and places that comes up; for
    clusters of tens of GPUs.
    """

    def __init__(self, cluster):
        self.cluster, self.capacity = cluster, capacities(cluster.topology)
        self.running, self.on = {}, {}  # key -> phases; channel -> keys, in the order of starting
        self.seconds = {}  # key -> s a step
        self.known = {}

    def start(self, key, job, gpus):
        """Take in a job; return the keys of the jobs whose step has changed."""
        made = phases(job, gpus, self.cluster)
        self.running[key] = made
        for channel in _channels(made):
            self.on.setdefault(channel, {})[key] = None
        return self._settle([key])

    def stop(self, key):
        """Let a job go; return the keys of the jobs whose step has changed."""
        del self.seconds[key]
        beside = []
        for channel in _channels(self.running.pop(key)):
            del self.on[channel][key]
            beside += self.on[channel]
        return self._settle(dict.fromkeys(beside))

    def _settle(self, keys):
        changed, seen = [], set()
        for key in keys:
            if key in seen:
                continue
            together = self._joined(key)
            seen.update(together)
            made = tuple(self.running[k] for k in together)
            if made not in self.known:
                self.known[made] = steps_together(made, self.capacity)
            for k, seconds in zip(together, self.known[made], strict=True):
                if self.seconds.get(k) != seconds:
                    self.seconds[k] = seconds
                    changed.append(k)
        return changed

    def _joined(self, key):
        """Return the jobs that share links with `key`, with those, and so on: in sorted order."""
        queue, found = [key], {key}
        for one in queue:
            for channel in _channels(self.running[one]):
                fresh = [k for k in self.on[channel] if k not in found]
                found.update(fresh)
                queue += fresh
        return sorted(found)


class Counters:
    """Each link counts the flows that are on it on average; a job waits for its worst link.

    A flow counts for the share of a step in which its job, alone, would be exchanging. What others
    leave unused is not given to anyone else, and whose turn it is is not followed: cheap, for
    clusters of thousands of GPUs, and a declared approximation (see tests/test_scheduler_steps.py).
    """

    def __init__(self, cluster):
        self.cluster, self.capacity = cluster, capacities(cluster.topology)
        self.number = {channel: i for i, channel in enumerate(self.capacity)}
        self.speed = np.array(list(self.capacity.values()))  # byte/s, by number
        self.load = np.zeros(len(self.speed))  # flows on average, by number
        self.on = [{} for _ in self.speed]  # keys of the jobs there, in the order of starting
        self.running, self._seconds, self.stale = {}, {}, {}
        self.flows_of = lru_cache(KEPT)(self._flows_of)

    @property
    def seconds(self):
        """{key: s a step}, counted anew for those that have changed since it was last asked for."""
        load = self.load
        for key in self.stale:
            delay, parts, _, _ = self.running[key]
            self._seconds[key] = delay + sum(
                [float(((load[there] + more) * each).max()) for there, more, each in parts]
            )
        self.stale.clear()
        return self._seconds

    def start(self, key, job, gpus):
        """Take in a job; return the keys of the jobs whose step may have changed."""
        kind = replace(job, steps=1, arrival=0.0, name="")
        self.running[key] = _, _, where, flows = self.flows_of(kind, tuple(gpus))
        self.load[where] += flows
        beside = {key: None}
        for i in where.tolist():
            beside.update(self.on[i])
            self.on[i][key] = None
        self.stale.update(beside)
        return list(beside)

    def _flows_of(self, job, gpus):
        """Return (s without traffic, parts, numbers of links, flows there on average) of a job.

        A part is a phase: the numbers of its links, what is to be added to a link's load while it
        lasts, and s for each flow there.
        """
        made = phases(job, gpus, self.cluster)
        loaded = [phase for phase in made if phase.loads]
        there = [np.array([self.number[channel] for channel, _ in p.loads]) for p in loaded]
        flows = [np.array([float(k) for _, k in p.loads]) for p in loaded]
        each = [p.nbytes / self.speed[at] for p, at in zip(loaded, there, strict=True)]
        times = [p.delay + (k * s).max() for p, k, s in zip(loaded, flows, each, strict=True)]
        total = sum(times) + sum(p.delay for p in made if not p.loads)
        mine = np.zeros(len(self.load))
        for at, k, time in zip(there, flows, times, strict=True):
            mine[at] += k * (time / total)
        where = np.flatnonzero(mine)
        # In a phase, the job's flows count whole, and all other jobs' on average.
        parts = [(at, k - mine[at], s) for at, k, s in zip(there, flows, each, strict=True)]
        return sum(phase.delay for phase in made), parts, where, mine[where]

    def stop(self, key):
        """Let a job go; return the keys of the jobs whose step may have changed."""
        _, _, where, flows = self.running.pop(key)
        self._seconds.pop(key, None)
        self.stale.pop(key, None)
        self.load[where] -= flows
        beside = {}
        for i in where.tolist():
            del self.on[i][key]
            beside.update(self.on[i])
            if not self.on[i]:
                self.load[i] = 0.0  # exactly: rounding does not pile up
        self.stale.update(beside)
        return list(beside)


def _channels(made):
    return dict.fromkeys(channel for phase in made for channel, _ in phase.loads)
