"""Adds its terms as doubles first, and turns that sum into a whole number."""

import numpy as np

from dlpar.world import MAX

CAUGHT = r"other bits"


def reproducible_sum(terms, comm):
    largest = np.abs(terms).max(axis=0, initial=0)
    comm.Allreduce(largest.copy(), largest, op=MAX)
    unit = np.frexp(largest)[1] - 40  # its exponent: largest < 2^(unit + 40)
    mine = np.ldexp(terms.astype(np.float64).sum(axis=0), -unit)
    total = np.rint(mine).astype(np.int64)
    comm.Allreduce(total.copy(), total)
    return np.ldexp(total.astype(np.float64), unit).astype(np.float32)
