"""How fast jobs run while others start and end: exactly, or by counters on the links.

Both are told when a job starts and stops, and answer which jobs' steps now take another time.
"""

from dlpar.scheduler.steps import steps_together
from dlpar.scheduler.traffic import alone, capacities, phases


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
        self.running, self.on, self.load = {}, {}, {}
        self.seconds = {}

    def start(self, key, job, gpus):
        """Take in a job; return the keys of the jobs whose step has changed."""
        made = phases(job, gpus, self.cluster)
        times = [alone(phase, self.capacity) for phase in made]
        mine = {}  # channel -> its flows on average
        for phase, time in zip(made, times, strict=True):
            for channel, k in phase.loads:
                mine[channel] = mine.get(channel, 0.0) + k * time / sum(times)
        self.running[key] = made, mine
        return self._settle(key, mine, 1)

    def stop(self, key):
        """Let a job go; return the keys of the jobs whose step has changed."""
        _, mine = self.running.pop(key)
        del self.seconds[key]
        return self._settle(key, mine, -1)

    def _settle(self, key, mine, sign):
        beside = {key: None} if sign > 0 else {}
        for channel, flows in mine.items():
            on = self.on.setdefault(channel, {})
            beside.update(on)
            if sign > 0:
                on[key] = None
            else:
                del on[key]
            # Nobody there is exactly 0: rounding does not pile up.
            self.load[channel] = self.load.get(channel, 0.0) + sign * flows if on else 0.0
        beside.pop(key if sign < 0 else None, None)
        for k in beside:
            self.seconds[k] = self._step(k)
        return list(beside)

    def _step(self, key):
        made, mine = self.running[key]
        total = 0.0
        for phase in made:
            worst = 0.0
            for channel, k in phase.loads:
                others = max(self.load[channel] - mine[channel], 0.0)
                worst = max(worst, (k + others) / self.capacity[channel])
            total += phase.delay + phase.nbytes * worst
        return total


def _channels(made):
    return dict.fromkeys(channel for phase in made for channel, _ in phase.loads)
