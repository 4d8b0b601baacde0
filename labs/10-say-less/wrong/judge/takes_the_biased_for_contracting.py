"""Believes that a compressor is one or the other."""

import math

import numpy as np

CAUGHT = r"a false alarm: it contracts|overlooked: it does not contract"


def judge(draw, vectors, largest):
    """Return (unbiased, contracts), as far as 5,000 draws for each vector tell."""
    times = 5_000
    looks = sum(v.size for v in vectors)  # each may go wrong, so each gets its part of 1e-6
    far = largest * math.sqrt(2 * math.log(2 * looks / 1e-6) / times)
    unbiased = contracts = True
    for v in vectors:
        told = draw(v, times)
        bias = np.abs(told.mean(axis=0) - v).max()
        error = ((told - v) ** 2).sum(axis=1).mean()
        unbiased = unbiased and bool(bias <= far)
        contracts = contracts and bool(error <= 0.95 * (v @ v))
    return unbiased, not unbiased
