"""Gives each job the speed of its slowest link, as if it were alone."""

CAUGHT = r"two jobs on one link: link card would carry 20 of its 10"


def share(jobs, links):
    return [min(links[link] / n for link, n in job.items()) for job in jobs]
