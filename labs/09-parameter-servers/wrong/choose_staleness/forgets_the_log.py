"""Looks at the growth alone."""

CAUGHT = r"s=0 takes"


def choose_staleness(seconds, growth, most):
    return min(range(most + 1), key=lambda s: 1 + growth * s)
