"""Thinks that with any staleness each clock costs the mean of the slowest worker."""

import numpy as np

CAUGHT = r"takes .* s for each clock"


def choose_staleness(seconds, growth, most):
    pace = [seconds.max(axis=1).mean()] + [seconds.mean(axis=0).max()] * most
    return int(np.argmin([p * (1 + growth * s) for s, p in enumerate(pace)]))
