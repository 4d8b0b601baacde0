"""Forgets to wait: every worker goes its own way for ever."""

import numpy as np

CAUGHT = r"takes .* s for each clock"


def choose_staleness(seconds, growth, most):
    clocks, workers = seconds.shape
    costs = []
    for s in range(most + 1):
        done = [0.0]
        at = np.zeros(workers)
        for c in range(clocks):
            at = at + seconds[c] * (s > 0) + seconds[c].max() * (s == 0)
            done.append(at.max())
        costs.append(done[-1] * (1 + growth * s))
    return int(np.argmin(costs))
