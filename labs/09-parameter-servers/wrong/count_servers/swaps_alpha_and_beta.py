"""Has alpha where beta belongs."""

CAUGHT = r"servers take"


def count_servers(nbytes, workers, alpha, beta, most):
    def seconds(servers):
        return 2 * servers * beta + workers * nbytes / servers * alpha

    return min(range(1, most + 1), key=seconds)
