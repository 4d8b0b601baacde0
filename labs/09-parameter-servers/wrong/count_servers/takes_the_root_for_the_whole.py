"""Has the square root of the formula, and forgets the workers under it."""

CAUGHT = r"servers take"


def count_servers(nbytes, workers, alpha, beta, most):
    return max(1, min(most, workers, round((nbytes * beta / alpha) ** 0.5)))
