"""As many servers as workers, which is right for large models."""

CAUGHT = r"servers take"


def count_servers(nbytes, workers, alpha, beta, most):
    return min(workers, most)
