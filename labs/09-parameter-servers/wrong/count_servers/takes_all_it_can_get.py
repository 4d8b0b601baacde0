"""The more servers, the better."""

CAUGHT = r"16 servers take"


def count_servers(nbytes, workers, alpha, beta, most):
    return most
