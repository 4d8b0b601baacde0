"""Scales float32 by the unit: what is tiny or huge leaves the range."""

import numpy as np

from dlpar.world import MAX

CAUGHT = r"off by|other bits|not finite|raised"


def reproducible_sum(terms, comm):
    largest = np.abs(terms).max(axis=0, initial=0)
    comm.Allreduce(largest.copy(), largest, op=MAX)
    unit = np.frexp(largest)[1] - 40  # its exponent: largest < 2^(unit + 40)
    whole = np.rint(np.ldexp(terms.astype(np.float64), -unit)).astype(np.int64)
    total = whole.sum(axis=0)
    comm.Allreduce(total.copy(), total)
    return total.astype(np.float32) * np.float32(2.0) ** unit.astype(np.float32)
