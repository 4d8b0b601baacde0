"""Has another favourite."""

CAUGHT = r"takes .* takes"


def choose_scheme(schemes, ranks, alpha, beta, compute):
    return "floats"
