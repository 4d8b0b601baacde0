"""Returns float64."""

import numpy as np

from dlpar.world import MAX

CAUGHT = r"not float32"


def reproducible_sum(terms, comm):
    largest = np.abs(terms).max(axis=0, initial=0)
    comm.Allreduce(largest.copy(), largest, op=MAX)
    unit = np.frexp(largest)[1] - 40  # its exponent: largest < 2^(unit + 40)
    whole = np.rint(np.ldexp(terms.astype(np.float64), -unit)).astype(np.int64)
    total = whole.sum(axis=0)
    comm.Allreduce(total.copy(), total)
    return np.ldexp(total.astype(np.float64), unit)
