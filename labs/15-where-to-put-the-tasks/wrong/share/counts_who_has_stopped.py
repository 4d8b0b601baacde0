"""Counts all flows in each round, also of those who have their rate."""

from collections import Counter

CAUGHT = r"no link that it crosses is full|your code raised|waits for ever"


def share(jobs, links):
    rates = [None] * len(jobs)
    left = dict(links)
    for _ in links:
        if None not in rates:
            break
        flows = Counter()
        for job in jobs:
            flows.update(job)
        full = min(flows, key=lambda link: left[link] / flows[link])
        level = left[full] / flows[full]
        for i, job in enumerate(jobs):
            if rates[i] is None and full in job:
                rates[i] = level
                for link in job:
                    left[link] -= job[link] * level
    return [rate or 0.0 for rate in rates]
