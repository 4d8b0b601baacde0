"""Fills the widest link first."""

from collections import Counter

CAUGHT = r"would carry|waits for ever|on each full link"


def share(jobs, links):
    rates = [None] * len(jobs)
    left = dict(links)
    while None in rates:
        flows = Counter()
        for i, job in enumerate(jobs):
            if rates[i] is None:
                flows.update(job)
        full = max(flows, key=lambda link: left[link] / flows[link])
        level = left[full] / flows[full]
        for i, job in enumerate(jobs):
            if rates[i] is None and full in job:
                rates[i] = level
                for link in job:
                    left[link] -= job[link] * level
    return rates
