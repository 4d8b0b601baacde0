"""One server, as in the beginning."""

CAUGHT = r"1 servers take"


def count_servers(nbytes, workers, alpha, beta, most):
    return 1
