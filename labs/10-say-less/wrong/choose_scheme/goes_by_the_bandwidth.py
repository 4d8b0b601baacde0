"""Has a threshold."""

CAUGHT = r"takes .* takes"


def choose_scheme(schemes, ranks, alpha, beta, compute):
    return "floats" if beta < 1e-9 else "one bit"
