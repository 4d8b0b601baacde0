"""Talks to all servers at once in its mind, so that latency comes once."""

CAUGHT = r"servers take"


def count_servers(nbytes, workers, alpha, beta, most):
    def seconds(servers):
        return 2 * alpha + max(workers / servers, 1) * nbytes * beta

    return min(range(1, most + 1), key=seconds)
