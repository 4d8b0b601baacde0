"""Divides a job's fair part among its flows."""

from collections import Counter

CAUGHT = r"a job with three flows beside one with one: (job|link)"


def share(jobs, links):
    rates = [None] * len(jobs)
    left = dict(links)
    while None in rates:
        flows = Counter()
        for i, job in enumerate(jobs):
            if rates[i] is None:
                flows.update(job.keys())
        full = min(flows, key=lambda link: left[link] / flows[link])
        level = left[full] / flows[full]
        for i, job in enumerate(jobs):
            if rates[i] is None and full in job:
                rates[i] = level
                for link in job:
                    left[link] -= level
    return [rates[i] / max(job.values()) for i, job in enumerate(jobs)]
