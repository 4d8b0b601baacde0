"""Six estimated standard errors: no bound where samples are rarely anything but 0."""

import math

import numpy as np

CAUGHT = r"rarely, and then all at once: .* a false alarm: it is unbiased"


def judge(draw, vectors, largest):
    """Return (unbiased, contracts), as far as 5,000 draws for each vector tell."""
    times = 5_000
    unbiased = contracts = True
    for v in vectors:
        told = draw(v, times)
        bias = np.abs(told.mean(axis=0) - v)
        far = 6 * told.std(axis=0) / math.sqrt(times) + 1e-9
        error = ((told - v) ** 2).sum(axis=1).mean()
        unbiased = unbiased and bool((bias <= far).all())
        contracts = contracts and bool(error <= 0.95 * (v @ v))
    return unbiased, contracts
