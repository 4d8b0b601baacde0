"""The scheduler's world: jobs arrive, a policy starts and stops them, time jumps on."""

import math
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

from dlpar.scheduler.cluster import Cluster
from dlpar.scheduler.contention import Exact
from dlpar.scheduler.jobs import Job
from dlpar.scheduler.record import Schedule, Stint


class Start(NamedTuple):
    """A policy's decision: the waiting `entry` runs on `gpus`, all of them free, from now on."""

    entry: "Entry"
    gpus: Iterable[str]


class Stop(NamedTuple):
    """A policy's decision: the running `entry` gives its GPUs back now, and waits again."""

    entry: "Entry"


@dataclass(eq=False)
class Entry:
    """A job in the cluster, and how far it is. A policy reads it and changes nothing."""

    job: Job
    number: int  # in the order of arrival
    left: float = 0.0  # steps to do
    attained: float = 0.0  # GPU-seconds held so far
    gpus: tuple[str, ...] = ()  # that it holds
    since: float = 0.0  # s, when it began to hold them, or to wait
    seconds: float = math.inf  # s a step, at present
    counted: float = 0.0  # s, up to when `left` and `attained` are right
    ready: float = 0.0  # s, when it has loaded its state and steps begin
    ends: float = math.inf  # s, if nothing changes
    began: float = math.nan  # s, when it ran for the first time
    left_then: float = 0.0  # steps to do when the stint began

    def count(self, now):
        """Bring `left` and `attained` up to `now`."""
        if self.gpus:
            self.attained += len(self.gpus) * (now - self.counted)
            running = now - max(self.counted, self.ready)
            if running > 0:
                self.left = max(self.left - running / self.seconds, 0.0)
        self.counted = now


@dataclass(eq=False)
class View:
    """What a policy sees: the time, the cluster, and who waits, runs, and holds what.

    It is live: after each decision that a policy yields, the lists are as that decision left them.
    """

    cluster: Cluster
    now: float = 0.0  # s
    round: bool = False  # whether `policy.every` seconds are over: no arrival or end need be
    queue: dict = field(default_factory=dict)
    held: dict = field(default_factory=dict)
    tenants: dict = field(default_factory=dict)  # GPU -> the entries that hold it, if any
    _free: list = field(default_factory=list)

    def __post_init__(self):
        """Begin with all GPUs free."""
        self._free = list(self.cluster.gpus)

    @property
    def waiting(self):
        """The entries that wait, in the order in which they came to wait."""
        return list(self.queue.values())

    @property
    def running(self):
        """The entries that hold GPUs, in the order in which they started."""
        return list(self.held.values())

    @property
    def free(self):
        """The GPUs that nobody holds, in the cluster's order."""
        return self._free.copy()

    def _hold(self, entry, gpus):
        order = self.cluster.order
        for gpu in gpus:
            if gpu not in self.tenants:
                del self._free[bisect_left(self._free, order[gpu], key=order.__getitem__)]
            self.tenants.setdefault(gpu, []).append(entry)

    def _release(self, entry, gpus):
        for gpu in gpus:
            self.tenants[gpu].remove(entry)
            if not self.tenants[gpu]:
                del self.tenants[gpu]
                insort(self._free, gpu, key=self.cluster.order.__getitem__)


Policy = Callable[[View], Iterable[Start | Stop]]


def schedule(jobs, cluster, policy, contention=Exact, resume=0.0):
    """Run `jobs` on `cluster` under `policy` to the end of the last one; return the Schedule.

    policy : function (view) -> iterable of Start and Stop; it is asked whenever a job has come or
        gone, and every `policy.every` seconds if it has such an attribute. Each decision is
        carried out as it is yielded. With an attribute `policy.share`, so many jobs may hold a GPU
        at once; it computes for one at a time, batch by batch, while others read and exchange: a
        step takes at least as long as the computing of all together.
    contention : Exact or Counters, or what has their methods.
    resume : s for which a job that was stopped holds its GPUs anew before it goes on.

    Raises ValueError for a job that is larger than the cluster, and for a decision that cannot be:
    a GPU held twice, a part of a gang, a job that does not wait; RuntimeError if jobs wait, none
    runs and the policy starts none.
    """
    jobs = sorted(jobs, key=lambda job: job.arrival)
    for job in jobs:
        if job.gpus > len(cluster.gpus):
            raise ValueError(f"{job.name} asks for {job.gpus} of {len(cluster.gpus)} GPUs")
    return _Run(jobs, cluster, policy, contention(cluster), resume).to_the_end()


class _Run:
    def __init__(self, jobs, cluster, policy, contention, resume):
        self.policy, self.contention, self.resume = policy, contention, resume
        self.view = View(cluster)
        self.entries = [Entry(job, i, left=job.steps) for i, job in enumerate(jobs)]
        self.record = Schedule(cluster, tuple(jobs))
        self.coming = self.entries[::-1]
        self.planned = []  # heap of (time, number): ends; stale where entry.ends is another
        self.changed = {}
        self.share = getattr(policy, "share", 1)

    def to_the_end(self):
        every = getattr(self.policy, "every", None)
        tick = math.inf
        while self.coming or self.view.queue or self.view.held:
            self._take_time(tick)
            now = self.view.now
            self.view.round = now >= tick
            if self.view.round:
                tick = math.inf
            self._let_in_and_out()
            self._decide()
            self._plan()
            if every and tick == math.inf and (self.view.queue or self.view.held):
                tick = now + every
            self.record.note(now, self.view)
        return self.record

    def _take_time(self, tick):
        """Move on to the next arrival, end or tick."""
        planned = self.planned
        while planned and self.entries[planned[0][1]].ends != planned[0][0]:
            heappop(planned)
        arrival = self.coming[-1].job.arrival if self.coming else math.inf
        following = min(arrival, planned[0][0] if planned else math.inf)
        if following == math.inf and not self.view.held:
            names = ", ".join(entry.job.name for entry in self.view.waiting[:3])
            raise RuntimeError(f"the policy starts nothing on an idle cluster: {names} wait")
        self.view.now = min(following, tick)

    def _let_in_and_out(self):
        now, planned = self.view.now, self.planned
        while planned and planned[0][0] <= now:
            ends, number = heappop(planned)
            entry = self.entries[number]
            if entry.ends == ends:
                entry.count(now)
                entry.left = 0.0
                self._take_back(entry)
                self.record.ended[number] = now
        while self.coming and self.coming[-1].job.arrival <= now:
            entry = self.coming.pop()
            entry.since = entry.counted = now
            self.view.queue[entry.number] = entry

    def _decide(self):
        for decision in self.policy(self.view):
            if isinstance(decision, Start):
                self._start(decision.entry, tuple(decision.gpus))
            elif isinstance(decision, Stop):
                self._stop(decision.entry)
            else:
                raise TypeError(f"a policy yields Start and Stop, got {decision!r}")

    def _start(self, entry, gpus):
        view, number, name = self.view, entry.number, entry.job.name
        if number not in view.queue:
            raise ValueError(f"{name} is started and does not wait")
        if len(gpus) != entry.job.gpus or len(set(gpus)) != len(gpus):
            raise ValueError(f"{name} needs {entry.job.gpus} different GPUs at once, got {gpus}")
        for gpu in gpus:
            holders = view.tenants.get(gpu, ())
            if len(holders) >= self.share:
                held = " and ".join(other.job.name for other in holders)
                raise ValueError(f"{name} is given {gpu}, held by {held}")
            if gpu not in view.cluster.order:
                raise ValueError(f"{name} is given {gpu!r}, which is no GPU of the cluster")
        del view.queue[number]
        view.held[number] = entry
        view._hold(entry, gpus)
        now = view.now
        again = not math.isnan(entry.began)
        entry.gpus, entry.since, entry.counted, entry.left_then = gpus, now, now, entry.left
        entry.ready = now + self.resume if again else now
        entry.began = entry.began if again else now
        self.changed.update(dict.fromkeys(self.contention.start(number, entry.job, gpus)))
        self._tell_tenants(gpus)

    def _stop(self, entry):
        if entry.number not in self.view.held:
            raise ValueError(f"{entry.job.name} is stopped and does not run")
        entry.count(self.view.now)
        self._take_back(entry)
        self.view.queue[entry.number] = entry

    def _take_back(self, entry):
        """Free the GPUs of `entry`, and write down its stint."""
        view, now = self.view, self.view.now
        loading = min(entry.ready, now) - entry.since
        steps = entry.left_then - entry.left
        self.record.stints.append(Stint(entry.number, entry.gpus, entry.since, now, steps, loading))
        del view.held[entry.number]
        view._release(entry, entry.gpus)
        self._tell_tenants(entry.gpus)
        entry.gpus, entry.since, entry.ends, entry.seconds = (), now, math.inf, math.inf
        self.changed.pop(entry.number, None)
        self.changed.update(dict.fromkeys(self.contention.stop(entry.number)))

    def _tell_tenants(self, gpus):
        """Note that the jobs on `gpus` may have got another pace."""
        if self.share > 1:
            tenants = self.view.tenants
            self.changed.update({e.number: None for g in gpus for e in tenants.get(g, ())})

    def _pace(self, entry, alone):
        """Return s a step of `entry`, which would take `alone` if it had its GPUs to itself."""
        if self.share == 1:
            return alone
        tenants = self.view.tenants
        return max(alone, *(sum(e.job.compute for e in tenants[gpu]) for gpu in entry.gpus))

    def _plan(self):
        """Let the jobs whose steps have another length go on at their new pace."""
        now, known = self.view.now, self.contention.seconds
        for number in self.changed:
            entry = self.entries[number]
            if number not in known:
                continue
            seconds = self._pace(entry, known[number])
            if seconds == entry.seconds:
                continue
            entry.count(now)
            entry.seconds = seconds
            entry.ends = max(now, entry.ready) + entry.left * seconds
            heappush(self.planned, (entry.ends, number))
        self.changed.clear()
