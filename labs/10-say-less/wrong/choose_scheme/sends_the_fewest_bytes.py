"""Takes the shortest message."""

CAUGHT = r"takes .* takes"


def choose_scheme(schemes, ranks, alpha, beta, compute):
    return min(schemes, key=lambda scheme: scheme["nbytes"])["name"]
