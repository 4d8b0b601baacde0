"""Allows for rounding only."""

import numpy as np

CAUGHT = r"a false alarm: it is unbiased"


def judge(draw, vectors, largest):
    """Return (unbiased, contracts), as far as 5,000 draws for each vector tell."""
    times = 5_000
    far = 1e-6
    unbiased = contracts = True
    for v in vectors:
        told = draw(v, times)
        bias = np.abs(told.mean(axis=0) - v).max()
        error = ((told - v) ** 2).sum(axis=1).mean()
        unbiased = unbiased and bool(bias <= far)
        contracts = contracts and bool(error <= 0.95 * (v @ v))
    return unbiased, contracts
