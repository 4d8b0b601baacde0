"""Adds its terms as floats first, and turns the sum into a whole number."""

import numpy as np

from dlpar.world import MAX

CAUGHT = r"other bits|off by"


def reproducible_sum(terms, comm):
    largest = np.abs(terms).sum(axis=0)
    comm.Allreduce(largest.copy(), largest, op=MAX)
    unit = np.frexp(largest)[1] - 40  # its exponent: largest < 2^(unit + 40)
    whole = np.rint(np.ldexp(terms.sum(axis=0).astype(float), -unit)).astype(np.int64)
    total = whole.copy()
    comm.Allreduce(total.copy(), total)
    return np.ldexp(total.astype(np.float64), unit).astype(np.float32)
