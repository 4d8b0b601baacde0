"""Saves messages."""

CAUGHT = r"1 servers take"


def count_servers(nbytes, workers, alpha, beta, most):
    return min(range(1, most + 1), key=lambda s: 2 * s * alpha)
