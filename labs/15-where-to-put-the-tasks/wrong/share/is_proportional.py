"""Gives flows on a shared link parts that follow their own slowest links."""

from collections import Counter

CAUGHT = r"has .* GB/s|would carry"


def share(jobs, links):
    alone = [min(links[link] / n for link, n in job.items()) for job in jobs]
    wanted = Counter()
    for job, rate in zip(jobs, alone, strict=True):
        for link, n in job.items():
            wanted[link] += n * rate
    return [
        rate * min(min(1, links[link] / wanted[link]) for link in job)
        for job, rate in zip(jobs, alone, strict=True)
    ]
