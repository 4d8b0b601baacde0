"""Takes the share away on the full link, and not on the others."""

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
                left[full] -= job[full] * level
    return rates
