"""Takes the slowest worker for a straggler whom staleness could hide."""

CAUGHT = r"one is always slow, .*: s=\d+ takes"


def choose_staleness(seconds, growth, most):
    means = seconds.mean(axis=0)
    gain = means.max() / means.mean() - 1
    return most if gain > 0.5 else min(4, most)
