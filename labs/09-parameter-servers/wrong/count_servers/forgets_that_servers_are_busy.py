"""Follows one worker through its visits, and not the link that all pass."""

CAUGHT = r"16 workers, .*: 4 servers take"


def count_servers(nbytes, workers, alpha, beta, most):
    def seconds(servers):
        part = nbytes / servers * beta
        return servers * 2 * (alpha + part) + (-(-workers // servers) - 1) * part

    return min(range(1, most + 1), key=seconds)
