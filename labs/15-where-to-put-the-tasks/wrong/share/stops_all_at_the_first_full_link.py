"""Lets nobody rise on when one link is full."""

from collections import Counter

CAUGHT = r"two jobs that share nothing: job 1 has 4 GB/s, and no link that it crosses is full"


def share(jobs, links):
    rates = [None] * len(jobs)
    left = dict(links)
    while None in rates:
        flows = Counter()
        for i, job in enumerate(jobs):
            if rates[i] is None:
                flows.update(job)
        full = min(flows, key=lambda link: left[link] / flows[link])
        level = left[full] / flows[full]
        for i, job in enumerate(jobs):
            if rates[i] is None:
                rates[i] = level
                for link in job:
                    left[link] -= job[link] * level
    return rates
