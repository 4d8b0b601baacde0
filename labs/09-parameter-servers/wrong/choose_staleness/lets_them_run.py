"""Takes the largest staleness, whatever it costs in clocks."""

CAUGHT = r"all alike, 6 workers.*: s=10 takes"


def choose_staleness(seconds, growth, most):
    return most
