"""Splits what is larger than a kilobyte."""

CAUGHT = r"servers take"


def count_servers(nbytes, workers, alpha, beta, most):
    return 1 if nbytes < 1000 else min(workers, most)
