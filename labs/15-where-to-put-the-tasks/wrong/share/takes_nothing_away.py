"""Forgets that those who stopped still use their other links."""

from collections import Counter

CAUGHT = r"would carry"


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
            if rates[i] is None and full in job:
                rates[i] = level
    return rates
