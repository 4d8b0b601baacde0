"""Lets each worker queue anew at each server, behind all the others."""

CAUGHT = r"servers take"


def count_servers(nbytes, workers, alpha, beta, most):
    def seconds(servers):
        return servers * 2 * (alpha + -(-workers // servers) * nbytes / servers * beta)

    return min(range(1, most + 1), key=seconds)
