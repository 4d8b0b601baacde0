"""Shares out the bytes and forgets that each server costs messages."""

CAUGHT = r"servers take"


def count_servers(nbytes, workers, alpha, beta, most):
    return min(range(1, most + 1), key=lambda s: -(-workers // s) * nbytes / s * beta)
