"""Policies: functions (view) -> Start and Stop, made from a placement."""

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from dlpar.scheduler.events import Start, Stop
from dlpar.scheduler.steps import step_seconds


def fifo(placement):
    """Return a policy that starts jobs in the order of arrival; if one cannot start, all wait."""

    def first_come(view):
        """Start the first of the queue, and so on."""
        for entry in view.waiting:
            gpus = placement(entry.job, view.free, view.cluster)
            if gpus is None:
                return
            yield Start(entry, gpus)

    return first_come


def backfill(placement, depth=50):
    """Return a policy that lets jobs pass the first one that cannot start, if they do not delay it.

    The first that cannot start gets a reservation: the time at which, by the ends that are known
    now, enough GPUs will be free. A later one may start if it will be over by then, or if it takes
    GPUs that the first will not need. `depth` jobs are looked at. How long a job will take is known
    here as its steps at their present or, before it runs, its computing time: an optimist's guess.

    Source: EASY backfilling, Lifka, JSSPP 1995.
    """

    def pass_by(view):
        """Start in order; then whoever fits into the gaps."""
        line = iter(view.waiting[:depth])
        for blocked in line:
            gpus = placement(blocked.job, view.free, view.cluster)
            if gpus is None:
                break
            yield Start(blocked, gpus)
        room = len(view.free)
        behind = [entry for entry in line if entry.job.gpus <= room]
        if not behind:
            return
        until, spare = _reservation(blocked.job.gpus, view)
        for entry in behind:
            over = view.now + entry.left * entry.job.compute <= until
            if not over and entry.job.gpus > spare:
                continue
            gpus = placement(entry.job, view.free, view.cluster)
            if gpus is not None:
                spare -= 0 if over else entry.job.gpus
                yield Start(entry, gpus)

    return pass_by


def _reservation(k, view):
    """Return when k GPUs will be free, s, and how many others will be free then."""
    free, until = len(view.free), view.now
    ends = sorted((_end(entry, view.now), entry.number, entry.job.gpus) for entry in view.running)
    for end, _, gpus in ends:
        if free >= k:
            break
        free, until = free + gpus, end
    return until, free - k


def _end(entry, now):
    """Return when a running job will be over: one that has started this moment has no end yet."""
    return min(entry.ends, now + entry.left * entry.job.compute) if entry.ends > now else now


def fewest_attained(placement, queues=(3600.0,), every=360.0, promote=8.0):
    """Return Tiresias's discretised 2D-LAS: those run first that have had the least service.

    Service is GPUs x time held. A job is in the first queue until it has had `queues[0]`
    GPU-seconds, in the second until `queues[1]`, and so on; within a queue first come, first
    served. Every `every` seconds the GPUs are given out anew in that order, and those are stopped
    who make room for others; between, what is free is given to who waits. A job that has waited
    `promote` times as long as it has run goes back to the first queue: no one starves.

    Source: Gu et al., Tiresias, NSDI 2019, section 3.2.
    """
    return _LeastService(placement, tuple(queues), every, promote)


@dataclass(frozen=True)
class _LeastService:
    placement: Callable
    queues: tuple[float, ...]
    every: float
    promote: float

    def __call__(self, view):
        """Stop and start as the queues say."""
        if view.round:
            yield from self._give_out(view)
        room = len(view.free)
        fitting = [entry for entry in view.waiting if entry.job.gpus <= room]
        line = sorted(fitting, key=lambda entry: self._rank(entry, view.now))
        yield from _start_all(line, self.placement, view)

    def _rank(self, entry, now):
        held = entry.attained + len(entry.gpus) * (now - entry.counted)
        ran = held / entry.job.gpus
        if not entry.gpus and ran and now - entry.since > self.promote * ran:
            return 0, entry.number
        return sum(held >= limit for limit in self.queues), entry.number

    def _give_out(self, view):
        """Start the first in line who fill the cluster, in place of those who are not among them.

        Who is stopped makes room for someone: where a placement refuses, the GPUs stay as they are.
        """
        left, first = len(view.cluster.gpus), []
        for entry in sorted(view.waiting + view.running, key=lambda e: self._rank(e, view.now)):
            if entry.job.gpus <= left:
                left -= entry.job.gpus
                first.append(entry)
        stay, refused = {entry.number for entry in first}, set()
        may_stop = {g: e for e in view.running if e.number not in stay for g in e.gpus}
        for entry in first:
            if entry.gpus or _shape(entry.job) in refused:
                continue
            gpus = self.placement(entry.job, view.free, view.cluster)
            if gpus is None:
                room = sorted([*view.free, *may_stop], key=view.cluster.order.__getitem__)
                gpus = self.placement(entry.job, room, view.cluster)
            if gpus is None:
                refused.add(_shape(entry.job))
                continue
            for other in dict.fromkeys(may_stop[gpu] for gpu in gpus if gpu in may_stop):
                may_stop = {gpu: e for gpu, e in may_stop.items() if e is not other}
                yield Stop(other)
            yield Start(entry, gpus)


def time_slicing(placement, every=60.0, share=1):
    """Return Gandiva's time-slicing: jobs take turns, at the borders of mini-batches.

    Every `every` seconds those that wait are served first, in the order in which they came to wait,
    and the jobs that have run longest since they started make room. A job's first turn comes soon
    after its arrival, however long the others are.

    share : 2 for packing too: who finds no free GPUs is put beside a job of as many GPUs, if by
        themselves the two would let those GPUs compute no more than all the time. See `schedule`.

    Source: Xiao et al., Gandiva, OSDI 2018, sections 3.1 (suspend and resume within 100 ms) and 3.2
    (packing; Gandiva tries a pair and parts it if it is slower, here the rule is declared).
    """
    return _TakeTurns(placement, every, share)


@dataclass(frozen=True)
class _TakeTurns:
    placement: Callable
    every: float
    share: int

    def __call__(self, view):
        """Let those who wait have the GPUs of those who have had a turn."""
        if view.round:
            yield from self._make_room(view)
        yield from _start_all(view.waiting, self.placement, view)
        if self.share > 1:
            yield from _pair_up(view)

    def _make_room(self, view):
        wanted = sum(entry.job.gpus for entry in view.waiting) - len(view.free)
        if wanted <= 0:
            return
        for entry in sorted(view.running, key=lambda e: (e.since, e.number)):
            if wanted <= 0 or view.now - entry.since < self.every:
                return
            wanted -= entry.job.gpus
            yield Stop(entry)


def _pair_up(view):
    """Start who waits beside a job of as many GPUs, the least busy one that leaves enough."""
    wanted = {entry.job.gpus for entry in view.waiting}
    alone = {}  # GPUs: [(share of the time in which its GPUs compute, number, entry)]
    for entry in view.running:
        if entry.job.gpus in wanted and all(len(view.tenants[gpu]) == 1 for gpu in entry.gpus):
            busy = _busy(entry.job, entry.gpus, view.cluster)
            insort(alone.setdefault(entry.job.gpus, []), (busy, entry.number, entry))
    for entry in view.waiting:
        hosts = alone.get(entry.job.gpus)
        if hosts and hosts[0][0] + _busy(entry.job, hosts[0][2].gpus, view.cluster) <= 1:
            yield Start(entry, hosts.pop(0)[2].gpus)


@lru_cache(1 << 12)
def _busy(job, gpus, cluster):
    """Return the share of its time in which a job computes if no other one runs."""
    return job.compute / step_seconds(job, gpus, cluster)


def _start_all(line, placement, view):
    """Start whoever of `line` finds room, in that order; of jobs alike, ask once if none is."""
    refused, room = set(), len(view.free)
    for entry in line:
        if not room:
            return
        if entry.job.gpus > room or _shape(entry.job) in refused:
            continue
        gpus = placement(entry.job, view.free, view.cluster)
        if gpus is None:
            refused.add(_shape(entry.job))
        else:
            room -= entry.job.gpus
            yield Start(entry, gpus)


def _shape(job):
    """Return what a placement may look at."""
    return job.gpus, job.compute, job.nbytes, job.pattern, job.batch_bytes, job.skew
