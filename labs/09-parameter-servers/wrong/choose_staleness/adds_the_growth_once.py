"""Charges the growth for the first clock of staleness only."""

import numpy as np

CAUGHT = r"takes .* s for each clock"


def choose_staleness(seconds, growth, most):
    clocks, workers = seconds.shape
    costs = []
    for s in range(most + 1):
        done = [0.0]
        at = np.zeros(workers)
        for c in range(clocks):
            at = np.maximum(at, done[max(c - s, 0)]) + seconds[c]
            done.append(at.max())
        costs.append(done[-1] * (1 + growth * min(s, 1)))
    return int(np.argmin(costs))
