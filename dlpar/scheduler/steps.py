"""How long a step takes: of a job alone, and of jobs that contend for links."""

import math
from dataclasses import replace

from dlpar.scheduler.traffic import alone, capacities, fair_rates, phases

STEPS = 16  # of the slowest job, after which the mean step is taken


def step_seconds(job, gpus, cluster):
    """Return how long a step of `job` takes on `gpus` if no other job runs, in s."""
    capacity = capacities(cluster.topology)
    return sum(alone(phase, capacity) for phase in phases(job, gpus, cluster))


def contended_seconds(placed, cluster, steps=STEPS):
    """Return the mean seconds of a step of each of `placed`, (job, gpus) pairs that run together.

    All start at once and take turns computing, reading and exchanging, as `steps_together` says.
    """
    made = [phases(job, gpus, cluster) for job, gpus in placed]
    return steps_together(made, capacities(cluster.topology), steps)


def steps_together(made, capacity, steps=STEPS):
    """Return the mean step of each job, whose phases are `made`, until all have done `steps`.

    The links are shared by those that exchange at the same moment, in max-min fair rates, which
    change whenever a phase of one of them begins or ends. Cost: a round of filling for each phase.
    """
    at = [0] * len(made)  # the phase that each job is in
    waits = [job[0].delay for job in made]  # s without traffic, still to come
    left = [job[0].nbytes for job in made]  # bytes of each of its flows, after that
    done, last, now = [0] * len(made), [0.0] * len(made), 0.0
    while min(done) < steps:
        flowing = [i for i, job in enumerate(made) if not waits[i] and left[i]]
        rates = fair_rates([made[i][at[i]] for i in flowing], capacity)
        ends = [waits[i] for i in range(len(made)) if waits[i]]
        ends += [left[i] / rate for i, rate in zip(flowing, rates, strict=True)]
        passed = min(ends, default=0.0)
        now += passed
        for i, rate in zip(flowing, rates, strict=True):
            left[i] = _less(left[i], passed * rate)
        for i in set(range(len(made))) - set(flowing):
            waits[i] = _less(waits[i], passed)
        for i, job in enumerate(made):
            while not waits[i] and not left[i]:
                at[i] += 1
                if at[i] == len(job):
                    at[i], done[i], last[i] = 0, done[i] + 1, now
                waits[i], left[i] = job[at[i]].delay, job[at[i]].nbytes
    return [end / count for end, count in zip(last, done, strict=True)]


def _less(x, y):
    """Return x - y, or 0 where they are equal but for rounding."""
    return 0.0 if math.isclose(x, y, rel_tol=1e-9) else max(x - y, 0.0)


def slowdowns(jobs, places, cluster):
    """Return m, m[i][j]: how many times as long a step of jobs[i] takes beside jobs[j].

    places : two tuples of GPUs; jobs[i] is on the first, jobs[j] on the second.
    """
    first, second = places
    ours = [replace(job, gpus=len(first)) for job in jobs]
    theirs = [replace(job, gpus=len(second)) for job in jobs]
    return [
        [
            contended_seconds([(a, first), (b, second)], cluster)[0]
            / step_seconds(a, first, cluster)
            for b in theirs
        ]
        for a in ours
    ]
