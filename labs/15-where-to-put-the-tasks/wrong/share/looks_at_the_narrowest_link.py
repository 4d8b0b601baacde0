"""Takes the link with least left, and does not ask how many are on it."""

from collections import Counter

CAUGHT = r"would carry|on each full link|waits for ever"


def share(jobs, links):
    rates = [None] * len(jobs)
    left = dict(links)
    while None in rates:
        flows = Counter()
        for i, job in enumerate(jobs):
            if rates[i] is None:
                flows.update(job)
        full = min(flows, key=lambda link: left[link])
        level = left[full] / flows[full]
        for i, job in enumerate(jobs):
            if rates[i] is None and full in job:
                rates[i] = level
                for link in job:
                    left[link] -= job[link] * level
    return rates
