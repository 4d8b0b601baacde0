"""Takes the least equal share of a job's links, and gives nobody what others leave."""

from collections import Counter

CAUGHT = r"no link that it crosses is full"


def share(jobs, links):
    flows = Counter()
    for job in jobs:
        flows.update(job)
    return [min(links[link] / flows[link] for link in job) for job in jobs]
